import { expect } from 'chai'
import { BuildError, type DeadLetter, dataflow, run, start } from 'tidemark'
import { type MapAsyncOptions, map, mapAsync } from 'tidemark/operators'
import { TestingSink, TestingSource } from 'tidemark/testing'
import { World } from '../support/async-world.ts'
import { failure } from '../support/through.ts'

describe('mapAsync, when calls fail', () => {
  it('tries a failed item again, waiting twice as long each time', async () => {
    const world = new World()
    const at: number[] = []
    const began = world.runtime.now()
    const flaky = async (n: number): Promise<number> => {
      if (n === 2) at.push(world.runtime.now() - began)
      if (n === 2 && at.length < 3) throw new Error('not yet')
      return n * 10
    }
    await world.run([1, 2, 3], flaky, {
      concurrency: 2,
      retry: { attempts: 3, backoff: 100 },
    })
    expect(world.sink.items).to.deep.equal([10, 20, 30])
    expect(at.map((time) => time - (at[0] as number))).to.deep.equal([0, 100, 300])
  })

  it('gives up after so many tries', async () => {
    const world = new World()
    let tries = 0
    const error = await failure(
      world.run(
        [1],
        async () => {
          tries += 1
          throw new Error('never')
        },
        { concurrency: 1, retry: { attempts: 3, backoff: 1 } },
      ),
    )
    expect(tries).to.equal(3)
    expect(error.message).to.include('Step "test.call" failed in mapper on 1: never')
  })

  it('tries as the error policy says where it has no tries of its own', async () => {
    const world = new World()
    let tries = 0
    await world.run(
      [1],
      () => {
        tries += 1
        if (tries < 3) throw new Error('not yet')
        return 7
      },
      { concurrency: 1, onError: { retry: { attempts: 3, backoff: 1 } } },
    )
    expect(world.sink.items).to.deep.equal([7])
  })

  it('gives a call up that takes too long, tells it so, and ignores what it gives', async () => {
    const world = new World()
    const aborted: unknown[] = []
    const error = await failure(
      world.run(
        [1],
        (n, signal) => {
          signal.addEventListener('abort', () => aborted.push(signal.reason))
          return world.wait(1000).then(() => n)
        },
        { concurrency: 1, timeout: { seconds: 0.5 } },
      ),
    )
    expect(error.message).to.include('TimeoutError: no result within 500 ms')
    expect(aborted).to.have.length(1)
    expect(world.sink.items).to.deep.equal([])
  })

  it('tries again after a timeout', async () => {
    const world = new World()
    let tries = 0
    await world.run([1], () => world.wait(tries++ === 0 ? 900 : 10).then(() => tries), {
      concurrency: 1,
      timeout: 100,
      retry: { attempts: 2, backoff: 10 },
    })
    expect(world.sink.items).to.deep.equal([2])
  })

  it('ignores what a call gives after it was given up, also while the next try is pending', async () => {
    for (const late of ['resolves', 'rejects']) {
      const world = new World()
      let tries = 0
      const call = async (): Promise<number> => {
        tries += 1
        if (tries === 2) return world.wait(150).then(() => 2)
        await world.wait(300)
        if (late === 'rejects') throw new Error('late')
        return 1
      }
      await world.run([1], call, {
        concurrency: 1,
        timeout: 200,
        retry: { attempts: 2, backoff: 10 },
      })
      expect(world.sink.items).to.deep.equal([2])
    }
  })

  it('passes items over under skip and counts them', async () => {
    const world = new World()
    const odd = async (n: number): Promise<number> => {
      if (n % 2 === 0) throw new Error('even')
      return n
    }
    const { skipped } = await world.run([1, 2, 3, 4, 5], odd, { concurrency: 2, onError: 'skip' })
    expect(world.sink.items).to.deep.equal([1, 3, 5])
    expect(skipped).to.equal(2)
  })

  it('hands what it gives up on to the dead letters, with the epoch of the item', async () => {
    const world = new World()
    const letters = new TestingSink<DeadLetter>()
    await world.run(
      [1, 2, 3],
      async (n) => {
        await world.wait(5)
        if (n === 2) throw new Error('no')
        return n
      },
      { concurrency: 1, onError: { deadLetter: letters }, epochInterval: 0 },
    )
    expect(letters.items.map(({ stepId, item, epoch }) => [stepId, item, epoch])).to.deep.equal([
      ['test.call', 2, 2],
    ])
    expect(world.sink.items).to.deep.equal([1, 3])
  })

  it('awaits what is pending when the flow is stopped, and begins nothing new', async () => {
    const world = new World()
    const flow = dataflow('test')
    const endless = (function* () {
      for (let n = 0; ; n++) yield n
    })()
    flow
      .input('in', new TestingSource(endless))
      .pipe(
        mapAsync(
          'call',
          world.call(() => 1000),
          { concurrency: 2 },
        ),
      )
      .output('out', world.sink)
    const execution = start(flow, { runtime: world.runtime })
    world.runtime.after(1500, () => void execution.stop())
    const { reason } = await world.runtime.run(execution.done)
    expect(reason).to.equal('stopped')
    expect(world.sink.items).to.deep.equal(world.began.map((n) => n * 10))
  })

  it('aborts what is pending when the run fails elsewhere', async () => {
    const world = new World()
    const flow = dataflow('test')
    const numbers = flow.input('in', new TestingSource([1, 2]))
    let aborted = false
    numbers
      .pipe(
        mapAsync(
          'call',
          (_, signal) => {
            signal.addEventListener('abort', () => {
              aborted = true
            })
            return new Promise<number>(() => {})
          },
          { concurrency: 1 },
        ),
      )
      .output('out', world.sink)
    numbers
      .pipe(
        map('boom', (n) => {
          if (n === 2) throw new Error('boom')
          return n
        }),
      )
      .output('other', new TestingSink())
    await failure(world.runtime.run(run(flow, { runtime: world.runtime })))
    expect(aborted).to.equal(true)
  })

  it('refuses options that make no sense', () => {
    const make = (options: MapAsyncOptions) => () =>
      mapAsync('call', async (n: number) => n, options)
    expect(make({ concurrency: 0 })).to.throw(BuildError, 'mapAsync "call": concurrency')
    expect(make({ concurrency: 1, timeout: -1 })).to.throw(BuildError, 'timeout')
    expect(make({ concurrency: 1, retry: { attempts: 0, backoff: 1 } })).to.throw(
      BuildError,
      'retry.attempts',
    )
  })
})
