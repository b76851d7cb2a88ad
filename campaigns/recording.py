"""Recording what push services answered: in one transaction with the batch's counters."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from campaigns import leases, ledger, tallies, trials
from campaigns.claiming import Flight, count
from campaigns.leases import Lease
from campaigns.ledger import Result
from campaigns.models import Batch, Delivery, Run
from campaigns.trials import Pair
from subscribers import consent, vapid
from subscribers.models import Subscription
from subscribers.transports.messages import Outcome, OutcomeKind

FIRST_DELAY_SECONDS = 10
LONGEST_DELAY_SECONDS = 600
# An hour after its first attempt a message is late news (push-reference section 1.7).
GIVE_UP_SECONDS = 3600
# How long a database that is away is waited for with outcomes in hand: within the lease.
DATABASE_SECONDS = 30.0
T = TypeVar("T")
MOST_MS = 32_767
MISMATCH = "vapid_mismatch"
# Of apps: the device's token is not one of this app, project or environment. One is the device's
# fault; if most are, it is the setup's.
TOKEN_REASONS = ("apns_bad_device_token", "apns_device_token_not_for_topic", "fcm_sender_mismatch")
FEW_TOKENS = 5
KEY_REASONS = (
    *(MISMATCH, "vapid_rejected", "vapid_unusable", "wns_domain_blocked"),
    *("fcm_not_found", "fcm_origin", "apns_origin", "apns_bad_topic", "apns_missing_topic"),
    *("apns_topic_disallowed", "apns_missing_provider_token"),
)
# Refusals of a key in the ledger; of apps all other 401 and 403 are.
OF_KEY = Q(reason__in=KEY_REASONS) | Q(status_code__in=(401, 403)) & ~Q(reason__in=TOKEN_REASONS)
# Refusals of a key that works: up to two together, or one in a hundred answers, are those of single
# addresses, and no more than twenty such in a run. More of them are our key's.
FEW_REFUSED = 2
FEW_AMONG = 100
MOST_ALONE = 20

STATES = {
    OutcomeKind.ACCEPTED: Delivery.State.ACCEPTED,
    OutcomeKind.REFUSED: Delivery.State.REFUSED,
    OutcomeKind.GONE: Delivery.State.GONE,
    OutcomeKind.UNKNOWN: Delivery.State.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Landed:
    """A delivery with its outcome; None: given back, no byte has left."""

    flight: Flight
    outcome: Outcome | None


def result(landed: Landed, ttl: int) -> Result:
    """What an outcome means for its row. `ttl`: seconds that the message is worth anything."""
    row, outcome = landed.flight.row, landed.outcome
    if outcome is None:
        return Result(row.subscription_id, Delivery.State.PLANNED, unsent=True)
    state = STATES.get(outcome.kind, Delivery.State.PLANNED)
    reason, not_before = outcome.reason[:40], None
    if outcome.kind == OutcomeKind.RETRY:
        not_before = timezone.now() + timedelta(seconds=retry_delay(row.attempts, outcome))
        if not_before.timestamp() > row.sent_at + min(ttl, GIVE_UP_SECONDS):
            state, reason, not_before = Delivery.State.EXPIRED, "retries_exhausted", None
    latency = outcome.latency
    return Result(
        subscription_id=row.subscription_id,
        state=state,
        reason=reason,
        status_code=outcome.status_code,
        message_location=outcome.message_location,
        not_before=not_before,
        took_ms=None if latency is None else min(round(latency * 1000), MOST_MS),
    )


def retry_delay(attempts: int, outcome: Outcome) -> float:
    """Seconds until the next attempt: exponential with jitter, not before the service asked for."""
    ceiling = min(FIRST_DELAY_SECONDS * 2**attempts, LONGEST_DELAY_SECONDS)
    delay = random.uniform(FIRST_DELAY_SECONDS, ceiling)  # noqa: S311 - spreads load, hides nothing
    return max(delay, outcome.retry_after or 0)


def as_refusal(landed: Landed) -> Landed:
    """The same, as a fault of this device alone."""
    if landed.outcome is None or landed.outcome.kind != OutcomeKind.CONFIG:
        return landed
    return replace(landed, outcome=replace(landed.outcome, kind=OutcomeKind.REFUSED))


def blame(run: Run, landed: Sequence[Landed]) -> list[Landed]:
    """The outcomes, with those of CONFIG that stop nobody else as refusals.

    A test ends with the answer that it was made to find. A device that subscribed with an old key
    of the site is on its own. So is one that a push service refuses while it takes our key from
    others: anybody can register an address at which nobody's key is right.
    """
    if run.kind == Run.Kind.TEST:
        return [as_refusal(one) for one in landed]
    refused = Counter(pair_of(one) for one in landed if is_kind(one, OutcomeKind.CONFIG))
    if not refused:
        return list(landed)
    accepted = Counter(pair_of(one) for one in landed if is_kind(one, OutcomeKind.ACCEPTED))
    current = vapid.current(run.campaign.site).pk
    works = {pair for pair in refused if accepted[pair] or accepted_before(run, pair)}
    innocent = {
        pair for pair in works if is_rare(run, pair, refused=refused[pair], accepted=accepted[pair])
    }

    tokens = Counter(pair_of(one) for one in landed if is_about_token(one))
    mixed_up = {
        pair for pair in tokens if is_most(run, pair, refused=tokens[pair], accepted=accepted[pair])
    }
    if mixed_up:
        # Anybody can register tokens that are none: a person's word lets them pass.
        mixed_up -= trials.confirmed(run.pk)

    def alone(one: Landed) -> bool:
        pair = pair_of(one)
        if is_about_token(one):
            return pair not in mixed_up
        if one.outcome and one.outcome.reason == MISMATCH:
            return pair in works or pair[0] != current
        return pair in innocent

    return [as_refusal(one) if alone(one) else one for one in landed]


def accepted_before(run: Run, pair: Pair) -> bool:
    """Whether this run has had something accepted with a key by a push service, by whomever."""
    key, origin = pair
    return Delivery.objects.filter(
        month=run.month,
        run_id=run.pk,
        state=Delivery.State.ACCEPTED,
        subscription__credential=key,
        subscription__endpoint__startswith=f"{origin}/",
    ).exists()


def is_rare(run: Run, pair: Pair, *, refused: int, accepted: int) -> bool:
    """Whether so few of these answers refuse a key that works, and so few in the run did before,
    that it is the addresses' own fault."""
    if refused > FEW_REFUSED:
        return refused * FEW_AMONG < accepted
    before = Delivery.objects.filter(
        OF_KEY,
        month=run.month,
        run_id=run.pk,
        state=Delivery.State.REFUSED,
        subscription__endpoint__startswith=f"{pair[1]}/",
    )
    return before[:MOST_ALONE].count() < MOST_ALONE


