/**
 * Classes of ours whose objects the codec carries, beside plain data: each is written as plain data
 * and made again from it.
 */
export interface CodedClass<T extends object, D> {
  readonly Class: abstract new (...args: never[]) => T
  /** A number that no other class has; it stands in stores, so it stays. */
  readonly type: number
  write(object: T): D
  read(data: D): T
}

type AnyCoded = CodedClass<object, unknown>

const coded: AnyCoded[] = []
const prototypes = new Set<object>()
let told: ((added: AnyCoded) => void) | null = null

/** Lets the objects of a class be items and states. */
export const codeClass = <T extends object, D>(added: CodedClass<T, D>): void => {
  const erased = added as CodedClass<object, unknown>
  coded.push(erased)
  prototypes.add(added.Class.prototype as object)
  told?.(erased)
}

export const isCoded = (prototype: object | null): boolean =>
  prototype !== null && prototypes.has(prototype)

/** Tells of every class, now and later. */
export const eachCodedClass = (tell: (added: AnyCoded) => void): void => {
  told = tell
  for (const each of coded) tell(each)
}
