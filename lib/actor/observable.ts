/**
 * The few things of RxJS that the engine itself stands on, from their own modules: the package's
 * index takes longer to load than all the rest of a small flow. In Node these are the very classes
 * that `rxjs` exports.
 */
export { Observable } from 'rxjs/internal/Observable'
export { Subject } from 'rxjs/internal/Subject'
export { Subscription } from 'rxjs/internal/Subscription'
export { isObservable } from 'rxjs/internal/util/isObservable'
