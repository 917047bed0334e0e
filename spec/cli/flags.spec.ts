import { expect } from 'chai'
import { FLAGS, readFlags } from '../../cli/flags.ts'
import { UsageError } from '../../cli/usage-error.ts'

describe('the flags of run', () => {
  it('read a backup interval in seconds', () => {
    expect(readFlags({ backupInterval: '60' }, {}).backupInterval).to.equal(60_000)
  })

  it('take a directory, an interval and a backup interval of 0, which is not "unset"', () => {
    const given = { recoveryDirectory: 'X', snapshotInterval: '30', backupInterval: '0' }
    expect(readFlags(given, {})).to.include({
      recoveryDirectory: 'X',
      snapshotInterval: 30_000,
      backupInterval: 0,
    })
    expect(readFlags({ snapshotInterval: '0' }, {}).snapshotInterval).to.equal(0)
    expect(readFlags({}, {})).to.include({ snapshotInterval: null, backupInterval: null })
  })

  it('take fractions of a second', () => {
    expect(readFlags({ snapshotInterval: '0.25' }, {}).snapshotInterval).to.equal(250)
  })

  it('may be variables, which flags beat and an empty one leaves unset', () => {
    const variables = {
      TIDEMARK_WORKERS_PER_PROCESS: '3',
      TIDEMARK_RECOVERY_DIRECTORY: 'there',
      TIDEMARK_SNAPSHOT_INTERVAL: '',
    }
    expect(readFlags({ recoveryDirectory: 'here' }, variables)).to.deep.include({
      workers: 3,
      recoveryDirectory: 'here',
      snapshotInterval: null,
    })
  })

  it('name the variable that is wrong, unless a flag beats it', () => {
    const variables = { TIDEMARK_WORKERS_PER_PROCESS: 'many' }
    expect(() => readFlags({}, variables)).to.throw(UsageError, /^TIDEMARK_WORKERS_PER_PROCESS/)
    expect(readFlags({ workersPerProcess: '2' }, variables).workers).to.equal(2)
  })

  const wrong: readonly (readonly [key: string, text: string])[] = [
    ['workersPerProcess', '0'],
    ['workersPerProcess', '1.5'],
    ['workersPerProcess', '9999'],
    ['snapshotInterval', '-1'],
    ['snapshotInterval', 'soon'],
    ['snapshotInterval', 'Infinity'],
    ['backupInterval', '1e99'],
    ['recoveryDirectory', ''],
    ['logLevel', 'loud'],
  ]
  for (const [key, text] of wrong) {
    it(`refuse "${text}" as ${key}`, () => {
      expect(() => readFlags({ [key]: text }, {})).to.throw(UsageError, / takes /)
    })
  }

  it('need no API where none is asked for', () => {
    expect(readFlags({ api: false }, { TIDEMARK_API: 'localhost:1' }).workers).to.equal(null)
    expect(readFlags({}, { TIDEMARK_API: 'off' }).workers).to.equal(null)
  })

  it('take how long a process may stay away in seconds', () => {
    const away = (text: string) => readFlags({ takeOverAfter: text }, {}).takeOverAfter
    expect([away('300'), away('0.5'), readFlags({}, {}).takeOverAfter]).to.deep.equal([
      300_000,
      500,
      null,
    ])
    expect(() => away('soon')).to.throw('--take-over-after takes seconds')
  })

  it('each have a variable of their own and an example', () => {
    expect(new Set(FLAGS.map(({ variable }) => variable)).size).to.equal(FLAGS.length)
    for (const { usage, help } of FLAGS) {
      const [short, long] = usage.split(/[ ,]+/)
      const example = help.slice(help.lastIndexOf(': ') + 2)
      expect(
        [short, long].some((name) => example.startsWith(`${name} `)),
        usage,
      ).to.equal(true)
    }
  })
})
