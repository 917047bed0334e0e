// Makes dist/ from nothing, so that no file of an earlier build can hide a missing one.
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const inRoot = (path) => `${root}${path}`

rmSync(inRoot('dist'), { recursive: true, force: true })
execFileSync(
  process.execPath,
  [inRoot('node_modules/typescript/bin/tsc'), '-p', inRoot('tsconfig.build.json')],
  {
    cwd: root,
    stdio: 'inherit',
  },
)
// npm sets the bit when it installs the package; a linked checkout needs it too.
if (existsSync(inRoot('dist/cli/main.js'))) chmodSync(inRoot('dist/cli/main.js'), 0o755)
