import { expect } from 'chai'
import { compile } from '../../../lib/runtime/compile.ts'

describe('compile', () => {
  it('gives the same code again for the same text and name, so that it is warm', () => {
    const body = 'return () => 1'
    expect(compile(body, 'compile-spec.one')).to.equal(compile(body, 'compile-spec.one'))
  })

  it('gives each name, and each text, code of its own', () => {
    const body = 'return () => 2'
    const made = compile<() => number>(body, 'compile-spec.two')
    expect(compile(body, 'compile-spec.three')).not.to.equal(made)
    expect(compile<() => number>('return () => 3', 'compile-spec.two')?.()).to.equal(3)
    expect(made?.()).to.equal(2)
  })

  it('lets go of what was not asked for for long', () => {
    const oldest = compile('return () => 4', 'compile-spec.oldest')
    const used = compile('return () => 5', 'compile-spec.used')
    for (let other = 0; other < 512; other += 1) {
      compile(`return () => ${other}`, 'compile-spec.other')
      compile('return () => 5', 'compile-spec.used')
    }
    expect(compile('return () => 5', 'compile-spec.used')).to.equal(used)
    expect(compile('return () => 4', 'compile-spec.oldest')).not.to.equal(oldest)
  })
})
