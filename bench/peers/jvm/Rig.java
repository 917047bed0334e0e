import java.io.IOException;
import java.io.Serializable;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What the peers on the JVM share, compiled into each: arguments, rows, passes over them, laps, and
 * the tally. TASK ROWS WORKERS PASSES SPAN WARM_MS SLICE_MS SLICES.
 */
public final class Rig {
  private Rig() {}

  /** A row of any workload: its key, its event time, and a number or two; a POJO by Flink's rules. */
  public static final class Row implements Serializable {
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
    private long pausedCpu = 0;
    private long pausedWall = 0;
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

    /** What is spent until {@link #resume} is not counted. */
    synchronized void pause() {
      pausedCpu = cpuTime();
      pausedWall = System.nanoTime();
    }

    synchronized void resume() {
      cpuFrom += cpuTime() - pausedCpu;
      wallFrom += System.nanoTime() - pausedWall;
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
    static long count = 0;
    static long sum = 0;

    static synchronized void add(long moreCount, long moreSum) {
      count += moreCount;
      sum += moreSum;
    }
  }

  /** Count and sum of a window. */
  public static final class Sum implements Serializable {
    public long n;
    public long s;

    void add(int value) {
      n += 1;
      s += value;
    }

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
}
