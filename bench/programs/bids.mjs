// Bids of an auction, as many different ones as a program likes to have.

const CHANNELS = ['google', 'apple', 'baidu', 'facebook']

/** The bid of a number, bound for a worker. */
export const bid = (n, to) => ({
  auction: 1000 + (n % 500),
  bidder: 5000 + (n % 3000),
  price: (n * 7919) % 100_000,
  channel: `${to}-${CHANNELS[n % 4]}`,
  url: `https://www.example.com/item/${n % 1000}`,
  dateTime: 1_700_000_000_000 + n,
  extra: 'abcdefghijklmnop'.slice(0, 4 + (n % 12)),
})
