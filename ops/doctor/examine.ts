import type { PartNow } from '../../lib/worker/watermarks-behavior.ts'
import { bad, type Finding, good, note, percent, span } from './finding.ts'
import { type FlowNow, type StepSeen, stepsSeen, type TwoLooks } from './flow-now.ts'

/** A partition that has said nothing for this long, while others have, is in the way: milliseconds. */
const LONG_STILL = 30_000
/** The same for a commit. */
const LONG_UNCOMMITTED = 30_000
/** And for an archive. */
const LONG_UNARCHIVED = 300_000
const MANY_EPOCHS = 8
const MOST_EPOCHS = 64
/** Below so many items nothing is said of how they are spread. */
const ENOUGH_ITEMS = 200
const SKEWED = 2
const HOT = 0.3
const BUSY = 0.8

/** Says what holds a running flow back, from two looks at it. */
export const examine = (looks: TwoLooks): readonly Finding[] => {
  const seen = stepsSeen(looks)
  return [
    ...ofFlow(looks),
    ...ofWatermarks(looks.after, seen),
    ...ofSkew(seen),
    ...ofSpeed(looks, seen),
    ...ofRecovery(looks),
    ...ofErrors(looks),
  ]
}

const ofFlow = ({ after }: TwoLooks): readonly Finding[] => {
  const { flow, workers } = after
  const behind = workers.filter(({ reading }) => !reading).map(({ worker }) => worker)
  if (workers.length === 0) return [bad('flow', `No worker of "${flow}" is under way yet.`)]
  if (behind.length > 0) {
    return [
      bad('flow', `"${flow}" does not read yet: worker ${behind.join(', ')} still takes up state.`),
    ]
  }
  if (workers.some(({ stopping }) => stopping)) {
    return [note('flow', `"${flow}" is being stopped.`)]
  }
  return [good('flow', `"${flow}" reads, on ${counted(workers.length, 'worker')}.`)]
}

const ofWatermarks = ({ time }: FlowNow, seen: readonly StepSeen[]): readonly Finding[] => {
  const steps = new Map<string, PartNow[]>()
  for (const { now } of seen) {
    if (now.parts === null) continue
    steps.set(now.step, [...(steps.get(now.step) ?? []), ...now.parts])
  }
  return [...steps].map(([step, parts]) => ofWatermark(step, parts, time))
}

const ofWatermark = (step: string, parts: readonly PartNow[], now: number): Finding => {
  const [first, ...others] = parts.toSorted((a, b) => timeOf(a) - timeOf(b))
  if (first === undefined) {
    return note(
      'watermark',
      `No source partition has a say in the watermark of "${step}": all are idle or at their end.`,
    )
  }
  const name = `partition "${first.part}" of "${first.source}"`
  const next = others[0]
  if (first.watermark === null) {
    const ahead = others.some(({ watermark }) => watermark !== null)
    const says = `"${step}" has no watermark yet: ${name} has given no item${since(first, now)}`
    return ahead
      ? bad('watermark', `${says}, and the others wait for it. idleAfter would leave it out.`)
      : note('watermark', `${says}.`)
  }
  const lag = span(Math.max(0, now - first.watermark))
  const still = first.movedAt === null ? first.idleFor : now - first.movedAt
  const gap = next === undefined ? 0 : timeOf(next) - first.watermark
  const says = `The watermark of "${step}" is ${lag} behind the clock`
  if (still >= LONG_STILL && gap > 0) {
    const last = new Date(now - still).toISOString()
    return bad(
      'watermark',
      `${says}: ${name} holds it back since ${last} (${span(still)} ago); the next one is ${span(gap)} ahead. See why that partition is still, or let idleAfter leave it out.`,
    )
  }
  return gap > LONG_STILL
    ? note('watermark', `${says}; ${name} is the furthest behind, by ${span(gap)}.`)
    : good('watermark', `${says}; ${evenness(gap, name)}.`)
}

/** Nobody is told of a second that partitions are apart. */
const evenness = (gap: number, name: string): string =>
  gap > 1000 ? `${name} is the furthest behind, by ${span(gap)}` : 'no partition holds it back'

