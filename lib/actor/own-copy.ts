import { compile } from '../runtime/compile.ts'

/**
 * Gives a hot loop machine code of its own.
 *
 * V8 keeps type feedback per function literal: one loop shared by all steps of a process sees the
 * shapes of all of them and slows down three to four times. A loop made from source text of its own
 * sees one. The factory must be self-contained: everything it uses comes in as its arguments.
 *
 * Where code may not be generated (`--disallow-code-generation-from-strings`), the shared factory
 * itself is used: slower, the same result.
 */
export const ownCopy = <F>(factory: F & ((...parts: never[]) => unknown), name: string): F =>
  compile<F>(`return (${factory})`, name) ?? factory
