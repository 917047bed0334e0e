/** Loaded first by `npm run torture`: from here on every spec tries as hard as it can. */
process.env['TIDEMARK_EFFORT'] = 'torture'
