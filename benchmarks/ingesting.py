"""How fast events and devices come in, with the indexes that audiences want and without them.

Both in transactions that are rolled back, in rounds that take turns: the same table, as full. What
a commit costs is in neither, so that the indexes weigh more here than they do in production.
"""

from __future__ import annotations

import os
import random
import secrets
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from benchmarks import machine

if TYPE_CHECKING:
    from accounts.models import Site

ROUNDS = 6
BATCHES = 20
BATCH = 1_000
NEW_DEVICES = 10_000
NO_EVENT_INDEX = "ALTER TABLE subscribers_event DROP CONSTRAINT event_once"
NO_DEVICE_INDEX = "DROP INDEX subscription_audience"
DEVICES = """
INSERT INTO subscribers_subscription
    (public_id, site_id, subscriber_id, channel, state, state_at, endpoint, endpoint_hash, p256dh,
     auth, credential_id, install_id, language, time_zone, browser, platform, created_at,
     last_seen_at)
SELECT gen_random_uuid(), site_id, subscriber_id, channel, state, now(), endpoint,
    sha256(convert_to(id || clock_timestamp()::text, 'UTF8')), p256dh, auth, credential_id,
    gen_random_uuid(), language, time_zone, browser, platform, now(), now()
FROM subscribers_subscription
WHERE site_id = %s AND id > (SELECT max(id) FROM subscribers_subscription WHERE site_id = %s) - %s
"""


@dataclass(frozen=True)
class Rate:
    """Medians of the rounds: a second by the clock, and a second of one core."""

    clock: float
    core: float


@dataclass(frozen=True)
class Both:
    """What comes in with the index and without it."""

    indexed: Rate
    bare: Rate

    @property
    def ratio(self) -> float:
        """Of the rates of a core: the clock also counts what else the machine does."""
        return self.indexed.core / self.bare.core

    def line(self) -> str:
        return (
            f"{self.ratio:.2f} ({self.indexed.core:,.0f} and {self.bare.core:,.0f} a second of a "
            f"core; {self.indexed.clock:,.0f} and {self.bare.clock:,.0f} by the clock)"
        )


def of_events(site: Site) -> Both:
    """Through the product's own door, in batches of a thousand."""
    from subscribers import events
    from subscribers.models import Subscriber

    people = list(Subscriber.objects.filter(site=site).values_list("pk", flat=True)[:50_000])
    chosen = random.Random(4)  # noqa: S311 - no secret

    def batches() -> Callable[[], None]:
        made = [[event(str(chosen.choice(people))) for _ in range(BATCH)] for _ in range(BATCHES)]

        def take() -> None:
            for items in made:
                stored = events.take_in(site, items)
                assert all(result.status is events.Status.STORED for result in stored)

        return take

    return rounds(batches, BATCHES * BATCH, NO_EVENT_INDEX)


def event(person: str) -> dict[str, Any]:
    return {
        "name": "product_viewed",
        "subscriber": person,
        "at": datetime.now(UTC).isoformat(),
        "id": secrets.token_hex(8),
        "properties": {"product": "SKU-17", "category": "Gloves", "value": 399.5},
    }


def of_devices(site: Site) -> Both:
    """Rows of devices, made by PostgreSQL: nothing else is measured with the index."""
    from django.db import connection

    def insertion() -> Callable[[], None]:
        def insert() -> None:
            with connection.cursor() as cursor:
                cursor.execute(DEVICES, [site.pk, site.pk, NEW_DEVICES])

        return insert

    return rounds(insertion, NEW_DEVICES, NO_DEVICE_INDEX)


def rounds(prepare: Callable[[], Callable[[], None]], count: int, without: str) -> Both:
    """Measure `count` things with the index and without it, in turns."""
    indexed, bare = [], []
    once(prepare(), count, "")
    for _ in range(ROUNDS):
        indexed.append(once(prepare(), count, ""))
        bare.append(once(prepare(), count, without))
    return Both(median(indexed), median(bare))


def median(rates: list[Rate]) -> Rate:
    return Rate(
        statistics.median(rate.clock for rate in rates),
        statistics.median(rate.core for rate in rates),
    )


def once(act: Callable[[], None], count: int, before: str) -> Rate:
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        ours = (os.getpid(), cursor.fetchone()[0])
        if before:
            cursor.execute(before)
        cpu, begun = used(*ours), time.monotonic()
        act()
        clock, core = time.monotonic() - begun, used(*ours) - cpu
        transaction.set_rollback(True)
    return Rate(count / clock, count / core)


def used(*processes: int) -> float:
    """CPU seconds of just these processes."""
    every = machine.processes()
    return sum(every[pid].seconds for pid in processes)
