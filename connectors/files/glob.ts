/**
 * A test for names in one directory: `*` is any run of characters, `?` any one, `[a-z]` one of a
 * set (`[!a-z]` one outside), `{a,b}` either. As in a shell, a leading dot is matched by a dot alone.
 */
export const globTest = (pattern: string): ((name: string) => boolean) => {
  const source = new RegExp(`^${translate(pattern)}$`, 'su')
  const hidden = pattern.startsWith('.')
  return (name) => (hidden || !name.startsWith('.')) && source.test(name)
}

const TOKEN = /\*+|\?|\[!?\]?[^\]]*\]|[{},]|[^*?[{},]+|\[/gsu

const translate = (pattern: string): string => {
  let depth = 0
  let source = ''
  for (const [token] of pattern.matchAll(TOKEN)) {
    if (token === '{') depth += 1
    if (token === '}' && depth > 0) {
      depth -= 1
      source += ')'
    } else {
      source += translated(token, depth)
    }
  }
  return source + ')'.repeat(depth)
}

const translated = (token: string, depth: number): string => {
  if (token.startsWith('*')) return '.*'
  if (token === '?') return '.'
  if (token === '{') return '(?:'
  if (token === ',' && depth > 0) return '|'
  if (token.length > 2 && token.startsWith('[')) return characterSet(token.slice(1, -1))
  return token.replace(/[\\^$.*+?()[\]{}|/-]/gu, '\\$&')
}

const characterSet = (members: string): string => {
  const negated = members.startsWith('!')
  const plain = (negated ? members.slice(1) : members).replace(/[\\\]^[&~]/gu, '\\$&')
  return `[${negated ? '^' : ''}${plain}]`
}
