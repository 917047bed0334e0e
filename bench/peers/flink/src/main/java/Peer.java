import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.co.ProcessJoinFunction;
import org.apache.flink.streaming.api.functions.sink.legacy.RichSinkFunction;
import org.apache.flink.streaming.api.functions.source.legacy.RichParallelSourceFunction;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.WindowAssigner;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/** Flink's mini-cluster beside Tidemark, by its DataStream API. */
public final class Peer {
  /** One of the sources: rows go on as they are, object reuse is on. */
  static final class Replay extends RichParallelSourceFunction<Rig.Row> {
    private volatile boolean isCancelled = false;

    @Override
    public void run(SourceContext<Rig.Row> context) {
      Rig.Passes passes = new Rig.Passes(getRuntimeContext().getTaskInfo().getIndexOfThisSubtask());
      Object lock = context.getCheckpointLock();
      for (Rig.Row row = passes.next(); row != null && !isCancelled; row = passes.next()) {
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
      Rig.Tally.add(count, sum);
      count = 0;
      sum = 0;
    }
  }

  static DataStream<Long> chain(DataStream<Rig.Row> rows) {
    return rows.map(row -> new Rig.Row("", 0, row.id, row.value + 1))
        .filter(row -> (row.id & 1) == 0)
        .map(row -> new Rig.Row("", 0, row.id, row.value * 3))
        .map(row -> new Rig.Row("", 0, row.id, row.value - 7))
        .filter(row -> row.value % 5 != 0)
        .map(row -> (long) row.value);
  }

  static final class RunningSum extends KeyedProcessFunction<String, Rig.Row, Long> {
    private transient ValueState<Rig.Sum> state;

    @Override
    public void open(OpenContext context) {
      state = getRuntimeContext().getState(new ValueStateDescriptor<>("total", Rig.Sum.class));
    }

    @Override
    public void processElement(Rig.Row row, Context context, Collector<Long> out) throws Exception {
      Rig.Sum sum = state.value();
      if (sum == null) sum = new Rig.Sum();
      sum.add(row.value);
      state.update(sum);
      out.collect(sum.s);
    }
  }

  static final class Sums implements AggregateFunction<Rig.Row, Rig.Sum, Long> {
    @Override
    public Rig.Sum createAccumulator() {
      return new Rig.Sum();
    }

    @Override
    public Rig.Sum add(Rig.Row row, Rig.Sum sum) {
      sum.add(row.value);
      return sum;
    }

    @Override
    public Long getResult(Rig.Sum sum) {
      return (long) sum.weigh();
    }

    @Override
    public Rig.Sum merge(Rig.Sum into, Rig.Sum other) {
      into.n += other.n;
      into.s += other.s;
      return into;
    }
  }

  static DataStream<Long> windowed(
      DataStream<Rig.Row> rows, WindowAssigner<Object, TimeWindow> assigner) {
    return timed(rows).keyBy(row -> row.key).window(assigner).aggregate(new Sums());
  }

  static DataStream<Rig.Row> timed(DataStream<Rig.Row> rows) {
    return rows.assignTimestampsAndWatermarks(
        WatermarkStrategy.<Rig.Row>forBoundedOutOfOrderness(Duration.ofSeconds(1))
            .withTimestampAssigner((row, before) -> row.time));
  }

  /** Each left meets the rights up to a minute after it. */
  static DataStream<Long> joined(DataStream<Rig.Row> rows) {
    DataStream<Rig.Row> sides = timed(rows);
    KeyedStream<Rig.Row, String> lefts = sides.filter(row -> row.id == 1).keyBy(row -> row.key);
    return lefts
        .intervalJoin(sides.filter(row -> row.id == 0).keyBy(row -> row.key))
        .between(Duration.ZERO, Duration.ofMinutes(1))
        .process(new Products());
  }

  static final class Products extends ProcessJoinFunction<Rig.Row, Rig.Row, Long> {
    @Override
    public void processElement(
        Rig.Row left, Rig.Row right, Context context, Collector<Long> out) {
      out.collect((long) left.value * right.value);
    }
  }

  static DataStream<Long> steps(DataStream<Rig.Row> rows) {
    switch (Rig.task) {
      case "W1":
        return chain(rows);
      case "W3a":
      case "W3b":
        return rows.keyBy(row -> row.key).process(new RunningSum());
      case "W4a":
        return windowed(rows, TumblingEventTimeWindows.of(Duration.ofSeconds(10)));
      case "W4b":
        return windowed(
            rows, SlidingEventTimeWindows.of(Duration.ofSeconds(10), Duration.ofSeconds(2)));
      case "W4c":
        return windowed(rows, EventTimeSessionWindows.withGap(Duration.ofSeconds(5)));
      case "W5":
        return joined(rows);
      default:
        throw new IllegalArgumentException("No task " + Rig.task);
    }
  }

  static StreamExecutionEnvironment environment() {
    StreamExecutionEnvironment environment =
        StreamExecutionEnvironment.createLocalEnvironment(Rig.workers, new Configuration());
    environment.getConfig().enableObjectReuse();
    return environment;
  }

  public static void main(String[] args) throws Exception {
    Rig.readArguments(args);
    if (Rig.task.startsWith("NX-")) {
      Nexmark.run();
    } else {
      StreamExecutionEnvironment environment = environment();
      DataStream<Rig.Row> rows = environment.addSource(new Replay()).returns(Rig.Row.class);
      steps(rows).addSink(new TallySink());
      environment.execute("peer");
    }
    Rig.LAPS.print(Rig.Tally.count, Rig.Tally.sum);
    System.exit(0);
  }
}
