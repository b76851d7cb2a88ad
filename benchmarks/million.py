"""A run of a million through a deploy, a FLUSHALL and a restart of PostgreSQL; then the books.

    python -m benchmarks.million [--recipients N] [--keep docs/benchmarks]

The sink writes down every message that it accepts. Afterwards its log is compared with the ledger:
nobody was accepted twice, what the ledger calls accepted is in the log, what is in the log is
accepted or unknown, and everybody is in exactly one state. `--keep` writes the result down as text
and as JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import books, devices, machine, watch
from benchmarks.sink import Accepted
from benchmarks.stage import Stage, end, stage, wait_for
from benchmarks.watch import Cost, Worker

if TYPE_CHECKING:
    from campaigns.models import Run

WORKERS = 2
HOURS = 4 * 3_600.0
STEP_SECONDS = 10
COSTS = (("before the deploy", "cost_early"), ("after the restart", "cost_late"))


@dataclass(frozen=True)
class Event:
    """Something that was done to the run: when, in seconds from its start, and for how long."""

    what: str
    at: float
    took: float
    accepted_before: int


@dataclass
class Play:
    """The processes, and what was done to them."""

    found: Stage
    audience: int
    begun: float = 0.0
    ticker: Worker | None = None
    workers: list[Worker] = field(default_factory=list)
    every_worker: list[Worker] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    # Before the first event, and after the last.
    costs: list[Cost] = field(default_factory=list)

    def start_processes(self) -> None:
        self.ticker = self.found.ticker()
        self.workers = [self.found.worker() for _ in range(WORKERS)]
        self.every_worker += self.workers

    def deploy(self) -> None:
        """SIGTERM to all; when they have drained, the next ones."""
        assert self.ticker is not None
        for process in (self.ticker, *self.workers):
            process.terminate()
        for process in (self.ticker, *self.workers):
            end(process)
        self.start_processes()

    def flush_all(self) -> None:
        """Empty Redis: the queues, the jobs that run, the list of workers."""
        import django_rq

        django_rq.get_queue("send").connection.flushall()

    def restart_postgres(self) -> None:
        from django.db import connection

        connection.close()
        self.found.restart_postgres()

    def do(self, what: str, act: Callable[[], None]) -> None:
        """Do it, and write down when, and how long it took."""
        before, accepted = time.time(), self.found.sink.count()
        act()
        took = time.time() - before
        self.events.append(Event(what, before - self.begun, took, accepted))
        print(f"{before - self.begun:7.1f} s  {what}, {took:.1f} s, at {accepted:,}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.million")
    parser.add_argument("--recipients", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="a folder for the result")
    options = parser.parse_args()
    with stage(log=True) as found:
        described = machine.described("granian", "psycopg", "rq")
        print(described, flush=True)
        site = devices.site_with(options.recipients, found.sink.origin)
        play = Play(found, options.recipients)
        play.start_processes()
        found.wait_until_ready(WORKERS)
        with watch.memory(play.every_worker) as memory:
            run = played(play, devices.campaign(site))
        compared = books.compare(run, found.sink.accepted(), workers=WORKERS)
        result = {
            "machine": described,
            "recipients": options.recipients,
            "workers": WORKERS,
            "events": [asdict(event) for event in play.events],
            **timing(play, run, found.sink.accepted()),
            "cost_early": asdict(play.costs[0]),
            "cost_late": asdict(play.costs[1]),
            "memory_mib": [round(mib) for mib in memory.thinned()],
            "books": asdict(compared),
        }
    text = described_result(result, compared)
    print(text)
    if options.keep:
        keep(options.keep, result, text)
    compared.check()


def played(play: Play, campaign: Any) -> Run:
    """The run, from "send now" until it is finished."""
    from campaigns import starting
    from campaigns.models import Run

    run = starting.start(campaign)
    play.begun = time.time()
    measure(play, 0.02, 0.24)
    for share, what, act in (
        (0.25, "deploy: SIGTERM to ticker and workers, then new ones", play.deploy),
        (0.5, "FLUSHALL", play.flush_all),
        (0.75, "restart of PostgreSQL", play.restart_postgres),
    ):
        reach(play, round(play.audience * share))
        play.do(what, act)
    measure(play, 0.78, 0.98)
    finished = Run.objects.filter(pk=run.pk, state=Run.State.FINISHED)
    wait_for(finished.exists, "the end of the run", HOURS, 0.5)
    run.refresh_from_db()
    return run


def measure(play: Play, first: float, last: float) -> None:
    """What a message costs between two shares of the run."""
    reach(play, round(play.audience * first))
    before = watch.read(play.found, play.workers)
    reach(play, round(play.audience * last))
    play.costs.append(watch.between(before, watch.read(play.found, play.workers)))


def reach(play: Play, count: int) -> None:
    """Wait until so many were accepted, and say now and then how far it has come."""
    told = time.monotonic()
    while (here := play.found.sink.count()) < count:
        time.sleep(0.05)
        if time.monotonic() > told + STEP_SECONDS:
            told = time.monotonic()
            print(f"{time.time() - play.begun:7.1f} s  {here:,} accepted", flush=True)


def timing(play: Play, run: Run, log: list[Accepted]) -> dict[str, Any]:
    """When, how fast, and the longest that nothing was accepted."""
    assert run.planned_at is not None and run.finished_at is not None
    times = sorted(record.at - play.begun for record in log)
    gaps = [(after - before, before) for before, after in zip(times, times[1:], strict=False)]
    longest, at = max(gaps)
    steps = Counter(int(moment // STEP_SECONDS) for moment in times)
    return {
        "planned_seconds": round(run.planned_at.timestamp() - play.begun, 1),
        "first_push_seconds": round(times[0], 2),
        "last_push_seconds": round(times[-1], 1),
        "finished_seconds": round(run.finished_at.timestamp() - play.begun, 1),
        "messages_a_second": round(len(times) / (times[-1] - times[0])),
        "longest_silence_seconds": round(longest, 1),
        "longest_silence_at": round(at, 1),
        "accepted_by_ten_seconds": [steps[number] for number in range(max(steps) + 1)],
    }


def described_result(result: dict[str, Any], compared: books.Books) -> str:
    """The result for people."""
    lines = [
        result["machine"],
        f"{result['recipients']:,} recipients, {result['workers']} workers, one machine for all",
        f"first push after {result['first_push_seconds']} s, planned after "
        f"{result['planned_seconds']} s, finished after {result['finished_seconds']} s: "
        f"{result['messages_a_second']:,} a second",
        *(
            f"{event['at']:7.1f} s  {event['what']}: {event['took']:.1f} s, "
            f"with {event['accepted_before']:,} accepted"
            for event in result["events"]
        ),
        f"longest silence {result['longest_silence_seconds']} s, from "
        f"{result['longest_silence_at']} s on",
        *(f"{when}: {Cost(**result[key]).line()}" for when, key in COSTS),
        f"memory of a worker's largest process: at most {max(result['memory_mib'])} MiB, "
        f"at the end {result['memory_mib'][-1]} MiB",
        *compared.lines(),
    ]
    return "\n".join(lines)


def keep(folder: Path, result: dict[str, Any], text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = f"run-of-{result['recipients']}"
    (folder / f"{name}.txt").write_text(f"{text}\n")
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
