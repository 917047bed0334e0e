import { readdir, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { Folder } from '../support/folder.ts'
import { type Child, tidemark } from './children.ts'
import { command as here } from './in-process.ts'

const FLOW = 'spec/cli/flows/orders.ts'

describe('tidemark dlq @long', () => {
  const folder = new Folder()
  const children: Child[] = []

  const command = async (args: readonly string[], mended = ''): Promise<Child> => {
    const child = tidemark(args, { ORDERS: folder.path, MENDED: mended, TIDEMARK_API: 'off' })
    children.push(child)
    await child.ends()
    return child
  }
  const code = (child: Child): Promise<number | null> => child.ends()

  before(async () => {
    await folder.make()
    await writeFile(folder.file('orders.csv'), 'ada,1\nada;2\nhopeless\nbob,5\nada,4\nbob;7\n')
    const first = await command(['run', FLOW, '-r', folder.file('state')])
    expect(await code(first), first.stderr).to.equal(0)
  })

  after(async () => {
    for (const child of children) child.discard()
    await folder.remove()
  })

  it('lists what failed, where, why and at which line of the flow', async () => {
    const { stdout } = await here(['dlq', 'list', folder.file('failed.jsonl')])
    expect(stdout).to.match(/^[0-9a-f]{16} {2}\S+Z {2}orders\.parse \(mapper\)$/m)
    expect(stdout).to.match(/item {4}"ada;2"/)
    expect(stdout).to.match(/error {3}SyntaxError: odd: ada;2 \(at .*orders\.ts:\d+:\d+\)/)
    expect(stdout).to.match(/read {4}lines partition ".*orders\.csv", epoch \d+, worker 0/)
    expect(stdout).to.include('3 shown (3 of orders.parse), 3 wait, 0 were tried again.')
  })

  it('says so of a file that has none, as where module and file are mixed up', async () => {
    for (const args of [
      ['list', 'spec/cli/flows/flows.ts'],
      ['retry', 'spec/cli/flows/flows.ts', 'failed.jsonl'],
    ]) {
      const { code, stderr } = await here(['dlq', ...args])
      expect(code).to.equal(2)
      expect(stderr).to.match(/has not one dead letter in its \d+ lines: name the file of a/)
    }
  })

  it('lists them as JSON, of one step if asked', async () => {
    const file = folder.file('failed.jsonl')
    const all = JSON.parse((await here(['dlq', 'list', file, '--json'])).stdout)
    expect(all.map(({ preview }: { preview: string }) => preview)).to.deep.equal([
      '"ada;2"',
      '"hopeless"',
      '"bob;7"',
    ])
    expect(all[0]).to.include({
      step: 'orders.parse',
      whole: true,
      retried: false,
      source: 'lines',
    })
    const none = await here(['dlq', 'list', file, '--json', '--step', 'text'])
    expect(JSON.parse(none.stdout)).to.deep.equal([])
  })

  it('refuses to begin anew what the flow carries on', async () => {
    const child = await command(['dlq', 'retry', folder.file('failed.jsonl'), FLOW])
    expect(await code(child)).to.equal(2)
    expect(child.stderr).to.match(/keep state or a position: total, out\. .*--recovery-directory/)
  })

  it('gives them back where they failed, with the state as it stands, and keeps what fails again', async () => {
    const file = folder.file('failed.jsonl')
    const args = ['dlq', 'retry', file, FLOW, '-r', folder.file('state')]
    const child = await command(args, 'semicolons')
    expect(await code(child), child.stderr).to.equal(1)
    expect(child.stdout).to.match(
      /Tried 3 of 3 items again: 2 went through, 1 failed again and wait in .*failed\.retry-1\.jsonl/,
    )
    expect(await folder.text('totals.txt')).to.equal('1\n5\n5\n7\n12\n')
    const left = await here(['dlq', 'list', file])
    expect(left.stdout).to.include('0 shown, 0 wait, 3 were tried again.')
    const again = await here(['dlq', 'list', folder.file('failed.retry-1.jsonl')])
    expect(again.stdout).to.include('"hopeless"').and.include('1 wait')
  })

  it('tries nothing twice, and leaves the flow able to go on', async () => {
    const file = folder.file('failed.jsonl')
    const args = ['dlq', 'retry', file, FLOW, '-r', folder.file('state')]
    const child = await command(args, 'semicolons')
    expect(await code(child), child.stderr).to.equal(0)
    expect(child.stdout).to.match(/^Nothing of .* is to be tried again/)
    await writeFile(
      folder.file('orders.csv'),
      'ada,1\nada;2\nhopeless\nbob,5\nada,4\nbob;7\nada,100\n',
    )
    const next = await command(['run', FLOW, '-r', folder.file('state')])
    expect(await code(next), next.stderr).to.equal(0)
    expect(await folder.text('totals.txt')).to.equal('1\n5\n5\n7\n12\n107\n')
  })

  it('leaves everything as it was where the run fails', async () => {
    await writeFile(
      folder.file('other.jsonl'),
      (await folder.text('failed.jsonl')).split('\n').slice(0, 1).join('\n'),
    )
    const before = await folder.text('other.jsonl')
    await writeFile(folder.file('file'), '')
    const args = ['dlq', 'retry', folder.file('other.jsonl'), FLOW, '-r', folder.file('file')]
    const child = await command(args, 'semicolons')
    expect(await code(child)).to.equal(1)
    expect(await folder.text('other.jsonl')).to.equal(before)
    expect(await readdir(folder.path)).to.not.include('other.retry-1.jsonl')
  })

  it('names the letter and the step where the module gives another flow', async () => {
    const args = ['dlq', 'retry', folder.file('other.jsonl'), 'spec/cli/flows/flows.ts']
    const child = await command(args)
    expect(await code(child)).to.equal(2)
    expect(child.stderr).to.match(/failed in "orders\.parse", and the module gives the flow/)
  })

  it('says what is wrong with a file that is not there, and explains itself', async () => {
    const child = await here(['dlq', 'list', folder.file('nowhere.jsonl')])
    expect(child.code).to.equal(1)
    expect(child.stderr).to.include('nowhere.jsonl')
    const help = await here(['dlq', 'retry', '--help'])
    expect(help.stdout).to.include('tidemark dlq retry failed.jsonl orders.ts -r ./state')
  })
})
