import { spawn } from 'node:child_process'
import { readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { BuildError, dataflow, run } from 'tidemark'
import { TransactionalFileSink, type TransactionalFileSinkOptions } from 'tidemark/connectors/files'
import { keyOn, map, mapValue } from 'tidemark/operators'
import { describeTransactionalSink, MemoryStore, TestingSource } from 'tidemark/testing'
import { builtProgram } from '../../support/built-programs.ts'
import { Folder, messageOf } from '../../support/folder.ts'
import { PARTS, PLACES, PROGRAM } from './killed-flow.ts'

const NUMBERS = Array.from({ length: 10 }, (_, at) => at)

describeTransactionalSink('TransactionalFileSink', () => {
  const folder = new Folder()
  return folder.world(() => ({
    sink: () => new TransactionalFileSink(folder.file('out')),
    items: ['a', 'b', 'c', 'd', 'e'],
    written: async () => {
      const names = (await readdir(folder.file('out'))).filter((name) => name.endsWith('.txt'))
      const texts = await Promise.all(names.sort().map((name) => folder.text(`out/${name}`)))
      return texts.flatMap((text) => text.split('\n').slice(0, -1))
    },
  }))
})

describe('TransactionalFileSink', () => {
  const folder = new Folder()
  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  const published = async (): Promise<string[]> =>
    (await readdir(folder.file('out'))).filter((name) => name !== '.staged').sort()

  const lines = async (): Promise<string[]> => {
    const all: string[] = []
    for (const name of await published()) {
      all.push(...(await folder.text(`out/${name}`)).split('\n').slice(0, -1))
    }
    return all
  }

  const write = (
    options: TransactionalFileSinkOptions & { store?: MemoryStore; items?: readonly number[] } = {},
  ) => {
    const { store, items = NUMBERS, ...sink } = options
    const flow = dataflow('files')
    flow
      .input('in', new TestingSource(items))
      .pipe(map('line', String))
      .output('out', new TransactionalFileSink(folder.file('out'), sink))
    return run(flow, { epochInterval: 0, ...(store === undefined ? {} : { recovery: store }) })
  }

  const open = (resumeEpoch = 1, execution = 0) =>
    new TransactionalFileSink(folder.file('out')).build('files.out', '3', {
      execution,
      resumeEpoch,
    })

  it('publishes an epoch a file, in order by name', async () => {
    await write({ store: new MemoryStore() })
    expect(await lines()).to.deep.equal(NUMBERS.map(String))
    const names = await published()
    expect(names.length).to.be.greaterThan(3)
    for (const name of names) expect(name).to.match(/^part-00-\d{10}\.txt$/)
    expect(await readdir(folder.file('out/.staged'))).to.deep.equal([])
  })

  it('shows nothing of an epoch before it is committed, and never a part of it', async () => {
    const partition = await open()
    await partition.writeBatch(['a', 'b'])
    expect(await published()).to.deep.equal([])
    const staged = await partition.prepare(5)
    expect(await published()).to.deep.equal([])
    if (staged === null) throw new Error('nothing was staged')
    await partition.commit(staged)
    expect(await folder.text('out/part-03-0000000005.txt')).to.equal('a\nb\n')
  })

  it('has nothing to commit of an epoch without lines', async () => {
    const partition = await open()
    await partition.writeBatch([])
    expect(await partition.prepare(1)).to.equal(null)
  })

  it('commits and aborts again without harm, from any slot', async () => {
    const one = await open()
    await one.writeBatch(['a'])
    const staged = await one.prepare(1)
    await one.writeBatch(['b'])
    const other = await one.prepare(2)
    if (staged === null || other === null) throw new Error('nothing was staged')
    const sink = new TransactionalFileSink(folder.file('out'))
    const later = await sink.build('files.out', '4', { execution: 1, resumeEpoch: 3 })
    await later.commit(staged)
    await one.commit(staged)
    await later.abort(other)
    await one.abort(other)
    expect(await published()).to.deep.equal(['part-03-0000000001.txt'])
  })

  it('discards what older executions staged and never committed', async () => {
    const old = await open()
    await old.writeBatch(['a'])
    await old.prepare(4)
    await old.writeBatch(['b'])
    await open(4, 1)
    await old.close()
    expect(await readdir(folder.file('out/.staged'))).to.deep.equal([])
  })

  it('keeps what an older execution staged before the epoch of the resume', async () => {
    const old = await open()
    await old.writeBatch(['a'])
    const staged = await old.prepare(3)
    const heir = await open(4, 1)
    if (staged === null) throw new Error('nothing was staged')
    await heir.commit(staged)
    expect(await folder.text('out/part-03-0000000003.txt')).to.equal('a\n')
  })

  it('writes the values of a keyed stream, a key always to the same slot', async () => {
    const flow = dataflow('files')
    flow
      .input('in', new TestingSource(NUMBERS))
      .pipe(
        keyOn('key', (item) => `k${item % 2}`),
        mapValue('line', (item) => `k${item % 2} ${item}`),
      )
      .output('out', new TransactionalFileSink(folder.file('out'), { extension: '.log' }))
    await run(flow, { workers: 3, epochInterval: 0 })
    const all = await lines()
    expect([...all].sort()).to.deep.equal(NUMBERS.map((at) => `k${at % 2} ${at}`).sort())
    for (const key of ['k0', 'k1']) {
      const own = all.filter((line) => line.startsWith(key))
      expect(own).to.deep.equal([...own].sort())
    }
  })

  it('replaces the files of an earlier run that kept nothing', async () => {
    await write({ items: NUMBERS })
    await write({ items: [77] })
    expect(await lines()).to.deep.equal(['77'])
  })

  it('refuses files that its store knows nothing of, unless it may replace them', async () => {
    await write({ store: new MemoryStore() })
    const again = { store: new MemoryStore(), items: [77] }
    expect(await messageOf(() => write(again)))
      .to.include('part-00-0000000001.txt" is published')
      .and.include('overwrite: true')
    await write({ store: new MemoryStore(), items: [77], overwrite: true })
    expect(await lines()).to.deep.equal(['77'])
  })

  it('leaves files of other names alone', async () => {
    await write({ items: [1] })
    await writeFile(folder.file('out/part-00-notes.txt'), 'mine')
    await writeFile(folder.file('out/part-00-0000000009.csv'), 'mine')
    await write({ items: [1] })
    expect(await published())
      .to.include('part-00-notes.txt')
      .and.include('part-00-0000000009.csv')
  })

  it('says what to do when a staged file was taken away or cut', async () => {
    const partition = await open()
    await partition.writeBatch(['abc'])
    const first = await partition.prepare(1)
    await partition.writeBatch(['abc'])
    const second = await partition.prepare(2)
    if (first === null || second === null) throw new Error('nothing was staged')
    await rm(folder.file(`out/.staged/${first.staged}`))
    expect(await messageOf(() => partition.commit(first))).to.include('was promised and is gone')
    await truncate(folder.file(`out/.staged/${second.staged}`), 2)
    expect(await messageOf(() => partition.commit(second))).to.include(
      'has 2 bytes, but 4 were staged',
    )
  })

  it('refuses items that are not text, and an extension that leads elsewhere', async () => {
    const flow = dataflow('files')
    flow
      .input('in', new TestingSource([5]))
      .pipe(map('same', (item): string => item as never))
      .output('out', new TransactionalFileSink(folder.file('out')))
    expect(await messageOf(() => run(flow))).to.include('takes strings, and got a number')
    expect(() => new TransactionalFileSink('out', { extension: '/../x' })).to.throw(BuildError)
  })

  it('holds each line once, in order per key, after kill -9 at every step', async () => {
    const workers = [2, 3, 1]
    for (const [at, place] of PLACES.entries()) {
      // Early enough that even a loaded machine, whose epochs are long, is not through by then.
      const nth = place === 'build' ? 9 : 8 + at
      const ended = await runChild([folder.path, String(workers[at % 3]), place, String(nth)])
      expect(ended, place).to.equal('SIGKILL')
    }
    expect(await runChild([folder.path, '2'])).to.equal(null)
    const all = await lines()
    expect(all.map((line) => Number(line.split(' ')[2])).sort((a, b) => a - b)).to.deep.equal(
      PARTS.flat(),
    )
    const counts = new Map<string, number>()
    for (const line of all) {
      const [key = '', nth] = line.split(' ')
      expect(Number(nth), line).to.equal((counts.get(key) ?? 0) + 1)
      counts.set(key, Number(nth))
    }
  })
})

/** Resolves with the signal that ended the process, or `null` when it came to its end. */
const runChild = (words: readonly string[]): Promise<string | null> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [builtProgram(PROGRAM), ...words], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.on('data', (chunk) => {
      said += String(chunk)
    })
    child.on('exit', (code, signal) => {
      if (code !== null && code !== 0) reject(new Error(said))
      else resolve(signal)
    })
  })
