#!/usr/bin/env node
import { main } from './commands.ts'
import { FAILED } from './exit.ts'
import { Terminal } from './terminal.ts'

const terminal = new Terminal(process.stderr)
terminal.share(process.stdout)
// A reader that has gone is told of by the sink that writes; nobody is left to be told of the rest.
process.stdout.on('error', () => {})
process.stderr.on('error', () => {})
process.on('uncaughtException', (error) => {
  terminal.fail(error)
  process.exit(FAILED)
})

const exit = await main(process.argv.slice(2), {
  terminal,
  print: (text) => process.stdout.write(`${text}\n`),
  directory: process.cwd(),
  variables: process.env,
  leave: (code) => process.exit(code),
})
// What the module has left open must not keep a command that is done.
process.stdout.write('', () => process.exit(exit))
