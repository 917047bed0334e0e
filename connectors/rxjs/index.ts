export {
  type FromObservableOptions,
  fromObservable,
  ObservableSource,
  type Overflow,
} from './from-observable.ts'
export { ObservableSink } from './observable-sink.ts'
