"""Variants and the holdout: what each came to, and which variant the rest gets.

Counted are people, not devices: a person has one variant, by hash, on all devices. A conversion is
the campaign's event within three days after the message was claimed for them; for those who were
kept back, after the moment at which it would have been.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from audiences import bounded
from campaigns.models import LETTERS, Batch, Campaign, Run
from campaigns.refusals import Refused
from subscribers.models import EventName

log = logging.getLogger("beckon.experiments")
WINDOW_DAYS = 3
PATIENCE_MS = 3_000
# Of a 95 % interval.
Z = 1.96
# With fewer people in a group nothing is said of its rate.
FEWEST = 100

# By variant, and whether they were kept back. The events' key is asked for each person alone.
RESULTS = """
SELECT got.variant, got.kept, count(*), count(*) FILTER (WHERE got.displayed),
    count(*) FILTER (WHERE got.clicked), count(*) FILTER (WHERE did.events > 0),
    coalesce(sum(did.worth), 0)
FROM (
    SELECT device.subscriber_id AS person, min(d.variant) AS variant, d.state = 9 AS kept,
        bool_or(d.displayed_at IS NOT NULL) AS displayed,
        bool_or(d.clicked_at IS NOT NULL) AS clicked, min(coalesce(d.sent_at, d.settled_at)) AS at
    FROM campaigns_delivery AS d
    JOIN subscribers_subscription AS device ON device.id = d.subscription_id
    WHERE d.month = %(month)s AND d.run_id = %(run)s AND d.state IN (2, 8, 9)
    GROUP BY 1, 3
) AS got LEFT JOIN LATERAL (
    SELECT count(*) AS events, sum(e.value) AS worth FROM subscribers_event AS e
    WHERE e.name_id = %(name)s AND e.subscriber_id = got.person
        AND e.at >= got.at AND e.at < got.at + make_interval(days => %(days)s)
) AS did ON true
GROUP BY 1, 2 ORDER BY 2, 1
"""


@dataclass(frozen=True)
class Rate:
    """A share of people with its 95 % interval (Wilson 1927); all between 0 and 1."""

    share: float
    low: float
    high: float

    @classmethod
    def of(cls, some: int, whole: int) -> Rate:
        if not whole:
            return cls(0.0, 0.0, 1.0)
        share, n = some / whole, whole
        middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
        half = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
        return cls(share, max(0.0, middle - half), min(1.0, middle + half))


@dataclass(frozen=True)
class Group:
    """The people of one variant, or those kept back (`variant` None and `kept`)."""

    variant: int | None
    kept: bool
    people: int
    displayed: int
    clicked: int
    converted: int
    worth: Decimal

    @property
    def letter(self) -> str:
        return "" if self.variant is None else LETTERS[self.variant]

    @property
    def clicks(self) -> Rate:
        return Rate.of(self.clicked, self.people)

    @property
    def conversions(self) -> Rate:
        return Rate.of(self.converted, self.people)

    def rate(self, by: str) -> Rate:
        """By Campaign.WinnerBy: conversions, else clicks."""
        return self.conversions if by == Campaign.WinnerBy.CONVERSION else self.clicks


def results(run: Run) -> list[Group]:
    """What the groups of a run came to so far, variants in order and those kept back last.

    One group without a letter where there are no variants. bounded.TooLong where that can't be
    counted in time.
    """
    name = EventName.objects.filter(
        site=run.campaign.site_id, name=run.campaign.conversion or "purchase"
    ).first()
    with bounded.at_most(PATIENCE_MS), connection.cursor() as cursor:
        cursor.execute(
            RESULTS,
            {
                "month": run.month,
                "run": run.pk,
                "name": name.pk if name else None,
                "days": WINDOW_DAYS,
            },
        )
        groups = [Group(*row) for row in cursor.fetchall()]
    kept = [group for group in groups if group.kept]
    sent = [group for group in groups if not group.kept]
    return [*sent, *_together(kept)]


def _together(kept: Sequence[Group]) -> list[Group]:
    """Those who were kept back got no variant, whichever they had been given."""
    if not kept:
        return []
    counts = [sum(getattr(one, name) for one in kept) for name in ("people", "converted")]
    worth = sum((one.worth for one in kept), Decimal())
    return [Group(None, True, counts[0], 0, 0, counts[1], worth)]


def leader(groups: Sequence[Group], by: str) -> Group | None:
    """The variant with the best rate; of equals the first. None where there are no variants."""
    variants = [group for group in groups if group.variant is not None]
    return max(variants, key=lambda group: group.rate(by).share, default=None)


def is_clear(groups: Sequence[Group], by: str) -> bool:
    """Whether the leader's interval lies above those of all the others."""
    best = leader(groups, by)
    if best is None or best.people < FEWEST:
        return False
    others = [one for one in groups if one.variant not in (None, best.variant)]
    return bool(others) and all(
        one.people >= FEWEST and one.rate(by).high < best.rate(by).low for one in others
    )


