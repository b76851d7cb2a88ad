"""What a site's first page says: whom it can reach, what it gained and lost, and if it sends."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import accumulate
from typing import Any

import django_rq
from django.conf import settings
from django.core.cache import cache
from django.db.models import Case, CharField, Count, Min, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError
from rq import Worker
from rq.worker import BaseWorker

from accounts.models import Site
from campaigns.models import Batch, Campaign, Run
from subscribers.models import ConsentRecord, Installation, Subscription

Action = ConsentRecord.Action

PERIODS = (30, 90, 365)  # days
# Where the ticker says that it lives (config.ticker); gone after a minute of silence.
TICKER_KEY = "beckon:ticker"
TICKER_SECONDS = 60
# A batch that is due waits this long before the page calls it slow.
SLOW_SECONDS = 60
# A worker says that it lives far more often (config's worker command).
WORKER_SECONDS = 120

LEFT = (Action.UNSUBSCRIBED, Action.DENIED, Action.REMOVED)
CAUSES: dict[str, Promise] = {
    Action.DENIED: _("Blocked in the browser"),
    Action.GONE: _("Browser or app removed"),
    Action.UNSUBSCRIBED: _("Unsubscribed on your site"),
    Action.REMOVED: _("Unsubscribed by your team"),
}


@dataclass(frozen=True)
class Reach:
    """People and devices now, and the devices at the end of each day of a period."""

    people: int
    devices: int
    days: Sequence[date] = ()
    by_day: Sequence[int] = ()
    gained: Sequence[int] = ()
    lost: Sequence[int] = ()
    causes: list[tuple[str, int]] = field(default_factory=list)

    @property
    def all_gained(self) -> int:
        return sum(self.gained)

    @property
    def all_lost(self) -> int:
        return sum(self.lost)

    @property
    def change(self) -> int:
        return self.all_gained - self.all_lost


def now_reachable(site: Site) -> tuple[int, int]:
    """(people, devices) that a message to everyone would reach."""
    found = Subscription.objects.active().filter(site=site)
    counted = found.aggregate(people=Count("subscriber", distinct=True), devices=Count("pk"))
    return counted["people"], counted["devices"]


def reach(site: Site, days: int) -> Reach:
    """The reach now and over the last `days` days, today included, by the site's calendar.

    What it was is what it is without what came since: gains and losses are in the consent
    records, so the last point is always the count of today.
    """
    people, devices = now_reachable(site)
    today = timezone.localdate(timezone=site.zone)
    first = today - timedelta(days=days - 1)
    since = datetime(first.year, first.month, first.day, tzinfo=site.zone)
    gained: Counter[date] = Counter()
    lost: Counter[date] = Counter()
    causes: Counter[str] = Counter()
    for row in changes(site, since):
        if row["action"] in ConsentRecord.GAINS:
            gained[row["day"]] += row["count"]
        else:
            lost[row["day"]] += row["count"]
            causes[row["action"]] += row["count"]
    calendar = [first + timedelta(days=number) for number in range(days)]
    backwards = [gained[day] - lost[day] for day in reversed(calendar[1:])]
    by_day = list(accumulate(backwards, lambda count, net: max(0, count - net), initial=devices))
    return Reach(
        people,
        devices,
        calendar,
        by_day[::-1],
        [gained[day] for day in calendar],
        [lost[day] for day in calendar],
        [(str(CAUSES[action]), count) for action, count in causes.most_common()],
    )


def changes(site: Site, since: datetime) -> Any:
    """Rows of day, action, count. Who leaves after the address was gone was lost before."""
    previous = (
        ConsentRecord.objects.filter(subscription=OuterRef("subscription"), at__lt=OuterRef("at"))
        .order_by("-at")
        .values("action")[:1]
    )
    before = Case(
        When(action__in=LEFT, then=Coalesce(Subquery(previous), Value(""))),
        default=Value(""),
        output_field=CharField(),
    )
    return (
        ConsentRecord.objects.filter(site=site, at__gte=since)
        .annotate(before=before)
        .exclude(before=Action.GONE)
        .annotate(day=TruncDate("at", tzinfo=site.zone))
        .order_by()
        .values("day", "action")
        .annotate(count=Count("pk"))
    )


@dataclass(frozen=True)
class Health:
    """What is known of the processes that send. None: the queue does not answer."""

    workers: int | None
    queued: int | None
    ticking: bool | None
    waiting: int
    oldest: float  # seconds that the oldest due batch has waited

    @property
    def kind(self) -> str:
        """Ok, warn or bad."""
        if not self.workers or not self.ticking:
            return "bad"
        return "warn" if self.oldest > SLOW_SECONDS else "ok"

    @property
    def words(self) -> str:
        """The one sentence that matters."""
        if self.workers is None:
            return str(_("The queue doesn’t answer, so nothing goes out. Nobody is lost."))
        if not self.workers:
            return str(_("No worker is running, so nothing goes out. Nobody is lost."))
        if not self.ticking:
            return str(_("The ticker is silent: nothing starts at its time."))
        if self.oldest > SLOW_SECONDS:
            return str(_("Sending is behind"))
        return str(_("Sending normally"))


def health(now: datetime) -> Health:
    """Looks at the queue and the database; never raises because Redis is down."""
    workers = queued = ticking = None
    with contextlib.suppress(RedisError, OSError):
        connection = django_rq.get_connection("send")
        alive = now - timedelta(seconds=WORKER_SECONDS)
        workers = sum(is_alive(worker, alive) for worker in Worker.all(connection=connection))
        queued = sum(len(django_rq.get_queue(name)) for name in settings.RQ_QUEUES)
        ticking = cache.get(TICKER_KEY) is not None
    due = Batch.objects.filter(due_at__lte=now, run__state=Run.State.RUNNING)
    found = due.aggregate(count=Count("pk"), oldest=Min("due_at"))
    oldest = (now - found["oldest"]).total_seconds() if found["oldest"] else 0.0
    return Health(workers, queued, ticking, found["count"], oldest)


def is_alive(worker: BaseWorker, since: datetime) -> bool:
    """Whether a worker has shown life since then: a killed one stays listed for a while."""
    sign: datetime | None = worker.last_heartbeat
    if sign is None:
        return False
    return (timezone.make_aware(sign) if timezone.is_naive(sign) else sign) > since


@dataclass(frozen=True)
class Beginning:
    """How far a new site has come."""

    snippet_at: datetime | None
    people: int
    campaigns: int

    @property
    def done(self) -> bool:
        return bool(self.people and self.campaigns)


def beginning(site: Site, people: int) -> Beginning:
    """What of the first three steps is done: the snippet, a subscriber, a campaign."""
    seen = Installation.objects.filter(site=site).values_list("snippet_seen_at", flat=True).first()
    started = Campaign.objects.filter(site=site).exclude(state=Campaign.State.DRAFT)
    return Beginning(seen, people, started[:1].count())


def running(site: Site) -> list[Campaign]:
    """What runs now or is paused, the newest first."""
    return list(Campaign.objects.filter(site=site, state__in=Campaign.OPEN).order_by("-state_at"))


def last(site: Site, count: int = 5) -> list[Campaign]:
    """The campaigns that ended last, with something to show."""
    ended = Q(state=Campaign.State.FINISHED) | Q(state=Campaign.State.CANCELLED)
    started = Q(runs__kind=Run.Kind.CAMPAIGN)
    return list(
        Campaign.objects.filter(ended, started, site=site).order_by("-runs__started_at")[:count]
    )


def coming(site: Site, count: int = 5) -> list[Campaign]:
    """What is scheduled, the next first."""
    scheduled = Campaign.objects.filter(site=site, state=Campaign.State.SCHEDULED)
    return list(scheduled.order_by("scheduled_for")[:count])
