import { resolve } from 'node:path'
import { expect } from 'chai'
import { userLine } from '../../../lib/errors/user-line.ts'

const thrownAt = (...frames: readonly string[]): Error => {
  const error = new Error('broken')
  error.stack = ['Error: broken', ...frames.map((frame) => `    at ${frame}`)].join('\n')
  return error
}

describe("the user's line", () => {
  it("is the first that is neither the engine's, nor a package's, nor Node's", () => {
    const error = thrownAt(
      'node:fs/promises:1033:18',
      'async open (node:internal/fs/promises:639:25)',
      `Actor.run (${resolve('lib/actor/actor.ts')}:130:20)`,
      `main (file://${resolve('cli/main.ts')}:1:1)`,
      '/app/node_modules/rxjs/dist/cjs/Subscriber.js:71:12',
      'mapper (file:///app/flow.ts:5:83)',
      '/app/late.ts:1:1',
    )
    expect(userLine(error)).to.equal('/app/flow.ts:5:83')
  })

  it('is none where no code of theirs was running, or what was thrown is no error', () => {
    expect(userLine(thrownAt('node:fs/promises:1033:18'))).to.equal(undefined)
    expect(userLine('broken')).to.equal(undefined)
  })
})
