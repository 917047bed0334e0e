/**
 * The three things of RxJS that the engine itself stands on, from their own modules: the package's
 * index takes four times as long to load as the rest of a small flow to start. In Node these are
 * the very classes that `rxjs` exports.
 */
export { Observable } from 'rxjs/internal/Observable'
export { Subject } from 'rxjs/internal/Subject'
