import { expect } from 'chai'
import {
  BuildError,
  dataflow,
  KeyedStream,
  type Operator,
  run,
  Stream,
  scoped,
  start,
  withPolicy,
} from 'tidemark'
import {
  branch,
  filter,
  flatMapValue,
  inspect,
  keyOn,
  keyRm,
  map,
  mapValue,
  merge,
  raises,
  statefulMap,
} from 'tidemark/operators'
import { TestingSink, TestingSource } from 'tidemark/testing'
import { through, untyped } from '../../support/through.ts'

const numbers = (id = 'test'): Stream<number> =>
  dataflow(id).input('in', new TestingSource([0, 1, 2]))

describe('a flow', () => {
  it('chains steps by pipe', async () => {
    expect(
      await through(
        [0, 1, 2],
        map('m', (n) => n + 1),
      ),
    ).to.deep.equal([1, 2, 3])
  })

  it('can be run many times', async () => {
    const flow = dataflow('test')
    const sink = new TestingSink<number>()
    flow.input('in', new TestingSource([1, 2])).output('out', sink)
    await run(flow)
    await run(flow)
    expect(sink.items).to.deep.equal([1, 2, 1, 2])
  })

  it('forks where a stream is used twice', async () => {
    const flow = dataflow('test')
    const stream = flow.input('in', new TestingSource([1, 2]))
    const [left, right] = [new TestingSink<number>(), new TestingSink<number>()]
    stream.pipe(map('double', (n) => n * 2)).output('left', left)
    stream.output('right', right)
    await run(flow)
    expect([left.items, right.items]).to.deep.equal([
      [2, 4],
      [1, 2],
    ])
  })

  it('is told of a missing input first, then of a missing output', () => {
    const flow = dataflow('test')
    expect(() => start(flow)).to.throw(BuildError, 'at least one input')
    const stream = flow.input('in', new TestingSource([1]))
    expect(() => start(flow)).to.throw(BuildError, 'at least one output or inspect')
    stream.pipe(map('m', (n) => n))
    expect(() => start(flow)).to.throw(BuildError, 'at least one output or inspect')
  })

  it('is complete with an inspect or a raises for its output', async () => {
    for (const end of [inspect('end', () => undefined), raises('end')]) {
      const flow = dataflow('test')
      flow.input('in', new TestingSource<number>([])).pipe(end as Operator<Stream<number>, unknown>)
      expect((await run(flow)).reason).to.equal('eof')
    }
  })

  it('rejects, and does not throw, where run is given a flow that is wrong', async () => {
    const error = await run(dataflow('test')).catch((thrown: unknown) => thrown)
    expect(error).to.be.instanceOf(BuildError)
    expect(() => start(untyped({}))).to.throw(BuildError, 'dataflow(id)')
  })

  it('has an id that can be part of file and subject names', () => {
    for (const id of ['', 'a.b', 'a b', 'é', 'a/b', untyped(7)]) {
      expect(() => dataflow(id), String(id)).to.throw(BuildError, "A flow's id")
    }
    expect(dataflow('Az_0-9').id).to.equal('Az_0-9')
  })
})

describe('a step id', () => {
  it('is a string of at least one character', () => {
    for (const id of [1, '', null, undefined, {}]) {
      expect(() => numbers().pipe(map(untyped(id), (n) => n))).to.throw(BuildError, "A step's id")
    }
  })

  it('has no periods', () => {
    expect(() => numbers().pipe(map('1.5', (n) => n))).to.throw(
      BuildError,
      'Step id "1.5" can\'t contain any periods',
    )
  })

  it('is unique in its flow, whatever the kind of step', () => {
    const flow = dataflow('test')
    const stream = flow.input('in', new TestingSource([1]))
    expect(() => stream.pipe(map('in', (n) => n))).to.throw(BuildError, 'Step "in" already exists')
    expect(() => stream.output('in', new TestingSink())).to.throw(BuildError, '"in" already exists')
    expect(() => flow.input('in', new TestingSource([1]))).to.throw(BuildError, 'already exists')
  })

  it('lies within that of its scope', async () => {
    const seen: string[] = []
    const twice = (id: string): Operator<Stream<number>, Stream<number>> =>
      scoped(id, (up) =>
        up.pipe(
          map('double', (n) => n * 2),
          scoped('deep', (inner) =>
            inner.pipe(inspect('seen', (stepId) => void seen.push(stepId))),
          ),
        ),
      )
    expect(await through([1], (up) => up.pipe(twice('a'), twice('b')))).to.deep.equal([4])
    expect(seen).to.deep.equal(['test.a.deep.seen', 'test.b.deep.seen'])
  })

  it('of a scope is taken too, and so is each within it', () => {
    const stream = numbers()
    stream.pipe(scoped('a', (up: Stream<number>) => up.pipe(map('x', (n) => n))))
    expect(() => stream.pipe(map('a', (n) => n))).to.throw(BuildError, '"a" already exists')
    expect(() =>
      stream.pipe(
        scoped('b', (up: Stream<number>) =>
          up.pipe(
            map('x', (n) => n),
            map('x', (n) => n),
          ),
        ),
      ),
    ).to.throw(BuildError, '"b.x" already exists')
  })

  it('leaves a scope behind that failed to build', () => {
    const stream = numbers()
    const broken = scoped('a', (): never => {
      throw new Error('no')
    })
    expect(() => stream.pipe(broken)).to.throw('no')
    stream.pipe(map('b', (n) => n))
    expect(() => stream.pipe(map('b', (n) => n))).to.throw('Step "b" already exists')
  })
})

