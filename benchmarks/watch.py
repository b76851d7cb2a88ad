"""Watching processes while they send: what was accepted, what it cost, and how much memory."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks import machine
from benchmarks.stage import Stage

SAMPLE_SECONDS = 0.5
Worker = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Reading:
    """Counters at one moment: messages accepted so far, and seconds of CPU by whom."""

    at: float
    accepted: int
    workers: float
    postgres: float
    sink: float


@dataclass(frozen=True)
class Cost:
    """What happened between two readings."""

    messages: int
    seconds: float
    workers: float
    postgres: float
    sink: float

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def each(self) -> float:
        """Microseconds of CPU for a message: the workers' and PostgreSQL's."""
        return (self.workers + self.postgres) / self.messages * 1e6

    def line(self) -> str:
        per = [self.workers, self.postgres, self.sink]
        sender, database, sink = (seconds / self.messages * 1e6 for seconds in per)
        return (
            f"{self.messages:,} in {self.seconds:.0f} s, {self.rate:,.0f} a second; "
            f"us of CPU for each: {sender:.0f} workers, {database:.0f} database, {sink:.0f} sink"
        )


def read(found: Stage, workers: Sequence[Worker]) -> Reading:
    """`workers`: all whose time is to be counted, also those that have ended since the last."""
    return Reading(
        at=time.monotonic(),
        accepted=found.sink.count(),
        workers=machine.cpu_seconds(*(worker.pid for worker in workers)),
        postgres=machine.cpu_seconds(found.postgres_pid),
        sink=machine.cpu_seconds(found.sink.process.pid),
    )


def between(before: Reading, after: Reading) -> Cost:
    return Cost(
        messages=after.accepted - before.accepted,
        seconds=after.at - before.at,
        workers=after.workers - before.workers,
        postgres=after.postgres - before.postgres,
        sink=after.sink - before.sink,
    )


@dataclass
class Memory:
    """The resident MiB of the largest process of the workers, twice a second."""

    samples: list[float] = field(default_factory=list)

    @property
    def most(self) -> float:
        return max(self.samples, default=0.0)

    def median_of(self, first: float, last: float) -> float:
        """The median of a part of the samples, such as 0.1 to 0.3."""
        count = len(self.samples)
        part = sorted(self.samples[int(count * first) : max(int(count * last), 1)])
        return part[len(part) // 2] if part else 0.0

    def thinned(self, count: int = 100) -> list[float]:
        """At most so many values, each the most of its part."""
        size = -(-len(self.samples) // count) or 1
        parts = [self.samples[i : i + size] for i in range(0, len(self.samples), size)]
        return [max(part) for part in parts]


@contextmanager
def memory(workers: list[Worker]) -> Iterator[Memory]:
    """Sample until the end of the block; `workers` may grow meanwhile."""
    found, stop = Memory(), threading.Event()

    def sample() -> None:
        while not stop.wait(SAMPLE_SECONDS):
            found.samples.append(machine.largest_resident([one.pid for one in workers]))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()
