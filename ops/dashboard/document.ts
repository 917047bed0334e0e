import { createHash } from 'node:crypto'
import { readAssets } from './assets.ts'

/** The dashboard as it is sent. */
export interface Document {
  readonly html: string
  /** Its Content-Security-Policy: this one script, this one style sheet, and nobody else's host. */
  readonly policy: string
}

let made: Promise<Document> | null = null

/** The same for every flow and every reader: it holds nothing but the program that asks the API. */
export const dashboard = (): Promise<Document> => {
  made ??= make().catch((error: unknown) => {
    made = null
    throw error
  })
  return made
}

const make = async (): Promise<Document> => {
  const { script, style, licences } = await readAssets()
  return {
    html: [
      '<!doctype html>',
      '<html lang="en">',
      '<head>',
      '<meta charset="utf-8">',
      '<meta name="viewport" content="width=device-width, initial-scale=1">',
      '<meta name="color-scheme" content="light dark">',
      '<meta name="referrer" content="no-referrer">',
      '<title>Tidemark</title>',
      `<link rel="icon" href="${ICON}">`,
      `<!--\n${licences}\n-->`,
      `<style>${style}</style>`,
      '</head>',
      '<body>',
      '<noscript>The dashboard of Tidemark needs JavaScript. GET /flow/live has the same facts.</noscript>',
      `<script type="module">${script}</script>`,
      '</body>',
      '</html>',
      '',
    ].join('\n'),
    policy: [
      "default-src 'none'",
      `script-src '${hash(script)}'`,
      `style-src '${hash(style)}'`,
      "connect-src 'self'",
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ].join('; '),
  }
}

const hash = (text: string): string =>
  `sha256-${createHash('sha256').update(text).digest('base64')}`

const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M1 6q3.500-4 7 0t7 0M1 11q3.500-4 7 0t7 0" fill="none" stroke="#2a78b8" stroke-width="2" stroke-linecap="round"/></svg>',
)}`
