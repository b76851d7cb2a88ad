"""Audiences of a million people: counted, explained, listed; and what their indexes cost.

    python -m benchmarks.bench_audiences [--people N] [--keep FOLDER]

A shop of a tenth of the people is made and asked first, then one of all of them: 1.3 devices and 20
events for each, in a year, on an embedded PostgreSQL of its own. It takes about half an hour for a
million, and 12 GB of disk meanwhile.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import audience_rules, crowd, ingesting, machine
from benchmarks.audience_rules import Named
from benchmarks.findings import Findings
from benchmarks.plans import Plans
from benchmarks.stage import stage

if TYPE_CHECKING:
    from accounts.models import Site
    from audiences.rules import Rule

EVENTS_EACH = 20
RUNS = 3
EXPLAINED = 100
OPENED = 20
BEHAVIOUR = {"event", "event_first", "event_last", "event_sum", "event_average"}
PATIENCE_MS = 60_000
MEBIBYTE = 1024 * 1024
# Bytes of a table and of its indexes, with those of its partitions.
SIZE = """
SELECT sum(pg_table_size(part)), sum(pg_indexes_size(part)) FROM (
    SELECT %s::regclass AS part UNION SELECT relid FROM pg_partition_tree(%s::regclass)
) AS parts
"""


@dataclass(frozen=True)
class Counted:
    """One audience: how many, and how long each run took, by the clock and of a core."""

    name: str
    people: int
    devices: int
    seconds: tuple[float, ...]
    core: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def of_core(self) -> float:
        return statistics.median(self.core)


@dataclass
class Shop:
    """A site with its people, the rules about them and what was found."""

    site: Site
    people: int
    rules: dict[str, Rule] = field(default_factory=dict)
    counted: list[Counted] = field(default_factory=list)
    plans: Plans = field(default_factory=Plans)

    @property
    def seconds(self) -> list[float]:
        return [one.median for one in self.counted]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_audiences")
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path)
    chosen = parser.parse_args()
    findings = Findings()
    with stage():
        findings.print(machine.described("django", "psycopg"))
        small = made(chosen.people // 10, findings)
        counting_of(small, findings)
        large = made(chosen.people, findings)
        found = measure(large, small, findings)
        findings.print(machine.described())
    findings.conclude()
    if chosen.keep:
        keep(chosen.keep, findings, large, found)


def measure(large: Shop, small: Shop, findings: Findings) -> dict[str, Any]:
    """All that is asked of the large shop."""
    sizes(findings)
    counting_of(large, findings)
    verdicts(large, small, findings)
    explained = explaining_of(large)
    say_times(findings, f"explain, {EXPLAINED} people", explained, 0.05)
    pages = pages_of(large)
    for name, seconds in pages.items():
        say_times(findings, f"page: {name}", seconds, 0.15)
    events, devices = ingesting.of_events(large.site), ingesting.of_devices(large.site)
    findings.say("events with indexes / without", events.line(), "0.8", events.ratio >= 0.8)
    findings.say("devices with index / without", devices.line(), "0.9", devices.ratio >= 0.9)
    return {"explain": explained, "pages": pages, "events": asdict(events)}


def made(people: int, findings: Findings) -> Shop:
    """A shop with a crowd, and the thirty rules about it."""
    from audiences import rules
    from audiences.models import Audience, StaticList
    from campaigns.models import Campaign
    from subscribers.onboarding import create_site

    begun = time.monotonic()
    site = create_site(name=f"Shop {people}", origins=[f"https://shop{people}.example"])
    crowd.fill(site, people, people * EVENTS_EACH)
    named = Named(
        {one.name: str(one.pk) for one in Campaign.objects.filter(site=site)},
        {one.name: str(one.pk) for one in StaticList.objects.filter(site=site)},
    )
    for name, node in audience_rules.kept(named).items():
        audience = Audience.objects.create(site=site, name=name, rule=node)
        named.audiences[name] = str(audience.pk)
    shop = Shop(site, people)
    for name, node in audience_rules.thirty(named).items():
        check(node)
        shop.rules[name] = rules.parse(node)
        Audience.objects.create(site=site, name=name, rule=node)
    seconds = time.monotonic() - begun
    findings.say("people, events", f"{people:,}, {people * EVENTS_EACH:,} made in {seconds:.0f} s")
    return shop


def check(node: dict[str, Any]) -> None:
    """A rule is what the aim speaks of: ten conditions, two of them of behaviour."""
    leaves = audience_rules.leaves(node)
    assert len(leaves) == audience_rules.CONDITIONS
    assert sum(leaf.get("field") in BEHAVIOUR for leaf in leaves) >= 2


def sizes(findings: Findings) -> None:
    """Rows, and bytes of tables and of indexes, of both shops together."""
    from django.db import connection

    with connection.cursor() as cursor:
        for table in crowd.TABLES:
            cursor.execute(SIZE, [table, table])
            data, indexes = cursor.fetchone()
            cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - a constant of ours
            rows = cursor.fetchone()[0]
            size = f"{data / MEBIBYTE:,.0f} MiB, and {indexes / MEBIBYTE:,.0f} MiB of indexes"
            findings.say(table, f"{rows:,} rows, {size}")


def counting_of(shop: Shop, findings: Findings) -> None:
    """Count each audience three times with the product's own statement; the first gives its plan.

    The limit that pages have is lifted: what takes longer shall be seen.
    """
    from django.conf import settings
    from django.db import connection

    from audiences import counting

    settings.AUDIENCE_TIMEOUT_MS = PATIENCE_MS
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        server = machine.processes()[cursor.fetchone()[0]].parent
    for name, rule in shop.rules.items():
        with shop.plans.of(name):
            reach = counting.exact(shop.site, rule)
        ask = partial(counting.exact, shop.site, rule)
        runs = [timed(ask, server) for _ in range(RUNS)]
        clock, core = zip(*runs, strict=True)
        one = Counted(name, reach.people, reach.devices, clock, core)
        shop.counted.append(one)
        findings.say(
            f"  {name}",
            f"{one.median:.2f} s, {one.of_core:.2f} s of a core; {one.people:,} people",
        )


def timed(act: Callable[[], object], server: int) -> tuple[float, float]:
    """Seconds by the clock, and of CPU of all processes of the server: several may answer."""
    cpu, begun = machine.cpu_seconds(server), time.monotonic()
    act()
    return time.monotonic() - begun, machine.cpu_seconds(server) - cpu


def verdicts(large: Shop, small: Shop, findings: Findings) -> None:
    """Median, worst, plans and growth."""
    middle, worst = statistics.median(large.seconds), max(large.seconds)
    of_core = [one.of_core for one in large.counted]
    core = f"{statistics.median(of_core):.2f} s of a core"
    findings.say("counted, median of 30", f"{middle:.2f} s, {core}", "1 s", middle <= 1)
    core = f"{max(of_core):.2f} s of a core"
    findings.say("counted, worst of 30", f"{worst:.2f} s, {core}", "3 s", worst <= 3)
    read_whole = large.plans.sequential_over_events()
    figure = ", ".join(read_whole) or f"none in {len(large.plans.found)} plans"
    findings.say("events read from end to end", figure, "none", not read_whole)
    growth = sum(large.seconds) / sum(small.seconds)
    times = large.people / small.people
    figure = f"{growth:.1f} times as long for {times:.0f} times the people"
    findings.say("growth", figure, f"{times:.0f}", growth <= times)


def explaining_of(shop: Shop) -> list[float]:
    """Seconds to explain a rule for one person, each time another of both."""
    from audiences import explaining
    from subscribers.models import Subscriber

    people = list(Subscriber.objects.filter(site=shop.site).order_by("pk")[:EXPLAINED])
    rules = list(shop.rules.values())
    explaining.explain(shop.site, rules[0], people[0])
    asked = [
        partial(explaining.explain, shop.site, rules[at % len(rules)], person)
        for at, person in enumerate(people)
    ]
    return [once(ask) for ask in asked]


def pages_of(shop: Shop) -> dict[str, list[float]]:
    """Seconds until the answer to each page is made, as a member of the team gets it."""
    from django.test import Client

    from accounts.models import Membership, Role, User
    from audiences.models import Audience
    from subscribers.models import Subscriber

    user = User.objects.create(email="bench@example.com")
    Membership.objects.create(site=shop.site, user=user, role=Role.ADMIN)
    client = Client(HTTP_HOST="localhost")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    site = f"/sites/{shop.site.pk}"
    audience = Audience.objects.get(site=shop.site, name=next(iter(shop.rules)))
    person = Subscriber.objects.filter(site=shop.site).first()
    assert person is not None
    pages = {
        "audiences": f"{site}/audiences/",
        "an audience": f"{site}/audiences/{audience.pk}/",
        "lists": f"{site}/audiences/lists/",
        "people": f"{site}/people/",
        "people, a search": f"{site}/people/?q=cust-77",
        "a person": f"{site}/people/{person.pk}/",
    }
    for address in pages.values():
        # A process that has just begun reads its templates first.
        opened(client, address)
    return {
        name: [opened(client, address) for _ in range(OPENED)] for name, address in pages.items()
    }


def opened(client: Any, address: str) -> float:
    begun = time.monotonic()
    answer = client.get(address)
    seconds = time.monotonic() - begun
    assert answer.status_code == 200, f"{address}: {answer.status_code}"
    return seconds


def once(act: Callable[[], object]) -> float:
    begun = time.monotonic()
    act()
    return time.monotonic() - begun


def say_times(findings: Findings, what: str, seconds: Sequence[float], aim: float) -> None:
    """The median, and what nineteen of twenty do not exceed, which is held against the aim."""
    late = statistics.quantiles(seconds, n=20)[-1]
    figure = f"{statistics.median(seconds) * 1000:.0f} ms, 95 % within {late * 1000:.0f} ms"
    findings.say(what, figure, f"{aim * 1000:.0f} ms", late <= aim)


def keep(folder: Path, findings: Findings, shop: Shop, found: dict[str, Any]) -> None:
    """Write what was printed, the figures as JSON, and the plans."""
    raw = {"rules": [asdict(one) for one in shop.counted], **found}
    (folder / "audiences.txt").write_text("\n".join(findings.lines) + "\n")
    (folder / "audiences.json").write_text(json.dumps(raw, indent=1) + "\n")
    (folder / "audiences-plans.txt").write_text(shop.plans.text())


if __name__ == "__main__":
    main()
