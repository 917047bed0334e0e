import { Document, stringify } from 'yaml'

/** Documents as YAML, each in full: nothing refers to another place. */
export const toYaml = (documents: readonly object[], comment: string): string => {
  const texts = documents.map((each) =>
    stringify(new Document(each, { aliasDuplicateObjects: false }), { lineWidth: 0 }),
  )
  const head = comment
    .split('\n')
    .map((line) => `# ${line}`.trimEnd())
    .join('\n')
  return `${head}\n${texts.join('---\n')}`.trimEnd()
}
