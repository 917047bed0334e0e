import { main } from '../../cli/commands.ts'
import { Terminal } from '../../cli/terminal.ts'

/** What a command said, and its exit code. */
export interface Said {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command that loads no module of the user's, without a process of its own. */
export const command = async (
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<Said> => {
  let stdout = ''
  let stderr = ''
  const terminal = new Terminal({
    write: (text) => {
      stderr += text
      return true
    },
  })
  const code = await main(args, {
    terminal,
    print: (text) => {
      stdout += `${text}\n`
    },
    directory: process.cwd(),
    variables,
    leave: (exit) => {
      throw new Error(`left with ${exit}`)
    },
  })
  return { code, stdout, stderr }
}
