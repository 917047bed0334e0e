import { expectTypeOf } from 'expect-type'
import { dataflow, type KeyedStream, type Stream } from 'tidemark'
import {
  batch,
  collect,
  collectFinal,
  countFinal,
  dedupe,
  foldFinal,
  join,
  keyOn,
  maxFinal,
  reduce,
  reduceFinal,
  sideInput,
  statefulFlatMap,
  statefulMap,
  topN,
} from 'tidemark/operators'
import { TestingSource } from 'tidemark/testing'

interface Order {
  readonly user: string
  readonly price: number
}

const orders = dataflow('types').input('in', new TestingSource<Order>([{ user: 'a', price: 1 }]))

describe('the types of keyed operators', () => {
  it('flow through a pipe without an annotation', () => {
    const byUser = orders.pipe(keyOn('user', (order) => order.user))
    expectTypeOf(byUser.pipe(maxFinal('max', (order) => order.price))).toEqualTypeOf<
      KeyedStream<Order>
    >()
    expectTypeOf(
      byUser.pipe(
        foldFinal(
          'sum',
          () => 0,
          (sum, order) => sum + order.price,
        ),
        reduceFinal('more', (a, b) => a + b),
        reduce(
          'some',
          (a, b) => a + b,
          (sum) => sum > 3,
        ),
        dedupe('once', (sum) => sum),
        topN('top', 3, (sum) => sum),
      ),
    ).toEqualTypeOf<KeyedStream<number[]>>()
    expectTypeOf(byUser.pipe(collect('c', { timeout: 1, maxSize: 2 }))).toEqualTypeOf<
      KeyedStream<Order[]>
    >()
    expectTypeOf(
      byUser.pipe(batch('b', { timeout: 1, maxSize: 2 }), collectFinal('all')),
    ).toEqualTypeOf<KeyedStream<Order[][]>>()
    expectTypeOf(orders.pipe(countFinal('n', (order) => order.user))).toEqualTypeOf<
      KeyedStream<number>
    >()
    expectTypeOf(
      byUser.pipe(
        statefulMap('m', (sum: number | null, order) => [(sum ?? 0) + order.price, order.user]),
        statefulFlatMap('f', (_: null, user) => [null, [user.length]]),
      ),
    ).toEqualTypeOf<KeyedStream<number>>()
  })

  it('give a join rows of its sides, with null only where one can be missing', () => {
    const left = orders.pipe(keyOn('left', (order) => order.user))
    const right = orders.pipe(countFinal('right', (order) => order.user))
    expectTypeOf(join('tuple', [left, right])).toEqualTypeOf<KeyedStream<[Order, number]>>()
    expectTypeOf(join('named', { left, right }, { emitMode: 'final' })).toEqualTypeOf<
      KeyedStream<{ left: Order | null; right: number | null }>
    >()
    // @ts-expect-error a side must be keyed
    const refused = () => join('bare', [left, orders])
    expectTypeOf(refused).toBeFunction()
  })

  it('give a side input the values of its side', () => {
    const rates = orders.pipe(keyOn('rates', (order) => order.user))
    const priced = orders.pipe(
      sideInput('priced', rates, (order, rate) => order.price * (rate(order.user)?.price ?? 1)),
    )
    expectTypeOf(priced).toEqualTypeOf<Stream<number>>()
  })
})
