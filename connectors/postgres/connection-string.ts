import { BuildError } from '../../lib/errors/errors.ts'

/**
 * What names a database: an address, the path of a socket, or nothing, for the usual PG variables.
 *
 * @throws BuildError for anything else, which it does not repeat: there may be a password in it
 */
export const checkedConnection = (connection: string): string => {
  if (connection === '' || connection.startsWith('/')) return connection
  if (/^(?:postgres(?:ql)?|socket):/.test(connection) && URL.canParse(connection)) return connection
  throw new BuildError(
    'connection must be an address such as postgres://user:password@host:port/database; percent-encode what is special in the password.',
  )
}
