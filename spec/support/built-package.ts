import { existsSync } from 'node:fs'
import { cp, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly source: string }>>
}

/** Makes the package as npm installs it, but for its types, in a folder below its own packages. */
export const buildPackage = async (folder: string): Promise<void> => {
  const manifest = JSON.parse(await readFile('package.json', 'utf8')) as Manifest
  const doors = Object.values(manifest.exports).flatMap((door) =>
    typeof door === 'string' || !existsSync(door.source) ? [] : [resolve(door.source)],
  )
  await build({
    entryPoints: [...doors, resolve('cli/main.ts')],
    outdir: join(folder, 'dist'),
    outbase: resolve('.'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    chunkNames: 'lib/run/[name]-[hash]',
    logLevel: 'error',
  })
  await cp('package.json', join(folder, 'package.json'))
}
