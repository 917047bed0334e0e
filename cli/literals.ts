import { UsageError } from './usage-error.ts'

/** What may stand in the parentheses of `module:factory(...)`. */
export type Literal = string | number | boolean | null

const WORDS = new Map<string, Literal>([
  ['true', true],
  ['false', false],
  ['null', null],
])
const ESCAPES = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['\\', '\\'],
  ["'", "'"],
  ['"', '"'],
])
const SPACE = /\s*/y
const NUMBER = /[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])/y
const WORD = /[A-Za-z]+(?!\w)/y
const TEXT = /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/sy
const ESCAPE = /\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)/gs

/**
 * Reads `'a', 2, true, null`; nothing is evaluated.
 *
 * @throws UsageError for anything that is no literal, naming which argument it is
 */
export const parseLiterals = (text: string): Literal[] => new Reader(text).all()

class Reader {
  readonly #text: string
  readonly #found: Literal[] = []
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  all(): Literal[] {
    this.#take(SPACE)
    if (this.#atEnd()) return this.#found
    for (;;) {
      this.#found.push(this.#literal())
      this.#take(SPACE)
      if (this.#atEnd()) return this.#found
      if (this.#text[this.#at] !== ',') throw this.#refusal()
      this.#at += 1
      this.#take(SPACE)
    }
  }

  #literal(): Literal {
    const quoted = this.#take(TEXT)
    if (quoted !== null) return this.#unescape(quoted[1] ?? quoted[2] ?? '')
    const number = this.#take(NUMBER)
    if (number !== null) return Number(number[0])
    const word = WORDS.get(this.#take(WORD)?.[0] ?? '')
    if (word === undefined) throw this.#refusal()
    return word
  }

  #unescape(text: string): string {
    return text.replace(ESCAPE, (written) => {
      const code = /^\\[ux](.+)$/.exec(written)?.[1]
      if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16))
      const plain = ESCAPES.get(written.slice(1))
      if (plain === undefined) throw this.#refusal()
      return plain
    })
  }

  #take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found !== null) this.#at += found[0].length
    return found
  }

  #atEnd(): boolean {
    return this.#at >= this.#text.length
  }

  #refusal(): UsageError {
    return new UsageError(
      `In (${this.#text}), argument ${this.#found.length + 1} can't be read: arguments are quoted text, numbers, true, false and null, with commas between.`,
    )
  }
}
