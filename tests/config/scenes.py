"""What the health page may find: an installation at work, one with trouble, a new one."""

import json
import math
from datetime import datetime, timedelta

import django_rq
from django.core.cache import cache
from django.utils import timezone
from rq import Worker
from rq.worker.base import WorkerStatus

from campaigns import epochs, overview, planning, starting, tallies
from campaigns.models import Batch, QueueMinute, Run, ServiceMinute
from tests.factories import make_campaign, make_site, make_subscription

FCM, MOZILLA = "https://fcm.googleapis.com", "https://updates.push.services.mozilla.com"
APPLE, WINDOWS = "https://web.push.apple.com", "https://db5p.notify.windows.com"
# Median milliseconds and the share of the requests.
SERVICES = {FCM: (71, 0.7), APPLE: (110, 0.15), MOZILLA: (62, 0.1), WINDOWS: (90, 0.05)}


def minute(now: datetime, ago: int) -> datetime:
    return now.replace(second=0, microsecond=0) - timedelta(minutes=ago)


def bins(count: int, median: float) -> list[int]:
    """So many latencies around a median, with a tail of a twentieth at two and a half times."""
    found = [0] * tallies.BINS
    tail = count // 20
    found[tallies.bin_of(median)] += count - tail
    found[tallies.bin_of(median * 2.5)] += tail
    return found


def answered(at: datetime, origin: str, count: int, median: float, **counts: int) -> None:
    lost = sum(counts.values())
    ServiceMinute.objects.create(
        minute=at, origin=origin, accepted=count - lost, ms=bins(count, median), **counts
    )


def an_hour(now: datetime, *, slow: str = "", slow_ms: float = 1_100) -> None:
    """An hour with a campaign in its second half; a service may be slow in the last 19 minutes."""
    for ago in range(200):
        busy = ago < 31
        whole = 3_600 if busy else 240 + round(60 * math.sin(ago))
        if ago < 61:
            QueueMinute.objects.create(minute=minute(now, ago), waiting=130 + 8 * ago * busy)
        for origin, (median, share) in SERVICES.items():
            late = origin == slow and ago < 20
            count = round(whole * share)
            answered(
                minute(now, ago),
                origin,
                count,
                slow_ms if late else median,
                gone=count // 100,
                unknown=int(late),
            )


def workers(count: int = 4) -> list[Worker]:
    """Two machines; the last worker is idle."""
    queue = django_rq.get_queue("send")
    made = []
    for number in range(count):
        worker = Worker([queue], connection=queue.connection, name=f"worker-{number}")
        worker.hostname = "push-a" if number < 2 else "push-b"
        worker.register_birth()  # type: ignore[no-untyped-call]
        if number < count - 1:
            worker.set_state(WorkerStatus.BUSY)
            job = queue.create_job("time.sleep", args=(0,), job_id=f"batch-{244 + number}-1")
            job.save()
            worker.prepare_execution(job)
        made.append(worker)
    return made


def ticker(**said: object) -> None:
    """One that has just ticked, swept and vouched."""
    now = timezone.now()
    epochs.look()
    heartbeat = {
        "at": now.isoformat(),
        "machine": "push-a",
        "swept_at": (now - timedelta(seconds=7)).isoformat(),
        "file": "",
        "clock": 0.004,
    }
    cache.set(overview.TICKER_KEY, json.dumps(heartbeat | said), overview.TICKER_SECONDS)


def a_run(waited: int = 5) -> Run:
    """One that has planned a batch, due since some seconds."""
    site = make_site()
    make_subscription(site)
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    Batch.objects.filter(run=run).update(due_at=timezone.now() - timedelta(seconds=waited))
    return run


def at_work(**hour: object) -> None:
    """Everything lives and sends."""
    now = timezone.now()
    ticker()
    workers()
    a_run()
    an_hour(now, **hour)  # type: ignore[arg-type]
