"""A batch's lease and fencing token: who may claim and record, one sender at a time."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from campaigns import ledger
from campaigns.models import Batch, Run


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


@transaction.atomic
def take(batch_id: int) -> Lease | None:
    """Lease a batch that is due, or None: not due, held, or its run is paused.

    Deliveries that an earlier holder had claimed but not recorded become unknown here: nobody can
    know whether the push service got them, and nobody sends them again.
    """
    now = timezone.now()
    batch = (
        Batch.objects.select_for_update(of=("self",))
        .select_related("run")
        .filter(
            Q(leased_until=None) | Q(leased_until__lt=now),
            pk=batch_id,
            due_at__lte=now,
            run__state__in=(Run.State.RUNNING, Run.State.CANCELLED),
        )
        .first()
    )
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
    Batch.objects.filter(pk=batch.pk).update(
        token=lease.token,
        leased_until=now + timedelta(seconds=settings.SEND_LEASE_SECONDS),
        recoveries=F("recoveries") + int(batch.leased_until is not None),
        pending=F("pending") - orphans,
        unknown=F("unknown") + orphans,
    )
    return lease


def hold(lease: Lease) -> Batch:
    """Lock the batch for the rest of this transaction; Lost if the token is not ours any more."""
    batch = Batch.objects.select_for_update().filter(pk=lease.batch_id, token=lease.token).first()
    if batch is None:
        raise Lost
    batch.leased_until = timezone.now() + timedelta(seconds=settings.SEND_LEASE_SECONDS)
    return batch


def release(lease: Lease, batch: Batch) -> None:
    """Give back a lease that is held. What is planned for later makes the batch due again then."""
    batch.leased_until = None
    batch.enqueued_at = None
    batch.due_at = ledger.next_due(lease)
    batch.save(update_fields=["leased_until", "enqueued_at", "due_at"])
