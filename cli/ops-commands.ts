import type { Command } from 'commander'
import type { World } from './exit.ts'

type Settle = (made: Command, world: World) => Command
type Code = { exit: number }

const DLQ_EXAMPLES = `
Examples:
  tidemark dlq list failed.jsonl                          what failed, where and why
  tidemark dlq list failed.jsonl --step parse --json
  tidemark dlq retry failed.jsonl orders.ts -r ./state    once the flow is mended, and stopped

A retry runs the flow with its sources standing still and the items in front of the step that they
failed in, in the order of the file, as one epoch. With -r the state of all steps goes on from the store;
windows stay open. What fails again goes to a new file beside this one. At least once: a crash between
the end of the run and the mark in the file leaves the items waiting.

Exit codes: 0 all went through, 1 some failed again or the run failed, 2 bad usage.`

/** The commands that look after a running flow and its surroundings. */
export const addOps = (
  program: Command,
  { settle, world, code }: { settle: Settle; world: World; code: Code },
): void => {
  addDlq(program, { settle, world, code })
  addDoctor(program, { settle, world, code })
  addDeploy(program, { settle, world, code })
  settle(program.command('new'), world)
    .summary('a project that runs and tests at once: tidemark new orders')
    .description('Makes a folder with a flow, a spec and all that npm needs to run them.')
    .argument('<name>', 'of the project and its folder, which must be empty or missing: orders')
    .addHelpText(
      'after',
      '\nExample:\n  tidemark new orders && cd orders && npm install && npm test',
    )
    .action(async (name: string) => {
      const { newCommand } = await import('./new-command.ts')
      code.exit = await newCommand(name, world)
    })
}

const DEPLOY_EXAMPLES = `
Examples:
  tidemark deploy k8s flow.ts --image registry.example/orders:1 > orders.yaml
  tidemark deploy k8s flow.ts --replicas 3 --workers 2 --nats nats://nats:4222
  tidemark deploy k8s report.ts --job             a flow that comes to its end
  tidemark deploy compose flow.ts --replicas 2 > compose.yaml

It prints and changes nothing. The image has the tidemark command for its entry point, as that of the
Dockerfile that tidemark new makes; the module is named as it lies in the image's working folder.`

const addDeploy = (
  program: Command,
  { settle, world, code }: { settle: Settle; world: World; code: Code },
): void => {
  const deploy = settle(program.command('deploy'), world)
    .summary('print what runs a flow elsewhere: tidemark deploy k8s flow.ts')
    .description('Prints manifests for Kubernetes, or a Compose file.')
    .addHelpText('after', DEPLOY_EXAMPLES)
  const kubernetes = settle(deploy.command('k8s'), world)
    .summary('a StatefulSet, or a Job: tidemark deploy k8s flow.ts')
    .description('Prints a StatefulSet and its headless Service, or with --job an indexed Job.')
    .option('--job', 'for a flow that comes to its end: --job')
    .option('--storage-class <name>', 'of the volumes: --storage-class fast')
    .action(async (target: string, given: Record<string, never>) => {
      const { deployKubernetes } = await import('./deploy-command.ts')
      code.exit = await deployKubernetes(target, given, world)
    })
  const compose = settle(deploy.command('compose'), world)
    .summary('a Compose file: tidemark deploy compose flow.ts')
    .description('Prints a Compose file with a service for each process.')
    .action(async (target: string, given: Record<string, never>) => {
      const { deployCompose } = await import('./deploy-command.ts')
      code.exit = await deployCompose(target, given, world)
    })
  for (const each of [kubernetes, compose]) {
    each
      .argument('<module>', 'as `tidemark run` takes it, in the image')
      .option('--name <name>', "of all that is made (the flow's id): --name orders")
      .option('--image <image>', 'that holds the module: --image orders:1')
      .option('--replicas <n>', 'processes, joined through NATS if several (1): --replicas 3')
      .option('--workers <n>', 'worker threads in each (1): --workers 2')
      .option('--nats <url>', 'NATS servers, with commas between: --nats nats://nats:4222')
      .option('--storage <amount>', 'room for the snapshots of a process (10Gi): --storage 50Gi')
      .option('--no-recovery', 'keep no snapshots')
      .option('--snapshot-interval <seconds>', 'time between snapshots: --snapshot-interval 30')
      .option('--cpu <cores>', 'of a process (1): --cpu 500m')
      .option('--memory <amount>', 'of a process (1Gi): --memory 4Gi')
      .addHelpText('after', DEPLOY_EXAMPLES)
  }
}

