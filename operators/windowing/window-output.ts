import type { WindowMetadata } from './window-metadata.ts'
import type { WindowSink } from './window-sink.ts'

/** What came out on one of the three streams: `values[i]` belongs to `keys[i]`. */
export interface OutputColumns<T> {
  keys: string[]
  values: (readonly [windowId: number, value: T])[]
}

/** Collects what windows give out, in the columns in which batches travel. */
export class WindowOutput<V, W> implements WindowSink<V, W> {
  readonly downs: OutputColumns<W> = { keys: [], values: [] }
  readonly lates: OutputColumns<V> = { keys: [], values: [] }
  readonly metas: OutputColumns<WindowMetadata> = { keys: [], values: [] }

  down(key: string, windowId: number, value: W): void {
    this.downs.keys.push(key)
    this.downs.values.push([windowId, value])
  }

  late(key: string, windowId: number, value: V): void {
    this.lates.keys.push(key)
    this.lates.values.push([windowId, value])
  }

  meta(key: string, windowId: number, metadata: WindowMetadata): void {
    this.metas.keys.push(key)
    this.metas.values.push([windowId, metadata])
  }
}

/** Takes the columns out; the output goes on with new ones. */
export const takeColumns = <T>(columns: OutputColumns<T>): OutputColumns<T> => {
  const { keys, values } = columns
  columns.keys = []
  columns.values = []
  return { keys, values }
}
