import static com.hazelcast.jet.pipeline.WindowDefinition.session;
import static com.hazelcast.jet.pipeline.WindowDefinition.sliding;
import static com.hazelcast.jet.pipeline.WindowDefinition.tumbling;

import com.hazelcast.config.Config;
import com.hazelcast.core.Hazelcast;
import com.hazelcast.core.HazelcastInstance;
import com.hazelcast.function.SupplierEx;
import com.hazelcast.jet.aggregate.AggregateOperation;
import com.hazelcast.jet.aggregate.AggregateOperation1;
import com.hazelcast.jet.core.AbstractProcessor;
import com.hazelcast.jet.core.Processor;
import com.hazelcast.jet.core.ProcessorMetaSupplier;
import com.hazelcast.jet.datamodel.KeyedWindowResult;
import com.hazelcast.jet.pipeline.BatchSource;
import com.hazelcast.jet.pipeline.BatchStage;
import com.hazelcast.jet.pipeline.GeneralStage;
import com.hazelcast.jet.pipeline.Pipeline;
import com.hazelcast.jet.pipeline.Sinks;
import com.hazelcast.jet.pipeline.Sources;
import com.hazelcast.jet.pipeline.WindowDefinition;
import java.io.IOException;
import java.io.Serializable;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Hazelcast Jet, embedded, beside Tidemark: TASK ROWS WORKERS PASSES SPAN WARM_MS SLICE_MS SLICES. */
public final class Peer {
  /** A row of any workload: its key, its event time, and a number or two. */
  static final class Row implements Serializable {
    final String key;
    long time;
    final int id;
    final int value;

    Row(String key, long time, int id, int value) {
      this.key = key;
      this.time = time;
      this.id = id;
      this.value = value;
    }
  }

  static Row parse(String task, String line) {
    String[] fields = line.split("\t");
    int last = Integer.parseInt(fields[fields.length - 1]);
    if (task.equals("W1")) return new Row("", 0, Integer.parseInt(fields[0]), last);
    if (task.startsWith("W3")) return new Row(fields[0], 0, 0, last);
    if (task.equals("W5")) {
      return new Row(fields[0], Long.parseLong(fields[2]), Integer.parseInt(fields[1]), last);
    }
    return new Row(fields[0], Long.parseLong(fields[1]), 0, last);
  }

  /** The rows of one source; a key's are all of one source, so that its order is the file's. */
  static Row[] share(int source) {
    List<Row> rows = new ArrayList<>();
    for (int index = 0; index < LINES.size(); index += 1) {
      String line = LINES.get(index);
      int ordinal = line.charAt(0) == 'k' ? line.charAt(line.indexOf('\t') - 1) - '0' : index;
      if (ordinal % workers == source) rows.add(parse(task, line));
    }
    return rows.toArray(new Row[0]);
  }

  /**
   * The rows of one source, pass after pass, each later than before. There are two copies, used in
   * turn, so that rows still under way are never changed.
   */
  static final class Passes {
    private final Row[][] copies;
    private Row[] rows = new Row[0];
    private int at = 0;
    private int pass = -1;

    Passes(int source) {
      copies = new Row[][] {share(source), share(source)};
      for (Row row : copies[1]) row.time += span;
    }

    /** The next row; null at the end. */
    Row next() {
      if (at == rows.length) {
        if (!LAPS.next(pass + 1)) return null;
        pass += 1;
        rows = copies[pass % 2];
        at = 0;
      }
      Row row = rows[at];
      at += 1;
      if (pass >= 2) row.time += 2 * span;
      return row;
    }
  }

  /** Decides how many passes are made: some to warm up, then so many slices that are timed. */
  static final class Laps {
    private final List<String> slices = new ArrayList<>();
    private long warmUntil = 0;
    private long cpuFrom = 0;
    private long wallFrom = 0;
    private int slicePasses = 0;
    private boolean isWarm = false;
    private boolean isOver = false;
    int begun = 0;

    /** Whether there shall be this pass; whichever source asks first decides for all. */
    synchronized boolean next(int pass) {
      if (pass < begun) return true;
      if (isOver) return false;
      long now = System.nanoTime();
      if (begun == 0) {
        warmUntil = now + warmMs * 1_000_000L;
        restart(now);
      } else {
        slicePasses += 1;
        if (!isWarm && now >= warmUntil) {
          isWarm = true;
          restart(now);
        } else if (isWarm && now - wallFrom >= sliceMs * 1_000_000L) {
          close(now);
        }
      }
      isOver = slices.size() >= sliceCount;
      if (!isOver) begun += 1;
      return !isOver;
    }

    private void restart(long now) {
      wallFrom = now;
      cpuFrom = cpuTime();
      slicePasses = 0;
    }

    private void close(long now) {
      double cpuMs = (cpuTime() - cpuFrom) / 1e6;
      double wallMs = (now - wallFrom) / 1e6;
      slices.add(
          String.format(
              Locale.ROOT,
              "{\"cpuMs\":%.3f,\"wallMs\":%.3f,\"passes\":%d}",
              cpuMs, wallMs, slicePasses));
      restart(now);
    }

    /** Of all threads: the collector's and the compiler's as well. */
    private static long cpuTime() {
      return ((com.sun.management.OperatingSystemMXBean)
              ManagementFactory.getOperatingSystemMXBean())
          .getProcessCpuTime();
    }

    synchronized void print(long count, long sum) throws IOException {
      long rssKb =
          Files.lines(Path.of("/proc/self/status"))
              .filter(line -> line.startsWith("VmHWM"))
              .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
              .findFirst()
              .orElse(0);
      System.out.printf(
          Locale.ROOT,
          "@peer {\"count\":%d,\"sum\":%d,\"passes\":%d,\"slices\":[%s],\"rssMb\":%.1f}%n",
          count, (int) sum, begun, String.join(",", slices), rssKb / 1024.0);
    }
  }

