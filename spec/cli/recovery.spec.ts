import { expect } from 'chai'
import type { StoreReport } from '../../lib/recovery/inspect.ts'
import { Folder } from '../support/folder.ts'
import { Child } from './children.ts'

const FLOWS = 'spec/cli/flows/counts.ts'

interface Answer {
  readonly code: number
  readonly said: string
  readonly printed: string
}

describe('tidemark recovery, of a step that was renamed', () => {
  const folder = new Folder()
  let child: Child
  let answers: Record<string, Answer>
  let lines: readonly string[]

  before(async () => {
    await folder.make()
    const state = folder.file('state')
    const other = folder.file('other')
    const run = (name: string) => ['run', `${FLOWS}:counts('${name}')`, '-r', state, '--no-api']
    const commands: Record<string, readonly string[]> = {
      'run old': run('old'),
      'inspect old': ['recovery', 'inspect', state, '--json'],
      'run new': run('new'),
      'inspect new': ['recovery', 'inspect', state, '--json'],
      'inspect new as a page': ['recovery', 'inspect', state],
      'inspect with the old flow': [
        'recovery',
        'inspect',
        state,
        '--json',
        '--flow',
        `${FLOWS}:counts('old')`,
      ],
      'inspect with another flow': [
        'recovery',
        'inspect',
        state,
        '--flow',
        `${FLOWS}:counts('old', 'another')`,
      ],
      'inspect with no flow': ['recovery', 'inspect', state, '--flow', 'spec/cli/nowhere.ts'],
      remove: ['recovery', 'remove', state, 'old'],
      'inspect removed': ['recovery', 'inspect', state, '--json'],
      'remove again': ['recovery', 'remove', state, 'old'],
      'run new again': run('new'),
      'run old again': run('old'),
      init: ['recovery', 'init', other, '2'],
      'inspect empty': ['recovery', 'inspect', other],
    }
    child = new Child(['spec/cli/flows/many-commands.ts', JSON.stringify(Object.values(commands))])
    expect(await child.ends(), child.stderr).to.equal(0)
    const printed = child.stdout.split('\n')
    const all = JSON.parse(printed.at(-1) ?? '') as readonly Answer[]
    answers = Object.fromEntries(Object.keys(commands).map((name, at) => [name, all[at] as Answer]))
    lines = printed.slice(0, -1).filter((line) => /\d/.test(line))
  })

  after(async () => {
    child.discard()
    await folder.remove()
  })

  const report = (name: string): StoreReport => JSON.parse(answers[name]?.printed ?? '')
  const orphans = (name: string): readonly string[] =>
    report(name)
      .steps.filter(({ orphaned }) => orphaned)
      .map(({ stepId }) => stepId)

  it('calls nothing orphaned that the last run had', () => {
    expect(orphans('inspect old')).to.deep.equal([])
    expect(report('inspect old').steps.map(({ orphaned }) => orphaned)).to.not.include(null)
  })

  it('marks what the last run did not have, without its module', () => {
    expect(orphans('inspect new')).to.deep.equal(['old'])
    const page = answers['inspect new as a page']?.printed ?? ''
    expect(page).to.match(/^old +2 +\d+ +orphaned$/m)
    expect(page).to.match(/^kept +2 +\d+$/m)
    expect(page).to.contain('tidemark recovery remove')
    expect(answers['inspect new as a page']?.code).to.equal(0)
  })

  it('marks by the flow that --flow names', () => {
    expect(orphans('inspect with the old flow')).to.deep.equal(['new'])
  })

  it('refuses another flow than the one that the store belongs to, and a module that is none', () => {
    const other = answers['inspect with another flow']
    expect(other?.said).to.match(/belongs to the flow "counts", and --flow gives "another"/)
    expect(other?.code).to.equal(2)
    expect(answers['inspect with no flow']?.said).to.contain('no module "spec/cli/nowhere.ts"')
    expect(answers['inspect with no flow']?.code).to.equal(2)
  })

  it('removes the orphaned state, once, and nothing of other steps', () => {
    expect(answers['remove']?.code).to.equal(0)
    expect(answers['remove']?.printed).to.contain('Removed the state of step "old"')
    const stepsOf = (name: string) =>
      report(name).steps.map(({ stepId, keys, bytes }) => ({ stepId, keys, bytes }))
    expect(stepsOf('inspect removed')).to.deep.equal(
      stepsOf('inspect new').filter(({ stepId }) => stepId !== 'old'),
    )
    expect(report('inspect removed').damage).to.deep.equal([])
    expect(answers['remove again']?.code).to.equal(1)
    expect(answers['remove again']?.printed).to.contain('keeps nothing of a step "old"')
  })

  it('resumes behind it where each step was, and the removed one anew', () => {
    const counted = ['1 1', '2 1', '3 2', '4 1']
    expect(lines).to.deep.equal(counted.flatMap((each) => [`["a","${each}"]`, `["b","${each}"]`]))
  })

  it('shows a store that no flow has used', () => {
    expect(answers['inspect empty']?.code).to.equal(0)
    expect(answers['inspect empty']?.printed).to.match(/^flow +none yet$/m)
  })
})
