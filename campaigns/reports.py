"""What became of a campaign: sums over its batches, exact and cheap at any size."""

from collections import Counter
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery, Sum

from campaigns.models import PUBLIC_COUNTS, Batch, Campaign, Delivery, Run, no_counts
from campaigns.starting import run_of
from subscribers.models import Subscription


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
