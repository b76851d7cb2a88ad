"""The engine as the harness drives it, and two ways to send that others use and that are wrong.

The third wrong one, a ledger whose orphans are sent again, is a patch of ours: see the test.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import F

from campaigns import finishing, leases, planning, sending
from campaigns.models import Batch, Delivery, Run
from campaigns.sending import Sender
from subscribers.models import Channel, Subscription
from subscribers.transports import addresses
from subscribers.transports.messages import (
    AppEndpoint,
    AppKey,
    Endpoint,
    Message,
    Outcome,
    OutcomeKind,
    Urgency,
)

State = Delivery.State
ENDS = {
    OutcomeKind.ACCEPTED: State.ACCEPTED,
    OutcomeKind.GONE: State.GONE,
    OutcomeKind.UNKNOWN: State.UNKNOWN,
    OutcomeKind.RETRY: State.PLANNED,
}


def plan(run: Run) -> None:
    """The audience is frozen; then somebody leaves, whom a sender has to leave out."""
    planning.plan(run.pk)
    left = Subscription.objects.filter(endpoint__contains="/left")
    left.exclude(state=Subscription.State.UNSUBSCRIBED).update(
        state=Subscription.State.UNSUBSCRIBED
    )


def engine(run: Run, sender: Sender) -> None:
    """What we ship: a turn, which begins with one batch and goes on with what else is due."""
    plan(run)
    while (batch := leases.next_due()) is not None:
        sending.Turn(sender, onward=leases.next_due).run(batch)
    finishing.finish_settled()


def cursor_before_send(run: Run, sender: Sender) -> None:
    """The place in the list is moved, then those up to it are sent to: a crash loses them."""
    plan(run)
    for batch in Batch.objects.filter(run=run).order_by("pk"):
        while window := next_window(batch):
            move(batch, [(pk, State.PLANNED, State.ACCEPTED) for pk in window])
            for pk, outcome in send(sender, window):
                move(batch, [(pk, State.ACCEPTED, ENDS[outcome.kind])])
    finishing.finish_settled()


def send_then_mark(run: Run, sender: Sender) -> None:
    """A window is sent, then it is marked as sent: a crash between the two sends it twice."""
    plan(run)
    for batch in Batch.objects.filter(run=run).order_by("pk"):
        while window := next_window(batch):
            outcomes = send(sender, window)
            move(batch, [(pk, State.PLANNED, ENDS[outcome.kind]) for pk, outcome in outcomes])
    finishing.finish_settled()


def next_window(batch: Batch) -> list[int]:
    """The next devices of a batch; those who left are settled on the way."""
    rows = Delivery.objects.filter(
        run_id=batch.run_id,
        subscription_id__gte=batch.first,
        subscription_id__lte=batch.last,
        state=State.PLANNED,
    ).order_by("subscription_id")
    ids = list(rows.values_list("subscription_id", flat=True)[: settings.SEND_WINDOW])
    active = set(Subscription.objects.active().filter(pk__in=ids).values_list("pk", flat=True))
    if left := [pk for pk in ids if pk not in active]:
        move(batch, [(pk, State.PLANNED, State.SKIPPED) for pk in left])
        return next_window(batch)
    return ids


def send(sender: Sender, window: Sequence[int]) -> list[tuple[int, Outcome]]:
    """The devices of a window and what became of each."""
    message = Message(payload=b"{}", ttl=60, urgency=Urgency.NORMAL, topic="")
    for device in Subscription.objects.select_related("credential").filter(pk__in=window):
        sender.start(device.pk, (address_of(device), message))
    outcomes: list[tuple[int, Outcome]] = []
    while answered := sender.step(1.0):
        outcomes += answered
    return outcomes


def address_of(device: Subscription) -> Endpoint | AppEndpoint:
    if device.channel == Channel.WEB:
        return device.address()
    key = AppKey(token="a token", base="https://push.example")
    return AppEndpoint(addresses.parse(device.endpoint), key)


@transaction.atomic
def move(batch: Batch, moves: Sequence[tuple[int, State, State]]) -> None:
    """Rows from one state to another, and the batch's counters with them."""
    for pk, before, after in moves:
        Delivery.objects.filter(run_id=batch.run_id, subscription_id=pk).update(state=after)
        frm, to = counter(before), counter(after)
        if frm != to:
            Batch.objects.filter(pk=batch.pk).update(**{frm: F(frm) - 1, to: F(to) + 1})


def counter(state: State) -> str:
    return "pending" if state == State.PLANNED else state.name.lower()
