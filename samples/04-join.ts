// What it teaches: putting streams together that have the same key.
// What to notice: rows are typed by their sides; with `final` a missing side is null.
// Run it: node --import tsx --conditions source samples/04-join.ts
import { dataflow, fromIterable, run } from 'tidemark'
import { StdOutSink } from 'tidemark/connectors/stdio'
import { join, keyOn, map } from 'tidemark/operators'

export const flow = dataflow('join')

const users = flow
  .input(
    'users',
    fromIterable([
      { id: '1', name: 'Ada' },
      { id: '2', name: 'Grace' },
    ]),
  )
  .pipe(keyOn('user', (user) => user.id))

const emails = flow
  .input('emails', fromIterable([{ user: '1', address: 'ada@example.org' }]))
  .pipe(keyOn('owner', (email) => email.user))

// Sides in an object make rows with the same names; sides in a tuple make tuples.
join('profile', { user: users, email: emails }, { emitMode: 'final' })
  .pipe(
    map('line', ([id, { user, email }]) => `${id}: ${user?.name}, ${email?.address ?? 'no email'}`),
  )
  .output('print', new StdOutSink())

await run(flow)

// => 1: Ada, ada@example.org
// => 2: Grace, no email
