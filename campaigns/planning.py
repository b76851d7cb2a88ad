"""Freezing a run's audience into the ledger, one transaction per chunk."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from audiences import compiling, rules
from audiences.catalogue import Scope
from campaigns import finishing
from campaigns.models import Batch, Run
from subscribers.models import Subscription

# Of so many batches' worth of devices, those who match: a chunk takes as long for every rule.
BATCHES_PER_CHUNK = 8

# The chosen query (one column, id) is Django's own, compiled with its parameters.
INSERT = """
INSERT INTO campaigns_delivery (month, run_id, subscription_id)
SELECT %s, %s, chosen.id FROM ({chosen}) AS chosen
RETURNING subscription_id
"""


def recipients(run: Run, devices: QuerySet[Subscription]) -> Q:
    """Which of these subscriptions a run considers, as of the moment that it began."""
    if run.kind == Run.Kind.TEST:
        # Who is not there any more has no devices. (A filter by None would find everybody else's.)
        return Q(testers__user=run.started_by) if run.started_by else Q(pk__in=[])
    rule = rules.parse(run.rule, written_out=True)
    only = devices.values("subscriber_id")
    return compiling.compile(rule, Scope(run.campaign.site, run.started_at, only))


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
        .select_related("campaign__site", "started_by")
        .filter(pk=run_id, state=Run.State.PLANNING)
        .first()
    )
    if run is None:
        return False
    through = upto(run)
    ids = insert(run, through)
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
    if through < run.last_subscription:
        Run.objects.filter(pk=run.pk).update(planned_through=through)
        return True
    Run.objects.filter(pk=run.pk).update(
        state=Run.State.RUNNING, planned_at=now, planned_through=run.last_subscription
    )
    return False


def upto(run: Run) -> int:
    """The last subscription of the next chunk. A test has few devices: they are one."""
    if run.kind == Run.Kind.TEST:
        return run.last_subscription
    size = settings.SEND_BATCH * BATCHES_PER_CHUNK
    ahead = candidates(run, run.last_subscription).order_by("id").values_list("id", flat=True)
    return ahead[size - 1 : size].first() or run.last_subscription


def candidates(run: Run, through: int) -> QuerySet[Subscription]:
    """The devices beyond planned_through that can be reached, up to and with one."""
    return Subscription.objects.active().filter(
        site=run.campaign.site_id, id__gt=run.planned_through, id__lte=through
    )


def insert(run: Run, through: int) -> list[int]:
    """Insert the recipients beyond planned_through, up to and with one; their ids, ascending."""
    devices = candidates(run, through)
    chosen = devices.filter(recipients(run, devices)).order_by("id").values("id")
    try:
        query, params = chosen.query.sql_with_params()
    except EmptyResultSet:
        return []
    with connection.cursor() as cursor:
        cursor.execute(INSERT.format(chosen=query), [run.month, run.pk, *params])
        return sorted(row[0] for row in cursor.fetchall())
