import { expect } from 'chai'
import type { Operator, Stream } from 'tidemark'
import {
  branch,
  filter,
  filterMap,
  filterMapValue,
  filterValue,
  flatMap,
  flatMapBatch,
  flatMapValue,
  inspect,
  inspectDebug,
  keyed,
  keyOn,
  map,
  mapValue,
} from 'tidemark/operators'
import { all, failure, through, untyped } from '../support/through.ts'

describe('a callback that returns a promise where none is awaited', () => {
  const later = async () => []
  const steps: Record<string, Operator<Stream<[string, number]>, Stream<unknown>>> = {
    map: map('s', untyped(later)),
    filter: filter('s', untyped(later)),
    filterMap: filterMap('s', untyped(later)),
    flatMap: flatMap('s', untyped(later)),
    flatMapBatch: flatMapBatch('s', untyped(later)),
    branch: (up) => up.pipe(branch('s', untyped(later))).trues,
    inspect: inspect('s', untyped(later)),
    inspectDebug: inspectDebug('s', untyped(later)),
    keyOn: keyOn('s', untyped(later)),
    mapValue: (up) => up.pipe(keyed('k'), mapValue('s', untyped(later))),
    filterValue: (up) => up.pipe(keyed('k'), filterValue('s', untyped(later))),
    filterMapValue: (up) => up.pipe(keyed('k'), filterMapValue('s', untyped(later))),
    flatMapValue: (up) => up.pipe(keyed('k'), flatMapValue('s', untyped(later))),
  }

  for (const [name, operator] of Object.entries(steps)) {
    it(`is told of mapAsync by ${name}`, async () => {
      const error = await failure(through(all([1]), operator))
      expect(error.stepId).to.equal('test.s')
      expect(error.message).to.include('mapAsync')
    })
  }

  it('is passed over, every time, under skip', async () => {
    const mapper = untyped(async () => 1)
    expect(await through([1, 2, 3], map('m', mapper), { onError: 'skip' })).to.deep.equal([])
  })
})
