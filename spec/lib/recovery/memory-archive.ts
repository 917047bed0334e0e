import { CorruptPartitionError } from '../../../lib/errors/errors.ts'
import type { Archive, ArchivePlace } from '../../../lib/recovery/archive.ts'
import { checkObjectName } from '../../../lib/recovery/archive.ts'

/** An archive in memory that can be away; it outlives who opened it. */
export class MemoryArchive implements Archive {
  readonly objects: Map<string, Uint8Array> = new Map()
  /** Calls fail with this. */
  away: Error | null = null
  /** Asked before each object is made. */
  creating: (name: string) => void | Promise<void> = () => undefined

  get place(): ArchivePlace {
    return { name: 'memory', open: async () => this }
  }

  async create(name: string, bytes: Uint8Array): Promise<boolean> {
    checkObjectName(name)
    await this.creating(name)
    if (this.away !== null) throw this.away
    if (this.objects.has(name)) return false
    this.objects.set(name, Uint8Array.from(bytes))
    return true
  }

  async read(name: string, limit: number): Promise<Uint8Array | null> {
    if (this.away !== null) throw this.away
    const bytes = this.objects.get(name) ?? null
    if (bytes !== null && bytes.length > limit) throw new CorruptPartitionError('It is too long.')
    return bytes
  }

  async list(prefix: string): Promise<readonly string[]> {
    if (this.away !== null) throw this.away
    return [...this.objects.keys()].filter((name) => name.startsWith(prefix)).sort()
  }

  async remove(name: string): Promise<void> {
    if (this.away !== null) throw this.away
    this.objects.delete(name)
  }

  async close(): Promise<void> {}
}
