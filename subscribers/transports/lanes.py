"""What a sender knows of one push service, and how that follows from its answers.

Additive increase, multiplicative decrease, as TCP does it: trouble halves the rate of an origin,
and every second of success adds a little. An origin that refuses nearly everything is closed until
the time that it named; one that does not answer, for longer each time.

A single 429 changes nothing here: RFC 8030 section 8.4 limits one subscription by it as well as a
whole sender, and the row that got it waits by itself. A share of 5 % means the sender.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from statistics import median

from .messages import Outcome, OutcomeKind

MIN_RATE = 1.0  # requests a second
RECENT = 20  # answers by which an origin is judged
TROUBLE_SHARE = 0.05  # of the answers of WINDOW; fewer are one subscription's, not the origin's
WINDOW = 10  # seconds of answers that are counted
SUDDEN = 2  # seconds that are enough where SUDDEN_TROUBLE answers of them are trouble
SUDDEN_TROUBLE = 5
MEASURED = 3  # seconds by which the throughput is told
HOLD = 1.0  # seconds (and the latency) between decreases: what left before one is no news
MIN_STEP = 0.5
STEP_SHARE = 0.02  # of the rate at which trouble began, added per second of success
CALM = 30.0  # seconds without trouble after which a rate grows by CALM_SHARE of itself
CALM_SHARE = 0.05
FREE_FACTOR = 4.0  # a rate that outgrew the last trouble by this much is no limit any more
FREE_RATE = 200.0  # but none below this is let go: after an outage they begin at MIN_RATE
FORGET = 3600.0  # seconds after which a limit that nothing confirmed is forgotten
REFUSALS_IN_A_ROW = 5  # answers of 429 or 503, without any other between, that close an origin
PROBES = 3  # requests in flight at an origin that was closed; if all fail, it closes again
DEFAULT_CLOSED = 60.0  # seconds, for a refusal that named none
FAILED_CLOSED = 30.0  # seconds, for an origin that does not answer; doubles until it does
MAX_FAILED_CLOSED = 600.0
MAX_AHEAD = 3600.0  # seconds: nothing waits longer for an origin
LOST_LATENCY = 10.0  # seconds that a request which timed out counts
SLOW = 2.0  # seconds: an origin of this latency, or silent for so long, is slow

_TIMED_OUT = frozenset({"timeout_after_request", "connect_timeout"})
_FAILURES = _TIMED_OUT | {"reset_after_request", "connect", "dns", "tls"}


class Answer(Enum):
    """What an outcome says about its origin."""

    GOOD = "good"  # it answers and does not limit, whatever it thinks of the message
    LIMITED = "limited"  # 429, 503, and 406 of Windows
    FAILED = "failed"  # no answer, no connection, or a fault of its own


def judge(outcome: Outcome) -> Answer | None:
    """What an outcome says about its origin; None for one that never met it."""
    status = outcome.status_code
    if status is None:
        return Answer.FAILED if outcome.reason in _FAILURES else None
    if outcome.kind is OutcomeKind.RETRY and status in (406, 429, 503):
        return Answer.LIMITED
    return Answer.FAILED if status >= 500 or status == 408 else Answer.GOOD


class Meter:
    """Counts answers by the second, for the last WINDOW seconds."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, list[int]]] = deque()
        self._since = 0.0

    def add(self, now: float, *, good: bool) -> None:
        second = int(now)
        while self._seconds and self._seconds[0][0] <= second - WINDOW:
            self._seconds.popleft()
        if not self._seconds:
            self._since = now
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append((second, [0, 0]))
        self._seconds[-1][1][0 if good else 1] += 1

    def counts(self, now: float, seconds: int = WINDOW) -> tuple[int, int]:
        """Good and bad answers of this second and those before it, `seconds` in all."""
        fresh = [pair for second, pair in self._seconds if second > int(now) - seconds]
        return sum(good for good, _bad in fresh), sum(bad for _good, bad in fresh)

    def per_second(self, now: float) -> tuple[float, float]:
        """Good answers and all answers per second."""
        good, bad = self.counts(now, MEASURED)
        # Of this second only a part has passed; of an origin just begun, less.
        span = min(max(now - self._since, 0.25), MEASURED - 1 + now % 1)
        return good / span, (good + bad) / span

    def forget_trouble(self) -> None:
        for _second, pair in self._seconds:
            pair[1] = 0