const timeOf = ({ watermark }: PartNow): number => watermark ?? Number.NEGATIVE_INFINITY

const since = ({ idleFor, movedAt }: PartNow, now: number): string => {
  const still = movedAt === null ? idleFor : now - movedAt
  return still > 0 ? ` for ${span(still)}` : ''
}

const ofSkew = (seen: readonly StepSeen[]): readonly Finding[] => {
  const found: Finding[] = []
  for (const [step, shares] of byStep(seen.filter(({ now }) => now.keys !== null))) {
    const total = sum(shares.map(({ taken }) => taken))
    const most = shares.reduce((a, b) => (b.taken > a.taken ? b : a))
    const mean = total / shares.length
    if (shares.length > 1 && total >= ENOUGH_ITEMS && most.taken > SKEWED * mean) {
      found.push(
        note(
          'skew',
          `Worker ${most.worker} takes ${percent(most.taken / total)} of the items of "${step}", ${(most.taken / mean).toFixed(1)} times its share.${hotOf(shares)}`,
        ),
      )
      continue
    }
    const hot = total >= ENOUGH_ITEMS ? hotOf(shares) : ''
    if (hot !== '' && shares.length > 1) found.push(note('skew', `"${step}":${hot}`))
  }
  return found.length > 0 ? found : [good('skew', 'No worker has far more to do than the others.')]
}

/** The key that alone makes much of the work of its worker. */
const hotOf = (shares: readonly StepSeen[]): string => {
  const hot = shares
    .flatMap(({ now, worker }) =>
      (now.hotKeys ?? []).slice(0, 1).map(([key, share]) => ({ key, share, worker })),
    )
    .filter(({ share }) => share >= HOT)
    .sort((a, b) => b.share - a.share)[0]
  return hot === undefined
    ? ''
    : ` Of worker ${hot.worker}'s items about ${percent(hot.share)} have the key ${JSON.stringify(hot.key.slice(0, 80))}: a key is one worker's, so more workers do not help; split it, or fold before.`
}

const ofSpeed = (looks: TwoLooks, seen: readonly StepSeen[]): readonly Finding[] => {
  const stuck = seen.filter(
    ({ now, taken, busy }) =>
      now.queuedItems > 0 && taken === 0 && busy < BUSY && (now.held || !now.blocked),
  )
  const after = span(looks.after.time - looks.before.time)
  const found = stuck.map(({ now, worker }) =>
    bad(
      'speed',
      `"${now.step}" on worker ${worker} took nothing for ${after} while ${counted(now.queuedItems, 'item')} wait: it waits for calls that are under way. See what it calls; a timeout or a circuit bounds that.`,
    ),
  )
  const slow = seen
    .filter(({ busy, now }) => busy >= BUSY || (now.queuedItems > 0 && busy >= BUSY / 2))
    .sort((a, b) => b.busy - a.busy || b.now.queuedItems - a.now.queuedItems)[0]
  if (slow !== undefined) {
    const { now, worker, busy } = slow
    const names = now.fused.length > 1 ? ` (runs as one with ${now.fused.slice(1).join(', ')})` : ''
    found.push(
      note(
        'speed',
        `"${now.step}"${names} on worker ${worker} is the slowest: it is at work ${percent(busy)} of the time, and ${counted(now.queuedItems, 'item')} wait for it. More workers share a keyed step; else its code is where time goes.`,
      ),
    )
  }
  for (const { worker, loopDelay } of looks.after.workers) {
    if (loopDelay === null || loopDelay.p99 < 0.25) continue
    found.push(
      note(
        'speed',
        `The thread of worker ${worker} answers up to ${span(loopDelay.max * 1000)} late: code of the flow blocks it.`,
      ),
    )
  }
  return found.length > 0 ? found : [good('speed', 'No step is at its limit, and none is stuck.')]
}

