"""Claiming a window: the intent to send is committed before a byte leaves (design section 5)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from campaigns import leases, ledger, throttling, tokens
from campaigns.judging import Judge, lifetime
from campaigns.leases import Lease
from campaigns.ledger import Claimed, Shut
from campaigns.models import Batch, Delivery, Run
from campaigns.personal import Renderer
from subscribers import app_tokens, vapid
from subscribers.models import Channel, Credential
from subscribers.transports import addresses
from subscribers.transports.keys import VapidIdentity
from subscribers.transports.messages import AppEndpoint, AppKey, DeliveryRequest, Endpoint, Urgency
from subscribers.transports.messages import Message as PushMessage

# What a stranger sends as a host may be longer than any real one.
MAX_ORIGIN = 255
# So many rows are looked at for a throttle's few slots.
LOOKED_AT = 50
# The batch counter that a state of the ledger is summed up in.
COUNTERS: dict[int, str] = {
    Delivery.State.ACCEPTED: "accepted",
    Delivery.State.REFUSED: "refused",
    Delivery.State.GONE: "gone",
    Delivery.State.SKIPPED: "skipped",
    Delivery.State.EXPIRED: "expired",
    Delivery.State.CANCELLED: "cancelled",
    Delivery.State.UNKNOWN: "unknown",
    Delivery.State.HOLDOUT: "holdout",
}


class NotReady(Exception):
    """The token of an app's credential has ended since it was looked at. Nothing was claimed."""


@dataclass(frozen=True, slots=True)
class Flight:
    """One claimed delivery: its row, its device, and when it may leave (`time.monotonic()`)."""

    row: Claimed
    origin: str
    leave_at: float


@dataclass(frozen=True)
class Window:
    """What one claim committed to send, and what makes the requests (None: there are none).

    `deferred`: how many rows of each push service that has to wait were given a later time.
    `more_at`: its throttle gives the next slot then.
    """

    run: Run
    flights: Sequence[Flight]
    requests: Requests | None = None
    deferred: Mapping[str, int] = field(default_factory=dict)
    throttled: bool = False
    more_at: datetime | None = None


class Requests:
    """Makes the request of each delivery of a run's present message.

    `payloads`: what was rendered for some, by subscription; others get what all get.
    """

    def __init__(
        self,
        run: Run,
        keys: Mapping[int, VapidIdentity | AppKey],
        renderer: Renderer,
        payloads: Mapping[int, bytes],
    ) -> None:
        self._run = run
        self._keys = keys
        self._payloads = payloads
        self._renderer = renderer
        self._urgency = Urgency(run.message.urgency)
        self._ttl = lifetime(run, timezone.now())

    def of(self, row: Claimed) -> DeliveryRequest:
        """The device's address and its rendered message."""
        run, device = self._run, row.subscription_id
        tag = tokens.topic(run.pk, device)
        token = tokens.make(tokens.DeliveryKey(run.month, run.pk, device))
        filled = self._payloads.get(device) or self._renderer.payload(
            token=token, tag=tag, channel=row.channel, ttl=self._ttl
        )
        return self._endpoint(row), PushMessage(filled, self._ttl, self._urgency, tag)

    def _endpoint(self, row: Claimed) -> Endpoint | AppEndpoint:
        key = self._keys[row.credential_id]
        if isinstance(key, AppKey):
            return AppEndpoint(addresses.parse(row.endpoint), key)
        return Endpoint(row.endpoint, bytes(row.p256dh), bytes(row.auth), key)


