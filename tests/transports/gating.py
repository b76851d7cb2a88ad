"""Push services and a clock for the tests of the gates: no network, no waiting."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from subscribers.transports.gates import Gates, Learned
from subscribers.transports.messages import Outcome, OutcomeKind

FCM = "https://fcm.googleapis.com"
APPLE = "https://web.push.apple.com"
MOZILLA = "https://updates.push.services.mozilla.com"
NOON = 1_795_348_800.0

ACCEPTED = Outcome(OutcomeKind.ACCEPTED, 201, "201", latency=0.05)
GONE = Outcome(OutcomeKind.GONE, 410, "410", latency=0.05)
LOST = Outcome(OutcomeKind.UNKNOWN, None, "timeout_after_request")
RESET = Outcome(OutcomeKind.UNKNOWN, None, "reset_after_request")
UNREACHED = Outcome(OutcomeKind.RETRY, None, "connect", retry_after=10.0)


def limited(retry_after: float | None = 60.0, status: int = 429) -> Outcome:
    return Outcome(OutcomeKind.RETRY, status, str(status), retry_after=retry_after, latency=0.05)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def answer(gates: Gates, clock: Clock, *outcomes: Outcome, each: float = 0.01) -> None:
    """One request after another to FCM, `each` seconds apart."""
    for outcome in outcomes:
        gates.begin(FCM)
        clock.now += each
        gates.note(FCM, outcome)


def rate_of(gates: Gates, origin: str = FCM) -> float | None:
    """What another sender would be told."""
    return gates.changes().get(origin, Learned(None, None)).rate


@dataclass
class Service:
    """A push service that takes `rate` messages a second, and `burst` at once."""

    rate: float
    burst: float = 100.0
    latency: float = 0.05
    retry_after: float = 2.0
    hangs: bool = False
    times: list[float] = field(default_factory=list)
    accepted: list[float] = field(default_factory=list)
    _at: float = NOON

    def __post_init__(self) -> None:
        self._tokens = self.burst

    def take(self, now: float) -> Outcome:
        self.times.append(now)
        if self.hangs:
            return LOST
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1:
            return limited(self.retry_after)
        self._tokens -= 1
        self.accepted.append(now)
        return ACCEPTED

    def seconds_to_answer(self) -> float:
        return 10.0 if self.hangs else self.latency

    def refused_share(self, start: float, end: float) -> float:
        sent = sum(start <= time < end for time in self.times)
        return 1 - self.accepted_between(start, end) / max(sent, 1)

    def accepted_between(self, start: float, end: float) -> int:
        return sum(start <= time < end for time in self.accepted)


def simulate(
    services: dict[str, Service],
    seconds: float,
    *,
    clock: Clock,
    gates: Gates,
    each_second: float = 2000.0,
    at: Callable[[float], None] = lambda _elapsed: None,
) -> None:
    """A sender with endless work for each service: `each_second` is what its processor manages."""
    answers: list[tuple[float, int, str, Outcome]] = []
    leaving: list[tuple[float, int, str]] = []
    number, in_flight, end, begin = 0, 0, clock.now + seconds, clock.now
    tick = 0.01
    while clock.now < end:
        at(clock.now - begin)
        shut = gates.shut()
        for origin in services:
            if origin in shut:
                continue
            for _ in range(int(each_second * tick / len(services))):
                if in_flight == 500:
                    break
                number, in_flight = number + 1, in_flight + 1
                heapq.heappush(leaving, (gates.begin(origin), number, origin))
        clock.now += tick
        while leaving and leaving[0][0] <= clock.now:
            left_at, ticket, origin = heapq.heappop(leaving)
            outcome = services[origin].take(max(left_at, clock.now - tick))
            ended = clock.now + services[origin].seconds_to_answer()
            heapq.heappush(answers, (ended, ticket, origin, outcome))
        while answers and answers[0][0] <= clock.now:
            _ended, _ticket, origin, outcome = heapq.heappop(answers)
            in_flight -= 1
            gates.note(origin, outcome)
