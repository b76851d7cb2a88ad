"""What became of a campaign: sums over its batches, exact and cheap at any size."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery, Sum

from accounts.bars import Part
from campaigns import tallies
from campaigns.models import PUBLIC_COUNTS, Batch, Campaign, Delivery, Run, no_counts
from campaigns.starting import run_of
from campaigns.tallies import Tally
from subscribers.models import Subscription

OUTCOMES = (
    "accepted",
    "skipped",
    "holdout",
    "gone",
    "refused",
    "unknown",
    "expired",
    "cancelled",
    "pending",
)

# What devices report of a message that was accepted.
RECEIPTS = ("displayed", "clicked", "dismissed")

# The chart covers the first day; what comes later is in the sums.
CHART_MINUTES = 1_440
MOST_POINTS = 120
STEPS = (1, 2, 5, 10, 15, 30, 60)

MINUTES = """
SELECT (extract(epoch FROM happened.at - %(start)s) / 60)::int AS minute, happened.kind, count(*)
FROM campaigns_delivery AS d CROSS JOIN LATERAL (VALUES
    ('accepted', CASE WHEN d.state = 2 THEN d.settled_at END),
    ('displayed', d.displayed_at), ('clicked', d.clicked_at)) AS happened (kind, at)
WHERE d.month = %(month)s AND d.run_id = %(run)s
    AND happened.at >= %(start)s AND happened.at < %(start)s + interval '1 day'
GROUP BY 1, 2
"""


def run_counts(run: Run | None) -> dict[str, Any]:
    """PUBLIC_COUNTS of a run and `skipped_by_reason`; the outcomes add up to the audience."""
    if run is None:
        return no_counts() | {"skipped_by_reason": {}}
    batches = Batch.objects.filter(run=run)
    sums = batches.aggregate(**{f"sum_{name}": Sum(name, default=0) for name in PUBLIC_COUNTS})
    reasons: Counter[str] = Counter()
    for part in batches.filter(skipped__gt=0).values_list("skipped_by_reason", flat=True):
        reasons.update(part)
    return {name: sums[f"sum_{name}"] for name in PUBLIC_COUNTS} | {
        "skipped_by_reason": dict(reasons.most_common())
    }


@dataclass(frozen=True)
class Sums:
    """What a run has come to, read in one statement: counts, answers and batches belong together.

    `counts` as of `run_counts`; `answers` by origin (see campaigns.tallies); of the unknown,
    `resent` were sent again since and are counted anew; `batches` is how many there are; `receipts`
    by channel, of apps alone: {channel: {one of RECEIPTS: count}}.
    """

    counts: dict[str, Any]
    answers: dict[str, Tally] = field(default_factory=dict)
    resent: int = 0
    batches: int = 0
    receipts: dict[str, Counter[str]] = field(default_factory=dict)


def sums(run: Run | None) -> Sums:
    """The sums of a run for its report, over its batches and never over the ledger."""
    if run is None:
        return Sums(run_counts(None))
    names = (*PUBLIC_COUNTS, "resent")
    rows = Batch.objects.filter(run=run).values_list(
        *names, "skipped_by_reason", "tallies", "receipts"
    )
    whole, reasons, answers, batches = [0] * len(names), Counter[str](), dict[str, Tally](), 0
    receipts: dict[str, Counter[str]] = {}
    for *numbers, skipped, tally, reported in rows:
        batches += 1
        for channel, counted in reported.items():
            receipts.setdefault(channel, Counter()).update(counted)
        whole = [a + b for a, b in zip(whole, numbers, strict=True)]
        reasons.update(skipped)
        tallies.merge(answers, tally)
    *counted, resent = whole
    counts: dict[str, Any] = dict(zip(PUBLIC_COUNTS, counted, strict=True))
    counts["skipped_by_reason"] = dict(reasons.most_common())
    return Sums(counts, answers, resent, batches, receipts)


def counts(campaign: Campaign) -> dict[str, Any]:
    """What the report of a campaign says, also by API."""
    return run_counts(run_of(campaign)) | {"state": campaign.state}


def deliveries(run: Run | None, state: str = "") -> QuerySet[Delivery]:
    """The ledger of a run with each device's public id; of one state if it is named.

    A state that does not exist has no rows.
    """
    if run is None or (state and state.upper() not in Delivery.State.names):
        return Delivery.objects.none()
    public_id = Subscription.objects.filter(pk=OuterRef("subscription_id")).values("public_id")
    rows = Delivery.objects.filter(month=run.month, run_id=run.pk).annotate(
        public_id=Subquery(public_id)
    )
    return rows.filter(state=Delivery.State[state.upper()]) if state else rows


def parts(counts: dict[str, Any], links: dict[str, str] | None = None) -> list[Part]:
    """Counts as the parts of a bar, with a link for each that is not zero."""
    hrefs = links or {}
    return [
        Part(name, count=counts[name], href=hrefs.get(name, "") if counts[name] else "")
        for name in OUTCOMES
        # Most campaigns keep nobody back.
        if name != "holdout" or counts[name]
    ]


@dataclass(frozen=True)
class Timeline:
    """How many there were in each step of `step` minutes from `start` on, by kind."""

    start: datetime
    step: int
    accepted: Sequence[int]
    displayed: Sequence[int]
    clicked: Sequence[int]


def timeline(run: Run, until: datetime) -> Timeline:
    """The first day of a run, at most; in steps that make at most MOST_POINTS points.

    It ends with the last event, or `until` if that is less than an hour after it.
    """
    start = run.started_at.replace(second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(MINUTES, {"start": start, "month": run.month, "run": run.pk})
        found = cursor.fetchall()
    now = int((until - start).total_seconds() // 60)
    last = max((minute for minute, _kind, _count in found), default=0)
    last = min(last if now - last >= 60 else max(now, last), CHART_MINUTES - 1)
    step = next((one for one in STEPS if last // one < MOST_POINTS), STEPS[-1])
    series = {name: [0] * (last // step + 1) for name in ("accepted", "displayed", "clicked")}
    for minute, kind, count in found:
        if minute <= last:
            series[kind][minute // step] += count
    return Timeline(start, step, **series)
