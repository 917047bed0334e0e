// What NATS itself carries between two processes, both ways at once, in frames of one size: the
// receiver acknowledges, and the sender has no more than a window under way, as nothing else keeps a
// server from cutting off who lags.
//   bare-nats.mjs <i> <url> <frame bytes> <frames>                     the same bytes in each frame
//   bare-nats.mjs <i> <url> <frame bytes> <frames> <bids in a frame>   each packed and unpacked
// Prints one line of JSON. A wrong answer is an error.
import { Packr } from 'msgpackr'
import { connect } from 'nats'
import { bid } from './bids.mjs'

const [, , own, url, size, count, bidsInFrame] = process.argv
const WINDOW = 4 * 1024 * 1024
const ACK_EVERY = WINDOW / 8
const WARM = 0.4
/** Bids that are made before the clock starts, and sent again and again. */
const PREPARED = 64_000

const frames = Number(count)
const other = own === '0' ? '1' : '0'

/** Frames of the same bytes, which nobody looks into. */
const blank = () => {
  const frame = new Uint8Array(Number(size)).fill(7)
  return { make: () => frame, take: () => {}, sum: () => 0, expected: () => 0, items: 0 }
}

/** Frames of bids: packed by MessagePack with records, which names the fields once a frame. */
const packed = (items) => {
  const packr = new Packr()
  const batches = Array.from({ length: Math.floor(PREPARED / items) }, (_, batch) =>
    Array.from({ length: items }, (_, at) => bid(batch * items + at, other)),
  )
  let sum = 0
  return {
    items,
    make: (number) => packr.pack(batches[number % batches.length]),
    take: (bytes) => {
      for (const { price } of packr.unpack(bytes)) sum = (sum + price) % 1e9
    },
    sum: () => sum,
    expected: () => {
      const sums = batches.map((batch) => batch.reduce((total, { price }) => total + price, 0))
      let all = 0
      for (let number = 0; number < frames; number++) {
        all = (all + sums[number % sums.length]) % 1e9
      }
      return all
    },
  }
}

const work = bidsInFrame === undefined ? blank() : packed(Number(bidsInFrame))
const nats = await connect({ servers: url })

let sent = 0
let bytesSent = 0
let bytesAcknowledged = 0
let acknowledged = 0
let received = 0
let bytesReceived = 0
let bytesTold = 0
let warmAt = 0
let warmBytes = 0
let warmFrames = 0
let cpuAt = process.cpuUsage()
let end = () => {}
const done = new Promise((resolve) => {
  end = resolve
})

const pump = () => {
  while (sent < frames && bytesSent - bytesAcknowledged < WINDOW) {
    const frame = work.make(sent)
    sent += 1
    bytesSent += frame.length
    nats.publish(`bare.${other}`, frame)
  }
}
const tell = () => {
  bytesTold = bytesReceived
  nats.publish(`ack.${other}`, `${received} ${bytesReceived}`)
}

nats.subscribe(`bare.${own}`, {
  callback: (_error, { data }) => {
    received += 1
    bytesReceived += data.length
    work.take(data)
    if (received === Math.ceil(frames * WARM)) {
      warmAt = performance.now()
      warmBytes = bytesReceived
      warmFrames = received
      cpuAt = process.cpuUsage()
    }
    if (bytesReceived - bytesTold >= ACK_EVERY || received === frames) tell()
    if (received === frames) {
      const { user, system } = process.cpuUsage(cpuAt)
      end({ millis: performance.now() - warmAt, cpu: user + system })
    }
  },
})
nats.subscribe(`ack.${own}`, {
  callback: (_error, message) => {
    const [toldFrames, toldBytes] = message.string().split(' ').map(Number)
    acknowledged = Math.max(acknowledged, toldFrames)
    bytesAcknowledged = Math.max(bytesAcknowledged, toldBytes)
    pump()
  },
})
// Both are there before the first frame goes out.
let here = false
nats.subscribe(`here.${own}`, {
  callback: () => {
    here = true
  },
})
while (!here) {
  nats.publish(`here.${other}`)
  await new Promise((resolve) => setTimeout(resolve, 20))
}
nats.publish(`here.${other}`)
pump()
const { millis, cpu } = await done
while (acknowledged < frames) await new Promise((resolve) => setTimeout(resolve, 5))
await nats.flush()
await nats.close()
if (work.sum() !== work.expected()) {
  throw new Error(`The answer is ${work.sum()}, it should be ${work.expected()}.`)
}
const bytes = bytesReceived - warmBytes
const items = (frames - warmFrames) * work.items
process.stdout.write(
  `${JSON.stringify({
    bytesPerSecond: (bytes / millis) * 1000,
    cpuPerGigabyte: (cpu / bytes) * 1000,
    perSecond: (items / millis) * 1000,
    cpuPerMillion: items === 0 ? 0 : cpu / items,
    bytesInFrame: bytesReceived / frames,
  })}\n`,
)
