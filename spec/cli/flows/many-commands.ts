// Runs each command of a JSON list in this one process, and prints as JSON what each said and gave.
import { main } from '../../../cli/commands.ts'
import { Terminal } from '../../../cli/terminal.ts'

const commands = JSON.parse(process.argv[2] ?? '[]') as readonly (readonly string[])[]
const answers: unknown[] = []
for (const args of commands) {
  let said = ''
  let printed = ''
  const screen = {
    write: (text: string): boolean => {
      said += text
      return true
    },
  }
  const code = await main(args, {
    terminal: new Terminal(screen),
    print: (text) => {
      printed += `${text}\n`
    },
    directory: process.cwd(),
    variables: {},
    leave: (exit) => process.exit(exit),
  })
  answers.push({ code, said, printed })
}
process.stdout.write(`\n${JSON.stringify(answers)}`, () => process.exit(0))
