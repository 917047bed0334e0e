/** Turns a promise down where none is awaited: its type becomes one that nothing fits. */
export type Sync<R> = R extends PromiseLike<unknown> ? never : R
