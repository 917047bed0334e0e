import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { buildSync } from 'esbuild'

interface Manifest {
  readonly name: string
  readonly exports: Readonly<Record<string, string | { readonly source: string }>>
}

/**
 * Makes the package as npm installs it, but for its types, in a folder below its own packages; and
 * beside it programs that use it, of whose copy of it they share the code.
 */
export const buildPackage = (folder: string, programs: readonly string[] = []): void => {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
  const doors = Object.entries(manifest.exports).flatMap(([path, door]) =>
    typeof door === 'string' || !existsSync(door.source)
      ? []
      : [{ name: join(manifest.name, path), file: resolve(door.source) }],
  )
  const entries = ['lib', 'cluster'].flatMap((room) =>
    readdirSync(room, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('-entry.ts'))
      .map((file) => resolve(room, file)),
  )
  const files = [...doors.map(({ file }) => file), ...entries, resolve('cli/main.ts')]
  buildSync({
    entryPoints: [...new Set([...files, ...programs.map((program) => resolve(program))])],
    outdir: join(folder, 'dist'),
    outbase: resolve('.'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    alias: Object.fromEntries(doors.map(({ name, file }) => [name, file])),
    chunkNames: 'lib/run/[name]-[hash]',
    logLevel: 'error',
  })
  copyFileSync('package.json', join(folder, 'package.json'))
}
