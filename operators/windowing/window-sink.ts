import type { WindowMetadata } from './window-metadata.ts'

/** Where the windows of a step put what comes out, one call each, so nothing is wrapped. */
export interface WindowSink<V, W> {
  down(key: string, windowId: number, value: W): void
  late(key: string, windowId: number, value: V): void
  meta(key: string, windowId: number, metadata: WindowMetadata): void
  /** User code threw on a value; returns when the value is to be passed over. */
  failed(key: string, value: V, error: unknown): void
}
