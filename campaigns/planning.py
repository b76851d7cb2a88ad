"""Freezing a run's audience into the ledger, one transaction per chunk."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from audiences import rules
from campaigns import finishing
from campaigns.models import Batch, Run
from subscribers.models import Subscription

BATCHES_PER_CHUNK = 4

# The chosen query (one column, id) is Django's own, compiled with its parameters.
INSERT = """
INSERT INTO campaigns_delivery (month, run_id, subscription_id)
SELECT %s, %s, chosen.id FROM ({chosen}) AS chosen
RETURNING subscription_id
"""


def recipients(run: Run) -> Q:
    """Which subscriptions of the site a run considers."""
    if run.kind == Run.Kind.TEST:
        # Who is not there any more has no devices. (A filter by None would find everybody else's.)
        return Q(testers__user=run.started_by) if run.started_by else Q(pk__in=[])
    return rules.compile(rules.parse(run.campaign.audience.rule))


def plan(run_id: int, stop: Callable[[], bool] = lambda: False) -> None:
    """Insert everybody that the run considers, cut into batches, then let it run.

    May be called again at any time and from several processes at once: each chunk holds the run's
    row and goes on from where the last committed one ended. `stop` is asked after each chunk.
    """
    while plan_chunk(run_id) and not stop():
        pass
    finishing.finish_if_settled(run_id)


@transaction.atomic
def plan_chunk(run_id: int) -> bool:
    """Plan the next chunk; False when the run is not being planned (any more)."""
    run = (
        Run.objects.select_for_update(of=("self",), no_key=True)
        .select_related("campaign__audience")
        .filter(pk=run_id, state=Run.State.PLANNING)
        .first()
    )
    if run is None:
        return False
    size = settings.SEND_BATCH * BATCHES_PER_CHUNK
    ids = insert(run, size)
    now = timezone.now()
    Batch.objects.bulk_create(
        Batch(
            run=run,
            first=part[0],
            last=part[-1],
            audience=len(part),
            pending=len(part),
            due_at=now,
        )
        for part in (
            ids[i : i + settings.SEND_BATCH] for i in range(0, len(ids), settings.SEND_BATCH)
        )
    )
    if len(ids) == size:
        Run.objects.filter(pk=run.pk).update(planned_through=ids[-1])
        return True
    Run.objects.filter(pk=run.pk).update(
        state=Run.State.RUNNING, planned_at=now, planned_through=run.last_subscription
    )
    return False


def insert(run: Run, limit: int) -> list[int]:
    """Insert at most `limit` recipients beyond planned_through; their ids, ascending."""
    chosen = (
        Subscription.objects.active()
        .filter(
            recipients(run),
            site=run.campaign.site_id,
            id__gt=run.planned_through,
            id__lte=run.last_subscription,
        )
        .order_by("id")
        .values("id")[:limit]
    )
    try:
        query, params = chosen.query.sql_with_params()
    except EmptyResultSet:
        return []
    with connection.cursor() as cursor:
        cursor.execute(INSERT.format(chosen=query), [run.month, run.pk, *params])
        return sorted(row[0] for row in cursor.fetchall())
