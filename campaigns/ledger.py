"""The statements on the ledger. Each touches the rows of one lease's range and says how many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Case, Min, QuerySet, Value, When
from django.db.models.functions import Coalesce, Greatest, Now
from django.utils import timezone

from campaigns.models import Delivery

if TYPE_CHECKING:
    from campaigns.leases import Lease

# One committed statement: planned -> sending for whoever may still be reached, -> skipped for those
# who have left since planning; `judged` says of others why they don't get it now, and whose push
# service has to wait gets a later `not_before`, in the order of its queue. Who has only an inbox is
# skipped, which is when the message is in it. Only then do bytes leave. The devices are locked in
# key order, so what is read of them holds until the commit: whoever leaves or is erased meanwhile
# waits.
CLAIM = """
WITH due AS (
    SELECT month, run_id, subscription_id FROM campaigns_delivery
    WHERE month = %(month)s AND run_id = %(run)s AND subscription_id BETWEEN %(first)s AND %(last)s
      AND state = 0 AND (not_before IS NULL OR not_before <= %(now)s
          OR (variant IS NULL AND not_before = %(waited)s))
      AND NOT (%(awaits)s AND variant IS NULL)
      AND (%(only)s::bigint[] IS NULL OR subscription_id = ANY(%(only)s))
    ORDER BY subscription_id LIMIT %(limit)s FOR UPDATE
), device AS (
    SELECT id, state, channel, endpoint, p256dh, auth, credential_id
    FROM subscribers_subscription
    WHERE id IN (SELECT subscription_id FROM due) ORDER BY id FOR SHARE
), shut AS (
    SELECT * FROM unnest(%(origins)s::text[], %(untils)s::timestamptz[], %(steps)s::float8[])
        AS shut (origin, until, step)
), judged AS (
    SELECT * FROM unnest(%(judged)s::bigint[], %(verdicts)s::smallint[], %(whys)s::text[],
        %(holds)s::timestamptz[]) AS judged (id, verdict, why, hold)
), seen AS (
    SELECT due.*, device.*, judged.verdict, judged.why, judged.hold,
        shut.until + make_interval(secs => shut.step * row_number() OVER (
            PARTITION BY shut.origin ORDER BY due.subscription_id)) AS later,
        row_number() OVER (
            PARTITION BY device.state = 'active' AND shut.origin IS NULL AND judged.id IS NULL
            ORDER BY due.subscription_id) AS turn
    FROM due LEFT JOIN device ON device.id = due.subscription_id
        LEFT JOIN judged ON judged.id = device.id AND device.state IN ('active', 'inbox')
        LEFT JOIN shut ON device.state = 'active' AND judged.id IS NULL
            AND starts_with(device.endpoint, shut.origin || '/')
)
UPDATE campaigns_delivery AS d
SET state = CASE WHEN s.later IS NOT NULL THEN 0
                 WHEN s.verdict = 5 AND d.resends > 0 THEN 8
                 WHEN s.verdict IS NOT NULL THEN s.verdict
                 WHEN s.state = 'active' THEN 1 WHEN d.resends > 0 THEN 8 ELSE 5 END,
    reason = CASE WHEN s.later IS NOT NULL AND d.reason <> '' THEN d.reason
                  WHEN s.later IS NOT NULL THEN 'service_waits'
                  WHEN s.verdict IS NOT NULL THEN s.why
                  WHEN s.state = 'active' THEN '' WHEN s.id IS NULL THEN 'erased'
                  WHEN s.state = 'inbox' AND %(inbox)s THEN 'inbox_only'
                  WHEN s.state = 'gone' THEN 'gone_before' ELSE 'no_consent' END,
    not_before = COALESCE(s.later, s.hold, d.not_before),
    sent_at = CASE WHEN {sends} THEN COALESCE(d.sent_at, %(now)s) ELSE d.sent_at END,
    settled_at = CASE WHEN {sends} OR s.later IS NOT NULL OR s.hold IS NOT NULL THEN NULL
                      ELSE %(now)s END,
    attempts = d.attempts + ({sends})::int,
    version = CASE WHEN {sends} THEN %(version)s ELSE d.version END,
    variant = CASE WHEN {sends} THEN COALESCE(d.variant, %(winner)s) ELSE d.variant END
FROM seen AS s
WHERE d.month = s.month AND d.run_id = s.run_id AND d.subscription_id = s.subscription_id
    AND (s.state IS DISTINCT FROM 'active' OR s.later IS NOT NULL OR s.verdict IS NOT NULL
        OR s.turn <= %(most)s)
RETURNING d.subscription_id, d.state, d.reason, d.attempts, extract(epoch FROM d.sent_at)::float8,
    s.endpoint, s.p256dh, s.auth, s.credential_id, s.channel
