"""The watchdog: a run that has something to do and does not move is found, and said aloud.

Leases that end are recovered by whoever takes the batch next (campaigns.leases), and jobs that the
queue lost are handed to it again (campaigns.jobs). What is left is what only a person can mend: no
worker runs, or a batch was parked. The ticker looks every 15 seconds and remembers in the cache how
far each run had come; a cache that was emptied makes it begin anew.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from django.core.cache import cache
from django.db.models import Count, Q, Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from redis.exceptions import RedisError

from campaigns.models import Batch, QueueMinute, Run, ServiceMinute

STALL_SECONDS: Final = 120
# What the ticker remembers lives a little longer than it may be silent.
KEY, KEY_SECONDS = "beckon:watch", 600
KEEP: Final = timedelta(days=2)
OPEN = (Run.State.PLANNING, Run.State.RUNNING)
log = logging.getLogger("beckon.watchdog")


class Case(StrEnum):
    PARKED = "parked"
    PLANNING = "planning"
    WAITING = "waiting"


@dataclass(frozen=True)
class Stall:
    """Why a run does not move: `count` batches, for so many seconds."""

    case: Case
    count: int = 0
    seconds: float = 0

    @property
    def sentence(self) -> str:
        minutes = int(self.seconds // 60)
        if self.case == Case.PARKED:
            return ngettext(
                "%(count)d batch is parked, as its sender failed again and again. "
                "Try it again from the report.",
                "%(count)d batches are parked, as their senders failed again and again. "
                "Try them again from the report.",
                self.count,
            ) % {"count": self.count}
        if self.case == Case.PLANNING:
            return _(
                "Writing down who gets it has not moved for %(minutes)d minutes. "
                "Are workers running?"
            ) % {"minutes": minutes}
        return ngettext(
            "Nobody has taken %(count)d batch for %(minutes)d minutes. Are workers running?",
            "Nobody has taken %(count)d batches for %(minutes)d minutes. Are workers running?",
            self.count,
        ) % {"count": self.count, "minutes": minutes}


def stalled(run: Run, now: datetime) -> str:
    """Why this run does not move, as a sentence for people; "" if it does, or need not."""
    found = stalls([run], now).get(run.pk)
    return found.sentence if found else ""


def stalls(runs: Collection[Run], now: datetime) -> dict[int, Stall]:
    """The same of several runs at once, by id. One query; never raises because Redis is down."""
    going = {run.pk: run for run in runs if run.state in OPEN}
    if not going:
        return {}
    parked = Batch.objects.filter(run__in=going, parked_at__isnull=False).order_by()
    counts = parked.values("run").annotate(count=Count("pk")).values_list("run", "count")
    found = {pk: Stall(Case.PARKED, count) for pk, count in counts}
    for pk, memory in remembered().items():
        seconds = (now - datetime.fromisoformat(memory["since"])).total_seconds()
        if pk in going and pk not in found and memory["case"] and seconds >= STALL_SECONDS:
            found[pk] = Stall(Case(memory["case"]), memory["count"], seconds)
    return found


def remembered() -> dict[int, dict[str, Any]]:
    """What the ticker noted of each open run: `mark`, `since`, `case`, `count`."""
    with contextlib.suppress(RedisError, OSError):
        return {int(pk): memory for pk, memory in json.loads(cache.get(KEY) or "{}").items()}
    return {}


def watch(now: datetime, told: set[tuple[int, Case]]) -> dict[int, Stall]:
    """The ticker's look at every open run. A stall is logged when it is not in `told` yet."""
    runs = {run.pk: run for run in Run.objects.filter(state__in=OPEN)}
    memories = advance(remembered(), looks(runs, now), now)
    cache.set(KEY, json.dumps(memories), KEY_SECONDS)
    found = stalls(runs.values(), now)
    seen = {(pk, stall.case) for pk, stall in found.items()}
    for pk, _case in sorted(seen - told):
        log.error("Run %d does not move: %s", pk, found[pk].sentence)
    for pk, case in sorted(told - seen):
        log.info("Run %d is not held up any more (%s)", pk, case)
    told.clear()
    told.update(seen)
    return found


def looks(runs: Mapping[int, Run], now: datetime) -> dict[int, dict[str, Any]]:
    """How far each run has come, and what of it could be done right now."""
    due = Q(due_at__lte=now, parked_at=None)
    sums = Batch.objects.filter(run__in=runs).order_by().values("run")
    sums = sums.annotate(
        batches=Count("pk"), left=Sum("pending"), leases=Sum("token"), due=Count("pk", filter=due)
    )
    by_run = {row["run"]: row for row in sums}
    found = {}
    for pk, run in runs.items():
        row = by_run.get(pk, {"batches": 0, "left": 0, "leases": 0, "due": 0})
        planning = run.state == Run.State.PLANNING
        # A lease taken counts as a move: a batch whose senders all die is parked by that count.
        mark = f"{run.planned_through} {row['batches']} {row['left']} {row['leases']}"
        case = Case.PLANNING if planning else Case.WAITING if row["due"] else ""
        found[pk] = {"mark": mark, "case": case, "count": row["due"]}
    return found


def advance(
    before: Mapping[int, Mapping[str, Any]], found: Mapping[int, dict[str, Any]], now: datetime
) -> dict[int, dict[str, Any]]:
    """What was found, each with the time since which it has been so."""
    return {
        pk: look
        | {
            "since": before[pk]["since"]
            if pk in before and look["case"] and before[pk]["mark"] == look["mark"]
            else now.isoformat()
        }
        for pk, look in found.items()
    }


def keep_minutes(now: datetime) -> None:
    """Note how many batches wait now, once a minute, and forget what the health page is past."""
    waiting = Batch.objects.filter(due_at__lte=now, parked_at=None, run__state__in=OPEN).count()
    minute = now.replace(second=0, microsecond=0)
    QueueMinute.objects.get_or_create(minute=minute, defaults={"waiting": waiting})
    QueueMinute.objects.filter(minute__lt=now - KEEP).delete()
    ServiceMinute.objects.filter(minute__lt=now - KEEP).delete()
