"""Bytewax beside Tidemark: one workload over rows that bench/peers/peer.ts has written.

peer.py WORKLOAD ROWS WORKERS PASSES     the rows, held in memory, so many times
peer.py fill STORE KEYS                  a recovery store with a state for each key
peer.py resume STORE KEYS                until the first output from that store

Two workers are two processes: threads share one interpreter lock. The input is made before the
clock starts and kept out of the collector's sight; CPU time runs from the first batch to the end
of the flow, start excluded. Nothing warms up: CPython has no compiler to wait for.
"""

import gc
import json
import resource
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax._bytewax import cluster_main
from bytewax.dataflow import Dataflow
from bytewax.inputs import DynamicSource, FixedPartitionedSource, StatefulSourcePartition
from bytewax.inputs import StatelessSourcePartition
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.recovery import RecoveryConfig, init_db_dir

BATCH = 1000
BASE = datetime.fromtimestamp(1_699_999_980, timezone.utc)
DISORDER = timedelta(seconds=1)


class Clock:
    """CPU and wall seconds of this process since the source was first asked."""

    started = None

    def start(self):
        if self.started is None:
            self.started = self.read()

    def read(self):
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime, time.perf_counter()

    def stop(self):
        cpu, wall = self.read()
        cpu_from, wall_from = self.started or (cpu, wall)
        return {"cpuMs": (cpu - cpu_from) * 1000, "wallMs": (wall - wall_from) * 1000}


CLOCK = Clock()


class Replay(StatelessSourcePartition):
    def __init__(self, batches, passes):
        self.batches = batches
        self.left = passes
        self.at = 0

    def next_batch(self):
        CLOCK.start()
        if self.at == len(self.batches):
            self.left -= 1
            self.at = 0
        if self.left == 0:
            raise StopIteration()
        self.at += 1
        return self.batches[self.at - 1]


class ReplaySource(DynamicSource):
    def __init__(self, batches, passes):
        self.batches = batches
        self.passes = passes

    def build(self, step_id, worker_index, worker_count):
        return Replay(self.batches, self.passes)


class Tally(StatelessSinkPartition):
    def __init__(self, sink):
        self.sink = sink

    def write_batch(self, items):
        self.sink.count += len(items)
        self.sink.sum += self.sink.add(items)


class TallySink(DynamicSink):
    def __init__(self, add):
        self.add = add
        self.count = 0
        self.sum = 0

    def build(self, step_id, worker_index, worker_count):
        return Tally(self)


def int32(value):
    value &= 0xFFFFFFFF
    return value - 2**32 if value >= 2**31 else value


# The workloads. A row is a tuple, the cheapest object there is here.


def order_row(fields):
    return int(fields[0]), int(fields[1])


def payment_row(fields):
    return fields[0], int(fields[1])


def reading_row(fields):
    return fields[0], datetime.fromtimestamp(int(fields[1]) / 1000, timezone.utc), int(fields[2])


def side_row(fields):
    return fields[0], fields[1] == "1", int(fields[3])


def chain(stream):
    stream = op.map("fee", stream, lambda row: (row[0], row[1] + 1))
    stream = op.filter("even", stream, lambda row: row[0] & 1 == 0)
    stream = op.map("triple", stream, lambda row: (row[0], row[1] * 3))
    stream = op.map("discount", stream, lambda row: (row[0], row[1] - 7))
    return op.filter("uneven", stream, lambda row: row[1] % 5 != 0)


def add_payment(state, row):
    if state is None:
        state = [0, 0]
    state[0] += 1
    state[1] += row[1]
    return state, state[1]


def keyed_sum(stream):
    return op.stateful_map("total", op.key_on("account", stream, lambda row: row[0]), add_payment)


def fold_reading(state, row):
    state[0] += 1
    state[1] += row[2]
    return state


def merge(into, other):
    into[0] += other[0]
    into[1] += other[1]
    return into


def windowed(windower):
    def steps(stream):
        # No `now` but the data's: the default adds the time that has passed on the wall, so that
        # a replay on a slow machine would drop items as late; and nobody has to wake a window.
        clock = win.EventClock(
            ts_getter=lambda row: row[1],
            wait_for_system_duration=DISORDER,
            now_getter=lambda: BASE,
            to_system_utc=lambda _: None,
        )
        keyed = op.key_on("sensor", stream, lambda row: row[0])
        return win.fold_window(
            "sum", keyed, clock, windower, lambda: [0, 0], fold_reading, merge, ordered=False
        ).down

    return steps


def join(stream):
    """Every key has one left and one right, so `complete` gives the answer without a clock."""
    keyed = op.key_on("order", stream, lambda row: row[0])
    sides = op.branch("side", keyed, lambda pair: pair[1][1])
    return op.join("paid", sides.trues, sides.falses, emit_mode="complete")


def add_prices(rows):
    return sum(row[1] for row in rows)


def add_totals(pairs):
    return sum(total for _, total in pairs)


def add_windows(pairs):
    return sum(n * s for _, (_, (n, s)) in pairs)


def add_products(pairs):
    return sum(left[2] * right[2] for _, (left, right) in pairs)


def seconds(length):
    return timedelta(seconds=length)


