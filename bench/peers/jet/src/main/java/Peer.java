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

/** Hazelcast Jet, embedded, beside Tidemark. */
public final class Peer {
  /** One of the sources, cooperative, without a copy of a row. */
  static final class ReplayP extends AbstractProcessor {
    private Rig.Passes passes;
    private Rig.Row pending;

    @Override
    protected void init(Context context) {
      passes = new Rig.Passes(context.localProcessorIndex());
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
      Rig.Tally.add(count, sum);
      return true;
    }

    private static long numberOf(Object item) {
      if (item instanceof Rig.Row row) return row.value;
      if (item instanceof Long total) return total;
      return ((KeyedWindowResult<?, Integer>) item).result();
    }
  }

  static ProcessorMetaSupplier of(SupplierEx<Processor> make) {
    return ProcessorMetaSupplier.of(Rig.workers, make);
  }

  static GeneralStage<Rig.Row> chain(BatchStage<Rig.Row> rows) {
    return rows.map(row -> new Rig.Row("", 0, row.id, row.value + 1))
        .filter(row -> (row.id & 1) == 0)
        .map(row -> new Rig.Row("", 0, row.id, row.value * 3))
        .map(row -> new Rig.Row("", 0, row.id, row.value - 7))
        .filter(row -> row.value % 5 != 0);
  }

  static GeneralStage<Long> keyedSum(BatchStage<Rig.Row> rows) {
    return rows.groupingKey(row -> row.key)
        .mapStateful(
            Rig.Sum::new,
            (state, key, row) -> {
              state.add(row.value);
              return state.s;
            });
  }

  /** Sums can be taken back, so Jet slides a window without adding it up again. */
  static GeneralStage<?> windowed(BatchStage<Rig.Row> rows, WindowDefinition window) {
    AggregateOperation1<Rig.Row, Rig.Sum, Integer> sums =
        AggregateOperation.withCreate(Rig.Sum::new)
            .andAccumulate((Rig.Sum sum, Rig.Row row) -> sum.add(row.value))
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
            .andExportFinish(Rig.Sum::weigh);
    return rows.addTimestamps(row -> row.time, 1000)
        .groupingKey(row -> row.key)
        .window(window)
        .aggregate(sums);
  }

  static GeneralStage<?> steps(BatchStage<Rig.Row> rows) {
    switch (Rig.task) {
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
        throw new IllegalArgumentException("No task " + Rig.task);
    }
  }

  public static void main(String[] args) throws Exception {
    Rig.readArguments(args);
    System.setProperty("hazelcast.logging.type", "none");
    System.setProperty("hazelcast.phone.home.enabled", "false");
    Config config = new Config();
    config.getJetConfig().setEnabled(true).setCooperativeThreadCount(Rig.workers);
    config.getNetworkConfig().getJoin().getMulticastConfig().setEnabled(false);
    config.getNetworkConfig().getJoin().getAutoDetectionConfig().setEnabled(false);
    config.getNetworkConfig().getInterfaces().setEnabled(true).addInterface("127.0.0.1");

    Pipeline pipeline = Pipeline.create();
    pipeline.setPreserveOrder(true);
    BatchSource<Rig.Row> source = Sources.batchFromProcessor("replay", of(ReplayP::new));
    steps(pipeline.readFrom(source)).writeTo(Sinks.fromProcessor("tally", of(TallyP::new)));

    HazelcastInstance instance = Hazelcast.newHazelcastInstance(config);
    try {
      instance.getJet().newJob(pipeline).join();
      Rig.LAPS.print(Rig.Tally.count, Rig.Tally.sum);
    } finally {
      instance.shutdown();
    }
  }
}
