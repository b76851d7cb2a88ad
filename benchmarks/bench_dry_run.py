"""A dry run of a million: alike for all, on everybody's own clock, under caps, and in their words.

    python -m benchmarks.bench_dry_run [--recipients N]

The people are those of benchmarks.crowd, on an embedded PostgreSQL of its own. It takes about ten
minutes for a million, most of it to make them, and 5 GB of disk meanwhile.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from benchmarks import crowd, machine
from benchmarks.findings import Findings
from benchmarks.stage import stage

if TYPE_CHECKING:
    from accounts.models import Site
    from campaigns.models import Campaign, DryRun

AIM = 10.0
# Active devices for each person of the crowd.
DEVICES_EACH = 1.144
# Days since everybody was sent a campaign.
EARLIER = (1, 3, 5)
WORDS = {
    "title": "{{ subscriber.first_name | default: 'Hello' }}, your cart waits",
    "body": "{% if cart.value == blank %}{% abort 'no cart' %}{% endif %}"
    "{{ cart.first_item.name }} for {{ cart.value }} {{ cart.currency }}",
}
# Pages of people behind a figure are bounded in time.
PATIENCE = 2.5


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_dry_run")
    parser.add_argument("--recipients", type=int, default=1_000_000)
    count = parser.parse_args().recipients
    findings = Findings()
    with stage():
        findings.print(machine.described("django", "psycopg"))
        site = filled(count, findings)
        measured(findings, "alike for all", campaign(site))
        quiet(site)
        measured(findings, "own time, quiet hours, holdout", campaign(site, **own_time()))
        capped(site)
        caps = campaign(site, **own_time())
        found = measured(findings, "the same under two caps and a gap", caps)
        people_of(findings, found)
        free = {"caps": "off", "quiet": "off", "override_reason": "Measured"}
        measured(findings, "personal words", campaign(site, message=WORDS, **free))
        measured(findings, "personal words under caps", campaign(site, message=WORDS))
        findings.print(machine.described())
    findings.conclude()


def filled(count: int, findings: Findings) -> Site:
    """A site with about that many active devices, who have been sent some campaigns."""
    from django.db import connection

    from subscribers.onboarding import create_site

    begun = time.monotonic()
    site = create_site(name="Shop", origins=["https://shop.example"])
    shared: dict[str, Any] = {"site": site.pk, "people": round(count / DEVICES_EACH)}
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute(crowd.CROWD, shared)
        cursor.execute(crowd.PEOPLE, shared)
        cursor.execute(crowd.DEVICES, shared | crowd.keys(site))
        cursor.execute(crowd.CARTS, shared)
        for days in EARLIER:
            cursor.execute(crowd.DELIVERIES, shared | crowd.run_of(site, f"{days} days ago", days))
        for table in crowd.TABLES:
            cursor.execute(f"VACUUM ANALYZE {table}")
        cursor.execute("SET synchronous_commit = on")
    seconds = time.monotonic() - begun
    findings.say("people and three campaigns made", f"in {seconds:.0f} s")
    return site


def quiet(site: Site) -> None:
    from datetime import time as wall

    from campaigns.models import Policy

    Policy.objects.create(site=site, quiet_start=wall(21), quiet_end=wall(8))


def capped(site: Site) -> None:
    """Three messages were sent; some get a fourth."""
    from campaigns.models import Cap, Policy

    Cap.objects.create(site=site, most=4, days=7)
    Cap.objects.create(site=site, most=1, days=2)
    Policy.objects.filter(site=site).update(gap_minutes=60)


def own_time() -> dict[str, Any]:
    """Tomorrow evening, by everybody's own clock."""
    day = datetime.now(UTC).date() + timedelta(days=1)
    return {
        "timing": "local",
        "scheduled_wall": datetime(day.year, day.month, day.day, 20, 30, tzinfo=UTC),
        "scheduled_zone": "Europe/Oslo",
        "holdout": 10,
    }


def campaign(site: Site, message: dict[str, str] | None = None, **fields: Any) -> Campaign:
    """A draft to everybody."""
    from audiences.models import Audience
    from campaigns.models import Campaign, Message

    audience = Audience.objects.create(site=site)
    made = Campaign.objects.create(site=site, name="Winter", audience=audience, **fields)
    words = {"title": "Winter layers", "body": "20 % off down", **(message or {})}
    Message.objects.create(campaign=made, url="https://shop.example/down", **words)
    return made


def measured(findings: Findings, what: str, made: Campaign) -> DryRun:
    """Ask for a dry run and do it, as a job does."""
    from campaigns import forecasting

    run = forecasting.start(made, None)
    begun, cpu = time.monotonic(), spent()
    forecasting.run_or_fail(run.pk, lambda: False)
    seconds, core = time.monotonic() - begun, spent() - cpu
    run.refresh_from_db()
    assert run.state == run.State.DONE, run.error
    counted = sum(run.counts.values())
    rate = (
        f"{counted:,} in {seconds:.1f} s, {core:.1f} s of a core, {counted / seconds:,.0f} a second"
    )
    read = f", {run.sampled:,} texts read" if run.sampled else ""
    findings.say(what, rate + read, f"{AIM:.0f} s", seconds <= AIM)
    ends = ", ".join(
        f"{code} {n:,}" for code, n in sorted(run.counts.items(), key=lambda one: -one[1])
    )
    findings.print(f"  {ends}")
    return run


def spent() -> float:
    """Seconds of CPU of this process and of the server's that answers it."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        server = machine.processes()[cursor.fetchone()[0]].parent
    return machine.cpu_seconds(server) + time.process_time()


def people_of(findings: Findings, run: DryRun) -> None:
    """The first page of each outcome, and one that nobody has."""
    from campaigns import forecasting

    for code in [*run.counts, "sent_once"]:
        begun = time.monotonic()
        found, _after = forecasting.people(run, code, stop=patient(begun + 2))
        seconds = time.monotonic() - begun
        figure = f"{len(found)} in {seconds:.2f} s"
        findings.say(f"  people: {code}", figure, f"{PATIENCE} s", seconds <= PATIENCE)


def patient(end: float) -> Callable[[], bool]:
    return lambda: time.monotonic() > end


if __name__ == "__main__":
    main()
