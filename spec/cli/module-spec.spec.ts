import { expect } from 'chai'
import { parseModuleSpec } from '../../cli/module-spec.ts'
import { UsageError } from '../../cli/usage-error.ts'

describe('a module on the command line', () => {
  const readings: readonly (readonly [text: string, module: string, name: string | null])[] = [
    ['examples/basic.ts:flow', 'examples/basic.ts', 'flow'],
    ['examples/basic:flow', 'examples/basic', 'flow'],
    ['examples/basic.ts', 'examples/basic.ts', null],
    ['my-package/flows:orders', 'my-package/flows', 'orders'],
    ['@scope/flows:$orders_2', '@scope/flows', '$orders_2'],
    ['C:\\flows\\basic.ts:flow', 'C:\\flows\\basic.ts', 'flow'],
    ['file:///flows/basic.ts', 'file:///flows/basic.ts', null],
  ]
  for (const [text, module, name] of readings) {
    it(`${text} is ${module} and ${name ?? 'its own choice'}`, () => {
      expect(parseModuleSpec(text)).to.deep.equal({ module, name, args: null })
    })
  }

  it('may call a factory with literals, colons among them', () => {
    expect(parseModuleSpec(`flows.ts:make('a:b', 2)`)).to.deep.equal({
      module: 'flows.ts',
      name: 'make',
      args: ['a:b', 2],
    })
    expect(parseModuleSpec('flows.ts:make()').args).to.deep.equal([])
  })

  for (const text of [
    '',
    ':flow',
    'flows.ts:',
    'flows.ts:1st',
    'flows.ts:make(1',
    'flows.ts:a.b()',
  ]) {
    it(`is refused as "${text}"`, () => {
      expect(() => parseModuleSpec(text)).to.throw(UsageError)
    })
  }
})
