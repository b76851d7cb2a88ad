"""Jobs: ids in, one domain call. A job may run zero, one or several times, even twice at once."""

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import django_rq
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from rq.exceptions import DuplicateJobError

from accounts.models import User
from campaigns import (
    doorbells,
    epochs,
    experiments,
    forecasting,
    leases,
    planning,
    restoring,
    sending,
)
from campaigns.models import Batch, DryRun, Run
from campaigns.pushing import PushSender

# Longer than a queue usually holds a job; a queue that lost it gets it again after this.
ENQUEUE_AGAIN = timedelta(seconds=30)
ENQUEUE_AT_ONCE = 1_000
TURNS_AT_ONCE = 32
# A job ends itself between two steps long before the queue's time limit would end it within one,
# and soon enough for those of other campaigns.
PLAN_SECONDS = 300.0
TURN_SECONDS = 60.0
# Set by a signal to this process: stop between two steps.
told_to_stop = threading.Event()


def stopper(seconds: float) -> Callable[[], bool]:
    """Whether the job that asks should leave the rest to another."""
    end = time.monotonic() + seconds
    return lambda: told_to_stop.is_set() or time.monotonic() > end


def plan(run_id: int) -> None:
    """Freeze a run's audience. What is planned first is handed out at once."""
    planning.plan_chunk(run_id)
    enqueue_due(timezone.now())
    planning.plan(run_id, stopper(PLAN_SECONDS))


def deliver(batch_id: int) -> None:
    """A turn at sending: this batch, then whatever else is due."""
    if not epochs.guard():
        return
    sender, stop = PushSender.of_process(), stopper(TURN_SECONDS)
    sending.Turn(sender, stop, onward=leases.next_due).run(batch_id)


def dry_run(dry_run_id: int) -> None:
    """Go on with a dry run; the ticker rings again for what is left."""
    forecasting.run_or_fail(dry_run_id, stopper(PLAN_SECONDS))


def decide_winners() -> None:
    """Choose the winning variants whose time has come."""
    experiments.decide_due(timezone.now())


def enqueue_decisions(now: datetime) -> None:
    """Ring for the winners that are due. Counting may take seconds, so the ticker does not."""
    if experiments.undecided(now).exists():
        with contextlib.suppress(DuplicateJobError):
            django_rq.get_queue("plan").enqueue(
                decide_winners, job_id="winners", unique=True, failure_ttl=60, result_ttl=0
            )


def enqueue_due(now: datetime) -> int:
    """Hand every run and batch that is due to the queue; how many.

    What the queue already holds is refused by its job id. What it lost is handed over again.
    """
    stale = Q(enqueued_at=None) | Q(enqueued_at__lt=now - ENQUEUE_AGAIN)
    runs = Run.objects.filter(stale, state=Run.State.PLANNING)
    for run_id in (run_ids := list(runs.values_list("pk", flat=True)[:ENQUEUE_AT_ONCE])):
        enqueue("plan", plan, run_id, f"plan-{run_id}")
    note_enqueued(Run.objects.filter(pk__in=run_ids), now)
    # A few at a time: each job goes on with what else is due.
    batches = leases.due(now).filter(stale).order_by("due_at", "pk")
    due = list(batches.values_list("pk", flat=True)[:TURNS_AT_ONCE])
    for batch_id in due:
        enqueue("send", deliver, batch_id, f"batch-{batch_id}")
    note_enqueued(Batch.objects.filter(pk__in=due), now)
    dry_runs = DryRun.objects.filter(state=DryRun.State.RUNNING)
    for dry_run_id in dry_runs.values_list("pk", flat=True)[:TURNS_AT_ONCE]:
        enqueue("plan", dry_run, dry_run_id, f"dry-run-{dry_run_id}")
    return len(run_ids) + len(due)


@transaction.atomic
def note_enqueued(rows: QuerySet[Run] | QuerySet[Batch], now: datetime) -> None:
    """Note it on those that nobody else is changing: whoever waits for no row blocks nobody."""
    free = rows.select_for_update(skip_locked=True).values_list("pk", flat=True)
    rows.filter(pk__in=list(free)).update(enqueued_at=now)


def enqueue(queue: str, job: Callable[[int], None], argument: int, job_id: str) -> None:
    """Put a job on a queue unless the same one is there and alive."""
    with contextlib.suppress(DuplicateJobError):
        try:
            put(queue, job, argument, job_id)
        except DuplicateJobError:
            # A worker that died may have taken it with it.
            if doorbells.free_if_lost(queue, job_id):
                put(queue, job, argument, job_id)


def put(queue: str, job: Callable[[int], None], argument: int, job_id: str) -> None:
    django_rq.get_queue(queue).enqueue(
        job, argument, job_id=job_id, unique=True, failure_ttl=60, result_ttl=0
    )


def restore_gone(run_id: int, user_id: int, origin: str, after: int = 0) -> None:
    """Restore the devices that a run has lost; what is left when it must stop is another job's."""
    run, by = Run.objects.get(pk=run_id), User.objects.filter(pk=user_id).first()
    stop = stopper(PLAN_SECONDS)
    _count, further = restoring.restore(run, by, origin, after=after, stop=stop)
    if further is not None:
        enqueue_restoring(run_id, user_id, origin, further)


def enqueue_restoring(run_id: int, user_id: int, origin: str, after: int = 0) -> None:
    """Hand it to the queue unless the same is there. Should Redis lose it, a person asks again: the
    report says how many are left."""
    service = hashlib.sha256(origin.encode()).hexdigest()[:12]
    with contextlib.suppress(DuplicateJobError):
        django_rq.get_queue("default").enqueue(
            restore_gone,
            run_id,
            user_id,
            origin,
            after,
            job_id=f"restore-{run_id}-{service}-{after}",
            unique=True,
            failure_ttl=60,
            result_ttl=0,
        )
