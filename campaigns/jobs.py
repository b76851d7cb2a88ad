"""Jobs: ids in, one domain call. A job may run zero, one or several times, even twice at once."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import django_rq
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from rq.exceptions import DuplicateJobError

from campaigns import planning, sending
from campaigns.models import Batch, Run
from campaigns.webpush import WebPushSender

# Longer than a queue usually holds a job; a queue that lost it gets it again after this.
ENQUEUE_AGAIN = timedelta(seconds=30)
ENQUEUE_AT_ONCE = 1_000
# A job ends itself between two steps long before the queue's time limit would end it within one.
JOB_SECONDS = 300.0
# Set by a signal to this process: stop between two steps.
told_to_stop = threading.Event()


def stopper() -> Callable[[], bool]:
    """Whether the job that asks should leave the rest to another."""
    end = time.monotonic() + JOB_SECONDS
    return lambda: told_to_stop.is_set() or time.monotonic() > end


def plan(run_id: int) -> None:
    """Freeze a run's audience, then hand out its batches."""
    planning.plan(run_id, stopper())
    enqueue_due(timezone.now())


def deliver(batch_id: int) -> None:
    """Send what is due of a batch."""
    sending.deliver(batch_id, WebPushSender.of_process(), stopper())


def enqueue_due(now: datetime) -> int:
    """Hand every run and batch that is due to the queue; how many.

    What the queue already holds is refused by its job id. What it lost is handed over again.
    """
    stale = Q(enqueued_at=None) | Q(enqueued_at__lt=now - ENQUEUE_AGAIN)
    runs = Run.objects.filter(stale, state=Run.State.PLANNING)
    for run_id in (run_ids := list(runs.values_list("pk", flat=True)[:ENQUEUE_AT_ONCE])):
        enqueue("plan", plan, run_id, f"plan-{run_id}")
    note_enqueued(Run.objects.filter(pk__in=run_ids), now)
    batches = Batch.objects.filter(
        stale,
        Q(leased_until=None) | Q(leased_until__lt=now),
        due_at__lte=now,
        run__state__in=(Run.State.RUNNING, Run.State.CANCELLED),
    ).order_by("due_at", "pk")
    due = list(batches.values_list("pk", "token")[:ENQUEUE_AT_ONCE])
    for batch_id, token in due:
        enqueue("send", deliver, batch_id, f"batch-{batch_id}-{token}")
    note_enqueued(Batch.objects.filter(pk__in=[batch_id for batch_id, _token in due]), now)
    return len(run_ids) + len(due)


@transaction.atomic
def note_enqueued(rows: QuerySet[Run] | QuerySet[Batch], now: datetime) -> None:
    """Note it on those that nobody else is changing: whoever waits for no row blocks nobody."""
    free = rows.select_for_update(skip_locked=True).values_list("pk", flat=True)
    rows.filter(pk__in=list(free)).update(enqueued_at=now)


def enqueue(queue: str, job: Callable[[int], None], argument: int, job_id: str) -> None:
    """Put a job on a queue unless the same one is there."""
    try:
        django_rq.get_queue(queue).enqueue(
            job, argument, job_id=job_id, unique=True, failure_ttl=60, result_ttl=0
        )
    except DuplicateJobError:
        return
