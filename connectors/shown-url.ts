/** An address as it may be shown: without user, password and query. */
export const shownUrl = (url: string): string => {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}