const DOCTOR_EXAMPLES = `
Examples:
  tidemark doctor http://127.0.0.1:3030             a running flow, looked at twice
  tidemark doctor http://10.0.0.7:3030 --for 30 --json
  tidemark doctor orders.ts                         advice on a flow that is not running

The token of an API goes into TIDEMARK_API_TOKEN, or into a file.

Exit codes: 0 healthy, 1 not, 2 bad usage.`

const addDoctor = (
  program: Command,
  { settle, world, code }: { settle: Settle; world: World; code: Code },
): void => {
  settle(program.command('doctor'), world)
    .summary('what holds a flow back, in sentences: tidemark doctor http://127.0.0.1:3030')
    .description(
      'Says how a running flow is, or what may go wrong with a flow that is not running.',
    )
    .argument('<target>', 'the URL of an API, or a module as `tidemark run` takes it')
    .option('--for <seconds>', 'how long to look (3): --for 30')
    .option('--token-file <file>', 'the token of the API: --token-file ./token')
    .option('--json', 'print what was found as JSON: tidemark doctor flow.ts --json')
    .addHelpText('after', DOCTOR_EXAMPLES)
    .action(async (target: string, given: Record<string, never>) => {
      const { doctorCommand } = await import('./doctor-command.ts')
      code.exit = await doctorCommand(target, given, world)
    })
}

const addDlq = (
  program: Command,
  { settle, world, code }: { settle: Settle; world: World; code: Code },
): void => {
  const dlq = settle(program.command('dlq'), world)
    .summary('list or retry dead letters: tidemark dlq list failed.jsonl')
    .description('Shows what a FileDeadLetter has kept, or tries it again.')
    .addHelpText('after', DLQ_EXAMPLES)
  settle(dlq.command('list'), world)
    .summary('what failed, where and why: tidemark dlq list failed.jsonl')
    .description('Prints the dead letters that wait.')
    .argument('<file>', 'the file of a FileDeadLetter')
    .option('--step <id>', 'of one step only: --step parse')
    .option('--all', 'those that were tried again too')
    .option('--json', 'print all facts as JSON: tidemark dlq list failed.jsonl --json')
    .action(async (file: string, given: Record<string, never>) => {
      const { listLetters } = await import('./dlq-command.ts')
      code.exit = await listLetters(file, given, world)
    })
  settle(dlq.command('retry'), world)
    .summary('give them back to their steps: tidemark dlq retry failed.jsonl flow.ts -r ./state')
    .description('Gives dead letters back to the steps that they failed in, and runs what follows.')
    .argument('<file>', 'the file of a FileDeadLetter')
    .argument('<module>', 'as `tidemark run` takes it')
    .option(
      '-r, --recovery-directory <dir>',
      'the store of the flow, which must be stopped: -r ./state',
    )
    .option('--step <id>', 'of one step only: --step parse')
    .option('--limit <n>', 'the oldest n (10000): --limit 100')
    .option('--without-state', 'without a store, let steps with state begin anew')
    .addHelpText('after', DLQ_EXAMPLES)
    .action(async (file: string, target: string, flags: Record<string, never>) => {
      const { retryLetters } = await import('./dlq-command.ts')
      code.exit = await retryLetters(file, target, { flags, world })
    })
}
