import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.legacy.RichSinkFunction;
import org.apache.flink.streaming.api.functions.source.legacy.RichSourceFunction;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/**
 * Nexmark's queries as Tidemark's flows have them, row for row. Every pass is a job of its own on
 * one mini-cluster, which is up all the time; what is timed lies between the source's first row and
 * the sink's last. What goes to another task is a POJO of the fields that the query reads.
 */
public final class Nexmark {
  private Nexmark() {}

  /** A person, an auction or a bid; what its kind has not is left empty. Never sent anywhere. */
  public static final class Event {
    public char kind;
    public long number;
    public long id;
    public String name;
    public String city;
    public String state;
    public int category;
    public long seller;
    public long auction;
    public long bidder;
    public long price;
    public long time;
    public long expires;
    public String extra;

    public Event() {}

    static Event parse(String line) {
      String[] fields = line.split("\t", -1);
      Event event = new Event();
      event.kind = fields[0].charAt(0);
      event.number = Long.parseLong(fields[1]);
      event.time = Long.parseLong(fields[2]);
      if (event.kind == 'b') {
        event.auction = Long.parseLong(fields[3]);
        event.bidder = Long.parseLong(fields[4]);
        event.price = Long.parseLong(fields[5]);
        event.extra = fields[6];
        return event;
      }
      event.id = Long.parseLong(fields[3]);
      event.name = fields[4];
      if (event.kind == 'p') {
        event.city = fields[5];
        event.state = fields[6];
      } else {
        event.category = Integer.parseInt(fields[5]);
        event.seller = Long.parseLong(fields[6]);
        event.expires = Long.parseLong(fields[7]);
      }
      return event;
    }

    boolean isBid() {
      return kind == 'b';
    }

    boolean isPerson() {
      return kind == 'p';
    }
  }

  private static Event[] events;

  static void run() throws Exception {
    events = Rig.LINES.stream().map(Event::parse).toArray(Event[]::new);
    Rig.LINES = List.of();
    Configuration configuration = new Configuration();
    configuration.set(RestOptions.PORT, 0);
    MiniClusterConfiguration one =
        new MiniClusterConfiguration.Builder()
            .setConfiguration(configuration)
            .setNumTaskManagers(1)
            .setNumSlotsPerTaskManager(1)
            .build();
    try (MiniCluster cluster = new MiniCluster(one)) {
      cluster.start();
      for (int pass = 0; Rig.LAPS.next(pass); pass += 1) {
        Rig.LAPS.pause();
        StreamExecutionEnvironment environment = Peer.environment();
        DataStream<Event> source = environment.addSource(new Source()).returns(Event.class);
        steps(source).addSink(new Sink());
        cluster.executeJobBlocking(environment.getStreamGraph().getJobGraph());
        Rig.LAPS.resume();
      }
    }
  }

  static final class Source extends RichSourceFunction<Event> {
    private volatile boolean isCancelled = false;

    @Override
    public void run(SourceContext<Event> context) {
      Rig.LAPS.resume();
      Object lock = context.getCheckpointLock();
      for (int at = 0; at < events.length && !isCancelled; at += 1) {
        synchronized (lock) {
          context.collect(events[at]);
        }
      }
    }

    @Override
    public void cancel() {
      isCancelled = true;
    }
  }

  /** Takes what each row weighs. */
  static final class Sink extends RichSinkFunction<Long> {
    private long count = 0;
    private long sum = 0;

    @Override
    public void invoke(Long weight, Context context) {
      count += 1;
      sum += weight;
    }

    @Override
    public void close() {
      Rig.Tally.add(count, sum);
      Rig.LAPS.pause();
    }
  }

  static DataStream<Long> steps(DataStream<Event> source) {
    switch (Rig.task) {
      case "NX-q0":
        return passThrough(source);
      case "NX-q3":
        return localItems(source);
      case "NX-q4":
        return categoryAverage(source);
      case "NX-q5":
        return hotItems(source);
      case "NX-q7":
        return highestBid(source);
      case "NX-q8":
        return newSellers(source);
      case "NX-q9":
        return winningBids(source);
      case "NX-q11":
        return userSessions(source);
      default:
        throw new IllegalArgumentException("No task " + Rig.task);
    }
  }

  static DataStream<Event> timed(DataStream<Event> source) {
    return source.assignTimestampsAndWatermarks(
        WatermarkStrategy.<Event>forMonotonousTimestamps()
            .withTimestampAssigner((event, before) -> event.time));
  }

  // q0

  record BidRow(long auction, long bidder, long price, long time, String extra) {
    long weigh() {
      return auction + price + time + extra.length();
    }
  }