def is_about_token(landed: Landed) -> bool:
    return is_kind(landed, OutcomeKind.CONFIG) and bool(
        landed.outcome and landed.outcome.reason in TOKEN_REASONS
    )


def is_most(run: Run, pair: Pair, *, refused: int, accepted: int) -> bool:
    """Whether a push service refuses most of a run's devices: another project or environment.

    Of the first few nobody can tell, and some are not the sender's fault.
    """
    known = tallies.total(Batch.objects.filter(run=run).values_list("tallies", flat=True))
    before = known.get(pair[1], tallies.empty())
    refused += before["refused"]
    return refused >= FEW_TOKENS and refused > accepted + before["accepted"]


def pair_of(landed: Landed) -> Pair:
    return landed.flight.row.credential_id, landed.flight.origin


def is_kind(landed: Landed, kind: OutcomeKind) -> bool:
    return landed.outcome is not None and landed.outcome.kind == kind


def surely(act: Callable[[], T], meanwhile: Callable[[float], object] = time.sleep) -> T:
    """Do it, though the database be away for a while: only we know the outcomes.

    What is done here changes nothing the second time, should an answer of the database alone have
    been lost. `meanwhile`: what to do for so many seconds before the next attempt.
    """
    give_up_at = time.monotonic() + DATABASE_SECONDS
    while True:
        try:
            return act()
        except (OperationalError, InterfaceError):
            if time.monotonic() > give_up_at:
                raise
            connection.close()
            meanwhile(0.5)