  static final Laps LAPS = new Laps();
  static List<String> LINES = List.of();
  static String task;
  static int workers;
  static long span;
  static long warmMs;
  static long sliceMs;
  static int sliceCount;

  static void readArguments(String[] args) throws IOException {
    task = args[0];
    LINES = Files.readAllLines(Path.of(args[1]));
    workers = Integer.parseInt(args[2]);
    span = Long.parseLong(args[4]);
    warmMs = Long.parseLong(args[5]);
    sliceMs = Long.parseLong(args[6]);
    sliceCount = Integer.parseInt(args[7]);
  }

  /** What all sinks of this process have taken. */
  static final class Tally {
    private static long count = 0;
    private static long sum = 0;

    static synchronized void add(long moreCount, long moreSum) {
      count += moreCount;
      sum += moreSum;
    }
  }

  /** Count and sum of a window. */
  static final class Sum implements Serializable {
    long n;
    long s;

    int weigh() {
      return (int) n * (int) s;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Sum sum && sum.n == n && sum.s == s;
    }

    @Override
    public int hashCode() {
      return Long.hashCode(31 * n + s);
    }
  }

  /** One of the sources, cooperative, without a copy of a row. */
  static final class ReplayP extends AbstractProcessor {
    private Passes passes;
    private Row pending;

    @Override
    protected void init(Context context) {
      passes = new Passes(context.localProcessorIndex());
      pending = null;
    }

    @Override
    public boolean complete() {
      while (true) {
        if (pending == null) pending = passes.next();
        if (pending == null) return true;
        if (!tryEmit(pending)) return false;
        pending = null;
      }
    }
  }

  static final class TallyP extends AbstractProcessor {
    private long count = 0;
    private long sum = 0;

    @Override
    protected boolean tryProcess(int ordinal, Object item) {
      count += 1;
      sum += numberOf(item);
      return true;
    }

    @Override
    public boolean complete() {
      Tally.add(count, sum);
      return true;
    }

    private static long numberOf(Object item) {
      if (item instanceof Row row) return row.value;
      if (item instanceof Long total) return total;
      return ((KeyedWindowResult<?, Integer>) item).result();
    }
  }

  static ProcessorMetaSupplier of(SupplierEx<Processor> make) {
    return ProcessorMetaSupplier.of(workers, make);
  }

  static GeneralStage<Row> chain(BatchStage<Row> rows) {
    return rows.map(row -> new Row("", 0, row.id, row.value + 1))
        .filter(row -> (row.id & 1) == 0)
        .map(row -> new Row("", 0, row.id, row.value * 3))
        .map(row -> new Row("", 0, row.id, row.value - 7))
        .filter(row -> row.value % 5 != 0);
  }

  static GeneralStage<Long> keyedSum(BatchStage<Row> rows) {
    return rows.groupingKey(row -> row.key)
        .mapStateful(
            Sum::new,
            (state, key, row) -> {
              state.n += 1;
              state.s += row.value;
              return state.s;
            });
  }

  /** Sums can be taken back, so Jet slides a window without adding it up again. */
  static GeneralStage<?> windowed(BatchStage<Row> rows, WindowDefinition window) {
    AggregateOperation1<Row, Sum, Integer> sums =
        AggregateOperation.withCreate(Sum::new)
            .andAccumulate(
                (Sum sum, Row row) -> {
                  sum.n += 1;
                  sum.s += row.value;
                })
            .andCombine(
                (into, other) -> {
                  into.n += other.n;
                  into.s += other.s;
                })
            .andDeduct(
                (from, other) -> {
                  from.n -= other.n;
                  from.s -= other.s;
                })
            .andExportFinish(Sum::weigh);
    return rows.addTimestamps(row -> row.time, 1000)
        .groupingKey(row -> row.key)
        .window(window)
        .aggregate(sums);
  }

  static GeneralStage<?> steps(BatchStage<Row> rows) {
    switch (task) {
      case "W1":
        return chain(rows);
      case "W3a":
      case "W3b":
        return keyedSum(rows);
      case "W4a":
        return windowed(rows, tumbling(10_000));
      case "W4b":
        return windowed(rows, sliding(10_000, 2000));
      case "W4b-60-1":
        return windowed(rows, sliding(60_000, 1000));
      case "W4c":
        return windowed(rows, session(5000));
      default:
        throw new IllegalArgumentException("No task " + task);
    }
  }

  public static void main(String[] args) throws Exception {
    readArguments(args);
    System.setProperty("hazelcast.logging.type", "none");
    System.setProperty("hazelcast.phone.home.enabled", "false");
    Config config = new Config();
    config.getJetConfig().setEnabled(true).setCooperativeThreadCount(workers);
    config.getNetworkConfig().getJoin().getMulticastConfig().setEnabled(false);
    config.getNetworkConfig().getJoin().getAutoDetectionConfig().setEnabled(false);
    config.getNetworkConfig().getInterfaces().setEnabled(true).addInterface("127.0.0.1");

    Pipeline pipeline = Pipeline.create();
    pipeline.setPreserveOrder(true);
    BatchSource<Row> source = Sources.batchFromProcessor("replay", of(ReplayP::new));
    steps(pipeline.readFrom(source)).writeTo(Sinks.fromProcessor("tally", of(TallyP::new)));

    HazelcastInstance instance = Hazelcast.newHazelcastInstance(config);
    try {
      instance.getJet().newJob(pipeline).join();
      LAPS.print(Tally.count, Tally.sum);
    } finally {
      instance.shutdown();
    }
  }
}
