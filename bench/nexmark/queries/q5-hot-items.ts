import {
  countWindow,
  filter,
  flatMap,
  foldWindow,
  keyOn,
  keyRm,
  map,
  SlidingWindower,
  TumblingWindower,
  WatermarkClock,
} from 'tidemark/operators'
import { isBid } from '../model.ts'
import type { Query } from '../query.ts'
import { ALIGN_TO, eventTime } from '../time.ts'

const LENGTH = 10_000
const OFFSET = 2000

/** How often an auction was bid for in a window. */
interface Heat {
  readonly window: number
  readonly auction: number
  readonly bids: number
}

export interface HotItemRow {
  readonly starts: number
  readonly auction: number
  readonly bids: number
}

/** The last instant of a window: what is known of it is dated so, and meets the rest of it there. */
const lastInstant = ({ window }: Heat): number => ALIGN_TO + window * OFFSET + LENGTH - 1

const keepHottest = (hottest: Heat[], heat: Heat): Heat[] => {
  const most = hottest[0]?.bids ?? 0
  if (heat.bids > most) return [heat]
  if (heat.bids === most) hottest.push(heat)
  return hottest
}

/** The auctions with the most bids of the last ten seconds, every two seconds; all that tie. */
export const query: Query<HotItemRow> = {
  id: 'q5',
  title: 'hot items',
  steps: (events) => {
    const counts = events.pipe(
      filter('bids', isBid),
      countWindow('bids by auction', {
        clock: eventTime(),
        windower: new SlidingWindower({ length: LENGTH, offset: OFFSET, alignTo: ALIGN_TO }),
        key: (bid) => String(bid.auction),
      }),
    )
    const { down } = counts.down.pipe(
      map(
        'heat',
        ([auction, [window, bids]]): Heat => ({ window, auction: Number(auction), bids }),
      ),
      keyOn('window', (heat) => String(heat.window)),
      foldWindow('hottest', {
        clock: new WatermarkClock({ timestamp: lastInstant }),
        windower: new TumblingWindower({ length: OFFSET, alignTo: ALIGN_TO }),
        init: (): Heat[] => [],
        fold: keepHottest,
        ordered: false,
      }),
    )
    return down.pipe(
      keyRm('windows'),
      flatMap('rows', ([, hottest]) =>
        hottest.map(({ window, auction, bids }) => ({
          starts: ALIGN_TO + window * OFFSET,
          auction,
          bids,
        })),
      ),
    )
  },
}
