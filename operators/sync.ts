/**
 * Turns a promise down where none is awaited: nothing fits beside it.
 *
 * Written `R & Sync<R>`. A type that a user's own generic operator leaves open passes: the checker
 * asks how `Verdict` would fall for `any`, which is why `any` has a verdict of its own.
 */
export type Sync<R> = [Verdict<R>] extends [never] ? never : unknown

/** `never` where `R` is a promise, or may be one. */
type Verdict<R> = [Extract<R, PromiseLike<unknown>>] extends [never]
  ? 'value'
  : 0 extends 1 & R
    ? 'any'
    : never