describe('an operator', () => {
  it('of the user may give anything, several streams as well', () => {
    const split = (up: Stream<number>) => ({ same: up, again: up })
    const { same, again } = numbers().pipe(split)
    expect(same).to.equal(again)
    expect(numbers().pipe((up) => up.pipe(branch('b', (n) => n > 1))).trues).to.be.instanceOf(
      Stream,
    )
  })

  it('needs a stream from upstream', () => {
    for (const wrong of [7, null, undefined, {}, 'stream', [numbers()]]) {
      expect(() => map('m', (n) => n)(untyped(wrong))).to.throw(BuildError, 'needs a Stream')
    }
    const out = numbers().pipe(branch('b', (n) => n > 1))
    expect(() => map('m', (n) => n)(untyped(out))).to.throw(BuildError, 'forget to unpack')
    expect(() => numbers().pipe(merge('all', untyped(7)))).to.throw(BuildError, 'needs a Stream')
  })

  it('takes the streams of one flow only', () => {
    expect(() => numbers('one').pipe(merge('all', numbers('two')))).to.throw(
      BuildError,
      'two flows, "one" and "two"',
    )
  })

  it('on keys refuses a stream without them, pairs or not', () => {
    const pairs = dataflow('test').input('in', new TestingSource<[string, number]>([['a', 1]]))
    for (const operator of [
      keyRm('rm'),
      mapValue('mv', untyped(String)),
      flatMapValue('fmv', untyped(String)),
      statefulMap('sm', untyped(String)),
    ]) {
      expect(() => operator(untyped(pairs))).to.throw(BuildError, 'Put keyOn(id, f) before it')
      // @ts-expect-error pairs are not keyed by their shape
      expect(() => pairs.pipe(operator)).to.throw(BuildError, 'needs a keyed stream')
    }
  })

  it('keeps or drops the key at run time as its type says', () => {
    const keyed = numbers().pipe(keyOn('key', String))
    expect(keyed.pipe(filter('f', () => true))).to.be.instanceOf(KeyedStream)
    expect(keyed.pipe(merge('m', keyed))).to.be.instanceOf(KeyedStream)
    expect(keyed.pipe(map('map', (pair) => pair))).not.to.be.instanceOf(KeyedStream)
    expect(keyed.pipe(keyRm('rm'))).not.to.be.instanceOf(KeyedStream)
  })

  it('keeps a policy to its own steps', async () => {
    const throws = (n: number): number => {
      if (n === 1) throw new Error('one')
      return n
    }
    expect(
      await through(
        [0, 1, 2],
        withPolicy(
          'skip',
          scoped('s', (up: Stream<number>) => up.pipe(map('m', throws))),
        ),
      ),
    ).to.deep.equal([0, 2])
    const error = await through([0, 1], (up) =>
      up.pipe(
        withPolicy(
          'skip',
          map('kind', (n: number) => n),
        ),
        map('strict', throws),
      ),
    ).catch((thrown: Error) => thrown)
    expect(error).to.be.instanceOf(Error).with.property('message').that.includes('"test.strict"')
  })
})

describe('a source or a sink', () => {
  it('is an object of the right class', () => {
    expect(() => dataflow('test').input('in', untyped([1, 2]))).to.throw(
      BuildError,
      'needs a source',
    )
    expect(() => numbers().output('out', untyped({}))).to.throw(BuildError, 'needs a sink')
  })
})
