export { filter } from './filter.ts'
export { keyOn } from './key-on.ts'
export { map } from './map.ts'
export { type StatefulMapper, statefulMap } from './stateful-map.ts'
