/** The versions that a new project is made with, as npm reads them. */
export interface ProjectVersions {
  readonly tidemark: string
  readonly tsx: string
  readonly typescript: string
  readonly nodeTypes: string
}

/** The files of a new project by their paths: it runs and tests as it is. */
export const projectFiles = (
  name: string,
  versions: ProjectVersions,
): readonly (readonly [path: string, text: string])[] => [
  ['package.json', `${JSON.stringify(manifest(name, versions), null, 2)}\n`],
  ['tsconfig.json', `${JSON.stringify(COMPILER, null, 2)}\n`],
  ['.gitignore', IGNORED],
  ['README.md', readme(name)],
  ['orders.csv', ORDERS],
  ['flow.ts', flow(name.replace(/\./g, '-'))],
  ['flow.spec.ts', SPEC],
  ['Dockerfile', `${BUILD}${IMAGE}`],
  ['.dockerignore', LEFT_OUT],
]

const manifest = (name: string, { tidemark, tsx, typescript, nodeTypes }: ProjectVersions) => ({
  name,
  version: '0.0.0',
  private: true,
  type: 'module',
  engines: { node: '>=20.19' },
  scripts: {
    start: 'tidemark run flow.ts',
    test: 'node --import tsx --test flow.spec.ts',
    types: 'tsc -p .',
  },
  dependencies: { tidemark },
  devDependencies: { '@types/node': nodeTypes, tsx, typescript },
})

const COMPILER = {
  compilerOptions: {
    target: 'ES2022',
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    verbatimModuleSyntax: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    noEmit: true,
  },
  include: ['*.ts'],
}

const IGNORED = `node_modules/
state/
*.log
*.jsonl
`

const ORDERS = `ada,12
grace,30
ada,8
grace,5
linus,21
`

const flow = (
  id: string,
): string => `import { dataflow, type Dataflow, type Sink, type Source } from 'tidemark'
import { FileSource } from 'tidemark/connectors/files'
import { StdOutSink } from 'tidemark/connectors/stdio'
import { keyOn, map, statefulMap } from 'tidemark/operators'

interface Order {
  readonly customer: string
  readonly amount: number
}

const parse = (line: string): Order => {
  const [customer = '', text = ''] = line.split(',')
  const amount = Number.parseFloat(text)
  if (customer === '' || Number.isNaN(amount)) throw new Error(\`no order: \${line}\`)
  return { customer, amount }
}

/** What every customer has spent so far, told with each order. */
export const spending = (lines: Source<string>, out: Sink<string>): Dataflow => {
  const flow = dataflow('${id}')
  flow
    .input('lines', lines)
    .pipe(
      map('parse', parse),
      keyOn('customer', (order) => order.customer),
      statefulMap('total', (total: number | null, { amount }) => {
        const next = (total ?? 0) + amount
        return [next, next]
      }),
      map('line', ([customer, total]) => \`\${customer} has spent \${total}\`),
    )
    .output('out', out)
  return flow
}

export const flow = spending(new FileSource('orders.csv'), new StdOutSink())
`

const SPEC = `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run, StepError } from 'tidemark'
import { TestingSink, TestingSource } from 'tidemark/testing'
import { spending } from './flow.ts'

test('a total goes on over the orders of a customer', async () => {
  const out = new TestingSink<string>()
  await run(spending(new TestingSource(['ada,1', 'bob,2', 'ada,3']), out))
  assert.deepEqual(out.items, ['ada has spent 1', 'bob has spent 2', 'ada has spent 4'])
})

test('a line that is no order stops the flow, and is named', async () => {
  const lines = new TestingSource(['ada,1', 'nonsense'])
  await assert.rejects(run(spending(lines, new TestingSink())), (error) => {
    assert(error instanceof StepError)
    assert.equal(error.item, 'nonsense')
    return true
  })
})
`

const BUILD = `# Build it: docker build -t flow:1 .   (npm install has made the package-lock.json that it needs)

`

/** As that of samples/deploy. */
const IMAGE = `FROM node:22-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev

FROM node:22-slim
WORKDIR /app
ENV NODE_ENV=production
# A volume that is made for this folder takes over its owner.
RUN mkdir /state && chown node:node /state
COPY --from=packages /app/node_modules ./node_modules
COPY . .
USER node
EXPOSE 3030
VOLUME /state
ENTRYPOINT ["node_modules/.bin/tidemark"]
CMD ["run", "flow.ts"]
`

const LEFT_OUT = `# What stays out of the image: packages of this machine, state, and what npm or git keep.
node_modules
state
.git
.npm
*.log
`

const readme = (name: string): string => `# ${name}

A flow made with \`tidemark new\`: it reads orders and tells what each customer has spent.

\`\`\`sh
npm install
npm start        # tidemark run flow.ts
npm test         # flow.spec.ts, with sources and sinks of tidemark/testing
npm run types
\`\`\`

What next:

- \`npx tidemark run flow.ts -r ./state\` keeps totals over restarts and crashes.
- \`npx tidemark run flow.ts -w 2\` shares the customers between two threads.
- \`npx tidemark doctor flow.ts\` says what may go wrong with the flow.
- \`npx tidemark visualize flow.ts\` draws it.
- \`npx tidemark deploy compose flow.ts > compose.yaml\` prints what runs it with Docker Compose, which
  builds its image from \`Dockerfile\`; \`npx tidemark deploy k8s flow.ts\` what runs it on Kubernetes.
`
