"""Throttles: a slot in time for each message of a run or a site that may send only so many.

Slots are given out in the transaction of the claim, from one row of the database for all senders,
and are evenly spaced: over any ten seconds no more leave than the throttle allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from accounts.models import Site
from campaigns.models import Run, Throttle

# So far ahead slots are given out. What has a slot is claimed, so it is little.
HORIZON = timedelta(seconds=1)


@dataclass(frozen=True)
class Slots:
    """`count` slots, the first at `first`, one every `step`; `rows` are locked."""

    rows: Sequence[Throttle]
    first: datetime
    step: timedelta
    count: int

    def at(self, number: int) -> datetime:
        """When the message of that number, from 0, may leave."""
        return self.first + self.step * number

    def use(self, number: int) -> None:
        """Take the first so many. The others stay free."""
        if number:
            following = self.at(number)
            Throttle.objects.filter(pk__in=[row.pk for row in self.rows]).update(next_at=following)


def slots(run: Run, most: int) -> Slots | None:
    """The slots of the next second for a run, at most `most`; None where nothing is throttled.

    Of two throttles, the run's and its site's, both are kept. Needs a transaction: until its end
    nobody else is given slots. Load `campaign__site` with the run.
    """
    campaign = run.campaign
    rows: list[Throttle] = []
    rates: list[int] = []
    if campaign.throttle:
        rows.append(_locked(run=run))
        rates.append(campaign.throttle)
    if campaign.site.throttle:
        rows.append(_locked(site=campaign.site))
        rates.append(campaign.site.throttle)
    if not rows:
        return None
    now = timezone.now()
    step = timedelta(minutes=1) / min(rates)
    # A later one than this was written by a clock that was ahead.
    latest = now + HORIZON + step
    first = max([now, *(row.next_at for row in rows if row.next_at <= latest)])
    count = min(most, (now + HORIZON - first) // step + 1) if first <= now + HORIZON else 0
    return Slots(rows, first, step, count)


def _locked(**of: Run | Site) -> Throttle:
    Throttle.objects.get_or_create(defaults=None, **of)
    return Throttle.objects.select_for_update().get(**of)
