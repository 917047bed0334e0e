import { expectTypeOf } from 'expect-type'
import { dataflow, type KeyedStream, type Stream, scoped, withPolicy } from 'tidemark'
import {
  branch,
  broadcast,
  filter,
  filterMap,
  filterMapValue,
  filterValue,
  flatMap,
  flatMapBatch,
  flatMapValue,
  flatten,
  inspect,
  inspectDebug,
  keyed,
  keyOn,
  keyRm,
  map,
  mapField,
  mapValue,
  merge,
  raises,
  redistribute,
} from 'tidemark/operators'
import { TestingSource } from 'tidemark/testing'

interface Order {
  readonly id: string
  readonly price: number
}

const orders: readonly Order[] = [{ id: 'a', price: 1 }]

/** What stands here is checked by the compiler; running it checks that it can be built. */
describe('the types of operators', () => {
  const flow = dataflow('types')
  const numbers = flow.input('numbers', new TestingSource([1, 2, 3]))
  const mixed = flow.input('mixed', new TestingSource<number | string>([1, 'a']))
  const maybe = flow.input('maybe', new TestingSource<number | null>([1, null]))
  const pairs = flow.input('pairs', new TestingSource<[string, number]>([['a', 1]]))
  const sales = flow.input('sales', new TestingSource(orders))
  const keyedNumbers = pairs.pipe(keyed('keyed'))

  const isNumber = (item: number | string): item is number => typeof item === 'number'

  it('flow through the steps that turn items into others', () => {
    expectTypeOf(numbers.pipe(map('a', (n) => `${n}`))).toEqualTypeOf<Stream<string>>()
    expectTypeOf(numbers.pipe(filterMap('b', (n) => (n > 1 ? `${n}` : null)))).toEqualTypeOf<
      Stream<string>
    >()
    expectTypeOf(numbers.pipe(filterMap('b20', (n) => (n > 1 ? n : undefined)))).toEqualTypeOf<
      Stream<number>
    >()
    expectTypeOf(numbers.pipe(flatMap('c', (n) => [n, `${n}`]))).toEqualTypeOf<
      Stream<number | string>
    >()
    expectTypeOf(
      numbers.pipe(
        flatMap('d', function* (n) {
          yield { n }
        }),
      ),
    ).toEqualTypeOf<Stream<{ n: number }>>()
    expectTypeOf(
      numbers.pipe(flatMapBatch('e', (items) => new Set(items.map(String)))),
    ).toEqualTypeOf<Stream<string>>()
    expectTypeOf(
      numbers.pipe(
        map('f', (n) => [n]),
        flatten('g'),
      ),
    ).toEqualTypeOf<Stream<number>>()
  })

  it('let type guards narrow', () => {
    expectTypeOf(mixed.pipe(filter('a1', isNumber))).toEqualTypeOf<Stream<number>>()
    expectTypeOf(maybe.pipe(filter('a2', (item) => item !== null))).toEqualTypeOf<Stream<number>>()
    const { trues, falses } = mixed.pipe(branch('a3', isNumber))
    expectTypeOf(trues).toEqualTypeOf<Stream<number>>()
    expectTypeOf(falses).toEqualTypeOf<Stream<string>>()
    expectTypeOf(mixed.pipe(keyOn('a4', String), filterValue('a5', isNumber))).toEqualTypeOf<
      KeyedStream<number>
    >()
  })

  it('keep a key through filter, branch, inspect, redistribute, broadcast', () => {
    expectTypeOf(
      keyedNumbers.pipe(
        filter('b1', ([, n]) => n > 1),
        inspect('b2', (_, [key, n]) => void `${key}${n}`),
        inspectDebug('b3', (_stepId, [key], epoch, worker) => void `${key}${epoch + worker}`),
        inspect('b4'),
        redistribute('b5'),
        broadcast('b6'),
      ),
    ).toEqualTypeOf<KeyedStream<number>>()
    const { trues, falses } = keyedNumbers.pipe(branch('b7', ([key]) => key === 'a'))
    expectTypeOf(trues).toEqualTypeOf<KeyedStream<number>>()
    expectTypeOf(falses).toEqualTypeOf<KeyedStream<number>>()
    const guarded = mixed.pipe(
      keyOn('b8', String),
      filter('b9', (item): item is readonly [string, number] => typeof item[1] === 'number'),
    )
    expectTypeOf(guarded).toEqualTypeOf<KeyedStream<number>>()
  })

  it('drop the key in steps like map', () => {
    expectTypeOf(keyedNumbers.pipe(map('c1', ([key, n]) => `${key}${n}`))).toEqualTypeOf<
      Stream<string>
    >()
    expectTypeOf(keyedNumbers.pipe(keyRm('c2'))).toEqualTypeOf<Stream<number>>()
  })

  it('keep the key in steps on values', () => {
    expectTypeOf(keyedNumbers.pipe(mapValue('d1', String))).toEqualTypeOf<KeyedStream<string>>()
    expectTypeOf(keyedNumbers.pipe(filterValue('d2', (n) => n > 1))).toEqualTypeOf<
      KeyedStream<number>
    >()
    expectTypeOf(
      keyedNumbers.pipe(filterMapValue('d3', (n) => (n > 1 ? `${n}` : null))),
    ).toEqualTypeOf<KeyedStream<string>>()
    expectTypeOf(keyedNumbers.pipe(flatMapValue('d4', (n) => [n, n]))).toEqualTypeOf<
      KeyedStream<number>
    >()
  })

  it('join in a merge, keyed if all of them are', () => {
    expectTypeOf(numbers.pipe(merge('e1', mixed, sales))).toEqualTypeOf<
      Stream<number | string | Order>
    >()
    const strings = keyedNumbers.pipe(mapValue('e2', String))
    expectTypeOf(keyedNumbers.pipe(merge('e3', strings))).toEqualTypeOf<
      KeyedStream<number | string>
    >()
    expectTypeOf(keyedNumbers.pipe(merge('e4', numbers))).toEqualTypeOf<
      Stream<number | readonly [key: string, value: number]>
    >()
    expectTypeOf(numbers.pipe(merge('e5', keyedNumbers))).toEqualTypeOf<
      Stream<number | readonly [key: string, value: number]>
    >()
  })

  it('know the field that mapField replaces', () => {
    const dear = sales.pipe(
      map(
        'f1',
        mapField('price', (price) => `${price.toFixed(2)} EUR`),
      ),
    )
    expectTypeOf(dear.pipe(map('f2', (order) => order.price))).toEqualTypeOf<Stream<string>>()
    const bump = mapField('price', (price: number) => price + 1)
    expectTypeOf(
      sales.pipe(
        map('f3', bump),
        map('f4', (order) => order.price),
      ),
    ).toEqualTypeOf<Stream<number>>()
  })

  it('fit operators that are made before they are placed', () => {
    const odd = filter('g1', (n: number) => n % 2 === 1)
    const show = inspect('g2', (_: string, n: number) => void n)
    const spread = redistribute('g3')
    expectTypeOf(numbers.pipe(odd, show, spread)).toEqualTypeOf<Stream<number>>()
    const outer = scoped('g4', (up: Stream<number>) => up.pipe(filter('inner', (n) => n > 1)))
    expectTypeOf(numbers.pipe(outer)).toEqualTypeOf<Stream<number>>()
  })

  it('go through policies and scopes', () => {
    expectTypeOf(
      numbers.pipe(
        withPolicy(
          'skip',
          map('h1', (n) => `${n}`),
        ),
      ),
    ).toEqualTypeOf<Stream<string>>()
    expectTypeOf(
      numbers.pipe(scoped('h2', (up) => up.pipe(map('inner', (n) => `${n}`)))),
    ).toEqualTypeOf<Stream<string>>()
    expectTypeOf(numbers.pipe(raises('h3'))).toEqualTypeOf<void>()
  })

  it('refuse promises where none is awaited', () => {
    const refused = (): void => {
      // @ts-expect-error a promise
      numbers.pipe(map('i1', async (n) => n))
      // @ts-expect-error a promise, sometimes
      numbers.pipe(map('i2', (n) => (n > 1 ? Promise.resolve(n) : n)))
      // @ts-expect-error a promise
      numbers.pipe(filter('i3', async (n) => n > 1))
      // @ts-expect-error a promise
      numbers.pipe(filterMap('i4', async (n) => n))
      // @ts-expect-error a promise
      numbers.pipe(flatMap('i5', async (n) => [n]))
      // @ts-expect-error a promise
      numbers.pipe(flatMapBatch('i6', async (items) => items))
      // @ts-expect-error a promise
      numbers.pipe(branch('i7', async (n) => n > 1))
      // @ts-expect-error a promise
      numbers.pipe(inspect('i8', async () => {}))
      // @ts-expect-error a promise
      numbers.pipe(inspectDebug('i9', async () => {}))
      // @ts-expect-error a promise
      numbers.pipe(keyOn('i10', async (n) => `${n}`))
      // @ts-expect-error a promise
      keyedNumbers.pipe(mapValue('i11', async (n) => n))
      // @ts-expect-error a promise
      keyedNumbers.pipe(filterValue('i12', async (n) => n > 1))
      // @ts-expect-error a promise
      keyedNumbers.pipe(filterMapValue('i13', async (n) => n))
      // @ts-expect-error a promise
      keyedNumbers.pipe(flatMapValue('i14', async (n) => [n]))
    }
    expectTypeOf(refused).toBeFunction()
  })

  it('refuse streams without a key where one is needed', () => {
    const refused = (): void => {
      // @ts-expect-error not keyed
      numbers.pipe(mapValue('j1', (n) => n))
      // @ts-expect-error pairs, but not keyed
      pairs.pipe(filterValue('j2', () => true))
      // @ts-expect-error pairs, but not keyed
      pairs.pipe(filterMapValue('j3', (n) => n))
      // @ts-expect-error not keyed
      numbers.pipe(flatMapValue('j4', (n) => [n]))
      // @ts-expect-error pairs, but not keyed
      pairs.pipe(keyRm('j5'))
      // @ts-expect-error no pairs
      numbers.pipe(keyed('j6'))
      // @ts-expect-error no iterables
      numbers.pipe(flatten('j7'))
    }
    expectTypeOf(refused).toBeFunction()
  })

  it("take the callbacks of a user's own generic operators", () => {
    const chosen = <T, R>(id: string, f: (item: T) => R, g: (item: R) => R | null) =>
      scoped(id, (up: Stream<T>) => up.pipe(map('mapped', f), filterMap('kept', g)))
    const chosenValues = <V extends object, W>(id: string, f: (value: V) => W) =>
      scoped(id, (up: KeyedStream<V>) =>
        up.pipe(
          mapValue('same', (value) => value),
          mapValue('mapped', f),
          filterMapValue('kept', (value) => value),
        ),
      )
    expectTypeOf(
      numbers.pipe(
        chosen(
          'chosen',
          (n: number) => `${n}`,
          (text) => text,
        ),
      ),
    ).toEqualTypeOf<Stream<string>>()
    expectTypeOf(
      sales.pipe(
        keyOn('by', (sale) => sale.id),
        chosenValues('values', (sale: Order) => sale.price),
      ),
    ).toEqualTypeOf<KeyedStream<number>>()
  })

  it('are inferred through twenty steps without an annotation', () => {
    const end = numbers.pipe(
      map('k1', (n) => ({ n })),
      map('k2', ({ n }) => ({ n, text: `${n}` })),
      filter('k3', ({ n }) => n > 0),
      flatMap('k4', ({ n, text }) => [n, text]),
      filter('k5', isNumber),
      map('k6', (n) => n + 1),
      keyOn('k7', (n) => `${n % 2}`),
      mapValue('k8', (n) => ({ n })),
      filterValue('k9', ({ n }) => n > 0),
      inspect('k10', (_, [key, { n }]) => void `${key}${n}`),
      flatMapValue('k11', ({ n }) => [n, n]),
      filterMapValue('k12', (n) => (n > 1 ? { twice: n * 2 } : null)),
      redistribute('k13'),
      keyRm('k14'),
      map(
        'k15',
        mapField('twice', (n) => n.toFixed(1)),
      ),
      map('k16', ({ twice }) => [twice]),
      flatten('k17'),
      map('k18', (text) => [text, text.length] as const),
      keyed('k19'),
      mapValue('k20', (length) => length * 2),
    )
    expectTypeOf(end).toEqualTypeOf<KeyedStream<number>>()
  })
})
