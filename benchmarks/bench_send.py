"""The whole engine: one sender working through a run, over TLS and HTTP/2, against a local sink.

    python -m benchmarks.bench_send [--devices N] [--rounds N] [--latency MS] [--profile]

A PostgreSQL and a sink of its own are started. Measured is what a worker does with a run that is
planned: claim, render, encrypt, sign, POST, record. Beside it, in turn, what one would write
instead (`rivals`), which writes nothing down, and encryption alone (`ciphers`). Sender, PostgreSQL
and sink share the machine, so beside the rate by the clock stands the rate for a second of the
sender's own CPU: what one core would send that has nothing else to do. Ratios are held.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import ciphers, devices, machine, rivals, stages
from benchmarks.rivals import Spent
from benchmarks.stage import Stage, stage
from subscribers.transports.messages import Endpoint

if TYPE_CHECKING:
    from accounts.models import Site
    from campaigns.models import Run

AIM_A_SECOND = 4_000
LIMITS = (("by http_ece", ciphers.reference), ("by cryptography", ciphers.direct))
CIPHER_COUNT = 2_000


@dataclass(frozen=True)
class Measured:
    """One round: how many were sent, and seconds by the clock and of CPU."""

    sent: int
    spent: Spent
    postgres: float
    sink: float


class Meter:
    """Measures from its making to `stop`."""

    def __init__(self, found: Stage) -> None:
        self.found = found
        self.postgres = machine.cpu_seconds(found.postgres_pid)
        self.sink = machine.cpu_seconds(found.sink.process.pid)
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def stop(self, sent: int, spent: Spent | None = None) -> Measured:
        """`spent`: what another process measured of itself."""
        here = Spent(time.perf_counter() - self.wall, time.process_time() - self.cpu)
        postgres = machine.cpu_seconds(self.found.postgres_pid) - self.postgres
        sink = machine.cpu_seconds(self.found.sink.process.pid) - self.sink
        return Measured(sent, spent or here, postgres, sink)


@dataclass
class Contender:
    """Something that sends, its rounds, and how many times as fast we want to be."""

    name: str
    send: Callable[[], Measured]
    aim: float = 0.0
    latency: float = 0.0
    rounds: list[Measured] = field(default_factory=list)

    def median(self, value: Callable[[Measured], float]) -> float:
        return statistics.median(value(one) for one in self.rounds)

    @property
    def by_clock(self) -> float:
        """Messages a second."""
        return self.median(lambda one: one.sent / one.spent.wall)

    @property
    def by_core(self) -> float:
        """Messages for each second of the sender's own CPU."""
        return self.median(lambda one: one.sent / one.spent.cpu)

    def line(self) -> str:
        """A row of the table."""
        cpu = [
            self.median(lambda one: one.spent.cpu / one.sent),
            self.median(lambda one: one.postgres / one.sent),
            self.median(lambda one: one.sink / one.sent),
        ]
        each = "".join(f"{seconds * 1e6:>10,.0f}" for seconds in cpu)
        return f"{self.name:<28}{self.by_clock:>9,.0f}{self.by_core:>9,.0f}{each}"


@dataclass
class Limit:
    """What encryption alone allows one core, round by round."""

    name: str
    encrypt: ciphers.Encrypt
    rounds: list[float] = field(default_factory=list)

    @property
    def by_core(self) -> float:
        """Messages for each second of CPU."""
        return statistics.median(self.rounds)


def main() -> None:
    options = arguments()
    with stage() as found, tempfile.TemporaryDirectory(prefix="beckon-node-") as folder:
        site = devices.site_with(options.devices, found.sink.origin)
        if options.profile:
            profile(found, site)
            return
        ciphers.check()
        missing = rivals.install_node(Path(folder))
        contenders = [
            *ours(found, site, options.latency),
            *theirs(found, site, options.few, None if missing else Path(folder)),
        ]
        for contender in contenders:
            contender.send()  # connections, caches, statistics
        size, limits = len(rendered(site)), [Limit(name, encrypt) for name, encrypt in LIMITS]
        for _ in range(options.rounds):
            for contender in contenders:
                found.sink.answer_after(contender.latency)
                contender.rounds.append(contender.send())
            for limit in limits:
                limit.rounds.append(ciphers.a_second(limit.encrypt, size, CIPHER_COUNT))
        report(contenders, limits, options, size=size)
        if missing:
            print(f"Not run: node's web-push, as {missing}.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_send")
    parser.add_argument("--devices", type=int, default=10_000, help="messages of each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--few", type=int, default=1_000, help="messages of each round of a loop")
    parser.add_argument("--latency", type=float, default=50.0, help="milliseconds")
    parser.add_argument("--profile", action="store_true", help="only show where the time goes")
    return parser.parse_args()


def ours(found: Stage, site: Site, latency: float) -> list[Contender]:
    """Beckon with a push service that answers at once, and with one that takes its time."""

    def send() -> Measured:
        run = devices.planned(site)
        meter = Meter(found)
        return meter.stop(deliver(run))

    return [
        Contender("Beckon, HTTP/2", send),
        Contender(f"Beckon, HTTP/2, {latency:g} ms", send, latency=latency),
    ]


