// What fragments in pages and docstrings take for granted: names of the domain, and streams of it.
// Nothing here is ever run; the compiler alone reads it.

import type { Dataflow, Execution, KeyedStream, Stream } from 'tidemark'
import type { TumblingWindower, WatermarkClock } from 'tidemark/operators'
import type { TestingSink, TestingSource } from 'tidemark/testing'

export interface Order {
  readonly id: string
  readonly customer: string
  readonly user: string
  readonly price: number
  readonly total: number
  readonly currency: string
}

export interface Login {
  readonly user: string
  readonly at: number
}

export interface Reading {
  readonly at: number
  readonly value: number
}

export interface Trade {
  readonly at: number
  readonly amount: number
  readonly price: number
}

export declare const alerts: Stream<string>
export declare const amounts: KeyedStream<number>
export declare const bids: KeyedStream<Trade>
export declare const clicks: KeyedStream<Login>
export declare const counts: KeyedStream<number>
export declare const evens: Stream<number>
export declare const execution: Execution
export declare const fares: KeyedStream<Trade>
export declare const flow: Dataflow
export declare const huge: Stream<number>
export declare const images: Stream<Uint8Array>
export declare const keyed: KeyedStream<number>
export declare const lines: Stream<string>
export declare const logins: Stream<Login>
export declare const logouts: KeyedStream<Login>
export declare const mails: KeyedStream<string>
export declare const names: KeyedStream<string>
export declare const numbers: Stream<number>
export declare const odds: Stream<number>
export declare const orders: Stream<Order>
export declare const payments: KeyedStream<Trade>
export declare const quotes: KeyedStream<Trade>
export declare const readings: KeyedStream<Reading>
export declare const rides: KeyedStream<Trade>
export declare const rules: Stream<string>
export declare const sink: TestingSink<number>
export declare const source: TestingSource<number>
export declare const stats: KeyedStream<number>
export declare const stream: Stream<number>
export declare const totals: KeyedStream<number>
export declare const trades: KeyedStream<Trade>
export declare const urls: Stream<string>
export declare const windower: TumblingWindower
export declare const words: Stream<string>
export declare const clock: WatermarkClock<Trade>
