import type { Step } from '../../lib/flow/step.ts'

/** What the inputs of a step are called, in order; several streams may share one. */
export const inputNames = ({ spec, ups }: Step): readonly string[] => {
  if (spec.kind === 'merge') return ups.map(() => 'ups')
  if (ups.length < 2) return ups.map(() => 'up')
  if (spec.kind !== 'keyed') return ups.map(() => 'ups')
  const { arrivals } = spec
  if (arrivals === undefined) return ups.map(() => 'sides')
  return ups.map((_, at) => (arrivals[at] === 'all' ? 'side' : 'up'))
}

const WINDOWS = ['down', 'late', 'meta']

/** What the outputs of a step are called, by their numbers. */
export const outputNames = ({ spec }: Step): readonly string[] => {
  switch (spec.kind) {
    case 'sink':
    case 'raises':
      return []
    case 'branch':
      return ['trues', 'falses']
    case 'keyed':
      if (spec.outputs === WINDOWS.length) return WINDOWS
      return Array.from({ length: spec.outputs }, (_, at) => (at === 0 ? 'down' : `down${at + 1}`))
    default:
      return ['down']
  }
}