def lift(groups: Sequence[Group]) -> tuple[Rate, Rate] | None:
    """Conversions of all who were sent to, and of those kept back; None without a holdout."""
    kept = [group for group in groups if group.kept]
    if not kept:
        return None
    sent = [group for group in groups if not group.kept]
    people, converted = (sum(getattr(g, name) for g in sent) for name in ("people", "converted"))
    return Rate.of(converted, people), kept[0].conversions


def undecided(now: datetime) -> QuerySet[Run]:
    """Runs whose winner is to be chosen by now."""
    return Run.objects.filter(
        decide_at__lte=now,
        winner=None,
        kind=Run.Kind.CAMPAIGN,
        state__in=(*Run.SENDING, Run.State.PAUSED),
    )


def decide_due(now: datetime) -> int:
    """Choose the winners whose time has come; how many. Where a person chooses, ask for it.

    What can't be counted in time is tried again with the next call.
    """
    decided = 0
    for run in undecided(now).select_related("campaign", "message"):
        by = run.campaign.winner_by
        if by == Campaign.WinnerBy.HAND:
            _ask(run)
            continue
        try:
            best = leader(results(run), by)
        except bounded.TooLong:
            log.warning("The winner of run %s could not be counted in time", run.pk)
            continue
        decided += _settle(run, best.variant if best and best.variant else 0)
    return decided


def _ask(run: Run) -> None:
    sentence = _("Choose the variant that the others get: they wait for it.")
    waiting = Campaign.objects.filter(pk=run.campaign_id, state__in=Campaign.OPEN, attention="")
    waiting.update(attention=sentence)


@transaction.atomic
def choose(campaign: Campaign, variant: int, *, by: User | None = None, by_name: str = "") -> None:
    """Send a variant to all who wait for the winner. Refused once one is chosen."""
    run = campaign.runs.filter(kind=Run.Kind.CAMPAIGN).select_related("message").first()
    if run is None or run.decide_at is None or run.finished_at is not None:
        raise Refused(_("Nobody waits for a winner."))
    if not 0 <= variant <= len(run.message.variants):
        raise Refused(_("It has no such variant."))
    if not _settle(run, variant):
        raise Refused(_("A winner is chosen already."))
    audit.record(
        "campaign.winner",
        site=campaign.site,
        actor=by,
        actor_name=by_name,
        target=campaign.name,
        variant=LETTERS[variant],
    )


@transaction.atomic
def _settle(run: Run, variant: int) -> bool:
    """Whether this call chose it. The batches that wait are due at once."""
    now = timezone.now()
    # The campaign before the run: the order in which pausing and cancelling lock them.
    campaign = Campaign.objects.select_for_update().get(pk=run.campaign_id)
    chosen = Run.objects.filter(pk=run.pk, winner=None, finished_at=None)
    if not chosen.update(winner=variant, winner_at=now):
        return False
    if campaign.state == Campaign.State.RUNNING:
        Campaign.objects.filter(pk=campaign.pk).update(attention="")
    Batch.objects.filter(run=run, pending__gt=0, due_at__gt=now).update(due_at=now)
    return True
