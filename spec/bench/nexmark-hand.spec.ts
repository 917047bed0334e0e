import { expect } from 'chai'
import { MEASURED } from '../../bench/nexmark/catalog.ts'
import { GOLDEN, GOLDEN_EVENTS } from '../../bench/nexmark/golden.ts'
import { makeEvents } from '../../bench/nexmark/measure.ts'
import { finalRows } from '../../bench/nexmark/query.ts'

describe('Nexmark by hand', () => {
  let batches: ReturnType<typeof makeEvents> = []

  before(() => {
    batches = makeEvents(GOLDEN_EVENTS)
  })

  for (const { query, sums, expected } of GOLDEN) {
    it(`${query.id}: the loop that the flow is measured by gives the golden answer`, () => {
      const rows: unknown[] = []
      MEASURED.find((one) => one.query.id === query.id)?.hand(batches, (some) => {
        for (const row of some) rows.push(row)
      })
      expect(sums(finalRows(query, rows))).to.deep.equal(expected)
    })
  }
})
