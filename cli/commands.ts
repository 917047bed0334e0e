import { createRequire } from 'node:module'
import { Command, CommanderError, Option } from 'commander'
import type { ArchiveFlags } from './archive-command.ts'
import { DONE, FAILED, MISUSED, type World } from './exit.ts'
import { FLAGS, type Flag } from './flags.ts'
import { addOps } from './ops-commands.ts'
import { UsageError } from './usage-error.ts'

// What a command needs is loaded when it runs, so that `--help` and mistakes answer at once.

const RUN_EXAMPLES = `
Each flag can be set by a variable instead; the flag goes first:
${FLAGS.map(({ usage, variable }) => `  ${variable.padEnd(33)}${usage.replace(/ <.*/, '')}`).join('\n')}

Examples:
  tidemark run wordcount.ts                        the export "flow", or the default one
  tidemark run flows.js:orders -r ./state -s 5     the export "orders", with snapshots
  tidemark run "flows.ts:make('eu', 2)"            what make('eu', 2) gives; arguments are literals
  tidemark run my-package/flows                    a module of an installed package

Exit codes: 0 done, 1 the flow failed, 2 bad usage, 130 interrupted after a clean stop.`

const RECOVERY_EXAMPLES = `
Examples:
  tidemark recovery init ./state 4        an empty store of 4 partitions
  tidemark recovery inspect ./state       what it holds, and where a flow would resume
  tidemark recovery inspect ./state --flow flow.ts   which state belongs to no step any more
  tidemark recovery inspect ./state --json
  tidemark recovery remove ./state old-name   drops the state of a step that is gone
  tidemark recovery verify --archive dir:/mnt/far            reads all that a restore would
  tidemark recovery restore ./state --archive dir:/mnt/far   makes the store anew from there`

/** Runs the command that `args` name, and gives its exit code; what went wrong is said already. */
export const main = async (args: readonly string[], world: World): Promise<number> => {
  const code = { exit: DONE }
  try {
    await commands(world, code).parseAsync(args, { from: 'user' })
    return code.exit
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : MISUSED
    world.terminal.fail(error)
    return error instanceof UsageError ? MISUSED : FAILED
  }
}

const commands = (world: World, code: { exit: number }): Command => {
  const program = command(new Command('tidemark'), world)
    .description('Runs stateful dataflows written with the tidemark package.')
    .option('-V, --version', 'the version of this command: tidemark --version')
    .addHelpText('after', RUN_EXAMPLES.slice(RUN_EXAMPLES.indexOf('\nExamples')))
    .on('option:version', () => {
      world.print(versionOf())
      throw new CommanderError(DONE, 'tidemark.version', 'the version was asked for')
    })
  const run = command(program.command('run'), world)
    .summary('run a flow: tidemark run flow.ts')
    .description('Runs a flow: what a module exports, or what a function of it makes.')
    .argument(
      '<module>',
      "module[:export | :factory('text', 2)]; a .ts, .js or .mjs file, or a package path",
    )
    .addHelpText('after', RUN_EXAMPLES)
    .action(async (target: string, given: Record<string, unknown>) => {
      const { runCommand } = await import('./run-command.ts')
      code.exit = await runCommand(target, given, world)
    })
  for (const flag of FLAGS) for (const option of optionsOf(flag)) run.addOption(option)
  addRecovery(program, world, code)
  addVisualize(program, world, code)
  addNatsAcl(program, world, code)
  addOps(program, { settle: command, world, code })
  return program
}

const addNatsAcl = (program: Command, world: World, code: { exit: number }): void => {
  command(program.command('nats-acl'), world)
    .summary('print what a flow needs to be allowed in NATS: tidemark nats-acl flow.ts')
    .description("Prints a NATS user with the permissions that a flow's processes need.")
    .argument('<module>', 'as `tidemark run` takes it')
    .option('--archive <place>', 'where the flow archives, as `tidemark run` takes it')
    .action(async (target: string, given: { archive?: string }) => {
      const { natsAclCommand } = await import('./nats-acl-command.ts')
      code.exit = await natsAclCommand(target, given, world)
    })
}

const addVisualize = (program: Command, world: World, code: { exit: number }): void => {
  command(program.command('visualize'), world)
    .summary('draw a flow: tidemark visualize flow.ts -o svg > flow.svg')
    .description('Prints the graph of a flow, without running it.')
    .argument('<module>', 'as `tidemark run` takes it')
    .option('-o, --output <format>', 'mermaid, plantuml, json or svg: -o svg', 'mermaid')
    .option('-r, --recursive', 'draw what is inside composite operators too: -r -o plantuml')
    .action(async (target: string, given: { output: string; recursive?: boolean }) => {
      const { visualizeCommand } = await import('./visualize-command.ts')
      code.exit = await visualizeCommand(target, given, world)
    })
}

