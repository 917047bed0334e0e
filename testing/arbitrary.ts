import type { Chance } from './chance.ts'

/** A value that was made, and what its maker needs to shrink it. */
export interface Made<T> {
  readonly value: T
  readonly context?: unknown
}

/** What a maker of values draws from; made like fast-check's. */
export interface Draws {
  nextInt(min?: number, max?: number): number
  nextBigInt(min: bigint, max: bigint): bigint
  nextDouble(): number
  nextBoolean(): boolean
  next(bits: number): number
  clone(): Draws
  getState(): readonly number[] | undefined
}

/** What makes inputs and smaller ones; every arbitrary of fast-check 4 is one. */
export interface InputArbitrary<T> {
  generate(random: Draws, biasFactor: number | undefined): Made<T>
  shrink(value: T, context: unknown): Iterable<Made<T>>
}

/** Draws of a chance. */
export const drawsOf = (chance: Chance): Draws => ({
  nextInt: (min = -0x80000000, max = 0x7fffffff) =>
    min + Math.floor(chance.number() * (max - min + 1)),
  nextBigInt: (min, max) => {
    let drawn = 0n
    for (let range = max - min; range > 0n; range >>= 32n) {
      drawn = (drawn << 32n) + BigInt(chance.below(4_294_967_296))
    }
    return min + (drawn % (max - min + 1n))
  },
  nextDouble: () => chance.number(),
  nextBoolean: () => chance.happens(0.5),
  next: (bits) => Math.floor(chance.number() * 2 ** bits),
  clone: () => drawsOf(chance.fork()),
  getState: () => undefined,
})
