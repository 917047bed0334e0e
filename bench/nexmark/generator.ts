import { Draws, padding, SPACE, UNDERSCORE } from './draws.ts'
import type { Auction, Bid, NexmarkEvent, Person } from './model.ts'

/** Of 50 events one is a person, three are auctions and 46 are bids. */
const CYCLE = 50
const AUCTIONS = 3
const FIRST_ID = 1000
const FIRST_CATEGORY = 10
const CATEGORIES = 5
const ACTIVE_PEOPLE = 1000
const AUCTIONS_IN_FLIGHT = 100
/** How many ids ahead of the newest may be referred to, before their rows have come. */
const LEAD = 10
/** People and auctions in a hot group, of which one is hot. */
const HOT_GROUP = 100
/** Events until as many auctions have come as are in flight. */
const FLIGHT = Math.floor((AUCTIONS_IN_FLIGHT * CYCLE) / AUCTIONS)

const FIRST_NAMES = 'Peter Paul Luke John Saul Vicky Kate Julie Sarah Deiter Walter'.split(' ')
const LAST_NAMES = 'Shultz Abrams Spencer White Bartels Walton Smith Jones Noris'.split(' ')
const CITIES = [
  ...['Phoenix', 'Los Angeles', 'San Francisco', 'Boise', 'Portland'],
  ...['Bend', 'Redmond', 'Seattle', 'Kent', 'Cheyenne'],
]
const STATES = ['AZ', 'CA', 'ID', 'OR', 'WA', 'WY']
const HOT_CHANNELS = ['Google', 'Facebook', 'Baidu', 'Apple']
const COLD_CHANNELS = 10_000

interface Channel {
  readonly name: string
  readonly url: string
}

const makeChannels = (): {
  readonly hot: readonly Channel[]
  readonly cold: readonly Channel[]
} => {
  const draws = new Draws()
  draws.seed(777, 2)
  const page = (): string => {
    const path = [
      draws.word(5, UNDERSCORE),
      draws.word(5, UNDERSCORE),
      draws.word(5, UNDERSCORE),
    ].join('/')
    return `https://www.nexmark.com/${path}/item.htm?query=1`
  }
  const hot = HOT_CHANNELS.map((name) => ({ name, url: page() }))
  const cold = Array.from({ length: COLD_CHANNELS }, (_, index) => {
    const bare = page()
    const url = draws.below(10) > 0 ? `${bare}&channel_id=${Math.abs(reversed(index))}` : bare
    return { name: `channel-${index}`, url }
  })
  return { hot, cold }
}

/** The bits of a 32-bit integer the other way round. */
const reversed = (value: number): number => {
  let result = 0
  for (let bit = 0; bit < 32; bit += 1) result = (result << 1) | ((value >>> bit) & 1)
  return result
}

const CHANNELS = makeChannels()

/** The last auction of a cycle. */
const lastAuction = (cycle: number): number => cycle * AUCTIONS + AUCTIONS - 1

/** The first one, which is the hot one, of the group that a person or an auction is in. */
const hotOf = (id: number): number => Math.floor(id / HOT_GROUP) * HOT_GROUP

export interface GeneratorOptions {
  /** Another seed gives other rows, of the same kinds at the same times. @defaultValue 0 */
  readonly seed?: number
  /** Events a second of event time. @defaultValue 10 000 */
  readonly rate?: number
  /** Events are shuffled within groups of so many. @defaultValue 1 */
  readonly disorder?: number
}

/** A prime that divides no group, so that stepping by it visits each place of a group once. */
const STEP = 953

/**
 * Makes the events of an auction house, any one from its number alone, so that the rows are the
 * same however they are split over partitions and cut into batches, and again after a crash.
 */
export class NexmarkGenerator {
  readonly #draws = new Draws()
  readonly #seed: number
  readonly #disorder: number
  /** Microseconds of event time between two events. */
  readonly #delay: number

  constructor({ seed = 0, rate = 10_000, disorder = 1 }: GeneratorOptions = {}) {
    if (!Number.isInteger(disorder) || disorder < 1 || disorder % STEP === 0) {
      throw new RangeError(
        `disorder is ${disorder}; it must be a whole number, 1 or more, and no multiple of ${STEP}.`,
      )
    }
    this.#seed = seed
    this.#disorder = disorder
    this.#delay = 1e6 / rate
  }

