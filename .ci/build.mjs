// Makes dist/ from nothing, so that no file of an earlier build can hide a missing one: declarations
// and JavaScript by the TypeScript compiler, then the JavaScript of each door as few files, since a
// hundred small ones take longer to find and link than a flow takes to start.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { bundleDashboard } from './dashboard.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')
rmSync(dist, { recursive: true, force: true })
execFileSync(
  process.execPath,
  [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'tsconfig.build.json')],
  { cwd: root, stdio: 'inherit' },
)

// The sources bundle the dashboard's page when it is asked for; the package has it as texts.
writeFileSync(
  join(dist, 'ops/dashboard/assets.js'),
  `export const readAssets = async () => (${JSON.stringify(await bundleDashboard())})\n`,
)

const files = readdirSync(dist, { recursive: true }).map(String)
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const doors = Object.values(manifest.exports)
  .map((door) => door.default)
  .filter((door) => door !== undefined && existsSync(join(root, door)))
// Threads and child processes are started on files of their own.
const entries = files.filter((file) => file.endsWith('-entry.js')).map((file) => `./dist/${file}`)
const commands = Object.values(manifest.bin).filter((file) => existsSync(join(root, file)))

const bundled = join(root, 'dist', '.bundled')
await build({
  entryPoints: [...new Set([...doors, ...entries, ...commands])].map((file) => join(root, file)),
  outdir: bundled,
  outbase: dist,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  sourcemap: true,
  // Files find one another by where they lie, so what they share lies where they did.
  chunkNames: 'lib/run/[name]-[hash]',
  logLevel: 'warning',
})
for (const file of files) if (/\.js(\.map)?$/.test(file)) rmSync(join(dist, file))
cpSync(bundled, dist, { recursive: true })
rmSync(bundled, { recursive: true })
// npm sets the bit when it installs the package; a linked checkout needs it too.
for (const file of commands) chmodSync(join(root, file), 0o755)
