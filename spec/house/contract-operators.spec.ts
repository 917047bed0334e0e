import { expect } from 'chai'
import { expectTypeOf } from 'expect-type'
import { filter as rxFilter } from 'rxjs'
import { type Emit, type KeyedStream, StatefulBatchLogic, StatefulLogic } from 'tidemark'
import {
  batch,
  branch,
  broadcast,
  collect,
  collectFinal,
  countFinal,
  enrichCached,
  filter,
  filterMap,
  filterMapValue,
  filterValue,
  flatMap,
  flatMapBatch,
  flatMapValue,
  flatten,
  foldFinal,
  inspect,
  inspectDebug,
  join,
  keyed,
  keyRm,
  map,
  mapAsync,
  mapField,
  mapValue,
  maxFinal,
  merge,
  minFinal,
  raises,
  redistribute,
  reduce,
  reduceFinal,
  rx,
  stateful,
  statefulBatch,
  statefulFlatMap,
  statefulMap,
} from 'tidemark/operators'
import { type Reading, world } from '../support/readings.ts'

describe('operators of the contract', () => {
  it('are stateless', async () => {
    const { up, show, given } = world()
    const { trues, falses } = up.pipe(
      map('m', ({ n }) => n),
      filter('f', (n) => n > 0),
      filterMap('fm', (n) => (n === 2 ? null : n)),
      flatMap('fl', (n) => [n, -n]),
      flatMapBatch('fb', (items) => items),
      map('list', (n) => [n]),
      flatten('flat'),
      redistribute('r'),
      broadcast('b'),
      inspect('i', (_stepId, item) => void item.toFixed()),
      inspectDebug('d', (_stepId, _item, epoch, worker) => void (epoch + worker)),
      branch('br', (n) => n > 0),
    )
    show(trues.pipe(merge('both', falses)))
    show(
      up.pipe(
        enrichCached(
          'e',
          async (user: string) => user.length,
          async (cache, { user }) => cache.get(user),
          { ttl: { hours: 1 } },
        ),
        mapAsync('a', async (n) => n + 1, {
          concurrency: 2,
          ordered: true,
          timeout: { seconds: 5 },
          retry: { attempts: 2, backoff: 1 },
        }),
        rx(
          'x',
          rxFilter((n: number) => n > 0),
          { per: 'epoch' },
        ),
      ),
    )
    show(
      up.pipe(
        map(
          'field',
          mapField('n', (n) => n + 1),
        ),
        map('n', ({ n }) => n),
      ),
    )
    up.pipe(
      filter('none', () => false),
      raises('raise'),
    )
    const [merged, ...others] = await given()
    expect(merged).to.have.members([1, -1, 3, -3])
    expect(others).to.deep.equal([
      [2, 2, 2],
      [2, 3, 4],
    ])
  })

  it('keep values by key', async () => {
    const { up, show, given } = world()
    const values = up.pipe(
      map('pair', ({ user, n }): [string, number] => [user, n]),
      keyed('k'),
      mapValue('mv', (n) => n + 1),
      filterValue('fv', (n) => n > 0),
      filterMapValue('fmv', (n) => (n === 3 ? undefined : n)),
      flatMapValue('flv', (n) => [n]),
    )
    expectTypeOf(values).toEqualTypeOf<KeyedStream<number>>()
    show(values.pipe(keyRm('rm')))
    expect(await given()).to.deep.equal([[2, 4]])
  })

  it('keep state by key', async () => {
    class Sum extends StatefulLogic<Reading, number, number> {
      #sum: number
      constructor(resume: number | null) {
        super()
        this.#sum = resume ?? 0
      }
      onItem({ n }: Reading): Emit<number> {
        this.#sum += n
        return { emit: [this.#sum], discard: false }
      }
      snapshot(): number {
        return this.#sum
      }
    }
    class Batches extends StatefulBatchLogic<Reading, number, null> {
      onBatch(values: Reading[]): Emit<number> {
        return [values.length]
      }
      snapshot(): null {
        return null
      }
    }
    const { up, byUser, show, given } = world()
    const n = ({ n }: Reading): number => n
    show(byUser.pipe(stateful('s', (resume: number | null, _key) => new Sum(resume))))
    show(byUser.pipe(statefulBatch('sb', () => new Batches())))
    show(byUser.pipe(statefulMap('sm', (sum: number | null, { n }) => [(sum ?? 0) + n, n])))
    show(byUser.pipe(statefulFlatMap('sf', (_: null, { n }) => [null, [n]])))
    const values = byUser.pipe(mapValue('n', n))
    show(
      values.pipe(
        reduce(
          'r',
          (a, b) => a + b,
          (sum) => sum > 3,
        ),
      ),
    )
    show(
      values.pipe(
        foldFinal(
          'ff',
          () => 0,
          (sum, value) => sum + value,
        ),
      ),
    )
    show(values.pipe(reduceFinal('rf', (a, b) => a + b)))
    show(up.pipe(countFinal('cf', ({ user }) => user)))
    show(byUser.pipe(maxFinal('max', n), mapValue('max-n', n)))
    show(byUser.pipe(minFinal('min', n), mapValue('min-n', n)))
    show(values.pipe(collect('c', { timeout: { seconds: 10 }, maxSize: 2 })))
    show(values.pipe(batch('b', { timeout: { seconds: 10 }, maxSize: 2 })))
    show(
      values.pipe(
        collectFinal('all'),
        mapValue('size', ({ length }) => length),
      ),
    )
    const sums = [
      ['a', 4],
      ['b', 2],
    ]
    const each = [
      ['a', 1],
      ['b', 2],
      ['a', 3],
    ]
    const lists = [
      ['a', [1, 3]],
      ['b', [2]],
    ]
    const counts = [
      ['a', 2],
      ['b', 1],
    ]
    expect(await given(0)).to.deep.equal([
      [
        ['a', 1],
        ['b', 2],
        ['a', 4],
      ],
      each.map(([user]) => [user, 1]),
      each,
      each,
      [['a', 4]],
      sums,
      sums,
      counts,
      [
        ['a', 3],
        ['b', 2],
      ],
      [
        ['a', 1],
        ['b', 2],
      ],
      lists,
      lists,
      counts,
    ])
  })

  it('join tuples and objects', async () => {
    const { byUser, show, given } = world()
    const left = byUser.pipe(mapValue('left', ({ n }) => n))
    const right = byUser.pipe(mapValue('right', ({ user }) => user))
    const tuples = join('t', [left, right])
    expectTypeOf(tuples).toEqualTypeOf<KeyedStream<[number, string]>>()
    show(tuples)
    show(join('o', { left, right }, { insertMode: 'last', emitMode: 'final' }))
    expect(await given(0)).to.deep.equal([
      [
        ['a', [1, 'a']],
        ['b', [2, 'b']],
        ['a', [3, 'a']],
      ],
      [
        ['a', { left: 3, right: 'a' }],
        ['b', { left: 2, right: 'b' }],
      ],
    ])
  })
})
