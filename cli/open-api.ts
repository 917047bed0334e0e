import type { Dataflow } from '../lib/flow/dataflow.ts'
import type { Execution } from '../lib/run/execution.ts'
import type { Api } from '../ops/api/server.ts'
import type { RunFlags } from './flags.ts'
import type { Terminal } from './terminal.ts'
import { UsageError } from './usage-error.ts'

/** Milliseconds that a flow has for itself: one that ends within them never loads the API. */
const HEAD_START = 250

/** The API of a run, which may not be there yet. */
export interface OpenApi {
  /** Closes it; rejects where it was asked for in so many words and could not be had. */
  close(): Promise<void>
}

/** Opens the API of a flow that has been started. */
export const openApi = (
  execution: Execution,
  run: { readonly flow: Dataflow; readonly flags: RunFlags; readonly terminal: Terminal },
): OpenApi => {
  const { api: address } = run.flags
  if (address === 'off') return { close: async () => {} }
  let opening: Promise<Api | null> | null = null
  const open = (): void => {
    opening = listen(execution, run)
    // What went wrong is told when it is closed.
    opening.catch(() => {})
  }
  const timer = setTimeout(open, address === null ? HEAD_START : 0)
  return {
    close: async () => {
      clearTimeout(timer)
      const api = await opening
      await api?.close()
    },
  }
}

const listen = async (
  execution: Execution,
  { flow, flags, terminal }: Parameters<typeof openApi>[1],
): Promise<Api | null> => {
  const address = flags.api === 'off' ? null : flags.api
  try {
    const { serveApi } = await import('../ops/api/server.ts')
    const api = await serveApi(execution, {
      flow,
      ...(address === null ? {} : address),
      ...(flags.apiToken === null ? {} : { token: flags.apiToken }),
    })
    const said = `the API listens on ${api.url}`
    if (terminal.interactive || address !== null) terminal.say(said)
    else terminal.debug(said)
    return api
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    if (address === null) {
      terminal.warn(`the flow runs without its API: ${reason}`)
      return null
    }
    // Whoever names an address counts on it.
    execution.stop().catch(() => {})
    throw new UsageError(
      `the API can't listen on ${address.host}:${address.port}: ${reason}. Name another address with --api; without one, a free port is taken.`,
      { cause },
    )
  }
}
