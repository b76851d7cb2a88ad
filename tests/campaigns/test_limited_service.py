"""A push service that limits us, and one that does not, in one run and in real time."""

from __future__ import annotations

import heapq
import time
from collections import Counter

import pytest

from campaigns import leases, planning, starting
from campaigns.models import Gate, Run
from campaigns.sending import Turn
from subscribers.models import Subscription
from subscribers.transports.messages import DeliveryRequest, Outcome, OutcomeKind
from tests.campaigns.engine import check_books
from tests.campaigns.senders import address_of
from tests.factories import PUSH_ORIGIN, make_campaign, make_site, make_subscription

pytestmark = pytest.mark.django_db

FCM = "https://fcm.googleapis.com"
ACCEPTED = Outcome(OutcomeKind.ACCEPTED, 201, "201", latency=0.01)
BUSY = Outcome(OutcomeKind.RETRY, 429, "429", retry_after=1.0, latency=0.01)


class Limiting:
    """Takes RATE messages a second at PUSH_ORIGIN, and everything elsewhere."""

    RATE, BURST = 50.0, 10.0

    def __init__(self) -> None:
        self.later: list[tuple[float, int, DeliveryRequest]] = []
        self.tokens, self.at = self.BURST, time.monotonic()
        self.log: list[tuple[str, bool]] = []  # each address, and whether it was taken

    def start(self, ticket: int, request: DeliveryRequest, leave_at: float = 0.0) -> None:
        heapq.heappush(self.later, (leave_at, ticket, request))

    def step(self, seconds: float) -> list[tuple[int, Outcome]]:
        if not self.later:
            return []
        # A network waits for real, too; what leaves is decided by the engine's own times.
        wait = self.later[0][0] - time.monotonic()
        if wait > seconds:
            time.sleep(seconds)
            return []
        time.sleep(max(wait, 0.0))
        ended = []
        while self.later and self.later[0][0] <= time.monotonic():
            _leave_at, ticket, request = heapq.heappop(self.later)
            ended.append((ticket, self.answer(address_of(request))))
        return ended

    def withdraw(self) -> list[int]:
        taken, self.later = [ticket for _at, ticket, _request in self.later], []
        return taken

    def answer(self, url: str) -> Outcome:
        if url.startswith(FCM):
            self.log.append((url, True))
            return ACCEPTED
        now = time.monotonic()
        self.tokens = min(self.BURST, self.tokens + (now - self.at) * self.RATE)
        self.at = now
        taken = self.tokens >= 1
        self.tokens -= taken
        self.log.append((url, taken))
        return ACCEPTED if taken else BUSY


def test_a_limiting_service_slows_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.recording.FIRST_DELAY_SECONDS", 0.5)
    monkeypatch.setattr("campaigns.trials.FIRST", 0)
    site = make_site()
    for number in range(180):
        origin = FCM if number % 3 else PUSH_ORIGIN
        make_subscription(site, endpoint=f"{origin}/wp/{number}")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    service = Limiting()
    patience = time.monotonic() + 60
    while run.state != Run.State.FINISHED and time.monotonic() < patience:
        batch = leases.next_due()
        if batch is None:
            time.sleep(0.05)  # as the ticker does, until a row's time has come
        else:
            Turn(service, onward=leases.next_due).run(batch)
        check_books(run)
        run.refresh_from_db()
    assert run.state == Run.State.FINISHED
    assert Counter(url for url, taken in service.log if taken) == Counter(
        Subscription.objects.values_list("endpoint", flat=True)
    )
    # The healthy one had all of its own while most of the other's were waiting.
    last = max(place for place, (url, _) in enumerate(service.log) if url.startswith(FCM))
    limited = [taken for url, taken in service.log[:last] if not url.startswith(FCM)]
    assert len(limited) < 40
    # It asked us to slow down, and after that hardly again.
    assert 0 < sum(not taken for _url, taken in service.log) <= 20
    assert Gate.objects.get().origin == PUSH_ORIGIN
