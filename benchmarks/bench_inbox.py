"""Reading an inbox: a million deliveries of a hundred runs, all of them in it.

    python -m benchmarks.bench_inbox [--deliveries N] [--runs N]

The people are those of benchmarks.crowd, on an embedded PostgreSQL of its own. Every other message
is in the reader's own words. What is timed is the whole request, but for the web server.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks import crowd, machine
from benchmarks.findings import Findings
from benchmarks.stage import stage

if TYPE_CHECKING:
    from accounts.models import Site

AIM = 20.0  # milliseconds, for a page of 20
READERS = 200
# Days within which the runs were.
DAYS = 85
# Of the site, beside those in the inbox: the list of campaigns is not short either.
OTHERS = 1_000
WORDS = {
    "title": "{{ subscriber.first_name | default: 'Hello' }}, something for you",
    "body": "{% if subscriber.city %}In {{ subscriber.city }}{% else %}Near you{% endif %}",
}
OTHER_CAMPAIGNS = """
WITH audience AS (
    INSERT INTO audiences_audience SELECT (jsonb_populate_record(one, jsonb_build_object(
        'id', gen_random_uuid()))).* FROM audiences_audience AS one, generate_series(1, %s)
    WHERE one.id = %s RETURNING id
)
INSERT INTO campaigns_campaign SELECT (jsonb_populate_record(one, jsonb_build_object(
    'id', gen_random_uuid(), 'audience_id', audience.id, 'inbox', false))).*
FROM campaigns_campaign AS one, audience WHERE one.id = %s
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_inbox")
    parser.add_argument("--deliveries", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=100)
    given = parser.parse_args()
    findings = Findings()
    with stage():
        findings.print(machine.described("django", "psycopg"))
        site = filled(given.deliveries, given.runs, findings)
        plan(findings, site)
        measured(findings, site)
        findings.print(machine.described())
    findings.conclude()


def filled(deliveries: int, runs: int, findings: Findings) -> Site:
    """A site whose devices were all sent every run."""
    from django.db import connection

    from campaigns.models import Campaign, Delivery, Message
    from subscribers.onboarding import create_site

    begun = time.monotonic()
    site = create_site(name="Shop", origins=["https://shop.example"])
    # Of the crowd's devices 88 % are active, and there are 1.3 each.
    shared: dict[str, Any] = {"site": site.pk, "people": round(deliveries / runs / 1.144)}
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute(crowd.CROWD, shared)
        cursor.execute(crowd.PEOPLE, shared)
        cursor.execute(crowd.DEVICES, shared | crowd.keys(site))
        for number in range(runs):
            run = crowd.run_of(site, f"Run {number}", 1 + number * DAYS // runs)
            cursor.execute(crowd.DELIVERIES, shared | run)
        Campaign.objects.update(inbox=True, inbox_days=90)
        personal = list(Message.objects.order_by("pk").values_list("pk", flat=True)[::2])
        Message.objects.filter(pk__in=personal).update(**WORDS)
        one = Campaign.objects.first()
        assert one is not None
        cursor.execute(OTHER_CAMPAIGNS, [OTHERS, one.audience_id, one.pk])
        for table in (*crowd.TABLES, "campaigns_campaign", "campaigns_run"):
            cursor.execute(f"VACUUM ANALYZE {table}")
        cursor.execute("SET synchronous_commit = on")
    count = Delivery.objects.count()
    findings.say(f"{count:,} deliveries of {runs} runs", f"in {time.monotonic() - begun:.0f} s")
    return site


def readers(site: Site) -> list[str]:
    from subscribers.models import Subscriber

    named = Subscriber.objects.filter(site=site, subscriptions__state="active")
    known = sorted(set(named.exclude(external_id="").values_list("external_id", flat=True)))
    return random.Random(6).sample(known, min(READERS, len(known)))  # noqa: S311 - the same each time


def plan(findings: Findings, site: Site) -> None:
    """How the ledger is read."""
    from django.db import connection
    from django.utils import timezone

    from campaigns import inbox

    whose = inbox.person(site, readers(site)[0])
    assert whose is not None
    with connection.cursor() as cursor:
        asked = inbox.asked(whose, timezone.now())
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF) {inbox.ENTRIES}", asked)
        for (line,) in cursor.fetchall():
            findings.print(f"    {line}")


def measured(findings: Findings, site: Site) -> None:
    import jwt
    from django.conf import settings
    from django.test import Client

    from accounts import identity
    from subscribers import limits

    settings.ALLOWED_HOSTS.append("testserver")
    settings.INGEST_PER_SITE = settings.INGEST_PER_ADDRESS = limits.PER_PERSON = 10**9
    client, secret = Client(), identity.token_secret(site)

    def asks(path: str, method: str = "GET", body: object = None) -> Callable[[str], Any]:
        def ask(who: str) -> Any:
            claims = {"sub": who, "aud": site.key, "exp": int(time.time()) + 600}
            headers = {"Authorization": f"Bearer {jwt.encode(claims, secret, 'HS256')}"}
            where = f"/push/{site.key}/inbox/{path}"
            data = json.dumps(body) if body else ""
            answer = client.generic(method, where, data, headers=headers)
            assert answer.status_code == 200, answer.content
            return answer.json()

        return ask

    who = readers(site)
    fullest = max(asks("")(one)["unread"] for one in who)
    findings.say("unread of the fullest inbox", f"{fullest}")
    figures(findings, "a page of 20, all unread", asks(""), who, AIM)
    figures(findings, "the count alone, all unread", asks("unread/"), who)
    until = {"until": "2100-01-01T00:00:00+00:00"}
    figures(findings, "all are read at once", asks("read/", "POST", until), who)
    figures(findings, "a page of 20, all read", asks(""), who, AIM)
    figures(findings, "the count alone, all read", asks("unread/"), who)


def figures(
    findings: Findings,
    what: str,
    act: Callable[[str], Any],
    who: Sequence[str],
    aim: float | None = None,
) -> None:
    """Milliseconds of a request: of the middle one, of the slowest in twenty, and what this process
    worked for one. The aim is held to that: the rest is PostgreSQL's (above), and waiting for it
    and for whatever else the machine does."""
    took, worked = [], time.process_time()
    for one in who:
        begun = time.perf_counter()
        act(one)
        took.append((time.perf_counter() - begun) * 1_000)
    work = (time.process_time() - worked) * 1_000 / len(who)
    middle, slow = statistics.median(took), statistics.quantiles(took, n=20)[-1]
    figure = f"{work:.1f} ms of work; {middle:.1f} ms in all, 95 % within {slow:.1f} ms"
    if aim is None:
        findings.say(what, figure)
    else:
        findings.say(what, figure, f"{aim:g} ms of work", work <= aim)


if __name__ == "__main__":
    main()
