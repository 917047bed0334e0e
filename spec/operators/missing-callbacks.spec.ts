import { expect } from 'chai'
import { BuildError, dataflow, type KeyedStream, run } from 'tidemark'
import {
  branch,
  enrichCached,
  filter,
  filterMap,
  filterMapValue,
  filterValue,
  flatMap,
  flatMapBatch,
  flatMapValue,
  inspect,
  keyOn,
  map,
  mapAsync,
  mapValue,
  rx,
} from 'tidemark/operators'
import { TestingSource } from 'tidemark/testing'
import { untyped } from '../support/through.ts'

type Missing = (id: string, callback: never) => (up: KeyedStream<number>) => unknown

const numbers = (): KeyedStream<number> =>
  dataflow('test')
    .input('in', new TestingSource([1]))
    .pipe(keyOn('key', () => 'a'))

describe('an operator without its callback', () => {
  const operators: Record<string, Missing> = {
    map,
    filter,
    filterMap,
    flatMap,
    flatMapBatch,
    branch,
    inspect,
    keyOn,
    mapValue,
    filterValue,
    filterMapValue,
    flatMapValue,
    rx,
    mapAsync: (id, callback) => mapAsync(id, callback, { concurrency: 1 }),
    'enrichCached, of its getter': (id, callback) => enrichCached(id, callback, () => 1),
    'enrichCached, of its mapper': (id, callback) => enrichCached(id, () => 1, callback),
  }

  for (const [name, operator] of Object.entries(operators)) {
    it(`is refused while building: ${name}`, () => {
      for (const callback of [null, 5, {}]) {
        expect(() => operator('s', untyped(callback))(numbers())).to.throw(
          BuildError,
          /Step "s": \w+ must be a function/,
        )
      }
    })
  }

  it('is refused where mapAsync lacks its options', () => {
    expect(() => mapAsync('s', async () => 1, untyped(undefined))).to.throw(
      BuildError,
      'Step "s": mapAsync needs { concurrency }',
    )
  })

  it('is refused by pipe, which says which argument it is', () => {
    const same = (up: KeyedStream<number>) => up
    expect(() => numbers().pipe(same, untyped(undefined))).to.throw(
      BuildError,
      'argument 2 is undefined',
    )
  })
})

describe('a run whose recovery is no store', () => {
  it('is refused before it starts', async () => {
    const flow = dataflow('test')
    flow.input('in', new TestingSource([1])).pipe(inspect('seen', () => {}))
    const error = await run(flow, { recovery: untyped(5) }).then(
      () => null,
      (reason: unknown) => reason,
    )
    expect(error).to.be.instanceOf(BuildError)
    expect(String(error)).to.include('recovery must be a RecoveryStore or { dir }')
  })
})
