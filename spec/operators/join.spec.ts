import { expect } from 'chai'
import { BuildError, dataflow, type KeyedStream, run } from 'tidemark'
import { filterMapValue, type JoinOptions, join, keyed, keyOn } from 'tidemark/operators'
import { MemoryStore, TestingSink, TestingSource } from 'tidemark/testing'
import { all, untyped } from '../support/through.ts'

/** What a join of number streams gives, the left side read first. */
const joined = async (
  left: readonly number[],
  right: readonly number[],
  options: JoinOptions = {},
): Promise<unknown[]> => {
  const flow = dataflow('f')
  const sink = new TestingSink<readonly [string, unknown]>()
  // One side behind the other in one source, so that the order of the values is known.
  const items = [...left.map((n) => ({ side: 'l', n })), ...right.map((n) => ({ side: 'r', n }))]
  const up = flow.input('in', new TestingSource(items))
  const side = (name: string) => pick(name, up.pipe(keyOn(`key-${name}`, () => 'ALL')))
  join('j', [side('l'), side('r')], options).output('out', sink)
  await run(flow, { epochInterval: 0 })
  return sink.items.map(([, row]) => row)
}

/** What a join gives where each side is a source of its own. */
const ofSources = async (
  sides: readonly (readonly number[])[],
  options: JoinOptions,
): Promise<unknown[]> => {
  const flow = dataflow('f')
  const sink = new TestingSink<readonly [string, unknown]>()
  const keyedSides = sides.map((items, at) =>
    flow.input(`in${at}`, new TestingSource(items)).pipe(keyOn(`key${at}`, () => 'ALL')),
  )
  join('j', keyedSides, options).output('out', sink)
  await run(flow)
  return sink.items.map(([, row]) => row)
}

const pick = (name: string, up: KeyedStream<{ side: string; n: number }>): KeyedStream<number> =>
  up.pipe(filterMapValue(`only-${name}`, ({ side, n }) => (side === name ? n : null)))

describe('join', () => {
  it('emits the last values once all sides have one, by default', async () => {
    expect(await joined([1], [2])).to.deep.equal([[1, 2]])
    expect(await joined([1, 2], [3])).to.deep.equal([[2, 3]])
  })

  it('begins anew behind a complete row', async () => {
    expect(await joined([1], [2, 3])).to.deep.equal([[1, 2]])
  })

  it('final emits at the end, with null for a side without a value', async () => {
    expect(await joined([1], [2, 3], { insertMode: 'first', emitMode: 'final' })).to.deep.equal([
      [1, 2],
    ])
    expect(await joined([1], [2, 3], { emitMode: 'final' })).to.deep.equal([[1, 3]])
    expect(await joined([1], [], { emitMode: 'final' })).to.deep.equal([[1, null]])
  })

  it('running emits with each value that changes what is kept', async () => {
    expect(await joined([1], [2, 3], { emitMode: 'running' })).to.deep.equal([
      [1, null],
      [1, 2],
      [1, 3],
    ])
    expect(await joined([1], [2, 3], { insertMode: 'first', emitMode: 'running' })).to.deep.equal([
      [1, null],
      [1, 2],
    ])
  })

  it('product emits all combinations, the last side changing fastest', async () => {
    expect(
      await joined([1, 2], [3, 4], { insertMode: 'product', emitMode: 'final' }),
    ).to.deep.equal([
      [1, 3],
      [1, 4],
      [2, 3],
      [2, 4],
    ])
  })

  it('leaves the place of a side without a value empty in each combination', async () => {
    expect(
      await ofSources([[1, 2], [], [3, 4]], { insertMode: 'product', emitMode: 'final' }),
    ).to.deep.equal([
      [1, null, 3],
      [1, null, 4],
      [2, null, 3],
      [2, null, 4],
    ])
  })

  it('takes sources of their own in turns, the first side first', async () => {
    const rows = async (left: number[], right: number[], options: JoinOptions) =>
      ofSources([left, right], options)
    expect(await rows([1], [2], {})).to.deep.equal([[1, 2]])
    expect(await rows([1], [2], { insertMode: 'last', emitMode: 'complete' })).to.deep.equal([
      [1, 2],
    ])
    expect(await rows([1], [2, 3], { insertMode: 'first', emitMode: 'final' })).to.deep.equal([
      [1, 2],
    ])
    expect(await rows([1], [2, 3], { insertMode: 'last', emitMode: 'final' })).to.deep.equal([
      [1, 3],
    ])
    expect(await rows([1], [2, 3], { insertMode: 'last', emitMode: 'running' })).to.deep.equal([
      [1, null],
      [1, 2],
      [1, 3],
    ])
    expect(await rows([1, 2], [3, 4], { insertMode: 'product', emitMode: 'final' })).to.deep.equal([
      [1, 3],
      [1, 4],
      [2, 3],
      [2, 4],
    ])
  })

  it('gives rows with names for sides in an object, and resumes what is incomplete', async () => {
    const recovery = new MemoryStore()
    const flow = dataflow('f')
    const sink = new TestingSink<readonly [string, { name: string; age: number }]>()
    const { EOF } = TestingSource
    const name = flow.input('names', new TestingSource([...all(['Ada']), EOF])).pipe(keyed('n'))
    const age = flow
      .input('ages', new TestingSource<[string, number]>([EOF, ...all([36])] as never))
      .pipe(keyed('a'))
    join('j', { name, age }).output('out', sink)
    await run(flow, { recovery })
    expect(sink.items).to.deep.equal([])
    await run(flow, { recovery })
    expect(sink.items).to.deep.equal(all([{ name: 'Ada', age: 36 }]))
  })

  it('refuses modes and sides that are none, and streams without keys', () => {
    const flow = dataflow('f')
    const bare = flow.input('in', new TestingSource(all([1])))
    const side = bare.pipe(keyed('key'))
    expect(() => join('a', [side], { emitMode: untyped('often') })).to.throw(BuildError, 'emitMode')
    expect(() => join('b', [side], { insertMode: untyped('any') })).to.throw(
      BuildError,
      'insertMode',
    )
    expect(() => join('c', [])).to.throw(BuildError, 'at least one side')
    expect(() => join('d', untyped(side))).to.throw(BuildError, 'tuple')
    expect(() => join('e', [side, untyped(bare)])).to.throw(BuildError, 'keyed stream')
  })
})