TUMBLING = win.TumblingWindower(length=seconds(10), align_to=BASE)
SHORT = win.SlidingWindower(length=seconds(10), offset=seconds(2), align_to=BASE)
LONG = win.SlidingWindower(length=seconds(60), offset=seconds(1), align_to=BASE)
SESSION = win.SessionWindower(gap=seconds(5))

WORKLOADS = {
    "W1": (order_row, chain, add_prices),
    "W3a": (payment_row, keyed_sum, add_totals),
    "W3b": (payment_row, keyed_sum, add_totals),
    "W4a": (reading_row, windowed(TUMBLING), add_windows),
    "W4b": (reading_row, windowed(SHORT), add_windows),
    "W4b-60-1": (reading_row, windowed(LONG), add_windows),
    "W4c": (reading_row, windowed(SESSION), add_windows),
    "W5": (side_row, join, add_products),
}


def read_batches(path, row_of, share, shares):
    """The rows of one worker: a key's are all of one worker, so that its order is the file's."""
    rows = []
    with open(path, encoding="ascii") as lines:
        for index, line in enumerate(lines):
            fields = line.rstrip("\n").split("\t")
            ordinal = int(fields[0][1:]) if fields[0][0] == "k" else index
            if ordinal % shares == share:
                rows.append(row_of(fields))
    return [rows[at : at + BATCH] for at in range(0, len(rows), BATCH)]


def run_share(workload, path, passes, share, addresses):
    row_of, steps, add = WORKLOADS[workload]
    batches = read_batches(path, row_of, share, max(1, len(addresses)))
    gc.collect()
    gc.freeze()
    sink = TallySink(add)
    flow = Dataflow("peer")
    op.output("tally", steps(op.input("replay", flow, ReplaySource(batches, passes))), sink)
    cluster_main(flow, addresses, share)
    spent = CLOCK.stop()
    return {
        "count": sink.count,
        "sum": int32(sink.sum),
        "passes": passes,
        "slices": [{**spent, "passes": passes}],
        "rssMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run_all(workload, path, workers, passes):
    if workers == 1:
        return run_share(workload, path, passes, 0, [])
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(workers)]
    shares = [
        subprocess.Popen(
            [sys.executable, __file__, "share", workload, path, str(passes), str(share), *addresses],
            stdout=subprocess.PIPE,
        )
        for share in range(workers)
    ]

    def end(*_):
        for share in shares:
            share.kill()
        sys.exit(1)

    signal.signal(signal.SIGTERM, end)
    told = [json.loads(share.communicate()[0].decode().split("@peer ")[-1]) for share in shares]
    slices = [one["slices"][0] for one in told]
    return {
        "count": sum(one["count"] for one in told),
        "sum": int32(sum(one["sum"] for one in told)),
        "passes": passes,
        "slices": [
            {
                "cpuMs": sum(one["cpuMs"] for one in slices),
                "wallMs": max(one["wallMs"] for one in slices),
                "passes": passes,
            }
        ],
        "rssMb": sum(one["rssMb"] for one in told),
    }


# A store that is filled, and resumed from.


class Keys(StatefulSourcePartition):
    def __init__(self, at, keys):
        self.at = at
        self.keys = keys

    def next_batch(self):
        """Every key once; a flow that resumes gets the last one again."""
        if self.at > self.keys:
            raise StopIteration()
        if self.at == self.keys:
            self.at += 1
            return [self.keys - 1] if sys.argv[1] == "resume" else []
        first = self.at
        self.at = min(self.keys, first + BATCH)
        return list(range(first, self.at))

    def snapshot(self):
        return min(self.at, self.keys)


class KeysSource(FixedPartitionedSource):
    def __init__(self, keys):
        self.keys = keys

    def list_parts(self):
        return ["all"]

    def build_part(self, step_id, for_part, resume_state):
        return Keys(resume_state or 0, self.keys)


class First(StatelessSinkPartition):
    def write_batch(self, items):
        if sys.argv[1] == "resume":
            print(f"first {json.dumps(items)}", flush=True)


class FirstSink(DynamicSink):
    def build(self, step_id, worker_index, worker_count):
        return First()


def add_three(state, _):
    if state is None:
        state = (0, 0)
    state = (state[0] + 1, state[1] + 3)
    return state, state[1]


def recovering(store, keys):
    flow = Dataflow("recover")
    keyed = op.key_on("key", op.input("keys", flow, KeysSource(keys)), lambda at: f"k{at:06d}")
    op.output("first", op.stateful_map("total", keyed, add_three), FirstSink())
    config = RecoveryConfig(store, backup_interval=timedelta(0))
    cluster_main(flow, [], 0, epoch_interval=timedelta(seconds=1), recovery_config=config)


def main():
    mode, *rest = sys.argv[1:]
    if mode == "fill":
        store = Path(rest[0])
        store.mkdir(parents=True, exist_ok=True)
        init_db_dir(store, 1)
        recovering(store, int(rest[1]))
    elif mode == "resume":
        recovering(Path(rest[0]), int(rest[1]))
    elif mode == "share":
        workload, path, passes, share, *addresses = rest
        told = run_share(workload, path, int(passes), int(share), addresses)
        print(f"@peer {json.dumps(told)}", flush=True)
    else:
        path, workers, passes = rest[:3]
        print(f"@peer {json.dumps(run_all(mode, path, int(workers), int(passes)))}", flush=True)


main()
