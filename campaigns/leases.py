"""A batch's lease and fencing token: who may claim and record, one sender at a time."""

import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from campaigns import ledger
from campaigns.models import Batch, Run

# A batch whose sender died so often is not given to another before a person has looked at it.
MOST_RECOVERIES = 3
# A sender that failed and could say so; the next one may meet the same fault.
FAILED_SECONDS = 10.0
# Whoever chooses the winner makes its batches due at once; should that be lost, so much later.
WINNER_WAIT = timedelta(minutes=5)


class Lost(Exception):
    """Somebody else holds the batch by now. Whoever hears this stops at once."""


@dataclass(frozen=True)
class Lease:
    """The right to send one batch until `leased_until`, renewed with every window."""

    batch_id: int
    token: int
    run_id: int
    month: date
    first: int
    last: int


def due(now: datetime) -> QuerySet[Batch]:
    """Batches that a sender may take: due, free, not parked, of a run that sends or settles.

    A throttled run is sent by one sender at a time: more of them would only wait.
    """
    leased = Batch.objects.filter(run=OuterRef("run"), leased_until__gte=now)
    throttled = Q(run__campaign__throttle__isnull=False)
    throttled |= Q(run__campaign__site__throttle__isnull=False)
    return Batch.objects.filter(
        Q(leased_until=None) | Q(leased_until__lt=now),
        ~throttled | ~Exists(leased),
        parked_at=None,
        due_at__lte=now,
        run__state__in=(*Run.SENDING, Run.State.CANCELLED),
    )


def next_due(but: Collection[int] = ()) -> int | None:
    """A batch to take: tests first, else of any run in turn, so that none waits for a large one.

    `but`: runs to leave out. Somebody else may take it first; then ask again.
    """
    batches = due(timezone.now()).exclude(run__in=but)
    runs = list(batches.values_list("run", "run__kind").distinct()[:100])
    if not runs:
        return None
    tests = [run for run, kind in runs if kind == Run.Kind.TEST]
    chosen = random.choice(tests or [run for run, _kind in runs])  # noqa: S311 - fairness only
    # One of the first few, so that several senders seldom want the same.
    first = batches.filter(run=chosen).order_by("due_at", "pk").values_list("pk", flat=True)[:8]
    return random.choice(first or [None])  # noqa: S311


@transaction.atomic
def take(batch_id: int) -> Lease | None:
    """Lease a batch that is due, or None: not due, held, parked, or its run is paused.

    Deliveries that an earlier holder had claimed but not recorded become unknown here: nobody can
    know whether the push service got them, and nobody sends them again.
    """
    now = timezone.now()
    found = due(now).filter(pk=batch_id).select_related("run").select_for_update(of=("self",))
    batch = found.first()
    if batch is None:
        return None
    lease = Lease(
        batch_id=batch.pk,
        token=batch.token + 1,
        run_id=batch.run_id,
        month=batch.run.month,
        first=batch.first,
        last=batch.last,
    )
    orphans = ledger.orphans_to_unknown(lease)
    recovered = batch.leased_until is not None
    # What was cancelled is not sent any more, only settled.
    sends = batch.run.state in Run.SENDING
    parks = recovered and sends and batch.recoveries >= MOST_RECOVERIES
    Batch.objects.filter(pk=batch.pk).update(
        token=lease.token,
        leased_until=None if parks else now + timedelta(seconds=settings.SEND_LEASE_SECONDS),
        recoveries=F("recoveries") + int(recovered and not parks),
        parked_at=now if parks else None,
        pending=F("pending") - orphans,
        unknown=F("unknown") + orphans,
    )
    return None if parks else lease


def hold(lease: Lease) -> Batch:
    """Lock the batch for the rest of this transaction; Lost if the token is not ours any more."""
    batch = Batch.objects.select_for_update().filter(pk=lease.batch_id, token=lease.token).first()
    if batch is None:
        raise Lost
    batch.leased_until = timezone.now() + timedelta(seconds=settings.SEND_LEASE_SECONDS)
    return batch


def release(
    lease: Lease, batch: Batch, not_before: datetime | None = None, error: str = ""
) -> None:
    """Give back a lease that is held. What is planned for later makes the batch due again then.

    `not_before`: nothing of it may be sent earlier, as its throttle says. `error`: the sender met a
    fault of its own; like a death that counts as a recovery.
    """
    now = timezone.now()
    batch.leased_until = None
    batch.enqueued_at = None
    if error:
        not_before = now + timedelta(seconds=FAILED_SECONDS)
        batch.error = error[:200]
        batch.parked_at = now if batch.recoveries >= MOST_RECOVERIES else None
        batch.recoveries = min(batch.recoveries + 1, MOST_RECOVERIES)
    batch.due_at = _next_due(lease, now)
    if batch.due_at and not error:
        # It goes on. What is done keeps its history.
        batch.recoveries = 0
    if batch.due_at and not_before:
        batch.due_at = max(batch.due_at, not_before)
    batch.save(
        update_fields=["leased_until", "enqueued_at", "due_at", "error", "parked_at", "recoveries"]
    )


def _next_due(lease: Lease, now: datetime) -> datetime | None:
    """When something of it is due: by its rows, at the latest when the run's time is over."""
    run = Run.objects.select_related("campaign").get(pk=lease.run_id)
    looks_at = now + WINNER_WAIT if run.awaits_winner else None
    due_at = ledger.next_due(lease, looks_at, run.waited)
    return min(due_at, run.expires_at) if due_at and run.expires_at else due_at
