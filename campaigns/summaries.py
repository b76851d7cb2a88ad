"""A list of campaigns with what each has come to: as many queries, however long the list is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any

from django.db.models import Sum
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.bars import Part
from audiences import references, rules, sentences
from campaigns import moments, pace, reports, series
from campaigns.models import PUBLIC_COUNTS, Batch, Campaign, Run


@dataclass(frozen=True)
class Summary:
    """A campaign, its run (None: not started) and its counts."""

    campaign: Campaign
    run: Run | None
    counts: dict[str, Any]
    # What the rules of the whole list name; None: of no list.
    names: Callable[[], Mapping[str, str]] | None = None

    @property
    def state(self) -> str:
        """As chips name it: a run that is being planned is getting ready until it has sent."""
        state = Campaign.State(self.campaign.state)
        waits = state == Campaign.State.RUNNING and self.planning and not self.settled
        return Run.State.PLANNING if waits else state

    @property
    def repeats(self) -> str:
        """ "Every Monday at 09:00"; "" for what goes out once."""
        return series.sentence(self.campaign) if self.campaign.recurrence else ""

    @property
    def own_time(self) -> str:
        """ "Thu 26 Nov 18:00, own time"; "" for what goes out at one moment everywhere."""
        campaign = self.campaign
        wall = moments.naive(campaign.occurrence) or moments.wall_of(campaign)
        if campaign.timing != Campaign.Timing.LOCAL or wall is None:
            return ""
        return _("%(time)s, own time") % {"time": date_format(wall, "D j M H:i")}

    @property
    def planning(self) -> bool:
        """Whether more are still to be written into the ledger. It sends meanwhile."""
        return self.open and self.run is not None and self.run.planned_at is None

    @property
    def running(self) -> bool:
        return self.campaign.state == Campaign.State.RUNNING

    @property
    def open(self) -> bool:
        return self.campaign.state in Campaign.OPEN

    @property
    def settled(self) -> int:
        return pace.settled(self.counts)

    @property
    def pending(self) -> int:
        return int(self.counts["pending"])

    @property
    def share(self) -> float:
        """How much of the audience is settled; nobody at all is all of it once planned."""
        if not self.counts["audience"]:
            return 1.0 if self.state == Campaign.State.FINISHED else 0.0
        return self.settled / int(self.counts["audience"])

    @property
    def parts(self) -> list[Part]:
        return reports.parts(self.counts)

    @property
    def sentence(self) -> str:
        """Who gets it, in words; empty for a rule that is not understood (any more)."""
        names = self.names() if self.names else None
        try:
            return sentences.sentence(self.campaign.audience.rule, self.campaign.site, names)
        except rules.RuleError:
            return ""

    @property
    def started_at(self) -> datetime | None:
        return self.run.started_at if self.run else None

    @property
    def took(self) -> str:
        if self.run is None or self.run.finished_at is None:
            return ""
        return pace.took((self.run.finished_at - self.run.started_at).total_seconds())


def of(campaigns: Sequence[Campaign]) -> list[Summary]:
    """Summaries of one site's campaigns, in the same order.

    Load `audience` with the campaigns if sentences are shown.
    """
    ids = [one.pk for one in campaigns if one.state not in Campaign.EDITABLE]
    runs = {
        run.campaign_id: run for run in Run.objects.filter(campaign__in=ids, kind=Run.Kind.CAMPAIGN)
    }
    sums = {name: Sum(name, default=0) for name in PUBLIC_COUNTS}
    counted: dict[int, dict[str, Any]] = {
        row["run"]: dict(row)
        for row in Batch.objects.filter(run__in=list(runs.values())).values("run").annotate(**sums)
    }
    nothing: dict[str, Any] = dict.fromkeys(PUBLIC_COUNTS, 0)
    names = cache(partial(_names, campaigns))
    return [
        Summary(one, run, counted.get(run.pk, nothing) if run else nothing, names)
        for one in campaigns
        for run in [runs.get(one.pk)]
    ]


def _names(campaigns: Sequence[Campaign]) -> Mapping[str, str]:
    """What their rules name, asked for once when the first sentence is shown."""
    found = []
    for campaign in campaigns:
        with contextlib.suppress(rules.RuleError):
            found.append(rules.parse(campaign.audience.rule))
    return references.names_of(found, campaigns[0].site)
