// Runs before the specs: they talk to a real nats-server. Where there is none it is installed, if this
// machine lets us do so without asking anybody: as root on Debian and its kin, with Homebrew on macOS.
// Elsewhere, and whenever that fails, the specs that need it are skipped by name.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** An installation that takes longer hangs: milliseconds. */
const LIMIT = 180_000
const RELEASES = 'https://github.com/nats-io/nats-server/releases'

const isExecutable = (path) => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const found = (name, variables) =>
  [...(variables.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'].some((place) =>
    isExecutable(join(place, name)),
  )

const isDebian = () => {
  try {
    return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'))
  } catch {
    return false
  }
}

/** How this machine gets a server: the commands, and whether they can be run without asking. */
export const plan = ({ platform, root, debian, apt, brew }) => {
  if (platform === 'darwin') {
    return {
      line: 'brew install nats-server',
      run: brew ? [['brew', 'install', 'nats-server']] : [],
    }
  }
  if (!debian) return { line: `a release from ${RELEASES}`, run: [] }
  const get = ['apt-get', '-o', 'Acquire::http::Timeout=15', '-o', 'Acquire::Retries=1', '-qq']
  const install = [...get, '-y', '--no-install-recommends', 'install', 'nats-server']
  return {
    line: 'apt-get install nats-server',
    run: root && apt ? [install, [...get, 'update'], install] : [],
  }
}

const main = (variables) => {
  const named = variables.TIDEMARK_NATS_SERVER
  if (named ? isExecutable(named) : found('nats-server', variables)) return
  const { line, run } = plan({
    platform: process.platform,
    root: process.getuid?.() === 0,
    debian: isDebian(),
    apt: found('apt-get', variables),
    brew: found('brew', variables),
  })
  if (run.length > 0) process.stdout.write(`There is no nats-server here; installing it: ${line}\n`)
  for (const [command, ...args] of run) {
    spawnSync(command, args, {
      env: { ...variables, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: LIMIT,
    })
    if (found('nats-server', variables)) return
  }
  process.stdout.write(
    `Specs that need a nats-server are skipped. To run them, install it (${line}) or name it in TIDEMARK_NATS_SERVER.\n`,
  )
}

if (process.argv[1]?.endsWith('nats-server.mjs')) main(process.env)
