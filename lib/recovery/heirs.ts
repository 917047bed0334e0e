import type { Archive } from './archive.ts'
import { damagedObject } from './archive-object.ts'

const HEIRS = 'heirs/'
const DIGITS = 12
const NAME = /^heirs\/([A-Za-z0-9_-]{1,64})\/(\d{12})$/

/** A store that another process keeps than the one that made it. */
export interface Inheritance {
  readonly store: string
  readonly count: number
  /** The store beside which it lies now. */
  readonly by: string
  /** How often it was taken over, from 0. */
  readonly number: number
}

/** Who keeps the stores that were taken over: by store, the last one. */
export const inheritances = async (archive: Archive): Promise<ReadonlyMap<string, Inheritance>> => {
  const last = new Map<string, string>()
  for (const name of await archive.list(HEIRS)) {
    const store = NAME.exec(name)?.[1]
    if (store !== undefined) last.set(store, name)
  }
  const found = await Promise.all([...last.values()].map((name) => readInheritance(archive, name)))
  return new Map(found.map((each) => [each.store, each]))
}

/**
 * Writes down who keeps a store from now on: of several that want it under one number, one does.
 *
 * @returns false where somebody else came first
 */
export const inherit = (
  archive: Archive,
  { store, number, by, count }: Inheritance,
): Promise<boolean> =>
  archive.create(
    `${HEIRS}${store}/${String(number).padStart(DIGITS, '0')}`,
    Buffer.from(JSON.stringify({ by, count })),
  )

const readInheritance = async (archive: Archive, name: string): Promise<Inheritance> => {
  const [, store = '', number] = NAME.exec(name) ?? []
  const bytes = await archive.read(name, 4096)
  const found = bytes === null ? null : parsed(bytes)
  if (found === null) throw damagedObject(name, 'it does not say who keeps the store')
  return { store, number: Number(number), ...found }
}

const parsed = (bytes: Uint8Array): Pick<Inheritance, 'by' | 'count'> | null => {
  try {
    const { by, count } = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>
    if (typeof by !== 'string' || !/^[A-Za-z0-9_-]{1,64}$/.test(by)) return null
    if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > 1024)
      return null
    return { by, count }
  } catch {
    return null
  }
}
