"""What the health page knows of the processes, the queue and the push services, over all sites."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import django_rq
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Min, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from redis.exceptions import RedisError
from rq import Worker
from rq.worker.base import WorkerStatus

from campaigns import answers, overview, tallies, watching
from campaigns.answers import Service
from campaigns.models import Batch, Gate, QueueMinute, Run, ServiceMinute

HOUR: Final = 60  # minutes of the charts
RECENT: Final = timedelta(minutes=15)
# Slower than usual by so much, and slow enough that anybody would notice.
TIMES_SLOWER, NOTICED_MS = 3.0, 200.0
# Of a hundred requests so many that were asked to wait are worth a word.
WAITS_SHARE: Final = 0.1
USUAL_KEY, USUAL_SECONDS = "health:usual", 300
TOTALS = ("accepted", "refused", "gone", "unknown", "waits")

STARTED: Final = timezone.now()

USUAL = """
SELECT origin, bin, sum(number)::bigint
FROM campaigns_serviceminute, unnest(ms) WITH ORDINALITY AS bins (number, bin)
WHERE minute < %s GROUP BY origin, bin ORDER BY origin, bin
"""


@dataclass(frozen=True)
class Process:
    """A line of the page: `words` say what it does now."""

    name: str
    machine: str
    words: str
    since: datetime | None = None
    busy: bool = False


@dataclass(frozen=True)
class Beat:
    """What the ticker that leads said last. `file`: why VAR_DIR/epoch is of no use there, or ""."""

    at: datetime
    machine: str
    swept_at: datetime | None
    file: str
    clock: float


@dataclass(frozen=True)
class Queues:
    """Batches in the database, and jobs by queue (None: the queue does not answer)."""

    waiting: int
    leases: int
    parked: int
    oldest: float  # seconds that the oldest due batch has waited
    later: int
    jobs: dict[str, int] | None


@dataclass
class Standing:
    """A push service in the last 15 minutes: answering, slow, waits or silent."""

    service: Service
    state: str
    usual: float | None = None
    since: datetime | None = None

    @property
    def requests(self) -> int:
        one = self.service
        return one.accepted + one.refused + one.gone + one.unknown

    @property
    def accepted(self) -> float | None:
        return self.service.accepted / self.requests if self.requests else None

    @property
    def median(self) -> float | None:
        return tallies.quantile(self.service.bins, 0.5)

    @property
    def times(self) -> int:
        """How many times slower than usual; 0 if it is not, or if nothing is known."""
        slower = (self.median or 0) / self.usual if self.usual else 0
        return round(slower) if slower >= TIMES_SLOWER else 0


@dataclass(frozen=True)
class Vitals:
    """Everything at one moment."""

    now: datetime
    workers: list[Process] | None
    beat: Beat | None
    queues: Queues
    services: list[Standing]
    stalls: list[watching.Stall]
    minutes: list[ServiceMinute] = field(default_factory=list)
    ever: bool = False

    @property
    def rate(self) -> float:
        """Requests a second in the last full minute."""
        minute = self.now.replace(second=0, microsecond=0) - timedelta(minutes=1)
        return sum(total(row) for row in self.minutes if row.minute == minute) / 60

    @property
    def idle(self) -> bool:
        """Whether a worker could take more."""
        return any(not worker.busy for worker in self.workers or [])

    @property
    def sending(self) -> bool:
        return bool(self.queues.waiting or self.queues.leases or self.rate)


def look(now: datetime) -> Vitals:
    """A look at everything; never raises because Redis is down."""
    since = now.replace(second=0, microsecond=0) - timedelta(minutes=HOUR - 1)
    minutes = list(ServiceMinute.objects.filter(minute__gte=since).order_by("minute", "origin"))
    runs = list(Run.objects.filter(state__in=watching.OPEN))
    return Vitals(
        now=now,
        workers=workers(now),
        beat=beat(),
        queues=queues(now),
        services=services(minutes, now),
        stalls=[stall for _pk, stall in sorted(watching.stalls(runs, now).items())],
        minutes=minutes,
        ever=bool(minutes) or Run.objects.exists(),
    )


def workers(now: datetime) -> list[Process] | None:
    """The workers that have shown life lately, by machine; None: the queue does not answer."""
    alive = now - timedelta(seconds=overview.WORKER_SECONDS)
    try:
        found = Worker.all(connection=django_rq.get_connection("send"))
        living = [worker for worker in found if overview.is_alive(worker, alive)]
        ordered = sorted(living, key=lambda one: (one.hostname or "", one.birth_date, one.name))
        return [
            Process(
                name=_("worker %(number)d") % {"number": number},
                machine=worker.hostname or "",
                words=doing(worker.get_state(), worker.get_current_job_id() or ""),
                since=worker.birth_date,
                busy=worker.get_state() == WorkerStatus.BUSY,
            )
            for number, worker in enumerate(ordered, 1)
        ]
    except (RedisError, OSError):
        return None


def doing(state: str, job_id: str) -> str:
    if state != WorkerStatus.BUSY:
        return _("idle")
    kind = job_id.partition("-")[0]
    words = {"plan": _("busy, writing the ledger"), "batch": _("busy, sending")}
    return words.get(kind, _("busy"))


def this_web() -> Process:
    """The web process that answers: others behind the same proxy are not known."""
    return Process(_("web"), socket.gethostname(), _("answers"), STARTED)


def beat() -> Beat | None:
    """The ticker's last sign of life; None if it is silent, or if the queue does not answer."""
    with contextlib.suppress(RedisError, OSError):
        if text := cache.get(overview.TICKER_KEY):
            said = json.loads(text)
            swept = said["swept_at"]
            return Beat(
                at=datetime.fromisoformat(said["at"]),
                machine=said["machine"],
                swept_at=datetime.fromisoformat(swept) if swept else None,
                file=said["file"],
                clock=said["clock"],
            )
    return None


