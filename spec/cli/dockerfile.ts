import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

interface Instruction {
  readonly name: string
  readonly rest: string
}

/** What a container of an image would be started with. */
export interface Image {
  /** Stands for `/`. */
  readonly root: string
  readonly workdir: string
  readonly env: Readonly<Record<string, string>>
  readonly user: string | null
  readonly volumes: readonly string[]
  readonly ports: readonly string[]
  readonly command: readonly string[]
}

const instructionsOf = (text: string): readonly Instruction[] =>
  text
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
      if (name === '') throw new Error(`no instruction: ${line}`)
      return { name, rest }
    })

/**
 * Follows a Dockerfile in plain folders, a root for each stage, as far as that needs no system of its
 * own: base images are empty, owners are not changed, and commands run on this machine's.
 */
export class DockerBuild {
  readonly #context: string
  readonly #folder: string
  readonly #variables: Readonly<Record<string, string>>
  readonly #stages = new Map<string, string>()
  #root = ''
  #workdir = '/'
  #env: Record<string, string> = {}
  #user: string | null = null
  #volumes: string[] = []
  #ports: string[] = []
  #entry: readonly string[] = []
  #command: readonly string[] = []

  /** @param ends - `folder` is for the stages; `variables` are those of the commands */
  constructor(
    context: string,
    ends: { readonly folder: string; readonly variables: Readonly<Record<string, string>> },
  ) {
    this.#context = context
    this.#folder = ends.folder
    this.#variables = ends.variables
  }

  async build(): Promise<Image> {
    const text = await readFile(join(this.#context, 'Dockerfile'), 'utf8')
    for (const { name, rest } of instructionsOf(text)) await this.#follow(name, rest)
    return {
      root: this.#root,
      workdir: this.#workdir,
      env: this.#env,
      user: this.#user,
      volumes: this.#volumes,
      ports: this.#ports,
      command: [...this.#entry, ...this.#command],
    }
  }

  async #follow(name: string, rest: string): Promise<void> {
    switch (name) {
      case 'FROM':
        return this.#from(rest)
      case 'WORKDIR':
        this.#workdir = rest
        await mkdir(this.#inside('.'), { recursive: true })
        return
      case 'ENV':
        this.#env = { ...this.#env, ...Object.fromEntries([rest.split('=')]) }
        return
      case 'COPY':
        return this.#copy(rest)
      case 'RUN':
        return this.#run(rest)
      case 'USER':
        this.#user = rest
        return
      case 'EXPOSE':
        this.#ports = [...this.#ports, rest]
        return
      case 'VOLUME':
        this.#volumes = [...this.#volumes, rest]
        return
      case 'ENTRYPOINT':
        this.#entry = JSON.parse(rest)
        return
      case 'CMD':
        this.#command = JSON.parse(rest)
        return
      default:
        throw new Error(`unknown instruction: ${name}`)
    }
  }

  async #from(rest: string): Promise<void> {
    const [, , stage = `${this.#stages.size}`] = /^(\S+)(?: AS (\S+))?$/.exec(rest) ?? []
    this.#root = join(this.#folder, `stage-${this.#stages.size}`)
    this.#stages.set(stage, this.#root)
    this.#workdir = '/'
    this.#env = {}
    await mkdir(this.#root)
  }

  async #copy(rest: string): Promise<void> {
    const words = rest.split(/\s+/)
    const from = words[0]?.startsWith('--from=')
      ? words.shift()?.slice('--from='.length)
      : undefined
    const to = words.pop() ?? ''
    const stage = from === undefined ? this.#context : this.#stages.get(from)
    if (stage === undefined) throw new Error(`no stage ${from}`)
    const ignored = from === undefined ? await this.#ignored() : []
    for (const word of words) {
      const source = join(stage, word)
      const names = word === '.' ? await readdir(source) : [null]
      for (const name of names.filter((each) => each === null || !ignored.includes(each))) {
        const into = to === '.' || to === './' ? join(to, name ?? word) : to
        await cp(name === null ? source : join(source, name), this.#inside(into), {
          recursive: true,
          verbatimSymlinks: true,
        })
      }
    }
  }

  async #ignored(): Promise<readonly string[]> {
    const file = join(this.#context, 'Dockerfile.dockerignore')
    return existsSync(file) ? (await readFile(file, 'utf8')).split('\n') : []
  }

  async #run(rest: string): Promise<void> {
    for (const command of rest.split(' && ')) {
      if (command.startsWith('chown ')) continue
      const here = command.replace(/ \//g, ` ${this.#root}/`)
      const { NODE_OPTIONS: _, ...env } = process.env
      const options = {
        cwd: this.#inside('.'),
        env: { ...env, ...this.#env, ...this.#variables },
      }
      await run('sh', ['-c', here], options).catch((error: { readonly stderr: string }) => {
        throw new Error(`RUN ${command}: ${error.stderr}`)
      })
    }
  }

  #inside(path: string): string {
    return join(this.#root, resolve(this.#workdir, path))
  }
}
