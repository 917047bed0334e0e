import { findNatsServer, INSTALL_NATS } from '../../cluster/nats-server.ts'

/** Specs that talk to a real server; where there is none they are skipped, and their name says why. */
export const describeWithNats = (name: string, specs: (this: Mocha.Suite) => void): void => {
  if (findNatsServer() === null) describe.skip(`${name} (skipped: ${INSTALL_NATS})`, specs)
  else describe(name, specs)
}
