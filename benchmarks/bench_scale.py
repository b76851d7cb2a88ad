"""A run of a million: planning, the first push, pausing, memory, and the cost of a message.

    python -m benchmarks.bench_scale [--recipients N]

A PostgreSQL, a Valkey, a ticker, workers and a sink of its own are started, as `manage.py up` does.
All share the machine: rates by the clock say little where cores are few, so the cost of a message
is given in CPU. It takes about ten minutes for a million, and 4 GB of disk meanwhile.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import TYPE_CHECKING

from benchmarks import devices, machine, watch
from benchmarks.findings import Findings
from benchmarks.stage import Stage, end, stage, wait_for
from benchmarks.watch import Cost, Worker

if TYPE_CHECKING:
    from accounts.models import Site
    from campaigns.models import Run

FEW = 10_000
HOURS = 3_600.0
# Later than a sender needs for what it may have in flight: then cores are not what limits it.
LATE_MS = 500.0
MIDDLE = (0.1, 0.9)
# Where in the large run each phase is measured, in units of a twentieth of it or of UNIT messages,
# whichever is less. Between the phases workers start, stop and settle.
UNIT = 25_000
ONE, TWO, TWO_LATE, ONE_LATE, LAST = (
    *((0.4, 2.0), (2.4, 4.0), (4.4, 5.2), (5.4, 5.8)),
    (6.0, 8.0),
)
SENDING_SECONDS = 5.0
QUIET_SECONDS = 3.0
STARTS = 3
ENOUGH_CORES = 4


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_scale")
    parser.add_argument("--recipients", type=int, default=1_000_000)
    count = parser.parse_args().recipients
    findings = Findings()
    with stage(log=True) as found:
        print(machine.described("granian", "psycopg", "rq"), flush=True)
        small = devices.site_with(min(FEW, count), found.sink.origin)
        begun = time.monotonic()
        large = devices.site_with(count, found.sink.origin)
        findings.say("devices made", f"{count:,} in {time.monotonic() - begun:.0f} s")
        run = planning_of(large, count, findings)
        found.ticker()
        workers = [found.worker()]
        found.wait_until_ready(len(workers))
        few = cost_of_few(found, small, workers)
        findings.say("one worker, a small run", few.line())
        with watch.memory(workers) as memory:
            last = sending_of(found, run, workers, findings)
        compare(few, last, findings)
        first, later = memory.median_of(0.1, 0.4), memory.median_of(0.7, 1.0)
        figure = f"{memory.most:.0f} MiB at most, {first:.0f} early, {later:.0f} late"
        flat = memory.most <= 200 and later <= first * 1.15
        findings.say("memory of a worker's largest process", figure, "200, flat", flat)
        sizes(findings, "ledger, sent")
        found.worker()
        found.wait_until_ready(2)
        starts_and_pauses(found, large, findings)
        print(machine.described(), flush=True)
    # Ratios are held; seconds are the machine's.
    findings.conclude()


def planning_of(site: Site, count: int, findings: Findings) -> Run:
    """Plan a run in this process, and leave it paused."""
    begun = time.monotonic()
    run = paused(site)
    seconds = time.monotonic() - begun
    findings.say(f"planning {count:,}", f"{seconds:.1f} s", "20", seconds <= 20)
    sizes(findings, "ledger, planned")
    return run


def sizes(findings: Findings, what: str) -> None:
    """Bytes of the ledger for each of its rows."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(pg_table_size(relid)), sum(pg_indexes_size(relid)), "
            "(SELECT count(*) FROM campaigns_delivery) "
            "FROM pg_partition_tree('campaigns_delivery') WHERE isleaf"
        )
        table, indexes, rows = cursor.fetchone()
    figure = f"{table / rows:.0f} bytes of table and {indexes / rows:.0f} of indexes for each"
    findings.say(what, figure, "150 when planned" if "planned" in what else "")


def cost_of_few(found: Stage, site: Site, workers: list[Worker]) -> Cost:
    """The cost of a message in the middle of a small run: the second, as the first warms all up."""
    from campaigns import starting

    for _ in range(2):
        run, begun = paused(site), found.sink.count()
        starting.resume(run.campaign)
        cost = between(found, workers, begun, run_size(run), MIDDLE)
        finish(run)
    return cost


def paused(site: Site) -> Run:
    """A run of everybody on a site: planned, and not sending."""
    from campaigns import starting

    run = devices.planned(site)
    starting.pause(run.campaign)
    run.refresh_from_db()
    return run


def finish(run: Run) -> None:
    """Wait for the end of a run; everybody must have been accepted."""
    from campaigns import reports
    from campaigns.models import Run

    finished = Run.objects.filter(pk=run.pk, state=Run.State.FINISHED)
    wait_for(finished.exists, "the end of the run", HOURS, 0.1)
    counts = reports.run_counts(run)
    assert counts["accepted"] == counts["audience"], counts


