// Runs the specs: `node .ci/specs.mjs [flags of mocha]`. Most of their time they wait for servers and
// processes of their own, so several mochas run side by side, each with the files of one group, and
// report as one. TIDEMARK_JOBS says how many; where CI=true they run one after the other, for there
// nobody waits, and nothing may depend on how busy a machine is.
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const mocha = fileURLToPath(import.meta.resolve('mocha/bin/mocha.js'))
const SUMMARY = /^(\d+) passed, (\d+) failed, (\d+) skipped$/

/**
 * What the paths below spec/ begin with whose files share a process, and with it what they start once:
 * a broker, a build. Those that take longest come first; the last has the rest.
 */
const GROUPS = [
  ['connectors/kafka/'],
  ['cluster/'],
  ['connectors/kafka/access', 'connectors/kafka/cluster'],
  ['cli/', 'ops/'],
  ['recovery/', 'bench/'],
  ['connectors/'],
  ['house/'],
  ['laws/'],
  [''],
]

/** The files of each group: a file is in that with the longest of the beginnings of its path. */
export const divided = (files) => {
  const claims = GROUPS.flatMap((starts, group) => starts.map((start) => ({ start, group })))
  claims.sort((a, b) => b.start.length - a.start.length)
  const groups = GROUPS.map((starts) => ({ name: starts.join(', ') || 'the rest', files: [] }))
  for (const file of files) {
    groups[claims.find(({ start }) => file.startsWith(start)).group].files.push(file)
  }
  return groups.filter((group) => group.files.length > 0)
}

/** What all groups say together; one that left without its summary counts as a failure. */
export const added = (summaries) =>
  summaries.reduce(
    (sum, summary) => ({
      passed: sum.passed + (summary?.passed ?? 0),
      failed: sum.failed + (summary?.failed ?? 1),
      skipped: sum.skipped + (summary?.skipped ?? 0),
    }),
    { passed: 0, failed: 0, skipped: 0 },
  )

/** Calls `take` with each line, and keeps what is no whole line yet. */
const lines = (take) => {
  let begun = ''
  return {
    write: (text) => {
      const whole = (begun + text).split('\n')
      begun = whole.pop()
      for (const line of whole) take(line)
    },
    end: () => {
      if (begun !== '') take(begun)
    },
  }
}

/** Runs a group. What it says goes to `say`, but for its summary, which is what this resolves to. */
const run = (group, { flags, say, children }) =>
  new Promise((resolve) => {
    const files = group.files.map((file) => `spec/${file}`)
    const child = spawn(process.execPath, [mocha, ...flags, ...files], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    children.add(child)
    let summary = null
    const hear = (line) => {
      const [, passed, failed, skipped] = SUMMARY.exec(line) ?? []
      if (passed === undefined) say(`${line}\n`)
      else summary = { passed: Number(passed), failed: Number(failed), skipped: Number(skipped) }
    }
    for (const stream of [child.stdout, child.stderr]) {
      const heard = lines(hear)
      stream.setEncoding('utf8').on('data', heard.write).on('end', heard.end)
    }
    child.once('error', (error) => say(`The specs of ${group.name} could not begin: ${error}\n`))
    child.once('close', (code, signal) => {
      children.delete(child)
      if (summary === null) say(`The specs of ${group.name} ended early: ${signal ?? code}\n`)
      resolve(summary)
    })
  })

/** One of several speaks at a time, in their order; what the others say is kept until then. */
const turns = (count) => {
  const kept = Array.from({ length: count }, () => [])
  const done = new Set()
  let speaker = 0
  return {
    say: (who, text) => {
      if (who === speaker) process.stdout.write(text)
      else kept[who].push(text)
    },
    end: (who) => {
      done.add(who)
      while (done.has(speaker)) {
        speaker += 1
        for (const text of kept[speaker] ?? []) process.stdout.write(text)
      }
    },
  }
}

const jobsOf = ({ CI, TIDEMARK_JOBS }) => {
  if (TIDEMARK_JOBS) return Math.max(1, Number(TIDEMARK_JOBS))
  return CI === 'true' ? 1 : availableParallelism()
}

const main = async (flags) => {
  const files = readdirSync(new URL('../spec', import.meta.url), { recursive: true })
    .map((file) => String(file).replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.spec.ts'))
    .sort()
  const groups = divided(files)
  const { say, end } = turns(groups.length)
  const children = new Set()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      for (const child of children) child.kill(signal)
      process.exit(1)
    })
  }
  const summaries = []
  let next = 0
  const work = async () => {
    while (next < groups.length) {
      const at = next++
      const began = performance.now()
      const tell = (text) => say(at, text)
      summaries[at] = await run(groups[at], { flags, say: tell, children })
      const seconds = Math.round((performance.now() - began) / 1000)
      tell(`  (${groups[at].name}: ${seconds} s)\n`)
      end(at)
    }
  }
  await Promise.all(Array.from({ length: jobsOf(process.env) }, work))
  const { passed, failed, skipped } = added(summaries)
  process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`)
  process.exitCode = failed === 0 ? 0 : 1
}

if (process.argv[1]?.endsWith('specs.mjs')) await main(process.argv.slice(2))
