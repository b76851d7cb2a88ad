"""The statements on the ledger. Each touches the rows of one lease's range and says how many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from django.db import connection
from django.db.models import Min, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from campaigns.models import Delivery

if TYPE_CHECKING:
    from campaigns.leases import Lease

# One committed statement: planned -> sending for whoever may still be reached, -> skipped for those
# who have left since planning; whose push service has to wait gets a later `not_before`, in the
# order of its queue. Only then do bytes leave. The devices are locked in key order, so what is read
# of them holds until the commit: whoever leaves or is erased meanwhile waits.
CLAIM = """
WITH due AS (
    SELECT month, run_id, subscription_id FROM campaigns_delivery
    WHERE month = %(month)s AND run_id = %(run)s AND subscription_id BETWEEN %(first)s AND %(last)s
      AND state = 0 AND (not_before IS NULL OR not_before <= %(now)s)
    ORDER BY subscription_id LIMIT %(limit)s FOR UPDATE
), device AS (
    SELECT id, state, endpoint, p256dh, auth, vapid_key_id FROM subscribers_subscription
    WHERE id IN (SELECT subscription_id FROM due) ORDER BY id FOR SHARE
), shut AS (
    SELECT * FROM unnest(%(origins)s::text[], %(untils)s::timestamptz[], %(steps)s::float8[])
        AS shut (origin, until, step)
), seen AS (
    SELECT due.*, device.*, shut.until + make_interval(secs => shut.step * row_number() OVER (
        PARTITION BY shut.origin ORDER BY due.subscription_id)) AS later,
        row_number() OVER (
            PARTITION BY device.state = 'active' AND shut.origin IS NULL
            ORDER BY due.subscription_id) AS turn
    FROM due LEFT JOIN device ON device.id = due.subscription_id
        LEFT JOIN shut ON device.state = 'active'
            AND starts_with(device.endpoint, shut.origin || '/')
)
UPDATE campaigns_delivery AS d
SET state = CASE WHEN s.later IS NOT NULL THEN 0 WHEN s.state = 'active' THEN 1
                 WHEN d.resends > 0 THEN 8 ELSE 5 END,
    reason = CASE WHEN s.later IS NOT NULL AND d.reason <> '' THEN d.reason
                  WHEN s.later IS NOT NULL THEN 'service_waits'
                  WHEN s.state = 'active' THEN '' WHEN s.id IS NULL THEN 'erased'
                  WHEN s.state = 'gone' THEN 'gone_before' ELSE 'no_consent' END,
    not_before = COALESCE(s.later, d.not_before),
    sent_at = CASE WHEN s.state = 'active' AND s.later IS NULL THEN COALESCE(d.sent_at, %(now)s)
                   ELSE d.sent_at END,
    settled_at = CASE WHEN s.state = 'active' THEN NULL ELSE %(now)s END,
    attempts = d.attempts + CASE WHEN s.state = 'active' AND s.later IS NULL THEN 1 ELSE 0 END,
    version = CASE WHEN s.state = 'active' AND s.later IS NULL THEN %(version)s ELSE d.version END
FROM seen AS s
WHERE d.month = s.month AND d.run_id = s.run_id AND d.subscription_id = s.subscription_id
    AND (s.state IS DISTINCT FROM 'active' OR s.later IS NOT NULL OR s.turn <= %(most)s)
RETURNING d.subscription_id, d.state, d.reason, d.attempts, extract(epoch FROM d.sent_at)::float8,
    s.endpoint, s.p256dh, s.auth, s.vapid_key_id
"""

# The range bounds what is read while the database knows nothing yet of a new month's rows: it takes
# the run for a small one then, and would read all of it for every window. What was given back
# before a byte left counts as no attempt. What a person had sent again, and is not accepted now,
# stays unknown: its first request may have been. What would be tried again is accepted if its
# device has reported meanwhile.
RECORD = """
UPDATE campaigns_delivery AS d
SET state = CASE WHEN d.resends > 0 AND o.state IN (3, 4, 6) THEN 8
                 WHEN o.state = 0 AND {reported} THEN 2 ELSE o.state END,
    reason = CASE WHEN o.state = 0 AND {reported} THEN 'receipt' ELSE o.reason END,
    status_code = o.status_code, message_location = o.location, took_ms = o.took_ms,
    not_before = o.not_before,
    settled_at = CASE WHEN o.state = 0 AND NOT {reported} THEN NULL ELSE %s END,
    attempts = d.attempts - o.unsent::int,
    sent_at = CASE WHEN o.unsent AND d.attempts = 1 THEN NULL ELSE d.sent_at END
