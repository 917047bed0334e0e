/**
 * How hard a law is tried: in everybody's `npm test`, in CI, and in `npm run torture`.
 *
 * The same specs in all three; only the number of rounds differs.
 */
export const rounds = (effort: {
  readonly test: number
  readonly ci: number
  readonly torture: number
}): number => {
  if (process.env['TIDEMARK_EFFORT'] === 'torture') return effort.torture
  return process.env['CI'] === 'true' ? effort.ci : effort.test
}