def sending_of(found: Stage, run: Run, workers: list[Worker], findings: Findings) -> Cost:
    """The first 200,000 of a large run in five phases; the cost of the last, by one worker."""
    from campaigns import starting

    begun = found.sink.count()

    def phase(units: tuple[float, float]) -> Cost:
        return between(found, workers, begun, min(run_size(run) / 20, UNIT), units)

    starting.resume(run.campaign)
    one = phase(ONE)
    findings.say("one worker", one.line())
    workers.append(found.worker())
    two = phase(TWO)
    findings.say("two workers", two.line())
    enough = (os.cpu_count() or 1) >= ENOUGH_CORES
    faster(findings, "two workers / one", two, one, held=enough)
    found.sink.answer_after(LATE_MS)
    two_late = phase(TWO_LATE)
    end(workers[-1])
    one_late = phase(ONE_LATE)
    faster(findings, f"the same, answers after {LATE_MS:g} ms", two_late, one_late, held=True)
    found.sink.answer_after(0)
    last = phase(LAST)
    findings.say("one worker again", last.line())
    starting.pause(run.campaign)
    wait_until_quiet(found)
    return last


def run_size(run: Run) -> int:
    from campaigns import reports

    return int(reports.run_counts(run)["audience"])


def between(
    found: Stage, workers: list[Worker], begun: int, unit: float, units: tuple[float, float]
) -> Cost:
    """The cost between two points of a run. `begun`: what the sink had accepted before it."""
    first, last = (begun + round(unit * part) for part in units)
    reach(found, first)
    before = watch.read(found, workers)
    reach(found, last)
    return watch.between(before, watch.read(found, workers))


def reach(found: Stage, count: int) -> None:
    wait_for(lambda: found.sink.count() >= count, f"{count:,} messages accepted", HOURS, 0.05)


def faster(findings: Findings, what: str, two: Cost, one: Cost, *, held: bool) -> None:
    """How much faster two workers are; only told where the cores would not allow it."""
    ratio = two.rate / one.rate
    figure = f"{ratio:.2f} ({two.rate:,.0f} and {one.rate:,.0f} a second)"
    aim = "1.8" if held else f"1.8 from {ENOUGH_CORES} cores on"
    findings.say(what, figure, aim, ratio >= 1.8 if held else None)


def compare(few: Cost, last: Cost, findings: Findings) -> None:
    """The cost of a message must not grow with the run."""
    ratio = last.each / few.each
    figure = f"{ratio:.2f} ({last.each:.0f} and {few.each:.0f} us)"
    findings.say("cost of a message, large / small", figure, "0.85 to 1.15", 0.85 <= ratio <= 1.15)


def starts_and_pauses(found: Stage, site: Site, findings: Findings) -> None:
    """Seconds from "send now" to the first push, and from "pause" to the last; the worst of some.

    By two workers, as `up` starts them: one plans the rest while the other begins to send. The
    times are those at which the sink accepted, from when "send now" or "pause" was committed.
    """
    from campaigns import starting

    to_first, to_last, ways = [], [], []
    for _ in range(STARTS):
        campaign = devices.campaign(site)
        before = found.sink.count()
        run = starting.start(campaign)
        started = time.time()
        reach(found, before + 1)
        time.sleep(SENDING_SECONDS)
        starting.pause(campaign)
        stopped = time.time()
        wait_until_quiet(found)
        times = [record.at for record in found.sink.accepted(after=before)]
        to_first.append(min(times) - started)
        to_last.append(max(max(times) - stopped, 0.0))
        ways.append(way_of(run, started))
    for what, seconds in (("first push after send now", to_first), ("pause takes effect", to_last)):
        figure = f"{max(seconds):.1f} s at worst of {', '.join(f'{s:.1f}' for s in seconds)}"
        findings.say(what, figure, "2", max(seconds) <= 2)
    for way in ways:
        findings.say("the way to the first push", way)


def way_of(run: Run, started: float) -> str:
    """When, after "send now", each step to the first push was done."""
    from django.db.models import Min

    from campaigns.models import Batch, Delivery

    run.refresh_from_db()
    planned = Batch.objects.filter(run=run).aggregate(at=Min("pk"))["at"]
    due = Batch.objects.get(pk=planned).due_at
    rows = Delivery.objects.filter(month=run.month, run_id=run.pk)
    claimed = rows.aggregate(at=Min("sent_at"))["at"]
    steps = {"to the queue": run.enqueued_at, "first planned": due, "first claimed": claimed}
    known = {name: at.timestamp() - started for name, at in steps.items() if at is not None}
    return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in known.items())


def wait_until_quiet(found: Stage) -> None:
    """Until nothing has arrived for some seconds."""
    count = -1
    while count != (count := found.sink.count()):
        time.sleep(QUIET_SECONDS)


if __name__ == "__main__":
    main()