"""
# Whose row becomes SENDING. The state is null where the device was erased.
SENDS = "(s.state IS NOT DISTINCT FROM 'active' AND s.later IS NULL AND s.verdict IS NULL)"
CLAIM = CLAIM.replace("{sends}", SENDS)

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
    PLANNED because its push service or the person has to be waited for. `sent_at` is when its first
    attempt was claimed, in seconds since the epoch; from `endpoint` on it is what its device said,
    None if erased.
    """

    subscription_id: int
    state: int
    reason: str
    attempts: int
    sent_at: float
    endpoint: str
    p256dh: bytes
    auth: bytes
    credential_id: int
    channel: str


class Verdict(NamedTuple):
    """Why a row that is due is not sent: SKIPPED, HOLDOUT, or PLANNED for a later moment."""

    state: Delivery.State
    reason: str
    later: datetime | None = None


class Due(NamedTuple):
    """A row that may be claimed now, with what is to be known of its device."""

    subscription_id: int
    subscriber_id: UUID
    time_zone: str
    variant: int | None
    channel: str
    # No push, only the inbox.
    inbox: bool


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


DUE = """
SELECT d.subscription_id, device.subscriber_id, device.time_zone, d.variant, device.channel,
    device.state = 'inbox'
FROM campaigns_delivery AS d
JOIN subscribers_subscription AS device ON device.id = d.subscription_id
WHERE d.month = %s AND d.run_id = %s AND d.subscription_id BETWEEN %s AND %s
    AND d.state = 0 AND (d.not_before IS NULL OR d.not_before <= %s
        OR (d.variant IS NULL AND d.not_before = %s))
    AND NOT (%s AND d.variant IS NULL)
ORDER BY d.subscription_id LIMIT %s
"""


def due(
    lease: Lease, *, now: datetime, limit: int, awaits: bool, waited: datetime | None = None
) -> list[Due]:
    """The first rows of a lease's range that may be claimed. Nobody else changes them meanwhile,
    while the lease is held. `waited`: see claim."""
    with connection.cursor() as cursor:
        bounds = (lease.month, lease.run_id, lease.first, lease.last)
        cursor.execute(DUE, (*bounds, now, waited, awaits, limit))
        return [Due._make(row) for row in cursor.fetchall()]


def claim(
    lease: Lease,
    *,
    now: datetime,
    version: int,
    limit: int,
    most: int,
    shut: Mapping[str, Shut],
    verdicts: Mapping[int, Verdict] | None = None,
    only: Sequence[int] | None = None,
    winner: int | None = None,
    awaits: bool = False,
    waited: datetime | None = None,
    inbox: bool = False,
) -> list[Claimed]:
    """Claim the next window: of at most `limit` rows, at most `most` to send. Call it while the
    lease is held.

    `shut`: push services that have to wait, by origin. `verdicts`: rows that are not to be sent,
    by subscription; `only`: rows that were judged, no others are touched. `awaits`: rows without a
    variant wait for the winner; `winner`: what those get. `waited`: those who wait until just then
    wait no more, as the winner was chosen earlier. `inbox`: the campaign is also in the inbox.
    """
    judged = verdicts or {}
    with connection.cursor() as cursor:
        cursor.execute(
            CLAIM,
            {
                "month": lease.month,
                "run": lease.run_id,
                "first": lease.first,
                "last": lease.last,
                "now": now,
                "limit": limit,
                "most": most,
                "version": version,
                "origins": list(shut),
                "untils": [one.until for one in shut.values()],
                "steps": [one.step for one in shut.values()],
                "judged": list(judged),
                "verdicts": [int(one.state) for one in judged.values()],
                "whys": [one.reason for one in judged.values()],
                "holds": [one.later for one in judged.values()],
                "only": None if only is None else list(only),
                "winner": winner,
                "awaits": awaits,
                "waited": waited,
                "inbox": inbox,
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


def expire_planned(lease: Lease) -> int:
    """Rows that were never claimed, of a run whose time is over."""
    return (
        rows(lease, Delivery.State.PLANNED)
        .filter(resends=0)
        .update(state=Delivery.State.EXPIRED, reason="run_expired", settled_at=timezone.now())
    )


def next_due(
    lease: Lease, awaits_until: datetime | None = None, waited: datetime | None = None
) -> datetime | None:
    """When the next planned row of the range may be sent; None if there is none.

    `awaits_until`: rows without a variant are looked at again then, as the winner is not chosen.
    `waited`: as of claim.
    """
    at: Case | Coalesce = Coalesce("not_before", Now())
    if waited is not None:
        at = Case(When(variant=None, not_before=waited, then=Now()), default=at)
    if awaits_until is not None:
        waits = When(variant=None, then=Greatest(at, Value(awaits_until)))
        due = rows(lease, Delivery.State.PLANNED).aggregate(due=Min(Case(waits, default=at)))
    else:
        due = rows(lease, Delivery.State.PLANNED).aggregate(due=Min(at))
    found: datetime | None = due["due"]
    return found
