import { expect } from 'chai'
import fc from 'fast-check'
import { parseLiterals } from '../../cli/literals.ts'
import { UsageError } from '../../cli/usage-error.ts'

describe('literals', () => {
  it('are text, numbers, booleans and null', () => {
    expect(parseLiterals(` 'a', "b", 2, -1.5e3, .5, true, false, null `)).to.deep.equal([
      'a',
      'b',
      2,
      -1500,
      0.5,
      true,
      false,
      null,
    ])
    expect(parseLiterals('  ')).to.deep.equal([])
  })

  it('keep commas, quotes and escapes inside text', () => {
    expect(parseLiterals(String.raw`'a, b', "it's", 'it\'s', '\u0041\x42\n\\'`)).to.deep.equal([
      'a, b',
      "it's",
      "it's",
      'AB\n\\',
    ])
  })

  it('come back as they were written as JSON', () => {
    const literal = fc.oneof(fc.boolean(), fc.constant(null), fc.integer(), fc.double())
    const finite = literal.filter((each) => typeof each !== 'number' || Number.isFinite(each))
    const text = fc
      .string({ unit: 'grapheme' })
      .filter((each) => !/\\[bf/]/.test(JSON.stringify(each)))
    fc.assert(
      fc.property(fc.array(fc.oneof(finite, text), { maxLength: 5 }), (values) => {
        const written = values.map((each) => (Object.is(each, -0) ? '-0' : JSON.stringify(each)))
        expect(parseLiterals(written.join(', '))).to.deep.equal(values)
      }),
    )
  })

  for (const text of [
    'x',
    'a.b',
    'f()',
    '[1]',
    '{}',
    '1 2',
    '1,',
    ',1',
    "'open",
    '`t`',
    '1n',
    '0x1f',
    'undefined',
    'true1',
    String.raw`'\q'`,
  ]) {
    it(`are never ${text}`, () => {
      expect(() => parseLiterals(text)).to.throw(UsageError, /can't be read/)
    })
  }
})