const ofRecovery = ({ before, after }: TwoLooks): readonly Finding[] => {
  const { workers, sinceCommit, committed } = after
  const recorders = workers.map(({ recorder }) => recorder).filter((each) => each !== null)
  if (recorders.every(({ partitions }) => (partitions ?? 0) === 0)) {
    return [
      note(
        'recovery',
        'No snapshots are kept: after a crash the flow begins anew. Run it with --recovery-directory.',
      ),
    ]
  }
  const found: Finding[] = []
  const failures = sum(recorders.map((each) => each.failures))
  const earlier = sum(before.workers.map(({ recorder }) => recorder?.failures ?? 0))
  if (failures > earlier) {
    found.push(
      bad(
        'recovery',
        `Snapshots can't be written: ${failures - earlier} of the latest tries failed. See the disk of the recovery directory; the flow goes on until too many epochs wait.`,
      ),
    )
  }
  const open = Math.max(0, ...workers.map(({ epoch }) => epoch - committed))
  if (open >= MOST_EPOCHS) {
    found.push(
      bad(
        'recovery',
        `${open} epochs wait to be committed, and sources wait for them: see what is stuck.`,
      ),
    )
  } else if (open >= MANY_EPOCHS) {
    found.push(
      note('recovery', `${open} epochs wait to be committed; at ${MOST_EPOCHS} sources wait.`),
    )
  }
  const late = Math.max(LONG_UNCOMMITTED, 5 * epochLength(after))
  if (sinceCommit !== null && sinceCommit * 1000 > late) {
    found.push(
      bad(
        'recovery',
        `The newest snapshot is ${span(sinceCommit * 1000)} old: that much would be read again after a crash.`,
      ),
    )
  }
  const archived = Math.max(0, ...recorders.map(({ archive }) => archive?.lagMillis ?? 0))
  if (archived > LONG_UNARCHIVED) {
    found.push(
      bad(
        'recovery',
        `The archive is ${span(archived)} behind the store: that much is lost if the host is. See whether the archive can be reached.`,
      ),
    )
  }
  if (found.length > 0) return found
  const age = sinceCommit === null ? '' : `, the newest snapshot is ${span(sinceCommit * 1000)} old`
  return [good('recovery', `Epoch ${committed} is the next to be committed${age}.`)]
}

const epochLength = ({ workers }: FlowNow): number =>
  Math.max(0, ...workers.map(({ epochs }) => epochs.sum / Math.max(1, sum(epochs.counts))))

const MOST_MESSAGES = 3

const ofErrors = ({ before, after }: TwoLooks): readonly Finding[] => {
  const found: Finding[] = []
  for (const { worker, circuits } of after.workers) {
    for (const [step, state, opened] of circuits) {
      if (state === 'closed') continue
      found.push(
        bad(
          'errors',
          `"${step}" on worker ${worker} rests: all it tries fails (its circuit has opened ${opened} times).`,
        ),
      )
    }
  }
  const skipped = countsOf(after, 'skipped')
  const earlier = countsOf(before, 'skipped')
  const letters = countsOf(after, 'deadLettered')
  for (const [step, items] of skipped) {
    const more = items - (earlier.get(step) ?? 0)
    const kept = letters.get(step) ?? 0
    found.push(
      note(
        'errors',
        `"${step}" has passed over ${counted(items, 'failed item')}${more > 0 ? `, ${more} of them just now` : ''}${kept > 0 ? `; ${kept} are kept as dead letters` : ''}.`,
      ),
    )
  }
  for (const { level, message, time } of after.messages.slice(-MOST_MESSAGES)) {
    if (level === 'info') continue
    found.push(
      note('errors', `Said ${span(Math.max(0, after.time - time))} ago: ${message.slice(0, 300)}`),
    )
  }
  return found.length > 0 ? found : [good('errors', 'No item has failed.')]
}

const countsOf = (
  { workers }: FlowNow,
  what: 'skipped' | 'deadLettered',
): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const worker of workers) {
    for (const [step, items] of worker[what]) counts.set(step, (counts.get(step) ?? 0) + items)
  }
  return counts
}

const byStep = (seen: readonly StepSeen[]): ReadonlyMap<string, readonly StepSeen[]> => {
  const steps = new Map<string, StepSeen[]>()
  for (const each of seen) steps.set(each.now.step, [...(steps.get(each.now.step) ?? []), each])
  return steps
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`