  static DataStream<Long> passThrough(DataStream<Event> source) {
    return source
        .filter(Event::isBid)
        .map(bid -> new BidRow(bid.auction, bid.bidder, bid.price, bid.time, bid.extra).weigh());
  }

  // q3

  /** A person who signs up, or who puts something up for auction. */
  public static final class Doing {
    public long person;
    public boolean isPerson;
    public long auction;
    public String name;
    public String city;
    public String state;

    public Doing() {}

    static Doing of(Event event) {
      Doing doing = new Doing();
      doing.isPerson = event.isPerson();
      doing.person = doing.isPerson ? event.id : event.seller;
      if (doing.isPerson) {
        doing.name = event.name;
        doing.city = event.city;
        doing.state = event.state;
      } else {
        doing.auction = event.id;
      }
      return doing;
    }
  }

  record LocalItem(String name, String city, String state, long id) {
    long weigh() {
      return id * 7 + name.length();
    }
  }

  /** A seller, once known, and the auctions that came before. */
  public static final class Seller {
    public Doing person;
    public List<Long> waiting = new ArrayList<>();
  }

  static final class Meet extends KeyedProcessFunction<Long, Doing, Long> {
    private transient ValueState<Seller> state;

    @Override
    public void open(OpenContext context) {
      state = getRuntimeContext().getState(new ValueStateDescriptor<>("seller", Seller.class));
    }

    @Override
    public void processElement(Doing doing, Context context, Collector<Long> out)
        throws Exception {
      Seller seller = state.value();
      if (seller == null) seller = new Seller();
      if (!doing.isPerson && seller.person == null) {
        seller.waiting.add(doing.auction);
      } else if (!doing.isPerson) {
        out.collect(row(seller.person, doing.auction));
      } else {
        for (long auction : seller.waiting) out.collect(row(doing, auction));
        seller.person = doing;
        seller.waiting.clear();
      }
      state.update(seller);
    }

    private static long row(Doing person, long auction) {
      return new LocalItem(person.name, person.city, person.state, auction).weigh();
    }
  }

  static boolean isLocal(Event event) {
    if (event.kind == 'a') return event.category == 10;
    if (event.kind == 'b') return false;
    return event.state.equals("OR") || event.state.equals("ID") || event.state.equals("CA");
  }

  static DataStream<Long> localItems(DataStream<Event> source) {
    return source
        .filter(Nexmark::isLocal)
        .map(Doing::of)
        .keyBy(doing -> doing.person)
        .process(new Meet());
  }

  // q4 and q9

  /** An auction, or a bid for one. */
  public static final class Trade {
    public boolean isBid;
    public long auction;
    public long number;
    public long bidder;
    public long price;
    public long time;
    public long expires;
    public long seller;
    public int category;
    public String itemName;

    public Trade() {}

    static Trade of(Event event) {
      Trade trade = new Trade();
      trade.isBid = event.isBid();
      trade.time = event.time;
      trade.number = event.number;
      if (trade.isBid) {
        trade.auction = event.auction;
        trade.bidder = event.bidder;
        trade.price = event.price;
      } else {
        trade.auction = event.id;
        trade.expires = event.expires;
        trade.seller = event.seller;
        trade.category = event.category;
        trade.itemName = event.name;
      }
      return trade;
    }

    /** More money wins, then the earlier bid. */
    boolean beats(Trade best) {
      if (price != best.price) return price > best.price;
      return time != best.time ? time < best.time : number < best.number;
    }
  }

  /** What is known of an auction: itself, the best bid so far, and bids that came before it. */
  public static final class Lot {
    public Trade auction;
    public Trade best;
    public List<Trade> waiting = new ArrayList<>();

    /** Whether there is another best bid now. */
    boolean take(Trade trade) {
      if (trade.isBid) return bid(trade);
      auction = trade;
      boolean changed = false;
      for (Trade bid : waiting) changed = bid(bid) || changed;
      waiting = new ArrayList<>();
      return changed;
    }

    private boolean bid(Trade bid) {
      if (auction == null) {
        waiting.add(bid);
        return false;
      }
      if (bid.time < auction.time || bid.time > auction.expires) return false;
      if (best != null && !bid.beats(best)) return false;
      best = bid;
      return true;
    }
  }

  /** By how much the final prices of a category have grown, and by how many auctions. */
  public static final class Change {
    public int category;
    public long sum;
    public int auctions;

    public Change() {}

    Change(int category, long sum, int auctions) {
      this.category = category;
      this.sum = sum;
      this.auctions = auctions;
    }
  }

  /** Whoever keeps a lot for each auction. */
  abstract static class Bidding<Out> extends KeyedProcessFunction<Long, Trade, Out> {
    private transient ValueState<Lot> state;

    @Override
    public void open(OpenContext context) {
      state = getRuntimeContext().getState(new ValueStateDescriptor<>("lot", Lot.class));
    }

