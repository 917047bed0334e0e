import { expect } from 'chai'
import { dataflow } from 'tidemark'
import { collectWindow, EventClock, keyed, TumblingWindower } from 'tidemark/operators'
import { type FlowGraph, type GraphNode, toJson, toMermaid, toPlantUml, toSvg } from 'tidemark/ops'
import { TestingSink, TestingSource } from 'tidemark/testing'
import { fanned, hostile, linear, merged, nested } from './flows.ts'

const graphOf = (text: string): FlowGraph => JSON.parse(text) as FlowGraph

const all = (nodes: readonly GraphNode[]): readonly GraphNode[] =>
  nodes.flatMap((node) => [node, ...all(node.steps)])

const portFrom = (graph: FlowGraph, id: string): readonly string[] | undefined =>
  all(graph.steps)
    .flatMap(({ inputs, outputs }) => [...inputs, ...outputs])
    .find((port) => port.id === id)?.from

describe('The graph of a flow', () => {
  describe('as JSON', () => {
    it('holds the steps, their ports and where items come from (196)', () => {
      const { flow, steps } = graphOf(toJson(linear()))
      expect(flow).to.equal('linear')
      expect(steps.map(({ id, operator }) => [id, operator])).to.deep.equal([
        ['nums', 'input'],
        ['add_one', 'map'],
        ['out', 'output'],
      ])
      expect(steps[0]?.inputs).to.deep.equal([])
      expect(steps[1]?.inputs).to.deep.equal([
        { name: 'up', id: 'add_one.up', from: ['nums.down'] },
      ])
      expect(steps[1]?.outputs).to.deep.equal([{ name: 'down', id: 'add_one.down', from: [] }])
      expect(steps[2]?.outputs).to.deep.equal([])
    })

    it('lets two steps read one output (197)', () => {
      const graph = graphOf(toJson(fanned()))
      expect(portFrom(graph, 'add_one.up')).to.deep.equal(['nums.down'])
      expect(portFrom(graph, 'add_two.up')).to.deep.equal(['nums.down'])
    })

    it('has the streams of a merge at one input, in order (198)', () => {
      expect(portFrom(graphOf(toJson(merged())), 'all.ups')).to.deep.equal([
        'ones.down',
        'twos.down',
      ])
    })

    it('goes through the ports of composites, level by level', () => {
      const graph = graphOf(toJson(nested()))
      const from = (id: string) => portFrom(graph, id)
      expect(graph.steps.map(({ id }) => id))
        .to.include('outer')
        .and.not.include('outer.even')
      expect(from('outer.up')).to.deep.equal(['nums.down'])
      expect(from('outer.even.up')).to.deep.equal(['outer.up'])
      expect(from('outer.inner.up')).to.deep.equal(['outer.even.down'])
      expect(from('outer.inner.half.up')).to.deep.equal(['outer.inner.up'])
      expect(from('outer.inner.down')).to.deep.equal(['outer.inner.half.down'])
      expect(from('outer.big.up')).to.deep.equal(['outer.inner.down'])
      expect(from('outer.trues')).to.deep.equal(['outer.big.trues'])
      expect(from('key.up')).to.deep.equal(['outer.trues'])
      expect(from('small.up')).to.deep.equal(['outer.falses'])
    })

    it('names the three outputs of windows', () => {
      const flow = dataflow('windows')
      flow
        .input('in', new TestingSource([['a', 1]] as [string, number][]))
        .pipe(
          keyed('keys'),
          collectWindow('win', {
            clock: new EventClock({ timestamp: (n: number) => n, wait: 0 }),
            windower: new TumblingWindower({ length: 10, alignTo: 0 }),
          }),
        )
        .meta.output('out', new TestingSink())
      const outputs = graphOf(toJson(flow))
        .steps.find(({ id }) => id === 'win')
        ?.outputs.map(({ name }) => name)
      expect(outputs).to.deep.equal(['down', 'late', 'meta'])
    })

    it('gives every port an id of its own', () => {
      for (const flow of [linear(), merged(), nested(), hostile()]) {
        const ports = all(graphOf(toJson(flow)).steps).flatMap(({ inputs, outputs }) =>
          [...inputs, ...outputs].map(({ id }) => id),
        )
        expect(new Set(ports).size).to.equal(ports.length)
      }
    })
  })

  describe('as Mermaid', () => {
    it('is a node a step and a line a stream (199)', () => {
      expect(toMermaid(linear())).to.equal(
        [
          'flowchart TD',
          'subgraph "linear (Dataflow)"',
          'linear.nums["nums (input)"]',
          'linear.add_one["add_one (map)"]',
          'linear.nums -- "down → up" --> linear.add_one',
          'linear.out["out (output)"]',
          'linear.add_one -- "down → up" --> linear.out',
          'end',
        ].join('\n'),
      )
    })

    it('draws a line for each reader of a stream (200)', () => {
      expect(toMermaid(fanned()).split('\n')).to.include.members([
        'fanned.nums -- "down → up" --> fanned.add_one',
        'fanned.nums -- "down → up" --> fanned.add_two',
      ])
    })

    it('draws a line for each stream of a merge (201)', () => {
      expect(toMermaid(merged()).split('\n')).to.include.members([
        'merged.all["all (merge)"]',
        'merged.ones -- "down → ups" --> merged.all',
        'merged.twos -- "down → ups" --> merged.all',
      ])
    })

    it('shows a composite as one node, or as a subgraph with lines between the steps inside', () => {
      const top = toMermaid(nested())
      expect(top).to.contain('nested.outer -- "trues → up" --> nested.key')
      expect(top).not.to.contain('half')
      const inside = toMermaid(nested(), { recursive: true })
      expect(inside).to.contain('subgraph nested.outer.inner ["inner (scoped)"]')
      expect(inside).to.contain('nested.outer.even -- "down → up" --> nested.outer.inner.half')
      expect(inside).to.contain('nested.outer.big -- "falses → up" --> nested.small')
      expect(inside.match(/^subgraph/gm)?.length).to.equal(inside.match(/^end$/gm)?.length)
    })

    it('lets no id leave its quotes', () => {
      for (const line of toMermaid(hostile()).split('\n')) {
        expect(line).to.match(
          /^(flowchart TD|subgraph "[^"]*"|[\w.-]+\["[^"]*"\]|[\w.-]+ -- "[^"]*" --> [\w.-]+|end)$/,
        )
        expect(line).not.to.match(/^hostile\.end/)
      }
    })
  })

  describe('as PlantUML', () => {
    it('has a component with its ports for each step, and a line between ports', () => {
      const drawn = toPlantUml(merged())
      expect(drawn).to.match(/^@startuml\n.*\n@enduml$/s)
      expect(drawn).to.match(/component "all \(merge\)" as n\d+ \{\n +portin "ups" as n(\d+)/)
      const ups = /portin "ups" as (n\d+)/.exec(drawn)?.[1]
      expect(drawn.match(new RegExp(`--> ${ups}\\b`, 'g'))?.length).to.equal(2)
    })

    it('nests composites when asked, and closes what it opens', () => {
      expect(toPlantUml(nested())).not.to.contain('half')
      const inside = toPlantUml(nested(), { recursive: true })
      expect(inside).to.contain('component "half (map)"')
      expect(inside.match(/\{$/gm)?.length).to.equal(inside.match(/^ *\}$/gm)?.length)
    })

    it('lets no id end the diagram', () => {
      expect(toPlantUml(hostile()).match(/^@enduml$/gm)?.length).to.equal(1)
    })
  })

  describe('as SVG', () => {
    const boxes = (svg: string): readonly (readonly number[])[] =>
      [...svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"/g)].map((found) =>
        found.slice(1).map(Number),
      )

    it('draws each step once, below what feeds it, with no two on each other', () => {
      for (const flow of [linear(), fanned(), merged(), nested()]) {
        const drawn = boxes(toSvg(flow, { recursive: true }))
        expect(drawn.length).to.equal(flow.steps.length)
        drawn.forEach(([x = 0, y, width = 0], at) => {
          const beside = drawn.slice(at + 1).filter((other) => other[1] === y)
          for (const [left = 0, , wide = 0] of beside) {
            expect(left >= x + width || left + wide <= x).to.equal(true)
          }
        })
      }
      const [first, second, third] = boxes(toSvg(linear()))
      expect(second?.[1]).to.be.greaterThan(first?.[1] ?? 0)
      expect(third?.[1]).to.be.greaterThan(second?.[1] ?? 0)
    })

    it('draws a line for each stream', () => {
      expect(toSvg(merged()).match(/<path d="M[^"]*" marker-end/g)?.length).to.equal(3)
    })

    it('holds no text that XML would take for its own', () => {
      const drawn = toSvg(hostile())
      expect(drawn).not.to.contain('<script')
      expect(drawn).to.satisfy((text: string) => text.isWellFormed() && !text.includes('\u0000'))
      expect(drawn.match(/<g>/g)?.length).to.equal(drawn.match(/<\/g>/g)?.length)
    })
  })
})
