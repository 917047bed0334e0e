import { expect } from 'chai'
import { tidemark } from './children.ts'

const FLOWS = 'spec/cli/flows/flows.ts'

describe('tidemark visualize', () => {
  const FORMATS: readonly (readonly [args: readonly string[], starts: string])[] = [
    [[], 'flowchart TD\nsubgraph "numbers (Dataflow)"\n'],
    [['-o', 'plantuml', '-r'], '@startuml\n'],
    [['-o', 'json'], '{\n  "flow": "numbers"'],
    [['-o', 'svg'], '<svg xmlns="http://www.w3.org/2000/svg"'],
  ]
  for (const [args, starts] of FORMATS) {
    it(`prints the flow and runs nothing of it (${args.join(' ')})`, async () => {
      const child = tidemark(['visualize', FLOWS, ...args])
      expect(await child.ends(), child.stderr).to.equal(0)
      expect(child.stdout.slice(0, starts.length)).to.equal(starts)
      expect(child.stderr).to.equal('')
    })
  }

  it('draws a flow that a module runs itself', async () => {
    const child = tidemark(['visualize', 'spec/cli/flows/runs-itself.ts'])
    expect(await child.ends()).to.equal(0)
    expect(child.stdout)
      .to.match(/^flowchart TD/)
      .and.not.contain('once\n')
  })

  it('says which formats there are', async () => {
    const child = tidemark(['visualize', FLOWS, '-o', 'gif'])
    expect(await child.ends()).to.equal(2)
    expect(child.stderr).to.match(/--output takes mermaid, plantuml, json, svg; got "gif"/)
  })
})
