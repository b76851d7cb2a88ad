"""The statements on the ledger. Each touches the rows of one lease's range and says how many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Min, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from campaigns.models import Delivery
from subscribers.models import Subscription

if TYPE_CHECKING:
    from campaigns.leases import Lease

# One committed statement: planned -> sending for whoever may still be reached, -> skipped for those
# who have left since planning. Only then do bytes leave. The devices are locked in key order, so
# what is read of them holds until the commit: whoever leaves or is erased meanwhile waits.
CLAIM = """
WITH due AS (
    SELECT month, run_id, subscription_id FROM campaigns_delivery
    WHERE month = %(month)s AND run_id = %(run)s AND subscription_id BETWEEN %(first)s AND %(last)s
      AND state = 0 AND (not_before IS NULL OR not_before <= %(now)s)
    ORDER BY subscription_id LIMIT %(limit)s FOR UPDATE
), device AS (
    SELECT id, state FROM subscribers_subscription
    WHERE id IN (SELECT subscription_id FROM due) ORDER BY id FOR SHARE
)
UPDATE campaigns_delivery AS d
SET state = CASE WHEN s.state = 'active' THEN 1 ELSE 5 END,
    reason = CASE WHEN s.state = 'active' THEN '' WHEN s.id IS NULL THEN 'erased'
                  WHEN s.state = 'gone' THEN 'gone_before' ELSE 'no_consent' END,
    sent_at = CASE WHEN s.state = 'active' THEN %(now)s END,
    settled_at = CASE WHEN s.state = 'active' THEN NULL ELSE %(now)s END,
    attempts = d.attempts + CASE WHEN s.state = 'active' THEN 1 ELSE 0 END,
    version = CASE WHEN s.state = 'active' THEN %(version)s END
FROM due LEFT JOIN device AS s ON s.id = due.subscription_id
WHERE d.month = due.month AND d.run_id = due.run_id AND d.subscription_id = due.subscription_id
RETURNING d.subscription_id, d.state, d.reason, d.attempts
"""

# The range bounds what is read while the database knows nothing yet of a new month's rows: it takes
# the run for a small one then, and would read all of it for every window.
RECORD = """
UPDATE campaigns_delivery AS d
SET state = o.state, reason = o.reason, status_code = o.status_code,
    message_location = o.location, not_before = o.not_before,
    settled_at = CASE WHEN o.state = 0 THEN NULL ELSE %s END
FROM unnest(%s::bigint[], %s::smallint[], %s::text[], %s::smallint[], %s::text[], %s::timestamptz[])
    AS o (subscription_id, state, reason, status_code, location, not_before)
WHERE d.month = %s AND d.run_id = %s AND d.subscription_id BETWEEN %s AND %s
    AND d.subscription_id = o.subscription_id AND d.state = 1
RETURNING d.state
"""


@dataclass(frozen=True)
class Claimed:
    """One row that the claim changed: `state` is SENDING, or SKIPPED with its reason."""

    subscription_id: int
    state: Delivery.State
    reason: str
    attempts: int


@dataclass(frozen=True)
class Result:
    """How one claimed delivery ended. PLANNED with `not_before`: proven not accepted, try again."""

    subscription_id: int
    state: Delivery.State
    reason: str = ""
    status_code: int | None = None
    message_location: str = ""
    not_before: datetime | None = None


def rows(lease: Lease, state: Delivery.State) -> QuerySet[Delivery]:
    """The deliveries of a lease's range that are in a state."""
    return Delivery.objects.filter(
        month=lease.month,
        run_id=lease.run_id,
        subscription_id__gte=lease.first,
        subscription_id__lte=lease.last,
        state=state,
    )


def claim(lease: Lease, *, version: int, limit: int) -> list[Claimed]:
    """Claim the next window, at most `limit` rows. Call it while the lease is held."""
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
                "version": version,
            },
        )
        return [
            Claimed(subscription_id, Delivery.State(state), reason, attempts)
            for subscription_id, state, reason, attempts in cursor.fetchall()
        ]


def record(lease: Lease, results: Sequence[Result]) -> list[Delivery.State]:
    """Write a window's outcomes in one statement; the states of the rows that it changed."""
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
                lease.month,
                lease.run_id,
                lease.first,
                lease.last,
            ],
        )
        return [Delivery.State(row[0]) for row in cursor.fetchall()]


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


def next_due(lease: Lease) -> datetime | None:
    """When the next planned row of the range may be sent; None if there is none."""
    due: datetime | None = rows(lease, Delivery.State.PLANNED).aggregate(
        due=Min(Coalesce("not_before", Now()))
    )["due"]
    return due


def subscriptions(claimed: Sequence[Claimed]) -> dict[int, Subscription]:
    """A claimed window's devices with their keys, by id. Call it before the claim is committed."""
    ids = [row.subscription_id for row in claimed]
    return Subscription.objects.select_related("vapid_key").in_bulk(ids)