FROM unnest(%s::bigint[], %s::smallint[], %s::text[], %s::smallint[], %s::text[], %s::timestamptz[],
        %s::smallint[], %s::boolean[])
    AS o (subscription_id, state, reason, status_code, location, not_before, took_ms, unsent)
WHERE d.month = %s AND d.run_id = %s AND d.subscription_id BETWEEN %s AND %s
    AND d.subscription_id = o.subscription_id AND d.state = 1
RETURNING d.state
""".format(reported="(COALESCE(d.displayed_at, d.clicked_at, d.dismissed_at) IS NOT NULL)")


class Claimed(NamedTuple):
    """One row that the claim changed.

    `state` is SENDING, SKIPPED with its reason (UNKNOWN if it was to be sent again), or still
    PLANNED because its push service has to wait. `sent_at` is when its first attempt was claimed,
    in seconds since the epoch; from `endpoint` on it is what its device said, None if erased.
    """

    subscription_id: int
    state: int
    reason: str
    attempts: int
    sent_at: float
    endpoint: str
    p256dh: bytes
    auth: bytes
    vapid_key_id: int


class Shut(NamedTuple):
    """A push service that has to wait: the first of its rows until then, the others `step` seconds
    after each other."""

    until: datetime
    step: float


@dataclass(frozen=True, slots=True)
class Result:
    """How one claimed delivery ended. PLANNED with `not_before`: proven not accepted, try again.

    `unsent`: given back before a byte left.
    """

    subscription_id: int
    state: Delivery.State
    reason: str = ""
    status_code: int | None = None
    message_location: str = ""
    not_before: datetime | None = None
    took_ms: int | None = None
    unsent: bool = False


def rows(lease: Lease, state: Delivery.State) -> QuerySet[Delivery]:
    """The deliveries of a lease's range that are in a state."""
    return Delivery.objects.filter(
        month=lease.month,
        run_id=lease.run_id,
        subscription_id__gte=lease.first,
        subscription_id__lte=lease.last,
        state=state,
    )


def claim(
    lease: Lease, *, version: int, limit: int, most: int, shut: Mapping[str, Shut]
) -> list[Claimed]:
    """Claim the next window: of at most `limit` rows, at most `most` to send. Call it while the
    lease is held.

    `shut`: push services that have to wait, by origin.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            CLAIM,
            {
                "month": lease.month,
                "run": lease.run_id,
                "first": lease.first,
                "last": lease.last,
                "now": timezone.now(),
                "limit": limit,
                "most": most,
                "version": version,
                "origins": list(shut),
                "untils": [one.until for one in shut.values()],
                "steps": [one.step for one in shut.values()],
            },
        )
        return [Claimed._make(row) for row in cursor.fetchall()]


def record(lease: Lease, results: Sequence[Result]) -> list[int]:
    """Write outcomes in one statement; the states of the rows that it changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            RECORD,
            [
                timezone.now(),
                [r.subscription_id for r in results],
                [int(r.state) for r in results],
                [r.reason for r in results],
                [r.status_code for r in results],
                [r.message_location for r in results],
                [r.not_before for r in results],
                [r.took_ms for r in results],
                [r.unsent for r in results],
                lease.month,
                lease.run_id,
                lease.first,
                lease.last,
            ],
        )
        return [row[0] for row in cursor.fetchall()]


def orphans_to_unknown(lease: Lease) -> int:
    """Rows that a dead sender had claimed: unknown, for good."""
    return rows(lease, Delivery.State.SENDING).update(
        state=Delivery.State.UNKNOWN, reason="sender_died", settled_at=timezone.now()
    )


def cancel_planned(lease: Lease) -> int:
    """Rows that were never claimed, of a run that was cancelled."""
    return rows(lease, Delivery.State.PLANNED).update(
        state=Delivery.State.CANCELLED, settled_at=timezone.now()
    )


def keep_unknown(lease: Lease) -> int:
    """Rows that a person had sent again, of a run that was cancelled before they were."""
    return (
        rows(lease, Delivery.State.PLANNED)
        .filter(resends__gt=0)
        .update(state=Delivery.State.UNKNOWN, reason="not_sent_again", settled_at=timezone.now())
    )


def next_due(lease: Lease) -> datetime | None:
    """When the next planned row of the range may be sent; None if there is none."""
    due: datetime | None = rows(lease, Delivery.State.PLANNED).aggregate(
        due=Min(Coalesce("not_before", Now()))
    )["due"]
    return due
