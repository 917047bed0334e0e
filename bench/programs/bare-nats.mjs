// What NATS itself carries between two processes, both ways at once, in frames of one size: the
// receiver acknowledges, and the sender has no more than a window under way, as nothing else keeps a
// server from cutting off who lags.
//   bare-nats.mjs <i> <url> <frame bytes> <frames>
// Prints one line of JSON.
import { connect } from 'nats'

const [, , own, url, size, count] = process.argv
const WINDOW = 4 * 1024 * 1024
const ACK_EVERY = WINDOW / 8
const WARM = 0.4

const frames = Number(count)
const bytes = Number(size)
const other = own === '0' ? '1' : '0'
const nats = await connect({ servers: url })
const frame = new Uint8Array(bytes).fill(7)

let sent = 0
let acknowledged = 0
let received = 0
let told = 0
let warmAt = 0
let cpuAt = process.cpuUsage()
let end = () => {}
const done = new Promise((resolve) => {
  end = resolve
})

const pump = () => {
  while (sent < frames && (sent - acknowledged) * bytes < WINDOW) {
    sent += 1
    nats.publish(`bare.${other}`, frame)
  }
}
const tell = () => {
  told = received
  nats.publish(`ack.${other}`, String(received))
}

nats.subscribe(`bare.${own}`, {
  callback: () => {
    received += 1
    if (received === Math.ceil(frames * WARM)) {
      warmAt = performance.now()
      cpuAt = process.cpuUsage()
    }
    if ((received - told) * bytes >= ACK_EVERY || received === frames) tell()
    if (received === frames) {
      const { user, system } = process.cpuUsage(cpuAt)
      end({ millis: performance.now() - warmAt, cpu: user + system })
    }
  },
})
nats.subscribe(`ack.${own}`, {
  callback: (_error, message) => {
    acknowledged = Math.max(acknowledged, Number(message.string()))
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
const bytesMeasured = frames * (1 - WARM) * bytes
process.stdout.write(
  `${JSON.stringify({
    bytesPerSecond: (bytesMeasured / millis) * 1000,
    cpuPerGigabyte: (cpu / bytesMeasured) * 1000,
  })}\n`,
)
