"""Freezing a run's audience into the ledger, one transaction per chunk."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from accounts.models import Site
from audiences import compiling, rules
from audiences.catalogue import Scope
from campaigns import finishing
from campaigns.deciding import Decision, Terms
from campaigns.models import Batch, Campaign, Delivery, Run
from subscribers.models import Channel, Subscription

# Of so many batches' worth of devices, those who match: a chunk takes as long for every rule.
BATCHES_PER_CHUNK = 8

# What is planned for each device of a query (Django's own, compiled with its parameters). One whose
# time zone is not among those named gets what stands under "". Who waits for the winner has no
# variant yet. `spared`: on which devices of a person it is not shown.
PLANNED = """
WITH chosen AS ({chosen}){spared}, zone AS (
    SELECT * FROM unnest(%s::text[], %s::smallint[], %s::text[], %s::timestamptz[])
        AS zone (name, state, reason, at)
), drawn AS (
    SELECT chosen.*, {variant} AS variant, {spares} AS spared FROM chosen
), planned AS (
    SELECT drawn.id, drawn.subscriber_id, drawn.time_zone, drawn.variant,
        CASE WHEN spared THEN 5 ELSE coalesce(own.state, other.state) END AS state,
        CASE WHEN spared THEN 'other_device'
            WHEN drawn.state = 'inbox' AND coalesce(own.state, other.state) = 0 THEN 'inbox_only'
            ELSE coalesce(own.reason, other.reason) END AS reason,
        greatest(CASE WHEN own.name IS NULL THEN other.at ELSE own.at END,
            CASE WHEN drawn.variant IS NULL AND coalesce(own.state, other.state) = 0
                THEN %s::timestamptz END) AS at
    FROM drawn JOIN zone AS other ON other.name = ''
        LEFT JOIN zone AS own ON own.name = drawn.time_zone
)
"""
# The devices of these people that take part, the ones that are preferred first.
SPARED = """, ranked AS (
    SELECT id, rank() OVER (PARTITION BY subscriber_id ORDER BY state = 'inbox', {order}) AS place
    FROM ({peers}) AS peer
), spared AS (SELECT id FROM ranked WHERE place > 1 UNION {decided})"""
ORDERS = {
    Campaign.Devices.RECENT: "last_seen_at DESC, id",
    Campaign.Devices.MOBILE: "channel = 'web'",
}
INSERT = """
INSERT INTO campaigns_delivery
    (month, run_id, subscription_id, state, reason, not_before, settled_at, variant)
