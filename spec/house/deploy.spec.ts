import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { parse, parseAllDocuments } from 'yaml'
import { FLAGS } from '../../cli/flags.ts'

const read = (name: string): string => readFileSync(`samples/deploy/${name}`, 'utf8')
const known = new Set([...FLAGS.map(({ variable }) => variable), 'TIDEMARK_API_TOKEN'])

describe('samples/deploy', () => {
  it('compose.yaml starts every process once, each with its number and a state of its own', () => {
    const { services, volumes } = parse(read('compose.yaml'), { merge: true })
    const workers = Object.keys(services).filter((name) => name.startsWith('worker-'))
    const facts = workers.map((name) => {
      const { environment, volumes: mounts, command } = services[name]
      return { environment, state: mounts[1], command }
    })
    expect(facts.map(({ environment }) => environment.TIDEMARK_PROCESS_ID)).to.deep.equal(
      workers.map((_, at) => String(at)),
    )
    for (const { environment, command } of facts) {
      expect(environment.TIDEMARK_PROCESS_COUNT).to.equal(String(workers.length))
      expect(Object.keys(environment).filter((name) => !known.has(name))).to.deep.equal([])
      expect(command.slice(0, 3)).to.deep.equal(['npx', 'tidemark', 'run'])
    }
    const names = facts.map(({ state }) => state.split(':')[0])
    expect(new Set(names).size).to.equal(workers.length)
    expect(Object.keys(volumes)).to.deep.equal(names)
    expect(services.nats.command).to.include('-js')
  })

  it('kubernetes/flow.yaml gives each pod its number, its volume and the count of all', () => {
    const documents = parseAllDocuments(read('kubernetes/flow.yaml')).map((each) => each.toJS())
    const set = documents.find(({ kind }) => kind === 'StatefulSet')
    const service = documents.find(({ kind }) => kind === 'Service')
    const [container] = set.spec.template.spec.containers
    const env = new Map<string, string>(
      container.env.map(({ name, value }: { name: string; value: string }) => [name, value]),
    )
    expect(set.spec.serviceName).to.equal(service.metadata.name)
    expect(set.spec.podManagementPolicy).to.equal('Parallel')
    expect(env.get('TIDEMARK_PROCESS_COUNT')).to.equal(String(set.spec.replicas))
    expect([...env.keys()].filter((name) => !known.has(name))).to.deep.equal([])
    const [claim] = set.spec.volumeClaimTemplates
    const [mount] = container.volumeMounts
    expect(mount.name).to.equal(claim.metadata.name)
    expect(env.get('TIDEMARK_RECOVERY_DIRECTORY')).to.match(new RegExp(`^${mount.mountPath}/`))
    expect(container.args[0]).to.match(/-i "\$\{HOSTNAME##\*-\}" -P "\$TIDEMARK_PROCESS_COUNT"/)
  })

  it('kubernetes/nats.yaml is where the flow looks for it, with JetStream', () => {
    const documents = parseAllDocuments(read('kubernetes/nats.yaml')).map((each) => each.toJS())
    const service = documents.find(({ kind }) => kind === 'Service')
    const deployment = documents.find(({ kind }) => kind === 'Deployment')
    expect(`nats://${service.metadata.name}:${service.spec.ports[0].port}`).to.equal(
      'nats://nats:4222',
    )
    expect(deployment.spec.template.spec.containers[0].args).to.include('-js')
    expect(deployment.spec.template.metadata.labels).to.include(service.spec.selector)
  })
})