const addRecovery = (program: Command, world: World, code: { exit: number }): void => {
  const recovery = command(program.command('recovery'), world)
    .summary('make or look into a recovery store: tidemark recovery inspect ./state')
    .description('Makes a recovery store, or looks into one.')
    .addHelpText('after', RECOVERY_EXAMPLES)
  command(recovery.command('init'), world)
    .summary('make an empty store: tidemark recovery init ./state 4')
    .description('Makes an empty recovery store.')
    .argument('<dir>', 'the directory, made if it is missing')
    .argument('<partitions>', 'how many partitions: as many as workers can write side by side')
    .action(async (dir: string, partitions: string) => {
      const { initRecovery } = await import('./recovery-command.ts')
      code.exit = await initRecovery(dir, partitions, world)
    })
  command(recovery.command('inspect'), world)
    .summary('check a store as a whole: tidemark recovery inspect ./state')
    .description('Checks every block of a recovery store, and prints what it holds.')
    .argument('<dir>', 'the directory of the store; no flow may be running on it')
    .option('--json', 'print all facts as JSON: tidemark recovery inspect ./state --json')
    .option(
      '--flow <module>',
      "mark what belongs to no step of this flow; of the last run's without it: --flow flow.ts",
    )
    .action(async (dir: string, given: { json?: boolean; flow?: string }) => {
      const { inspectRecovery } = await import('./recovery-command.ts')
      code.exit = await inspectRecovery(dir, given, world)
    })
  command(recovery.command('remove'), world)
    .summary('remove the state of one step: tidemark recovery remove ./state old-name')
    .description('Removes all that a recovery store keeps of a step, as of one that was renamed.')
    .argument('<dir>', 'the directory of the store; no flow may be running on it')
    .argument('<step>', 'the id of the step as `inspect` prints it')
    .action(async (dir: string, step: string) => {
      const { removeFromRecovery } = await import('./recovery-command.ts')
      code.exit = await removeFromRecovery(dir, step, world)
    })
  addArchive(recovery, world, code)
}

const addArchive = (recovery: Command, world: World, code: { exit: number }): void => {
  const place = [
    '--archive <place>',
    'dir:<path>, nats:<bucket> or s3:<bucket/prefix>: --archive dir:/mnt/far',
  ] as const
  const nats = ['-n, --nats <url>', 'NATS servers of the bucket: -n nats://a:4222'] as const
  const process = [
    '--process <i>',
    'the store of process i of a cluster; of a single one without it: --process 0',
  ] as const
  command(recovery.command('restore'), world)
    .summary(
      'make a store anew from its archive: tidemark recovery restore ./state --archive dir:/mnt/far',
    )
    .description(
      'Restores a recovery store from its archive; what is there is set aside in the directory.',
    )
    .argument('<dir>', 'the directory of the store; no flow may be running on it')
    .option(...place)
    .option(...nats)
    .option(...process)
    .action(async (dir: string, given: ArchiveFlags) => {
      const { restoreRecovery } = await import('./archive-command.ts')
      code.exit = await restoreRecovery(dir, given, world)
    })
  command(recovery.command('verify'), world)
    .summary('check an archive as a whole: tidemark recovery verify --archive dir:/mnt/far')
    .description('Reads everything that a restore would read, and writes nothing.')
    .option(...place)
    .option(...nats)
    .option(...process)
    .action(async (given: ArchiveFlags) => {
      const { verifyRecovery } = await import('./archive-command.ts')
      code.exit = await verifyRecovery(given, world)
    })
}

/** Settings that commander doesn't hand down by itself. */
const command = (made: Command, { terminal, print }: World): Command =>
  made
    .exitOverride()
    .helpOption('-h, --help', 'this text')
    .helpCommand(false)
    .showSuggestionAfterError()
    .allowExcessArguments(false)
    .configureHelp({ helpWidth: 120 })
    .configureOutput({
      writeOut: (text) => print(text.trimEnd()),
      outputError: (text) => terminal.say(sentence(text, nameOf(made))),
    })

const nameOf = (made: Command): string =>
  made.parent === null ? made.name() : `${nameOf(made.parent)} ${made.name()}`

/** Commander says `error: unknown option '--x'`, and what may have been meant on a second line. */
const sentence = (text: string, name: string): string => {
  const said = text
    .replace(/^error: /, '')
    .trim()
    .replace(/\s*\n\(Did/, ' (did')
  return `${said.replace(/\.$/, '')}; \`${name} --help\` tells more.`
}

const optionsOf = (flag: Flag): readonly Option[] => {
  const options = [new Option(flag.usage, flag.help)]
  if (flag.negation !== undefined) options.push(new Option(flag.negation.usage, flag.negation.help))
  return options
}

const versionOf = (): string => {
  const manifest = createRequire(import.meta.url)('tidemark/package.json') as { version: string }
  return manifest.version
}