SELECT %s, %s, id, state, reason, at, CASE WHEN state = 5 THEN %s END, variant
FROM planned RETURNING subscription_id, state, reason, not_before
"""


class Planned(NamedTuple):
    """A row of the ledger as it was planned."""

    subscription_id: int
    state: int
    reason: str
    not_before: datetime | None


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
    # Without its message: that may change while the lock is waited for, and then no row fits.
    run = (
        Run.objects.select_for_update(of=("self",), no_key=True)
        .select_related("campaign__site", "started_by")
        .filter(pk=run_id, state=Run.State.PLANNING)
        .first()
    )
    if run is None:
        return False
    through = upto(run)
    rows = insert(run, through)
    now = timezone.now()
    size = settings.SEND_BATCH
    Batch.objects.bulk_create(
        batch_of(run, rows[start : start + size], now) for start in range(0, len(rows), size)
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
    """The devices beyond planned_through that take part, up to and with one."""
    if run.kind == Run.Kind.TEST:
        return reachable(run.campaign.site, run.planned_through, through)
    return taking_part(run.campaign, run.planned_through, through)


def reachable(
    site: Site, after: int, through: int, *, inbox: bool = False
) -> QuerySet[Subscription]:
    """The active devices of a site by their ids: beyond one, up to and with another.

    `inbox`: also those that have only an inbox.
    """
    states = Subscription.REACHABLE if inbox else (Subscription.State.ACTIVE,)
    return Subscription.objects.filter(site=site, state__in=states, id__gt=after, id__lte=through)


def taking_part(campaign: Campaign, after: int, through: int) -> QuerySet[Subscription]:
    """Those that a campaign could be for, in a range of ids as of `reachable`."""
    return reachable(campaign.site, after, through, inbox=campaign.inbox)


def peers(run: Run, devices: QuerySet[Subscription]) -> QuerySet[Subscription] | None:
    """All devices of these people that the run considers; None if each gets it on every device.

    Of people who have it on their last used device by now, none: what counts as last used may have
    changed since an earlier chunk was planned.
    """
    campaign = run.campaign
    if run.kind == Run.Kind.TEST or campaign.devices == Campaign.Devices.EVERY:
        return None
    everything = taking_part(campaign, 0, run.last_subscription)
    theirs = everything.filter(subscriber__in=devices.values("subscriber"))
    found = theirs.filter(recipients(run, devices))
    if campaign.devices == Campaign.Devices.RECENT:
        found = found.filter(id__gt=run.planned_through)
    return found


def decided(run: Run, devices: QuerySet[Subscription]) -> QuerySet[Subscription]:
    """Those of these devices whose person has been planned on another one before: of people who
    have it in their apps, on one that is no app or the other way round."""
    # Asked for each of these devices: a join would read all of the run so far for every chunk.
    rows = Delivery.objects.filter(month=run.month, run=run, subscription=OuterRef("pk"))
    row = rows.exclude(reason="other_device").values("subscription_id")[:1]
    theirs = Subscription.objects.filter(
        site=run.campaign.site, subscriber=OuterRef("subscriber"), id__lte=run.planned_through
    )
    had = theirs.alias(row=Subquery(row)).filter(row__isnull=False).values("id")
    if run.campaign.devices == Campaign.Devices.RECENT:
        return devices.alias(had=Subquery(had[:1])).filter(had__isnull=False)
    web = Q(channel=Channel.WEB)
    asked = {"on_web": Subquery(had.filter(web)[:1]), "in_app": Subquery(had.exclude(web)[:1])}
    return devices.alias(**asked).filter(
        web & Q(in_app__isnull=False) | ~web & Q(on_web__isnull=False)
    )


def insert(run: Run, through: int) -> list[Planned]:
    """Insert the recipients beyond planned_through, up to and with one; ordered by their ids."""
    devices = candidates(run, through)
    chosen = devices.filter(recipients(run, devices))
    found = planned(Terms.of(run), chosen, peers(run, devices), decided(run, devices))
    if found is None:
        return []
    query, params = found
    with connection.cursor() as cursor:
        cursor.execute(query + INSERT, [*params, run.month, run.pk, timezone.now()])
        return sorted(Planned._make(row) for row in cursor.fetchall())


def planned(
    terms: Terms,
    devices: QuerySet[Subscription],
    peers: QuerySet[Subscription] | None = None,
    decided: QuerySet[Subscription] | None = None,
) -> tuple[str, list[Any]] | None:
    """SQL that names `planned`: of each of these devices id, subscriber_id, time_zone, variant,
    state, reason and at. None: there are none.

    `peers`: all devices of their people that take part, of which some are preferred; None: each
    counts. `decided`: those whose person is provided for already.
    """
    wanted = devices.order_by("id").values("id", "subscriber_id", "time_zone", "state")
    try:
        chosen, params = wanted.query.sql_with_params()
    except EmptyResultSet:
        return None
    spared, ranked = sparing(terms, peers, decided)
    zones = terms.zones() or {"": Decision(Delivery.State.PLANNED)}
    variant, drawn = terms.variant()
    spares = "chosen.id IN (SELECT id FROM spared)" if spared else "false"
    return PLANNED.format(chosen=chosen, variant=variant, spared=spared, spares=spares), [
        *params,
        *ranked,
        list(zones),
        [int(one.state) for one in zones.values()],
        [one.reason for one in zones.values()],
        [one.at for one in zones.values()],
        *drawn,
        terms.waits_until,
    ]


def sparing(
    terms: Terms, peers: QuerySet[Subscription] | None, decided: QuerySet[Subscription] | None
) -> tuple[str, list[Any]]:
    """SQL that names `spared`, with its parameters; "" where each device counts."""
    if peers is None:
        return "", []
    columns = ("id", "subscriber_id", "state", "channel", "last_seen_at")
    none = Subscription.objects.none() if decided is None else decided
    params: list[Any] = []
    parts = {}
    for name, query in (("peers", peers.values(*columns)), ("decided", none.values("id"))):
        try:
            parts[name], own = query.order_by().query.sql_with_params()
        except EmptyResultSet:
            parts[name], own = "SELECT NULL::bigint AS id WHERE false", ()
        params += own
    order = ORDERS[Campaign.Devices(terms.campaign.devices)]
    return SPARED.format(order=order, **parts), params


def batch_of(run: Run, rows: Sequence[Planned], now: datetime) -> Batch:
    """The batch of these rows, due when the first of them is."""
    waiting = [row for row in rows if row.state == Delivery.State.PLANNED]
    skipped = Counter(row.reason for row in rows if row.state == Delivery.State.SKIPPED)
    due_at = min((row.not_before or now for row in waiting), default=None)
    if due_at and run.expires_at:
        due_at = min(due_at, run.expires_at)
    return Batch(
        run=run,
        first=rows[0].subscription_id,
        last=rows[-1].subscription_id,
        audience=len(rows),
        pending=len(waiting),
        skipped=skipped.total(),
        skipped_by_reason=dict(skipped),
        due_at=due_at,
    )
