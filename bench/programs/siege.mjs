// What attacks on the API cost the flow behind it: throughput under each, to that before and after.
// The flow has its process for itself and always something to read, so items are counted by the
// process's CPU time: what the API takes of it is missed by the flow, and neighbors count for nothing.
// Run as `node --import tsx --conditions source bench/programs/siege.mjs [seconds]`.
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

const ROUNDS = 9
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
  '1 000 idle streams': (port) => crowd(1000, () => call(port, head('GET', '/flow/live'))),
  '200 slow heads': (port) => crowd(200, () => call(port, 'GET /flow HTTP/1.1\r\nHos')),
  '20 head bombs a second': (port) =>
    repeated(50, () => call(port, head('GET', '/flow', `X-Bomb: ${'b'.repeat(100_000)}`))),
  '20 foreign hosts a second': (port) =>
    repeated(50, () => call(port, 'POST /stop HTTP/1.1\r\nHost: evil.example\r\n\r\n')),
  '20 traversals a second': (port) =>
    repeated(50, () => call(port, head('GET', '/state/%2e%2e/%2e%2e%2fetc'))),
  'bodies of 100 MB': (port) =>
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

const besiege = async (seconds) => {
  const child = fork(fileURLToPath(import.meta.url), ['serve'])
  const heard = () => new Promise((resolve) => child.once('message', resolve))
  const { port } = await heard()
  const look = () => {
    const told = heard()
    child.send('look')
    return told
  }
  const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis))
  const throughput = async () => {
    const before = await look()
    await pause(1000 * seconds)
    const after = await look()
    return (after.items - before.items) / (after.cpu - before.cpu)
  }
  await pause(3000)
  for (const [name, attack] of Object.entries(ATTACKS)) {
    const ratios = []
    for (let round = 0; round < ROUNDS; round++) {
      const before = await throughput()
      const end = attack(port)
      const under = await throughput()
      end()
      await pause(200)
      ratios.push((2 * under) / (before + (await throughput())))
    }
    const median = ratios.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)]
    process.stdout.write(`${median.toFixed(3)}  ${name}\n`)
  }
  child.disconnect()
}

if (process.argv[2] === 'serve') await serve()
else await besiege(Number(process.argv[2] ?? 2))
