// Bundles the dashboard's page: its script, its style sheet, and the licences of what is in them.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = new URL('..', import.meta.url)
const text = (path) => readFileSync(new URL(path, root), 'utf8')

export const bundleDashboard = async () => {
  const folder = 'ops/dashboard/page'
  const { outputFiles } = await build({
    entryPoints: {
      page: fileURLToPath(new URL(`${folder}/main.ts`, root)),
      style: fileURLToPath(new URL(`${folder}/page.css`, root)),
    },
    outdir: '/',
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'warning',
  })
  const output = (end) => outputFiles.find(({ path }) => path.endsWith(end)).text.trim()
  return {
    script: output('page.js'),
    style: output('style.css'),
    licences: ['uplot', '@dagrejs/dagre']
      .map((name) => `${name}\n\n${text(`node_modules/${name}/LICENSE`).trim()}`)
      .join('\n\n')
      .replaceAll('--', '- -'),
  }
}