  /** The event that arrives as number `arrival`, from 0. */
  event(arrival: number): NexmarkEvent {
    const group = this.#disorder
    const number = group === 1 ? arrival : arrival - (arrival % group) + ((arrival * STEP) % group)
    const cycle = Math.floor(number / CYCLE)
    const place = number - cycle * CYCLE
    this.#draws.seed(number, this.#seed)
    if (place > AUCTIONS) return this.#bid(number, cycle)
    return place < 1 ? this.#person(number, cycle) : this.#auction(number, cycle, place)
  }

  /** Epoch milliseconds before which nothing arrives as number `arrival` or later. */
  watermark(arrival: number): number {
    return this.#timeOf(arrival - (arrival % this.#disorder))
  }

  #timeOf(number: number): number {
    return Math.trunc(Math.trunc(number * this.#delay) / 1000)
  }

  #person(number: number, cycle: number): Person {
    const draws = this.#draws
    const name = `${pick(draws, FIRST_NAMES)} ${pick(draws, LAST_NAMES)}`
    const emailAddress = `${draws.word(7, SPACE)}@${draws.word(5, SPACE)}.com`
    const creditCard = `${digits(draws)} ${digits(draws)} ${digits(draws)} ${digits(draws)}`
    const city = pick(draws, CITIES)
    const state = pick(draws, STATES)
    const texts = name.length + emailAddress.length + creditCard.length
    return {
      kind: 'person',
      number,
      id: cycle + FIRST_ID,
      name,
      emailAddress,
      creditCard,
      city,
      state,
      dateTime: this.#timeOf(number),
      extra: padding(draws, 8 + texts + city.length + state.length, 200),
    }
  }

  #auction(number: number, cycle: number, place: number): Auction {
    const draws = this.#draws
    const dateTime = this.#timeOf(number)
    const seller = draws.below(4) > 0 ? hotOf(cycle) : somePerson(draws, cycle)
    const category = FIRST_CATEGORY + draws.below(CATEGORIES)
    const initialBid = draws.price()
    const flight = this.#timeOf(number + FLIGHT) - dateTime
    const expires = dateTime + 1 + draws.below(Math.max(2 * flight, 1))
    const itemName = draws.word(20, SPACE)
    const description = draws.word(100, SPACE)
    const reserve = initialBid + draws.price()
    return {
      kind: 'auction',
      number,
      id: cycle * AUCTIONS + place - 1 + FIRST_ID,
      itemName,
      description,
      initialBid,
      reserve,
      dateTime,
      expires,
      seller: seller + FIRST_ID,
      category,
      extra: padding(draws, 8 + itemName.length + description.length + 5 * 8, 500),
    }
  }

  #bid(number: number, cycle: number): Bid {
    const draws = this.#draws
    const newest = lastAuction(cycle)
    const auction = draws.below(2) > 0 ? hotOf(newest) : someAuction(draws, newest)
    const bidder = draws.below(4) > 0 ? hotOf(cycle) + 1 : somePerson(draws, cycle)
    const price = draws.price()
    const channel = draws.below(2) > 0 ? pick(draws, CHANNELS.hot) : pick(draws, CHANNELS.cold)
    return {
      kind: 'bid',
      number,
      auction: auction + FIRST_ID,
      bidder: bidder + FIRST_ID,
      price,
      channel: channel.name,
      url: channel.url,
      dateTime: this.#timeOf(number),
      extra: padding(draws, 32, 100),
    }
  }
}

const pick = <T>(draws: Draws, choices: readonly T[]): T =>
  choices[draws.below(choices.length)] as T

const digits = (draws: Draws): string => String(draws.below(10_000)).padStart(4, '0')

const somePerson = (draws: Draws, newest: number): number => {
  const people = newest + 1
  const active = Math.min(people, ACTIVE_PEOPLE)
  return people - active + draws.below(active + LEAD)
}

const someAuction = (draws: Draws, newest: number): number => {
  const first = Math.max(newest - AUCTIONS_IN_FLIGHT, 0)
  return first + draws.below(newest - first + 1 + LEAD)
}
