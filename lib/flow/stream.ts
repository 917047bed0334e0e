import { BuildError } from '../errors/errors.ts'
import type { Dataflow } from './dataflow.ts'
import {
  DynamicSink,
  FixedPartitionedSink,
  type Sink,
  TransactionalSink,
  WriteAheadSink,
} from './sink.ts'
import type { Origin } from './step.ts'

/** A function from stream to stream, or streams; built-in operators make them, and so can anyone. */
export type Operator<U, D> = (up: U) => D

/** The items of a stream type. */
export type ItemOf<S> = S extends Stream<infer T> ? T : never

const origins = new WeakMap<Stream<unknown>, { flow: Dataflow; origin: Origin }>()

/** Where in its flow a stream comes from. */
export const originOf = (stream: Stream<unknown>): { flow: Dataflow; origin: Origin } =>
  origins.get(stream) as { flow: Dataflow; origin: Origin }

/** An edge of a flow, as one holds it while building; using it twice forks it. */
export class Stream<T> {
  declare protected readonly item: T

  constructor(flow: Dataflow, origin: Origin) {
    origins.set(this, { flow, origin })
  }

  /** Applies operators from left to right: `s.pipe(a, b)` is `b(a(s))`. */
  pipe(): this
  pipe<A>(a: Operator<this, A>): A
  pipe<A, B>(a: Operator<this, A>, b: Operator<A, B>): B
  pipe<A, B, C>(a: Operator<this, A>, b: Operator<A, B>, c: Operator<B, C>): C
  pipe<A, B, C, D>(a: Operator<this, A>, b: Operator<A, B>, c: Operator<B, C>, d: Operator<C, D>): D
  pipe<A, B, C, D, E>(
    a: Operator<this, A>,
    b: Operator<A, B>,
    c: Operator<B, C>,
    d: Operator<C, D>,
    e: Operator<D, E>,
  ): E
  pipe<A, B, C, D, E, F>(
    a: Operator<this, A>,
    b: Operator<A, B>,
    c: Operator<B, C>,
    d: Operator<C, D>,
    e: Operator<D, E>,
    f: Operator<E, F>,
  ): F
  pipe<A, B, C, D, E, F, G>(
    a: Operator<this, A>,
    b: Operator<A, B>,
    c: Operator<B, C>,
    d: Operator<C, D>,
    e: Operator<D, E>,
    f: Operator<E, F>,
    g: Operator<F, G>,
  ): G
  pipe<A, B, C, D, E, F, G, H>(
    a: Operator<this, A>,
    b: Operator<A, B>,
    c: Operator<B, C>,
    d: Operator<C, D>,
    e: Operator<D, E>,
    f: Operator<E, F>,
    g: Operator<F, G>,
    h: Operator<G, H>,
  ): H
  pipe<A, B, C, D, E, F, G, H, I>(
    a: Operator<this, A>,
    b: Operator<A, B>,
    c: Operator<B, C>,
    d: Operator<C, D>,
    e: Operator<D, E>,
    f: Operator<E, F>,
    g: Operator<F, G>,
    h: Operator<G, H>,
    i: Operator<H, I>,
  ): I
  pipe<A, B, C, D, E, F, G, H, I, J>(
    a: Operator<this, A>,
    b: Operator<A, B>,
    c: Operator<B, C>,
    d: Operator<C, D>,
    e: Operator<D, E>,
    f: Operator<E, F>,
    g: Operator<F, G>,
    h: Operator<G, H>,
    i: Operator<H, I>,
    j: Operator<I, J>,
  ): J
  pipe<A, B, C, D, E, F, G, H, I, J, K>(
    a: Operator<this, A>,
    b: Operator<A, B>,
    c: Operator<B, C>,
    d: Operator<C, D>,
    e: Operator<D, E>,
    f: Operator<E, F>,
    g: Operator<F, G>,
    h: Operator<G, H>,
    i: Operator<H, I>,
    j: Operator<I, J>,
    k: Operator<J, K>,
  ): K
  pipe<A, B, C, D, E, F, G, H, I, J, K, L>(
    a: Operator<this, A>,
    b: Operator<A, B>,
    c: Operator<B, C>,
    d: Operator<C, D>,
    e: Operator<D, E>,
    f: Operator<E, F>,
    g: Operator<F, G>,
    h: Operator<G, H>,
    i: Operator<H, I>,
    j: Operator<I, J>,
    k: Operator<J, K>,
    l: Operator<K, L>,
  ): L
  pipe<A, B, C, D, E, F, G, H, I, J, K, L, M>(
    a: Operator<this, A>,
    b: Operator<A, B>,
    c: Operator<B, C>,
    d: Operator<C, D>,
    e: Operator<D, E>,
    f: Operator<E, F>,
    g: Operator<F, G>,
    h: Operator<G, H>,
    i: Operator<H, I>,
    j: Operator<I, J>,
    k: Operator<J, K>,
    l: Operator<K, L>,
    m: Operator<L, M>,
  ): M
  pipe<A, B, C, D, E, F, G, H, I, J, K, L, M, N>(
    a: Operator<this, A>,
    b: Operator<A, B>,
    c: Operator<B, C>,
    d: Operator<C, D>,
    e: Operator<D, E>,
    f: Operator<E, F>,
    g: Operator<F, G>,
    h: Operator<G, H>,
    i: Operator<H, I>,
    j: Operator<I, J>,
    k: Operator<J, K>,
    l: Operator<K, L>,
    m: Operator<L, M>,
    n: Operator<M, N>,
  ): N
  pipe<A, B, C, D, E, F, G, H, I, J, K, L, M, N, O>(
    a: Operator<this, A>,
    b: Operator<A, B>,
    c: Operator<B, C>,
    d: Operator<C, D>,
    e: Operator<D, E>,
    f: Operator<E, F>,
    g: Operator<F, G>,
    h: Operator<G, H>,
    i: Operator<H, I>,
    j: Operator<I, J>,
    k: Operator<J, K>,
    l: Operator<K, L>,
    m: Operator<L, M>,
    n: Operator<M, N>,
    o: Operator<N, O>,
  ): O
  pipe<A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P>(
    a: Operator<this, A>,
    b: Operator<A, B>,
    c: Operator<B, C>,
    d: Operator<C, D>,
    e: Operator<D, E>,
    f: Operator<E, F>,
    g: Operator<F, G>,
    h: Operator<G, H>,
    i: Operator<H, I>,
    j: Operator<I, J>,
    k: Operator<J, K>,
    l: Operator<K, L>,
    m: Operator<L, M>,
    n: Operator<M, N>,
    o: Operator<N, O>,
    p: Operator<O, P>,
  ): P
  pipe<A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q>(
    a: Operator<this, A>,
    b: Operator<A, B>,
    c: Operator<B, C>,
    d: Operator<C, D>,
    e: Operator<D, E>,
    f: Operator<E, F>,
    g: Operator<F, G>,
    h: Operator<G, H>,
    i: Operator<H, I>,
    j: Operator<I, J>,
    k: Operator<J, K>,
    l: Operator<K, L>,
    m: Operator<L, M>,
    n: Operator<M, N>,
    o: Operator<N, O>,
    p: Operator<O, P>,
    q: Operator<P, Q>,
  ): Q
  pipe<A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R>(
    a: Operator<this, A>,
    b: Operator<A, B>,
    c: Operator<B, C>,
    d: Operator<C, D>,
    e: Operator<D, E>,
    f: Operator<E, F>,
    g: Operator<F, G>,
    h: Operator<G, H>,
    i: Operator<H, I>,
    j: Operator<I, J>,
    k: Operator<J, K>,
    l: Operator<K, L>,
    m: Operator<L, M>,
    n: Operator<M, N>,
    o: Operator<N, O>,
    p: Operator<O, P>,
    q: Operator<P, Q>,
    r: Operator<Q, R>,
  ): R
  pipe<A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S>(
    a: Operator<this, A>,
    b: Operator<A, B>,
    c: Operator<B, C>,
    d: Operator<C, D>,
    e: Operator<D, E>,
    f: Operator<E, F>,
    g: Operator<F, G>,
    h: Operator<G, H>,
    i: Operator<H, I>,
    j: Operator<I, J>,
    k: Operator<J, K>,
    l: Operator<K, L>,
    m: Operator<L, M>,
    n: Operator<M, N>,
    o: Operator<N, O>,
    p: Operator<O, P>,
    q: Operator<P, Q>,
    r: Operator<Q, R>,
    s: Operator<R, S>,
  ): S
  pipe<A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S, T>(
    a: Operator<this, A>,
    b: Operator<A, B>,
    c: Operator<B, C>,
    d: Operator<C, D>,
    e: Operator<D, E>,
    f: Operator<E, F>,
    g: Operator<F, G>,
    h: Operator<G, H>,
    i: Operator<H, I>,
    j: Operator<I, J>,
    k: Operator<J, K>,
    l: Operator<K, L>,
    m: Operator<L, M>,
    n: Operator<M, N>,
    o: Operator<N, O>,
    p: Operator<O, P>,
    q: Operator<P, Q>,
    r: Operator<Q, R>,
    s: Operator<R, S>,
    t: Operator<S, T>,
  ): T
  pipe(...operators: Operator<never, unknown>[]): unknown {
    return operators.reduce<unknown>((up, operator, at) => {
      if (typeof operator === 'function') return operator(up as never)
      throw new BuildError(
        `pipe takes operators, which are functions; argument ${at + 1} is ${operator === null ? 'null' : typeof operator}.`,
      )
    }, this)
  }