    @Override
    public void processElement(Trade trade, Context context, Collector<Out> out)
        throws Exception {
      Lot lot = state.value();
      if (lot == null) lot = new Lot();
      Trade before = lot.best;
      if (lot.take(trade)) out.collect(row(lot, before));
      state.update(lot);
    }

    abstract Out row(Lot lot, Trade before);
  }

  static final class FinalPrice extends Bidding<Change> {
    @Override
    Change row(Lot lot, Trade before) {
      long sum = lot.best.price - (before == null ? 0 : before.price);
      return new Change(lot.auction.category, sum, before == null ? 1 : 0);
    }
  }

  record Average(int category, long average) {
    long weigh() {
      return category * average;
    }
  }

  static final class Averages extends KeyedProcessFunction<Integer, Change, Long> {
    private transient ValueState<Change> state;

    @Override
    public void open(OpenContext context) {
      state = getRuntimeContext().getState(new ValueStateDescriptor<>("total", Change.class));
    }

    @Override
    public void processElement(Change change, Context context, Collector<Long> out)
        throws Exception {
      Change total = state.value();
      if (total == null) total = new Change(change.category, 0, 0);
      total.sum += change.sum;
      total.auctions += change.auctions;
      state.update(total);
      out.collect(new Average(total.category, total.sum / total.auctions).weigh());
    }
  }

  record Winner(
      long id, String itemName, long seller, int category, long bidder, long price, long time) {
    long weigh() {
      return id * 7 + price + time;
    }
  }

  static final class Winners extends Bidding<Long> {
    @Override
    Long row(Lot lot, Trade before) {
      Trade of = lot.auction;
      Trade best = lot.best;
      return new Winner(
              of.auction, of.itemName, of.seller, of.category, best.bidder, best.price, best.time)
          .weigh();
    }
  }

  static DataStream<Trade> trades(DataStream<Event> source) {
    return source.filter(event -> !event.isPerson()).map(Trade::of);
  }

  static DataStream<Long> categoryAverage(DataStream<Event> source) {
    return trades(source)
        .keyBy(trade -> trade.auction)
        .process(new FinalPrice())
        .keyBy(change -> change.category)
        .process(new Averages());
  }

  static DataStream<Long> winningBids(DataStream<Event> source) {
    return trades(source).keyBy(trade -> trade.auction).process(new Winners());
  }

  // q5

  static final class Count<In> implements AggregateFunction<In, Long, Long> {
    @Override
    public Long createAccumulator() {
      return 0L;
    }

    @Override
    public Long add(In item, Long count) {
      return count + 1;
    }

    @Override
    public Long getResult(Long count) {
      return count;
    }

    @Override
    public Long merge(Long into, Long other) {
      return into + other;
    }
  }

  /** How often an auction was bid for in a window. */
  public static final class Heat {
    public long starts;
    public long auction;
    public long bids;

    public Heat() {}

    Heat(long starts, long auction, long bids) {
      this.starts = starts;
      this.auction = auction;
      this.bids = bids;
    }

    long weigh() {
      return auction * bids + starts;
    }
  }

  static final class Heats extends ProcessWindowFunction<Long, Heat, Long, TimeWindow> {
    @Override
    public void process(
        Long auction, Context context, Iterable<Long> counts, Collector<Heat> out) {
      long bids = counts.iterator().next();
      out.collect(new Heat(context.window().getStart(), auction, bids));
    }
  }

  static final class Hottest implements AggregateFunction<Heat, List<Heat>, List<Heat>> {
    @Override
    public List<Heat> createAccumulator() {
      return new ArrayList<>();
    }

    @Override
    public List<Heat> add(Heat heat, List<Heat> hottest) {
      long most = hottest.isEmpty() ? 0 : hottest.get(0).bids;
      if (heat.bids > most) hottest.clear();
      if (heat.bids >= most) hottest.add(heat);
      return hottest;
    }

    @Override
    public List<Heat> getResult(List<Heat> hottest) {
      return hottest;
    }

    @Override
    public List<Heat> merge(List<Heat> into, List<Heat> other) {
      for (Heat heat : other) add(heat, into);
      return into;
    }
  }

  static DataStream<Long> hotItems(DataStream<Event> source) {
    return timed(source)
        .filter(Event::isBid)
        .map(bid -> bid.auction)
        .keyBy(auction -> auction)
        .window(SlidingEventTimeWindows.of(Duration.ofSeconds(10), Duration.ofSeconds(2)))
        .aggregate(new Count<>(), new Heats())
        .keyBy(heat -> heat.starts)
        .window(TumblingEventTimeWindows.of(Duration.ofSeconds(2)))
        .aggregate(
            new Hottest(), Types.LIST(Types.POJO(Heat.class)), Types.LIST(Types.POJO(Heat.class)))
        .flatMap(
            (List<Heat> hottest, Collector<Long> out) -> {
              for (Heat heat : hottest) out.collect(heat.weigh());
            })
        .returns(Types.LONG);
  }