@transaction.atomic
def claim(lease: Lease, limit: int, shut: Mapping[str, Shut] | None = None) -> Window | None:
    """Commit the intent to send the next window; None if there is nothing (more) to send.

    Our keys are opened and the message is rendered before the commit: should that fail, everybody
    is still planned.
    """
    batch = leases.hold(lease)
    run = Run.objects.select_related("message__campaign", "campaign__site").get(pk=lease.run_id)
    if run.state not in Run.SENDING:
        return None
    slots = throttling.slots(run, limit)
    if slots and not slots.count:
        batch.save(update_fields=["leased_until"])
        soon = slots.first - throttling.HORIZON / 2
        return Window(run, [], throttled=True, more_at=soon)
    most = slots.count if slots else limit
    now = timezone.now()
    if run.expires_at and now >= run.expires_at:
        end(lease, batch)
        return None
    # Without a variant: whoever waits for the winner.
    awaits, waited = run.awaits_winner, run.waited
    renderer = Renderer(run.message, run.campaign.site)
    judge = Judge(run, renderer, now)
    # Those who are left out take no slot: of more than get one, as far as these are few.
    looked_at = max(most, min(limit, LOOKED_AT))
    judged = None if judge.idle else judge.judge(lease, looked_at, awaits=awaits)
    rows = ledger.claim(
        lease,
        now=now,
        version=run.message.version,
        limit=limit,
        most=most,
        shut=shut or {},
        verdicts=judged.verdicts if judged else None,
        only=judged.only if judged else None,
        winner=run.winner,
        awaits=awaits,
        waited=waited,
        inbox=run.campaign.inbox,
    )
    if not rows:
        return None
    sending = [row for row in rows if row.state == Delivery.State.SENDING]
    flights = flights_of(sending, slots)
    if slots:
        slots.use(len(sending))
    skip(batch, [row for row in rows if row.state in COUNTERS])
    waiting = [
        row for row in rows if row.state == Delivery.State.PLANNED and row.reason != "quiet_hours"
    ]
    deferred = Counter(origin_of(row.endpoint) for row in waiting)
    keys = opened({row.credential_id for row in sending})
    payloads = judged.payloads if judged else {}
    requests = Requests(run, keys, renderer, payloads) if sending else None
    return Window(run, flights, requests, deferred, throttled=slots is not None)


def opened(ids: Collection[int]) -> dict[int, VapidIdentity | AppKey]:
    """What requests are signed or authorised by; NotReady where a token has to be fetched first."""
    found: dict[int, VapidIdentity | AppKey] = {}
    for pk, credential in Credential.objects.in_bulk(ids).items():
        if credential.channel == Channel.WEB:
            found[pk] = vapid.identity(credential)
        elif key := app_tokens.key_of(credential):
            found[pk] = key
        else:
            raise NotReady
    return found


def flights_of(rows: Sequence[Claimed], slots: throttling.Slots | None) -> list[Flight]:
    """Each with its origin and, where a throttle says so, its moment."""
    if slots is None:
        return [Flight(row, origin_of(row.endpoint), 0.0) for row in rows]
    first = time.monotonic() + (slots.first - timezone.now()).total_seconds()
    step = slots.step.total_seconds()
    return [
        Flight(row, origin_of(row.endpoint), first + number * step)
        for number, row in enumerate(rows)
    ]


def origin_of(endpoint: str) -> str:
    """`scheme://host[:port]`, as `starts_with` in the claim compares it; as long as we store it."""
    return "/".join(endpoint.split("/", 3)[:3])[:MAX_ORIGIN]


def end(lease: Lease, batch: Batch) -> None:
    """Settle what was not claimed when the run's time is over."""
    count(batch, [Delivery.State.UNKNOWN] * ledger.keep_unknown(lease))
    count(batch, [Delivery.State.EXPIRED] * ledger.expire_planned(lease))


def skip(batch: Batch, rows: Sequence[Claimed]) -> None:
    """Settle those that the claim skipped, and renew the lease."""
    skipped = Counter(row.reason for row in rows if row.state == Delivery.State.SKIPPED)
    batch.skipped_by_reason = dict(Counter(batch.skipped_by_reason) + skipped)
    count(batch, [row.state for row in rows])


def count(batch: Batch, states: Sequence[int]) -> None:
    """Move rows that were settled from pending to their counters, and renew the lease."""
    changed = ["leased_until"]
    for state, number in Counter(states).items():
        if counter := COUNTERS.get(state):
            setattr(batch, counter, getattr(batch, counter) + number)
            batch.pending -= number
            changed += [counter, "pending"]
    if states:
        changed += ["skipped_by_reason", "tallies"]
    batch.save(update_fields=set(changed))
