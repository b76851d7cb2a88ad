"""Sending a batch: windows of claim, render, encrypt, POST and record (design section 5).

The order is the guarantee. A claim is committed before a byte leaves, so a sender that dies leaves
its window `unknown`, never sent twice; a row goes back to `planned` only after a proven refusal.
"""

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import finishing, leases, ledger, payload, starting, tokens
from campaigns.leases import Lease, Lost
from campaigns.ledger import Claimed, Result
from campaigns.models import Batch, Delivery, Message, Run
from subscribers import consent, vapid
from subscribers.transports.messages import DeliveryRequest, Outcome, OutcomeKind, Urgency
from subscribers.transports.messages import Message as PushMessage

# With these delays a push service, or our own network, may be away for half an hour.
MAX_ATTEMPTS = 12
FIRST_DELAY_SECONDS = 10
LONGEST_DELAY_SECONDS = 600
# How long a database that is away is waited for with outcomes in hand: within the lease.
RECORD_SECONDS = 30.0
MISMATCH = "vapid_mismatch"

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


def deliver(batch_id: int, sender: Sender, stop: Callable[[], bool] = lambda: False) -> None:
    """Send what is due of a batch, unless somebody else holds it. Safe to call at any time.

    `stop` is asked before each window; what it leaves is due at once, for whoever comes next.
    """
    lease = leases.take(batch_id)
    if lease is None:
        return
    try:
        with pausing_on_bad_secrets(lease.run_id):
            while not stop() and send_window(lease, sender):
                pass
        settle(lease)
    except Lost:
        return
    finishing.finish_if_settled(lease.run_id)


@transaction.atomic
def settle(lease: Lease) -> None:
    """Give the lease back. What a cancelled run had not claimed becomes cancelled first."""
    batch = leases.hold(lease)
    if Run.objects.filter(pk=lease.run_id, state=Run.State.CANCELLED).exists():
        count(batch, [Delivery.State.CANCELLED] * ledger.cancel_planned(lease))
    leases.release(lease, batch)


def send_window(lease: Lease, sender: Sender) -> bool:
    """One window; False when nothing more is due or the run does not run any more."""
    window = claim_window(lease)
    if window is None:
        return False
    outcomes = blame(window, sender.send(window.requests))
    results = [result(row, outcome) for row, outcome in zip(window.rows, outcomes, strict=True)]
    record_surely(lease, results, window.addresses())
    stop_on_config(window.run, outcomes)
    return True


@dataclass(frozen=True)
class Window:
    """What one claim committed to send: rows of the ledger and a request for each."""

    run: Run
    rows: Sequence[Claimed]
    requests: Sequence[DeliveryRequest]

    def addresses(self) -> dict[int, str]:
        """Where each was sent to."""
        pairs = zip(self.rows, self.requests, strict=True)
        return {row.subscription_id: endpoint.url for row, (endpoint, _message) in pairs}


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


def blame(window: Window, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes, with those of CONFIG that stop nobody else as refusals.

    A test ends with the answer that it was made to find. A device that subscribed with another key
    is on its own if its key is an old one of the site, or if the key works for others; nobody can
    blame our key then.
    """
    if window.run.kind == Run.Kind.TEST:
        return [refusal(o) if o.kind == OutcomeKind.CONFIG else o for o in outcomes]
    if not any(outcome.reason == MISMATCH for outcome in outcomes):
        return list(outcomes)
    keys = [endpoint.vapid.key_id for endpoint, _message in window.requests]
    works = {key for key, o in zip(keys, outcomes, strict=True) if o.kind == OutcomeKind.ACCEPTED}
    current = vapid.current(window.run.campaign.site).pk
    return [
        refusal(o) if o.reason == MISMATCH and (key != current or key in works) else o
        for key, o in zip(keys, outcomes, strict=True)
    ]


def refusal(outcome: Outcome) -> Outcome:
    return replace(outcome, kind=OutcomeKind.REFUSED)


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
    """Seconds until the next attempt: exponential with jitter, not before the service asked for."""
    ceiling = min(FIRST_DELAY_SECONDS * 2**attempts, LONGEST_DELAY_SECONDS)
    delay = random.uniform(FIRST_DELAY_SECONDS, ceiling)  # noqa: S311 - spreads load, hides nothing
    return max(delay, outcome.retry_after or 0)


def record_surely(lease: Lease, results: Sequence[Result], addresses: Mapping[int, str]) -> None:
    """Record a window, though the database be away for a while: only we know the outcomes.

    To record twice changes nothing, should an answer of the database alone have been lost.
    """
    give_up_at = time.monotonic() + RECORD_SECONDS
    while True:
        try:
            return record_window(lease, results, addresses)
        except (OperationalError, InterfaceError):
            if time.monotonic() > give_up_at:
                raise
            connection.close()
            time.sleep(0.5)


@transaction.atomic
def record_window(lease: Lease, results: Sequence[Result], addresses: Mapping[int, str]) -> None:
    """Write a window's outcomes and the batch's counters together; Lost if we were fenced off."""
    batch = leases.hold(lease)
    states = ledger.record(lease, results)
    gone = [r.subscription_id for r in results if r.state == Delivery.State.GONE]
    consent.mark_gone(gone, addresses)
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
    answer = next((o for o in outcomes if o.kind == OutcomeKind.CONFIG), None)
    if answer is None:
        return
    sentence = _("The push service refuses our key (%(answer)s). Nobody is lost. Fix the key.") % {
        "answer": f"{answer.status_code}: {(answer.detail or answer.reason)[:100]}"
    }
    pause(run, sentence)


@contextlib.contextmanager
def pausing_on_bad_secrets(run_id: int) -> Iterator[None]:
    """A key of ours that can't be opened stops the run, and says so, instead of trying for ever."""
    try:
        yield
    except ImproperlyConfigured as error:
        pause(Run.objects.select_related("campaign__site").get(pk=run_id), str(error))


def pause(run: Run, sentence: str) -> None:
    """Pause the campaign; a test just ends."""
    if run.kind == Run.Kind.TEST:
        Run.objects.filter(pk=run.pk, state=Run.State.RUNNING).update(
            state=Run.State.CANCELLED, pause_reason=sentence[:200], finished_at=timezone.now()
        )
        return
    # Refused: somebody paused or cancelled it in the meantime.
    with contextlib.suppress(starting.Refused):
        starting.pause(run.campaign, reason=sentence[:200])
