"""Sending a batch: windows of claim, render, encrypt, POST and record (design section 5).

The order is the guarantee. A claim is committed before a byte leaves, so a sender that dies leaves
its window `unknown`, never sent twice; a row goes back to `planned` only after a proven refusal.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import finishing, leases, ledger, payload, starting, tokens
from campaigns.leases import Lease, Lost
from campaigns.ledger import Claimed, Result
from campaigns.models import Batch, Delivery, Message, Run
from subscribers import consent
from subscribers.transports.messages import DeliveryRequest, Outcome, OutcomeKind, Urgency
from subscribers.transports.messages import Message as PushMessage

MAX_ATTEMPTS = 6
FIRST_DELAY_SECONDS = 10
LONGEST_DELAY_SECONDS = 600

STATES = {
    OutcomeKind.ACCEPTED: Delivery.State.ACCEPTED,
    OutcomeKind.REFUSED: Delivery.State.REFUSED,
    OutcomeKind.GONE: Delivery.State.GONE,
    OutcomeKind.UNKNOWN: Delivery.State.UNKNOWN,
}
# The batch counter that a state of the ledger is summed up in.
COUNTERS = {
    Delivery.State.ACCEPTED: "accepted",
    Delivery.State.REFUSED: "refused",
    Delivery.State.GONE: "gone",
    Delivery.State.SKIPPED: "skipped",
    Delivery.State.EXPIRED: "expired",
    Delivery.State.CANCELLED: "cancelled",
    Delivery.State.UNKNOWN: "unknown",
}


class Sender(Protocol):
    """What sends a window: one outcome per request, in order, and never an exception per row."""

    def send(self, requests: Sequence[DeliveryRequest]) -> list[Outcome]: ...


def deliver(batch_id: int, sender: Sender) -> None:
    """Send what is due of a batch, unless somebody else holds it. Safe to call at any time."""
    lease = leases.take(batch_id)
    if lease is None:
        return
    try:
        if lease.cancelled:
            cancel_rest(lease)
        else:
            while send_window(lease, sender):
                pass
        leases.release(lease)
    except Lost:
        return
    finishing.finish_if_settled(lease.run_id)


@transaction.atomic
def cancel_rest(lease: Lease) -> None:
    """Settle what a cancelled run had not claimed yet."""
    batch = leases.hold(lease)
    count(batch, [Delivery.State.CANCELLED] * ledger.cancel_planned(lease))


def send_window(lease: Lease, sender: Sender) -> bool:
    """One window; False when nothing more is due or the run does not run any more."""
    window = claim_window(lease)
    if window is None:
        return False
    outcomes = sender.send(window.requests)
    results = [result(row, outcome) for row, outcome in zip(window.rows, outcomes, strict=True)]
    record_window(lease, results)
    stop_on_config(window.run, outcomes)
    return True


@dataclass(frozen=True)
class Window:
    """What one claim committed to send: rows of the ledger and a request for each."""

    run: Run
    rows: Sequence[Claimed]
    requests: Sequence[DeliveryRequest]


@transaction.atomic
def claim_window(lease: Lease) -> Window | None:
    """Commit the intent to send the next window; None if there is nothing (more) to send.

    Requests are made before the commit: should that fail, everybody is still planned.
    """
    batch = leases.hold(lease)
    run = Run.objects.select_related("message", "campaign__site").get(pk=lease.run_id)
    if run.state != Run.State.RUNNING:
        return None
    rows = ledger.claim(lease, version=run.message.version, limit=settings.SEND_WINDOW)
    if not rows:
        return None
    skipped = [row for row in rows if row.state == Delivery.State.SKIPPED]
    for row in skipped:
        batch.skipped_by_reason[row.reason] = batch.skipped_by_reason.get(row.reason, 0) + 1
    count(batch, [row.state for row in skipped])
    sending = [row for row in rows if row.state == Delivery.State.SENDING]
    return Window(run, sending, requests_for(run, sending))


def requests_for(run: Run, claimed: Sequence[Claimed]) -> list[DeliveryRequest]:
    """Address and rendered message of each claimed recipient."""
    message: Message = run.message
    common = payload.notification(message, run.campaign.site)
    subscriptions = ledger.subscriptions(claimed)
    requests: list[DeliveryRequest] = []
    for row in claimed:
        tag = tokens.topic(run.pk, row.subscription_id)
        token = tokens.make(tokens.DeliveryKey(run.month, run.pk, row.subscription_id))
        rendered = PushMessage(
            payload=payload.encode(common, token=token, tag=tag),
            ttl=message.ttl,
            urgency=Urgency(message.urgency),
            topic=tag,
        )
        requests.append((subscriptions[row.subscription_id].address(), rendered))
    return requests


def result(row: Claimed, outcome: Outcome) -> Result:
    """What one outcome means for its row of the ledger."""
    state = STATES.get(outcome.kind, Delivery.State.PLANNED)
    not_before = None
    if outcome.kind == OutcomeKind.RETRY:
        if row.attempts >= MAX_ATTEMPTS:
            state = Delivery.State.EXPIRED
        else:
            not_before = timezone.now() + timedelta(seconds=retry_delay(row.attempts, outcome))
    return Result(
        subscription_id=row.subscription_id,
        state=state,
        reason="retries_exhausted" if state == Delivery.State.EXPIRED else outcome.reason[:40],
        status_code=outcome.status_code,
        message_location=outcome.message_location,
        not_before=not_before,
    )


def retry_delay(attempts: int, outcome: Outcome) -> float:
    """Seconds until the next attempt: what the service asked for, else exponential with jitter."""
    if outcome.retry_after is not None:
        return max(outcome.retry_after, FIRST_DELAY_SECONDS)
    ceiling = min(FIRST_DELAY_SECONDS * 2**attempts, LONGEST_DELAY_SECONDS)
    return random.uniform(FIRST_DELAY_SECONDS, ceiling)  # noqa: S311 - spreads load, hides nothing


@transaction.atomic
def record_window(lease: Lease, results: Sequence[Result]) -> None:
    """Write a window's outcomes and the batch's counters together; Lost if we were fenced off."""
    batch = leases.hold(lease)
    states = ledger.record(lease, results)
    consent.mark_gone([r.subscription_id for r in results if r.state == Delivery.State.GONE])
    count(batch, [state for state in states if state != Delivery.State.PLANNED])


def count(batch: Batch, states: Sequence[Delivery.State]) -> None:
    """Move rows that were settled from pending to their counters, and renew the lease."""
    for state, number in Counter(states).items():
        counter = COUNTERS[state]
        setattr(batch, counter, getattr(batch, counter) + number)
        batch.pending -= number
    batch.save(update_fields=["pending", *COUNTERS.values(), "skipped_by_reason", "leased_until"])


def stop_on_config(run: Run, outcomes: Sequence[Outcome]) -> None:
    """A push service refuses our key: pause, keep every subscription, and say what to fix."""
    refusal = next((o for o in outcomes if o.kind == OutcomeKind.CONFIG), None)
    if refusal is None:
        return
    sentence = _("The push service refuses our key (%(answer)s). Nobody is lost. Fix the key.") % {
        "answer": f"{refusal.status_code}: {(refusal.detail or refusal.reason)[:100]}"
    }
    try:
        if run.kind == Run.Kind.CAMPAIGN:
            starting.pause(run.campaign, reason=sentence[:200])
        else:
            Run.objects.filter(pk=run.pk, state=Run.State.RUNNING).update(
                state=Run.State.PAUSED, pause_reason=sentence[:200]
            )
    except starting.Refused:
        return  # somebody paused or cancelled it in the meantime