@transaction.atomic
def record(
    lease: Lease, run: Run, landed: Sequence[Landed], decided: Collection[Pair] | None = None
) -> set[Pair]:
    """Write outcomes and the batch's counters together; Lost if we were fenced off.

    `decided`: pairs of key and push service that the run's trials know enough of; those that are
    decided now are returned. None: a run without trials.
    """
    batch = leases.hold(lease)
    landed = registered_again(landed)
    results = [result(one, run.message.ttl) for one in landed]
    states = ledger.record(lease, results)
    if len(states) < len(results):
        # Recorded before, by a transaction whose answer was lost: it counted them too.
        batch.save(update_fields=["leased_until"])
        return set()
    gone = {
        one.flight.row.subscription_id: one.flight.row.endpoint
        for one in landed
        if one.outcome and one.outcome.kind == OutcomeKind.GONE
    }
    if gone:
        consent.mark_gone(gone, gone)
    add_up(batch, landed)
    count(batch, states)
    return set() if decided is None else trials.note(run, answers(landed, decided))


def registered_again(landed: Sequence[Landed]) -> Sequence[Landed]:
    """The outcomes, without "gone" for apps that registered after Apple had noticed that they were.

    APNs says since when a token is not registered; an app that has shown itself later is there
    (Apple, "Handling notification responses from APNs").
    """
    since = {
        one.flight.row.subscription_id: one.outcome.since
        for one in landed
        if one.outcome and one.outcome.since
    }
    if not since:
        return landed
    seen = Subscription.objects.filter(pk__in=since).values_list("pk", "last_seen_at")
    back = {pk for pk, last_seen_at in seen if last_seen_at > since[pk]}

    def settled(one: Landed) -> Landed:
        if one.outcome is None or one.flight.row.subscription_id not in back:
            return one
        stays = replace(one.outcome, kind=OutcomeKind.REFUSED, reason="apns_registered_again")
        return replace(one, outcome=stays)

    return [settled(one) for one in landed]


def add_up(batch: Batch, landed: Sequence[Landed]) -> None:
    """Add the answers to the batch's sums by push service."""
    for one in landed:
        if one.outcome and (name := counted_as(one.outcome)):
            tally = batch.tallies.setdefault(one.flight.origin, tallies.empty())
            tallies.note(tally, name, milliseconds(one.outcome))


def counted_as(outcome: Outcome) -> str:
    """Which count of a tally an outcome belongs to; '' for none.

    "waits" is all that a push service did not take for now: it asked to wait, or was not reached.
    """
    if outcome.kind == OutcomeKind.RETRY:
        return "" if outcome.reason == "not_started" else "waits"
    return outcome.kind.value if outcome.kind.value in tallies.COUNTS else ""


def milliseconds(outcome: Outcome) -> float | None:
    return None if outcome.latency is None else outcome.latency * 1000


def answers(landed: Sequence[Landed], decided: Collection[Pair]) -> dict[Pair, trials.Answers]:
    """The answers that the trials still count. A key that is refused counts at any time."""
    found: dict[Pair, trials.Answers] = {}
    for one in landed:
        pair = pair_of(one)
        if one.outcome and (pair not in decided or one.outcome.kind == OutcomeKind.CONFIG):
            found.setdefault(pair, trials.Answers()).add(one.outcome)
    return found