@dataclass
class Lane:
    """One origin, as one sender knows it. Times are epoch seconds, rates requests a second."""

    in_flight: int = 0
    rate: float | None = None
    next_slot: float = 0.0
    next_deferred: float = 0.0
    closed_until: float = 0.0
    probing: bool = False  # it was closed, and nothing has succeeded since
    begun_at: float = 0.0
    heard_at: float = 0.0
    _closings: int = 0  # for want of answers, since the last success
    _recent: deque[Answer] = field(default_factory=lambda: deque(maxlen=RECENT))
    _latencies: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    _meter: Meter = field(default_factory=Meter)
    _trouble_rate: float = MIN_RATE  # at which the last trouble began
    _worst_rate: float = MIN_RATE  # the highest at which any did
    _peak: float = 0.0  # accepted a second, the most that was seen
    _peaked_at: float = 0.0
    _limited_rate: float | None = None  # at which it last limited us
    _trouble_at: float = 0.0
    _hold_until: float = 0.0
    _grown_at: float = 0.0
    _good_at: float = 0.0

    def interval(self) -> float:
        """Seconds between two requests; 0 without a limit."""
        return 1 / self.rate if self.rate else 0.0

    def hope(self) -> float | None:
        """Requests a second that it will soon take again, as far as we know it; None for no limit.

        What never limited us: half of what it took once. What did: half of where that began.
        """
        if self.rate is None:
            return None
        return max(self.rate, (self._limited_rate or self._peak) / 2)

    def latency(self) -> float:
        """Seconds, the median of the last answers; 0 before the first."""
        return median(self._latencies) if self._latencies else 0.0

    def is_slow(self, now: float) -> bool:
        """Whether its requests stay in flight for long."""
        if not self.in_flight:
            return False
        return self.latency() > SLOW or now - self.heard_at > SLOW

    def is_idle(self, now: float) -> bool:
        """Whether nothing is lost by forgetting it."""
        return not self.in_flight and self.rate is None and self.closed_until < now

    def note(self, now: float, outcome: Outcome) -> None:
        """Learn from an outcome."""
        answer = judge(outcome)
        if answer is None:
            return
        self.heard_at = now
        latency = LOST_LATENCY if outcome.reason in _TIMED_OUT else outcome.latency
        if latency is not None:
            self._latencies.append(latency)
        if answer is Answer.GOOD:
            self._take_good(now)
        else:
            self._take_trouble(now, answer, outcome.retry_after)

    def limit(self, now: float, rate: float, *, trouble_rate: float) -> None:
        """Go at `rate` from now on. `trouble_rate`: at which there was trouble."""
        self.rate = max(rate, MIN_RATE)
        self._trouble_rate = max(trouble_rate, MIN_RATE)
        self._worst_rate = max(self._worst_rate, self._trouble_rate)
        self._trouble_at = self._grown_at = now
        self._hold_until = now + HOLD + min(self.latency(), LOST_LATENCY)
        self._meter.forget_trouble()

    def forget_old_limit(self, now: float) -> None:
        if self.rate is not None and now - self._trouble_at > FORGET:
            self._set_free()

    def forget_times(self) -> None:
        """The clock was set back: what it said before means nothing."""
        self.next_slot = self.next_deferred = self.closed_until = self._hold_until = 0.0
        self.begun_at = self.heard_at = self._good_at = self._grown_at = self._trouble_at = 0.0
        self._peaked_at = 0.0
        self._meter = Meter()

    def _take_good(self, now: float) -> None:
        self._meter.add(now, good=True)
        self._good_at = now
        if now - self._peaked_at >= 1.0:
            self._peak, self._peaked_at = max(self._peak, self._meter.per_second(now)[0]), now
        if now < self.closed_until:
            return  # of a request that left before it closed
        self._recent.append(Answer.GOOD)
        self.probing, self._closings = False, 0
        if self.rate is not None:
            self._grow(now, self.rate)

    def _grow(self, now: float, rate: float) -> None:
        seconds = min(now - self._grown_at, 1.0)
        self._grown_at = now
        if now < self._hold_until:
            return
        hope = self.hope() or rate
        if rate < hope:
            self.rate = min(rate * 2**seconds, hope)
            return
        # A limit that is not made use of has not been shown to be too low.
        if self._meter.per_second(now)[0] < rate / 4:
            return
        step = max(MIN_STEP, STEP_SHARE * self._trouble_rate)
        if now - self._trouble_at > CALM:
            step = max(step, CALM_SHARE * rate)
        self.rate = rate + step * seconds
        if self.rate > max(FREE_RATE, FREE_FACTOR * self._worst_rate):
            self._set_free()

    def _set_free(self) -> None:
        self.rate = None
        self._trouble_rate = self._worst_rate = MIN_RATE
        self._limited_rate = None
        self.next_slot = self.next_deferred = 0.0

    def _take_trouble(self, now: float, answer: Answer, retry_after: float | None) -> None:
        if now >= self._hold_until:
            self._meter.add(now, good=False)
            if self._is_notable(now):
                self._decrease(now, answer)
        wait = DEFAULT_CLOSED if retry_after is None else retry_after
        if now < self.closed_until:
            if answer is Answer.LIMITED:
                self._close(max(self.closed_until, now + wait), now)
            return
        self._recent.append(answer)
        if self._must_close(answer, now):
            if now >= self._hold_until:
                self._decrease(now, answer)
            if answer is Answer.FAILED:
                wait = min(FAILED_CLOSED * 2.0**self._closings, MAX_FAILED_CLOSED)
                self._closings = min(self._closings + 1, 10)
            self._close(now + wait, now)
            self._recent.clear()

    def _close(self, until: float, now: float) -> None:
        self.closed_until = min(until, now + MAX_AHEAD)
        self.probing = True

    def _is_notable(self, now: float) -> bool:
        """Whether there is more trouble than single subscriptions, or a lost connection, make."""
        good, bad = self._meter.counts(now, SUDDEN)
        if bad >= SUDDEN_TROUBLE and bad >= TROUBLE_SHARE * (good + bad):
            return True
        good, bad = self._meter.counts(now)
        enough = good + bad >= RECENT and bad >= TROUBLE_SHARE * (good + bad)
        return bad >= 2 and (enough or bad >= good)

    def _decrease(self, now: float, answer: Answer) -> None:
        accepted, answered = self._meter.per_second(now)
        # A limit far above what was sent is as good as none.
        before = accepted if self.rate is None else min(self.rate, 2 * answered)
        if answer is Answer.LIMITED:
            self._limited_rate = max(before, MIN_RATE)
        self.limit(now, before / 2, trouble_rate=before)

    def _must_close(self, answer: Answer, now: float) -> bool:
        recent = list(self._recent)
        if self.probing and len(recent) >= PROBES:
            return True  # a success would have ended the probing
        if recent[-REFUSALS_IN_A_ROW:] == [Answer.LIMITED] * REFUSALS_IN_A_ROW:
            return True
        if len(recent) < RECENT:
            return False
        if answer is Answer.LIMITED:
            return recent.count(Answer.LIMITED) * 2 >= RECENT
        # A lost connection takes many requests with it: that alone is not the end of an origin.
        return recent.count(Answer.GOOD) * 2 <= RECENT and now - self._good_at > SLOW
