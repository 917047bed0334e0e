/** Where an API listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

export const LOOPBACK = '127.0.0.1'
/** The first port that is tried where none is named. */
export const FIRST_PORT = 3030
const LAST_PORT = 65_535

/** Whether only this machine can reach it. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)

/** `host:port`, `[::1]:port`, `:port` or `port`; `null` where it is none of these. */
export const parseAddress = (text: string): Address | null => {
  const found = /^(?:(?:\[([0-9a-f:.]+)\]|([\w.-]*)):)?(\d{1,5})$/i.exec(text)
  if (found === null) return null
  const [, six, name, digits] = found
  const port = Number(digits)
  return port > LAST_PORT ? null : { host: six ?? (name || LOOPBACK), port }
}

/** As it stands in a URL. */
export const urlOf = ({ host, port }: Address): string =>
  `http://${host.includes(':') ? `[${host}]` : host}:${port}`
