// What an attack on the API costs the flow behind it: the throughput that is left of a flow that has
// a core for itself, as a share.
//
// The flow always has something to read, so what the API takes of the thread the flow misses. It is
// read off CPU time, before, under and after the attack: what was used beyond what the items cost
// in peace, each second. So neighbors on the machine, which take time from both, count for nothing.
// Run as `node --import tsx --conditions source bench/programs/siege.mjs <attack> [seconds] [rounds]`.
import { fork } from 'node:child_process'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import {
  DynamicSink,
  DynamicSource,
  dataflow,
  StatelessSinkPartition,
  StatelessSourcePartition,
  start,
} from 'tidemark'
import { filter, map } from 'tidemark/operators'
import { serveApi } from 'tidemark/ops'

const MIB = 1024 * 1024

const serve = async () => {
  const batch = Array.from({ length: 1000 }, (_, id) => ({ id, price: id % 97 }))
  class Part extends StatelessSourcePartition {
    nextBatch() {
      return batch
    }
  }
  class Source extends DynamicSource {
    build() {
      return new Part()
    }
  }
  class Nothing extends StatelessSinkPartition {
    writeBatch() {}
  }
  class Sink extends DynamicSink {
    build() {
      return new Nothing()
    }
  }
  const flow = dataflow('besieged')
  flow
    .input('in', new Source())
    .pipe(
      filter('half', ({ id }) => id % 2 === 0),
      map('price', ({ price }) => price + 1),
    )
    .output('out', new Sink())
  const execution = start(flow)
  const api = await serveApi(execution, { flow, port: 0 })
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send({ items: execution.metrics().itemsIn, cpu: user + system })
  })
  process.on('disconnect', () => void execution.stop())
  process.send({ port: Number(new URL(api.url).port) })
  await execution.done
}

const head = (method, path, ...lines) =>
  [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...lines, '', ''].join('\r\n')

const call = (port, text) => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {}).resume()
  socket.write(text)
  return socket
}

/** Begins an attack; what it gives ends it. */
const repeated = (every, act) => {
  const open = new Set()
  const timer = setInterval(() => {
    const socket = act()
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  }, every)
  return () => {
    clearInterval(timer)
    for (const socket of open) socket.destroy()
  }
}

const crowd = (size, make) => {
  const sockets = Array.from({ length: size }, make)
  return () => {
    for (const socket of sockets) socket.destroy()
  }
}

const ATTACKS = {
  // Two hundred scrapes a second.
  scrapes: (port) => repeated(100, () => call(port, head('GET', '/metrics').repeat(20))),
  streams: (port) => crowd(1000, () => call(port, head('GET', '/flow/live'))),
  heads: (port) => crowd(200, () => call(port, 'GET /flow HTTP/1.1\r\nHos')),
  bombs: (port) =>
    repeated(50, () => call(port, head('GET', '/flow', `X-Bomb: ${'b'.repeat(100_000)}`))),
  hosts: (port) =>
    repeated(50, () => call(port, 'POST /stop HTTP/1.1\r\nHost: evil.example\r\n\r\n')),
  paths: (port) => repeated(50, () => call(port, head('GET', '/state/%2e%2e/%2e%2e%2fetc'))),
  bodies: (port) =>
    repeated(200, () => {
      const socket = call(port, head('POST', '/stop', `Content-Length: ${100 * MIB}`))
      const more = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536)));
      }
      socket.on('drain', more)
      more()
      return socket
    }),
}

/** Milliseconds between two looks at the flow when its compiler and its attackers have settled. */
const SETTLED = 3000

const besiege = async (name, { seconds, rounds }) => {
  if (!Object.hasOwn(ATTACKS, name)) {
    throw new RangeError(
      `There is no attack "${name}"; there are ${Object.keys(ATTACKS).join(', ')}.`,
    )
  }
  const child = fork(fileURLToPath(import.meta.url), ['serve'])
  const heard = () => new Promise((resolve) => child.once('message', resolve))
  const { port } = await heard()
  const look = async () => {
    const told = heard()
    child.send('look')
    return { ...(await told), at: performance.now() }
  }
  const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis))
  const lap = async () => {
    const before = await look()
    await pause(1000 * seconds)
    const after = await look()
    return {
      items: after.items - before.items,
      cpu: after.cpu - before.cpu,
      wall: 1000 * (after.at - before.at),
    }
  }
  await pause(SETTLED)
  const left = []
  for (let round = 0; round < rounds; round++) {
    const before = await lap()
    const end = ATTACKS[name](port)
    const under = await lap()
    end()
    await pause(200)
    const after = await lap()
    const peaceful = (before.cpu + after.cpu) / (before.items + after.items)
    left.push(1 - (under.cpu - under.items * peaceful) / under.wall)
  }
  child.disconnect()
  return left.toSorted((a, b) => a - b)[Math.floor(rounds / 2)]
}

const [, , what, seconds = '2', rounds = '9'] = process.argv
if (what === 'serve') await serve()
else {
  const left = await besiege(what, { seconds: Number(seconds), rounds: Number(rounds) })
  process.stdout.write(`${left.toFixed(3)}\n`)
}
