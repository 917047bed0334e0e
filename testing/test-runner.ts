import { BuildError } from '../lib/errors/errors.ts'

/** The two words of a test runner that the contract suites use; mocha, jest and vitest have them. */
export interface TestRunner {
  describe(title: string, body: () => void): void
  it(title: string, body: () => Promise<void>): void
}

/** The runner whose words are global. */
export const globalRunner = (): TestRunner => {
  const { describe, it } = globalThis as Partial<TestRunner>
  if (describe === undefined || it === undefined) {
    throw new BuildError(
      'A contract suite needs global describe and it; otherwise pass them: { describe, it }.',
    )
  }
  return { describe, it }
}