def theirs(found: Stage, site: Site, few: int, node: Path | None) -> list[Contender]:
    """The loops, as users write them and as careful users would."""
    endpoints, payload = some_endpoints(site, few), rendered(site)
    ca_file = found.sink.ca_file

    def python(*, session: bool) -> Measured:
        meter = Meter(found)
        spent = rivals.pywebpush_loop(endpoints, payload, ca_file, session=session)
        return meter.stop(len(endpoints), spent)

    def javascript(at_once: int) -> Measured:
        meter = Meter(found)
        assert node is not None
        spent = rivals.node_loop(node, endpoints, payload, ca_file, at_once=at_once)
        return meter.stop(len(endpoints), spent)

    loops = [
        Contender("webpush() in a loop", lambda: python(session=False), aim=4),
        Contender("webpush() with a session", lambda: python(session=True)),
    ]
    if node is not None:
        many = rivals.NODE_AT_ONCE
        loops += [
            Contender(f"node web-push, {many} at once", lambda: javascript(many), aim=3),
            Contender("node web-push, one by one", lambda: javascript(1)),
        ]
    return loops


def deliver(run: Run) -> int:
    """Send all of a run as a worker's turn does; how many were accepted."""
    from campaigns import leases, reports
    from campaigns.models import Batch
    from campaigns.pushing import PushSender
    from campaigns.sending import Turn

    sender = PushSender.of_process()
    while first := Batch.objects.filter(run=run, pending__gt=0).order_by("pk").first():
        Turn(sender, onward=leases.next_due).run(first.pk)
    counts = reports.run_counts(run)
    assert counts["accepted"] == counts["audience"], counts
    return int(counts["accepted"])


def some_endpoints(site: Site, count: int) -> list[Endpoint]:
    from subscribers.models import Subscription

    chosen = Subscription.objects.filter(site=site).select_related("credential")
    return [device.address() for device in chosen.order_by("pk")[:count]]


def rendered(site: Site) -> bytes:
    """The payload that a device of this site gets."""
    from campaigns import payload, tokens

    message = devices.campaign(site).messages.get()
    return payload.payload(message, site, token="t" * tokens.LENGTH, tag="t" * 32)


def report(
    contenders: Sequence[Contender],
    limits: Sequence[Limit],
    options: argparse.Namespace,
    *,
    size: int,
) -> None:
    """The table, what it comes to, and what is held."""
    sealed = len(ciphers.direct(bytes(size), ciphers.new_point(), bytes(16)))
    print(machine.described("cryptography", "granian", "psycopg", "pywebpush"))
    print(
        f"{options.devices:,} messages in each of {options.rounds} rounds of ours, "
        f"{options.few:,} in each of a loop; medians. Payload {size} bytes, {sealed} encrypted. "
        "One sender, TLS 1.3; the loops speak HTTP/1.1."
    )
    print(f"{'':<28}{'a second':>9}{'a second':>9}{'us of CPU for each message':>30}")
    print(f"{'':<28}{'by clock':>9}{'of core':>9}{'sender':>10}{'database':>10}{'sink':>10}")
    for contender in contenders:
        print(contender.line())
    for limit in limits:
        each = 1e6 / limit.by_core
        print(f"{f'encryption, {limit.name}':<37}{limit.by_core:>9,.0f}{each:>10,.0f}")
    best, late, *loops = contenders
    print(f"of a core: {best.by_core:,.0f} a second (aim {AIM_A_SECOND:,})", end="")
    for limit in limits:
        print(f", {best.by_core / limit.by_core:.0%} of encryption {limit.name}", end="")
    print()
    shares = late.by_clock / best.by_clock, late.by_core / best.by_core
    print(f"{late.name} / at once: {shares[0]:.2f} by clock, {shares[1]:.2f} of core (aim 0.8)")
    for loop in loops:
        clock, core = best.by_clock / loop.by_clock, best.by_core / loop.by_core
        aim = f" (aim {loop.aim:g})" if loop.aim else ""
        print(f"Beckon / {loop.name}: {clock:.1f} by clock, {core:.1f} of core{aim}")
    assert all(best.by_core > loop.by_core for loop in loops), "A loop costs less than we do."


def profile(found: Stage, site: Site) -> None:
    """Where a sender's CPU time goes, and how much of the time it waits."""
    deliver(devices.planned(site))
    run = devices.planned(site)
    meter = Meter(found)
    with stages.clocks() as clocks:
        sent = deliver(run)
    measured = meter.stop(sent)
    print(machine.described("cryptography", "granian", "psycopg"))
    print(
        f"{sent:,} messages: {sent / measured.spent.wall:,.0f} a second by clock, "
        f"{sent / measured.spent.cpu:,.0f} of core; us of CPU for each: "
        f"{measured.spent.cpu / sent * 1e6:.0f} sender, {measured.postgres / sent * 1e6:.0f} "
        f"database, {measured.sink / sent * 1e6:.0f} sink"
    )
    for line in clocks.table(sent):
        print(line)
    run = devices.planned(site)
    print(stages.functions(lambda: deliver(run)))


if __name__ == "__main__":
    main()
