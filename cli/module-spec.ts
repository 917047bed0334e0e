import { type Literal, parseLiterals } from './literals.ts'
import { UsageError } from './usage-error.ts'

/** What `module[:export | :factory('arg', 2)]` names. */
export interface ModuleSpec {
  readonly module: string
  /** `null` where none was named: `flow`, then `default`. */
  readonly name: string | null
  /** `null` where nothing is to be called. */
  readonly args: readonly Literal[] | null
}

/** A drive or a scheme: its colon is part of the path. */
const HEAD = /^(?:[A-Za-z]:(?=[\\/])|[a-z]+:\/\/)?/
const CALL = /^([\p{ID_Start}_$][\p{ID_Continue}$]*)\s*(?:\((.*)\)\s*)?$/su

/** @throws UsageError where the text names nothing, or its arguments are no literals */
export const parseModuleSpec = (text: string): ModuleSpec => {
  const head = HEAD.exec(text)?.[0].length ?? 0
  const colon = text.indexOf(':', head)
  if (text.trim() === '' || colon === 0) {
    throw new UsageError(
      `A module is needed before the colon in "${text}": tidemark run flow.ts:flow`,
    )
  }
  if (colon === -1) return { module: text, name: null, args: null }
  const call = CALL.exec(text.slice(colon + 1))
  if (call === null) {
    throw new UsageError(
      `"${text.slice(colon + 1)}" is neither an export nor a call of one: write ${text.slice(0, colon)}:flow or ${text.slice(0, colon)}:makeFlow('text', 2).`,
    )
  }
  return {
    module: text.slice(0, colon),
    name: call[1] as string,
    args: call[2] === undefined ? null : parseLiterals(call[2]),
  }
}
