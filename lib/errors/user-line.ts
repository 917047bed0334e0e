import { fileURLToPath } from 'node:url'

/** The folder that holds the engine's own rooms: frames in them are not the user's. */
const HOUSE = fileURLToPath(new URL('../../', import.meta.url))
const ROOMS = ['lib/', 'operators/', 'connectors/', 'cluster/', 'testing/', 'cli/', 'ops/']
/** Source maps lead from what was compiled to the sources beside it. */
const OURS = [HOUSE, HOUSE.replace(/dist\/$/, '')].flatMap((house) =>
  ROOMS.map((room) => house + room),
)

const PLACE = /\(?((?:file:\/\/)?\/[^()]*|[A-Za-z]:\\[^()]*):(\d+):(\d+)\)?$/

/** The first line of a stack that is neither the engine's nor a package's nor Node's. */
export const userLine = (cause: unknown): string | undefined => {
  if (!(cause instanceof Error) || typeof cause.stack !== 'string') return undefined
  for (const line of cause.stack.split('\n').slice(1)) {
    const found = PLACE.exec(line.trim())
    if (found === null || /(?:^at |\()node:/.test(line.trim())) continue
    const path = (found[1] as string)
      .replace(/^.*?(?=file:\/\/)/, '')
      .replace(/^file:\/\//, '')
      .replace(/^at /, '')
    if (path.includes('node_modules') || OURS.some((room) => path.startsWith(room))) continue
    return `${path}:${found[2]}:${found[3]}`
  }
  return undefined
}
