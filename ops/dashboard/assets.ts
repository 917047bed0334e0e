/** What the page is made of. */
export interface Assets {
  readonly script: string
  readonly style: string
  /** The licences of what is bundled into the script. */
  readonly licences: string
}

/**
 * Bundles the page when it is first asked for. That is how the sources run; a build puts the bundled
 * texts in the place of this file, so that the package needs no bundler.
 */
export const readAssets = async (): Promise<Assets> => {
  const bundler = new URL('../../.ci/dashboard.mjs', import.meta.url).href
  const { bundleDashboard } = (await import(bundler)) as { bundleDashboard(): Promise<Assets> }
  return bundleDashboard()
}
