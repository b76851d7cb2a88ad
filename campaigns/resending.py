"""Sending again what is unknown: only when a person asks, who is told how many and what may happen.

A request that left and was not answered may have been accepted. Nobody can know, so Beckon never
repeats it by itself (design section 5). A device that reported is proof that it was: it gets
nothing again, whoever asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import audit
from accounts.models import User
from accounts.templatetags.beckon import number
from campaigns import starting
from campaigns.models import Batch, Campaign, Delivery, Run
from campaigns.refusals import Refused
from subscribers.models import Subscription

# Safari shows each push, also one with the tag of an earlier one.
APPLE = "%.push.apple.com/%"

# Only batches that have any are looked into: a run of a million is mostly others.
UNKNOWN = """
SELECT d.reason, d.resends > 0,
    COALESCE(d.displayed_at, d.clicked_at, d.dismissed_at) IS NOT NULL,
    COALESCE(s.state = 'active', false), COALESCE(s.endpoint LIKE %(apple)s, false), count(*)
FROM campaigns_batch AS b JOIN campaigns_delivery AS d
    ON d.month = %(month)s AND d.run_id = b.run_id AND d.subscription_id BETWEEN b.first AND b.last
    LEFT JOIN subscribers_subscription AS s ON s.id = d.subscription_id
WHERE b.run_id = %(run)s AND b.unknown > 0 AND d.state = 8
GROUP BY 1, 2, 3, 4, 5
"""


@dataclass(frozen=True)
class Preview:
    """What sending again would mean. unknown = again + proven + left."""

    # Deliveries that are unknown now.
    unknown: int = 0
    # Of them, what would be sent again.
    again: int = 0
    # Not again: the device has reported, so its push service had accepted the message.
    proven: int = 0
    # Not again: the device has unsubscribed, is gone or was erased since.
    left: int = 0
    # Of `again`: on Apple's systems, which show it twice if the first one arrived.
    apple: int = 0
    # Of `again`: what was sent again before and became unknown once more.
    before: int = 0
    # Of `again`, by the code of campaigns.reasons, most first.
    reasons: Mapping[str, int] = field(default_factory=dict)


def preview(run: Run | None) -> Preview:
    """Count what is unknown and what would be sent again. Reads only what is unknown."""
    if run is None:
        return Preview()
    with connection.cursor() as cursor:
        cursor.execute(UNKNOWN, {"apple": APPLE, "month": run.month, "run": run.pk})
        found = cursor.fetchall()
    sums: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for reason, repeated, proven, active, apple, count in found:
        sums["unknown"] += count
        if proven or not active:
            sums["proven" if proven else "left"] += count
            continue
        sums["again"] += count
        sums["apple"] += count * apple
        sums["before"] += count * repeated
        reasons[reason] += count
    return Preview(**sums, reasons=dict(reasons.most_common()))


@transaction.atomic
def resend(campaign: Campaign, *, expected: int, by: User | None = None, by_name: str = "") -> int:
    """Plan again what is unknown, all of it or nothing; how many. A finished run goes on.

    `expected` is the number that the person was shown (`Preview.again`): Refused if it is another
    by now, if nothing is unknown, or if the campaign was cancelled. A paused one stays paused.
    """
    Campaign.objects.select_for_update().get(pk=campaign.pk)
    # Not its key: a sender that holds a batch may be about to refer to it.
    runs = Run.objects.select_for_update(no_key=True)
    run = runs.filter(campaign=campaign, kind=Run.Kind.CAMPAIGN).first()
    if run is None:
        raise Refused(_("It has not started, so nothing is unknown."))
    if run.state == Run.State.CANCELLED:
        raise Refused(_("It was cancelled, so nothing is sent again."))
    batches = Batch.objects.select_for_update().filter(run=run, unknown__gt=0).order_by("pk")
    now = timezone.now()
    count = sum(_plan_again(run, batch, now) for batch in batches)
    if not count:
        raise Refused(_("Nothing is unknown any more that could be sent again."))
    if count != expected:
        raise Refused(_changed(count))
    _go_on(campaign, run)
    audit.record(
        "campaign.resent",
        site=campaign.site,
        actor=by,
        actor_name=by_name,
        target=campaign.name,
        deliveries=count,
    )
    return count


def _plan_again(run: Run, batch: Batch, now: datetime) -> int:
    """Move the unknown rows of a batch, which is locked, back to planned; how many."""
    reachable = Subscription.objects.active().filter(pk=OuterRef("subscription_id"))
    count = Delivery.objects.filter(
        Exists(reachable),
        month=run.month,
        run_id=run.pk,
        subscription_id__gte=batch.first,
        subscription_id__lte=batch.last,
        state=Delivery.State.UNKNOWN,
        displayed_at=None,
        clicked_at=None,
        dismissed_at=None,
    ).update(
        state=Delivery.State.PLANNED,
        resends=F("resends") + 1,
        reason="",
        status_code=None,
        message_location="",
        took_ms=None,
        not_before=None,
        # The time to give up counts from the first attempt of this sending.
        sent_at=None,
        settled_at=None,
    )
    if count:
        Batch.objects.filter(pk=batch.pk).update(
            unknown=F("unknown") - count,
            pending=F("pending") + count,
            resent=F("resent") + count,
            due_at=now,
            enqueued_at=None,
            # Its senders may have died with just these; a person wants it tried again.
            parked_at=None,
            recoveries=0,
            error="",
        )
    return count


def _go_on(campaign: Campaign, run: Run) -> None:
    """A run that was finished has something to send again."""
    finished = Run.objects.filter(pk=run.pk, state=Run.State.FINISHED)
    if finished.update(state=Run.State.RUNNING, finished_at=None):
        starting.move(campaign, (Campaign.State.FINISHED,), Campaign.State.RUNNING)


def _changed(count: int) -> str:
    return ngettext(
        "It is %(count)s delivery now. Look at it again before you send it again.",
        "It is %(count)s deliveries now. Look at them again before you send them again.",
        count,
    ) % {"count": number(count)}
