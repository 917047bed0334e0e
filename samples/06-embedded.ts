// What it teaches: a flow inside a service: RxJS in, RxJS out.
// What to notice: start() gives the execution at once; completing the input ends the flow.
// Run it: node --import tsx --conditions source samples/06-embedded.ts
import { Subject } from 'rxjs'
import { dataflow, start } from 'tidemark'
import { fromObservable, ObservableSink } from 'tidemark/connectors/rxjs'
import { keyOn, map, statefulMap } from 'tidemark/operators'

interface Login {
  readonly user: string
  readonly ok: boolean
}

const logins$ = new Subject<Login>()
const alarms = new ObservableSink<string>()

const flow = dataflow('embedded')

flow
  .input('logins', fromObservable(logins$))
  .pipe(
    keyOn('user', (login) => login.user),
    statefulMap('failures', (failures: number | null, { ok }) => {
      const next = ok ? 0 : (failures ?? 0) + 1
      return [next, next]
    }),
    map('text', ([user, failures]) => `${user}: ${failures} failed in a row`),
  )
  .output('alarms', alarms)

alarms.items$.subscribe({
  next: (alarm) => console.log(alarm),
  complete: () => console.log('the flow has ended'),
})

const execution = start(flow)
logins$.next({ user: 'ada', ok: false })
logins$.next({ user: 'bob', ok: true })
logins$.next({ user: 'ada', ok: false })
logins$.complete()

const { itemsIn } = await execution.done
console.log(`${itemsIn} logins`)

// => ada: 1 failed in a row
// => bob: 0 failed in a row
// => ada: 2 failed in a row
// => the flow has ended
// => 3 logins