  /**
   * Writes the stream to a sink; the end of a branch.
   *
   * @param stepId - the step's id, unique in its scope
   * @param sink - where the items go; one with partitions takes the values of a keyed stream
   */
  output(stepId: string, sink: Sink<T>): void {
    const { flow, origin } = originOf(this)
    if (sink instanceof FixedPartitionedSink && !origin.keyed) {
      throw new BuildError(
        `Step "${stepId}" needs a keyed stream: its sink has partitions and finds them by key. Put keyOn(id, f) before it.`,
      )
    }
    if (!isSink(sink)) {
      throw new BuildError(
        `Step "${stepId}" needs a sink: an object whose class extends DynamicSink, FixedPartitionedSink, TransactionalSink or WriteAheadSink.`,
      )
    }
    flow.place({
      id: stepId,
      operator: 'output',
      spec: { kind: 'sink', sink: sink as DynamicSink<never> },
      ups: [origin],
    })
  }
}

/** A stream of pairs whose key decides the worker; only `keyOn` and `keyed` make one. */
export class KeyedStream<V> extends Stream<readonly [key: string, value: V]> {
  declare protected readonly value: V

  override output(
    stepId: string,
    // biome-ignore lint/suspicious/noExplicitAny: the position's type is the sink's own affair.
    sink: Sink<readonly [key: string, value: V]> | FixedPartitionedSink<V, any>,
  ): void {
    super.output(stepId, sink as Sink<readonly [key: string, value: V]>)
  }
}

const isSink = (sink: unknown): boolean =>
  sink instanceof DynamicSink ||
  sink instanceof FixedPartitionedSink ||
  sink instanceof TransactionalSink ||
  sink instanceof WriteAheadSink
