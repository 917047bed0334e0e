import { writeSync } from 'node:fs'
import Mocha from 'mocha'

/**
 * Mocha's own report, and then, as the very last thing the process writes, one plain line that a
 * person and a script read alike: `N passed, N failed, N skipped`. It is written when the process
 * leaves, so nothing can follow it, and it is there even if a spec file could not be loaded.
 */
const counts = { passed: 0, failed: 0, skipped: 0 }

process.once('exit', (code) => {
  const failed = code === 0 ? counts.failed : Math.max(1, counts.failed)
  writeSync(1, `${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped\n`)
})

/** A spec that is skipped says why in its title, as in `resumes (skipped: no nats-server)`. */
const reportSkipped = (skipped: readonly Mocha.Test[]): void => {
  if (skipped.length === 0) return
  Mocha.reporters.Base.consoleLog('  Skipped:\n')
  for (const test of skipped) {
    Mocha.reporters.Base.consoleLog('  - %s', test.titlePath().join(' › '))
  }
  Mocha.reporters.Base.consoleLog()
}

class PlainReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options)
    const skipped: Mocha.Test[] = []
    runner.on('pass', () => {
      counts.passed += 1
    })
    // A hook that throws fails without a test of its own: it counts all the same.
    runner.on('fail', () => {
      counts.failed += 1
    })
    runner.on('pending', (test) => {
      counts.skipped += 1
      skipped.push(test)
    })
    runner.once('end', () => reportSkipped(skipped))
  }
}

// biome-ignore lint/style/noDefaultExport: mocha takes a reporter from the default export
export default PlainReporter