  // q7

  /** The fields of a bid that say who bid how much for what. */
  public static final class Offer {
    public long auction;
    public long price;
    public long bidder;
    public long time;

    public Offer() {}

    static Offer of(Event bid) {
      Offer offer = new Offer();
      offer.auction = bid.auction;
      offer.price = bid.price;
      offer.bidder = bid.bidder;
      offer.time = bid.time;
      return offer;
    }

    long weigh() {
      return auction + price + time;
    }
  }

  static final class Highest implements AggregateFunction<Offer, List<Offer>, List<Offer>> {
    @Override
    public List<Offer> createAccumulator() {
      return new ArrayList<>();
    }

    @Override
    public List<Offer> add(Offer offer, List<Offer> highest) {
      long most = highest.isEmpty() ? Long.MIN_VALUE : highest.get(0).price;
      if (offer.price > most) highest.clear();
      if (offer.price >= most) highest.add(offer);
      return highest;
    }

    @Override
    public List<Offer> getResult(List<Offer> highest) {
      return highest;
    }

    @Override
    public List<Offer> merge(List<Offer> into, List<Offer> other) {
      for (Offer offer : other) add(offer, into);
      return into;
    }
  }

  static DataStream<Offer> highest(DataStream<Offer> offers, KeySelector<Offer, Long> key) {
    return offers
        .keyBy(key)
        .window(TumblingEventTimeWindows.of(Duration.ofSeconds(10)))
        .aggregate(
            new Highest(), Types.LIST(Types.POJO(Offer.class)), Types.LIST(Types.POJO(Offer.class)))
        .flatMap((List<Offer> few, Collector<Offer> out) -> few.forEach(out::collect))
        .returns(Offer.class);
  }

  static DataStream<Long> highestBid(DataStream<Event> source) {
    DataStream<Offer> offers = timed(source).filter(Event::isBid).map(Offer::of);
    return highest(highest(offers, offer -> offer.bidder % 16), offer -> 0L).map(Offer::weigh);
  }

  // q8

  /** What a person has done within a window. */
  public static final class Doings {
    public String name;
    public boolean sells;

    public Doings() {}
  }

  static final class Note implements AggregateFunction<Doing, Doings, Doings> {
    @Override
    public Doings createAccumulator() {
      return new Doings();
    }

    @Override
    public Doings add(Doing doing, Doings doings) {
      if (doing.isPerson) doings.name = doing.name;
      else doings.sells = true;
      return doings;
    }

    @Override
    public Doings getResult(Doings doings) {
      return doings;
    }

    @Override
    public Doings merge(Doings into, Doings other) {
      if (other.name != null) into.name = other.name;
      into.sells |= other.sells;
      return into;
    }
  }

  record NewSeller(long id, String name, long starts) {
    long weigh() {
      return id * 7 + starts;
    }
  }

  static final class NewSellers extends ProcessWindowFunction<Doings, Long, Long, TimeWindow> {
    @Override
    public void process(
        Long person, Context context, Iterable<Doings> all, Collector<Long> out) {
      Doings doings = all.iterator().next();
      if (doings.name == null || !doings.sells) return;
      out.collect(new NewSeller(person, doings.name, context.window().getStart()).weigh());
    }
  }

  static DataStream<Long> newSellers(DataStream<Event> source) {
    return timed(source)
        .filter(event -> !event.isBid())
        .map(Doing::of)
        .keyBy(doing -> doing.person)
        .window(TumblingEventTimeWindows.of(Duration.ofSeconds(10)))
        .aggregate(new Note(), new NewSellers());
  }

  // q11

  record Session(long bidder, long bids, long starts, long ends) {
    long weigh() {
      return bidder * bids + starts + 3 * ends;
    }
  }

  static final class Sessions extends ProcessWindowFunction<Long, Long, Long, TimeWindow> {
    @Override
    public void process(
        Long bidder, Context context, Iterable<Long> counts, Collector<Long> out) {
      TimeWindow window = context.window();
      long bids = counts.iterator().next();
      out.collect(new Session(bidder, bids, window.getStart(), window.getEnd()).weigh());
    }
  }

  static DataStream<Long> userSessions(DataStream<Event> source) {
    return timed(source)
        .filter(Event::isBid)
        .map(bid -> bid.bidder)
        .keyBy(bidder -> bidder)
        .window(EventTimeSessionWindows.withGap(Duration.ofSeconds(10)))
        .aggregate(new Count<>(), new Sessions());
  }
}
