import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.legacy.RichSinkFunction;
import org.apache.flink.streaming.api.functions.source.legacy.RichParallelSourceFunction;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.WindowAssigner;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/** Flink's mini-cluster beside Tidemark: TASK ROWS WORKERS PASSES SPAN WARM_MS SLICE_MS SLICES. */
public final class Peer {
  /** A row of any workload: its key, its event time, and a number or two; a POJO by Flink's rules. */
  public static final class Row {
    public String key;
    public long time;
    public int id;
    public int value;

    public Row() {}

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
  public static final class Sum {
    public long n;
    public long s;

    int weigh() {
      return (int) n * (int) s;
    }
  }

  /** One of the sources: rows go on as they are, object reuse is on. */
  static final class Replay extends RichParallelSourceFunction<Row> {
    private volatile boolean isCancelled = false;

    @Override
    public void run(SourceContext<Row> context) {
      Passes passes = new Passes(getRuntimeContext().getTaskInfo().getIndexOfThisSubtask());
      Object lock = context.getCheckpointLock();
      for (Row row = passes.next(); row != null && !isCancelled; row = passes.next()) {
        synchronized (lock) {
          context.collect(row);
        }
      }
    }

    @Override
    public void cancel() {
      isCancelled = true;
    }
  }

  static final class TallySink extends RichSinkFunction<Long> {
    private long count = 0;
    private long sum = 0;

    @Override
    public void invoke(Long number, Context context) {
      count += 1;
      sum += number;
    }

    @Override
    public void close() {
      Tally.add(count, sum);
      count = 0;
      sum = 0;
    }
  }

  static DataStream<Long> chain(DataStream<Row> rows) {
    return rows.map(row -> new Row("", 0, row.id, row.value + 1))
        .filter(row -> (row.id & 1) == 0)
        .map(row -> new Row("", 0, row.id, row.value * 3))
        .map(row -> new Row("", 0, row.id, row.value - 7))
        .filter(row -> row.value % 5 != 0)
        .map(row -> (long) row.value);
  }

  static final class RunningSum extends KeyedProcessFunction<String, Row, Long> {
    private transient ValueState<Sum> state;

    @Override
    public void open(OpenContext context) {
      state = getRuntimeContext().getState(new ValueStateDescriptor<>("total", Sum.class));
    }

    @Override
    public void processElement(Row row, Context context, Collector<Long> out) throws Exception {
      Sum sum = state.value();
      if (sum == null) sum = new Sum();
      sum.n += 1;
      sum.s += row.value;
      state.update(sum);
      out.collect(sum.s);
    }
  }

  static final class Sums implements AggregateFunction<Row, Sum, Long> {
    @Override
    public Sum createAccumulator() {
      return new Sum();
    }

    @Override
    public Sum add(Row row, Sum sum) {
      sum.n += 1;
      sum.s += row.value;
      return sum;
    }

    @Override
    public Long getResult(Sum sum) {
      return (long) sum.weigh();
    }

    @Override
    public Sum merge(Sum into, Sum other) {
      into.n += other.n;
      into.s += other.s;
      return into;
    }
  }

  static DataStream<Long> windowed(
      DataStream<Row> rows, WindowAssigner<Object, TimeWindow> assigner) {
    return timed(rows).keyBy(row -> row.key).window(assigner).aggregate(new Sums());
  }

  static DataStream<Row> timed(DataStream<Row> rows) {
    return rows.assignTimestampsAndWatermarks(
        WatermarkStrategy.<Row>forBoundedOutOfOrderness(Duration.ofSeconds(1))
            .withTimestampAssigner((row, before) -> row.time));
  }

  static DataStream<Long> steps(DataStream<Row> rows) {
    switch (task) {
      case "W1":
        return chain(rows);
      case "W3a":
      case "W3b":
        return rows.keyBy(row -> row.key).process(new RunningSum());
      case "W4a":
        return windowed(rows, TumblingEventTimeWindows.of(Duration.ofSeconds(10)));
      case "W4c":
        return windowed(rows, EventTimeSessionWindows.withGap(Duration.ofSeconds(5)));
      default:
        throw new IllegalArgumentException("No task " + task);
    }
  }

  public static void main(String[] args) throws Exception {
    readArguments(args);
    StreamExecutionEnvironment environment =
        StreamExecutionEnvironment.createLocalEnvironment(workers, new Configuration());
    environment.getConfig().enableObjectReuse();
    DataStream<Row> rows = environment.addSource(new Replay()).returns(Row.class);
    steps(rows).addSink(new TallySink());
    environment.execute("peer");
    LAPS.print(Tally.count, Tally.sum);
    System.exit(0);
  }
}