def queues(now: datetime) -> Queues:
    open_runs = Batch.objects.filter(run__state__in=watching.OPEN)
    due = Q(due_at__lte=now, parked_at=None)
    found = open_runs.aggregate(
        waiting=Count("pk", filter=due),
        leases=Count("pk", filter=Q(leased_until__gt=now)),
        parked=Count("pk", filter=Q(parked_at__isnull=False)),
        later=Count("pk", filter=Q(due_at__gt=now)),
        oldest=Min("due_at", filter=due & (Q(leased_until=None) | Q(leased_until__lt=now))),
    )
    oldest = found.pop("oldest")
    waited = (now - oldest).total_seconds() if oldest else 0.0
    jobs = None
    with contextlib.suppress(RedisError, OSError):
        jobs = {name: len(django_rq.get_queue(name)) for name in settings.RQ_QUEUES}
    return Queues(**found, oldest=waited, jobs=jobs)


def services(minutes: Iterable[ServiceMinute], now: datetime) -> list[Standing]:
    """Who was sent to in the last 15 minutes, the busiest first."""
    recent: dict[str, Service] = {}
    by_name: dict[str, list[ServiceMinute]] = {}
    for row in minutes:
        name = answers.service_name(row.origin)
        by_name.setdefault(name, []).append(row)
        if row.minute > now - RECENT:
            recent.setdefault(name, Service(name)).add(tally(row))
    closed = {
        answers.service_name(origin)
        for origin in Gate.objects.filter(closed_until__gt=now).values_list("origin", flat=True)
    }
    before = usual(now) if recent else {}
    standings = []
    for name, service in recent.items():
        one = Standing(service, "answering", before.get(name))
        one.state = state_of(one, closed=name in closed)
        if one.state == "slow":
            one.since = slow_since(by_name[name], one.usual)
        standings.append(one)
    return sorted(standings, key=lambda one: (-one.requests, one.service.name))


def state_of(one: Standing, *, closed: bool) -> str:
    """What a person should think of a push service."""
    waits = one.service.waits or 0
    if not any(one.service.bins) and (one.service.unknown or waits):
        return "silent"
    if closed or waits > WAITS_SHARE * (one.requests + waits):
        return "waits"
    return "slow" if is_slow(one.service.bins, one.usual) else "answering"


def is_slow(bins: list[int], usual_ms: float | None) -> bool:
    """Slower than usual by far, or slow for anybody."""
    median = tallies.quantile(bins, 0.5) or 0
    if usual_ms and median >= NOTICED_MS and median >= TIMES_SLOWER * usual_ms:
        return True
    return (tallies.quantile(bins, 0.95) or 0) > answers.SLOW_MS


def slow_since(rows: Iterable[ServiceMinute], usual_ms: float | None) -> datetime | None:
    """The first of the slow minutes that lead up to now; None when they fill the whole hour."""
    since = None
    for row in sorted(rows, key=lambda row: row.minute, reverse=True):
        if not is_slow(row.ms, usual_ms):
            return since
        since = row.minute
    return None


def usual(now: datetime) -> dict[str, float]:
    """The median of each service, in milliseconds, over the two days before the last 15 minutes."""
    with contextlib.suppress(RedisError, OSError):
        if (kept := cache.get(USUAL_KEY)) is not None:
            return dict(json.loads(kept))
    bins: dict[str, list[int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(USUAL, [now - RECENT])
        for origin, number, count in cursor.fetchall():
            name = answers.service_name(origin)
            bins.setdefault(name, [0] * tallies.BINS)[number - 1] += count
    medians = {name: tallies.quantile(found, 0.5) for name, found in bins.items()}
    known = {name: median for name, median in medians.items() if median is not None}
    with contextlib.suppress(RedisError, OSError):
        cache.set(USUAL_KEY, json.dumps(known), USUAL_SECONDS)
    return known


def tally(row: ServiceMinute) -> dict[str, Any]:
    return {name: getattr(row, name) for name in TOTALS} | {"ms": row.ms}


def total(row: ServiceMinute) -> int:
    """Requests of a minute: every one ends as one of these."""
    return sum(getattr(row, name) for name in TOTALS)


@dataclass(frozen=True)
class Hour:
    """Minute by minute: requests a second, and batches that waited (None: nobody looked)."""

    start: datetime
    rates: list[float]
    waiting: list[int | None]

    @property
    def empty(self) -> bool:
        return not any(self.rates) and not any(self.waiting)


def hour(now: datetime, minutes: Iterable[ServiceMinute]) -> Hour:
    """The last full hour; the minute that has just begun would look like a fall."""
    end = now.replace(second=0, microsecond=0)
    start = end - timedelta(minutes=HOUR)
    sent: dict[datetime, int] = {}
    for row in minutes:
        sent[row.minute] = sent.get(row.minute, 0) + total(row)
    rows = QueueMinute.objects.filter(minute__gte=start)
    waiting = dict(rows.values_list("minute", "waiting"))
    steps = [start + timedelta(minutes=number) for number in range(HOUR)]
    rates = [round(sent.get(step, 0) / 60, 1) for step in steps]
    return Hour(start, rates, [waiting.get(step) for step in steps])
