"""The gates, by an injected clock: no network, no waiting."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from subscribers.transports.gates import Gates, Learned
from subscribers.transports.lanes import Answer, judge
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


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gates(clock: Clock) -> Gates:
    return Gates(most_in_flight=500, clock=clock)


def answer(gates: Gates, clock: Clock, *outcomes: Outcome, each: float = 0.01) -> None:
    """One request after another to FCM, `each` seconds apart."""
    for outcome in outcomes:
        gates.begin(FCM)
        clock.now += each
        gates.note(FCM, outcome)


def rate_of(gates: Gates, origin: str = FCM) -> float | None:
    """What another sender would be told."""
    return gates.changes().get(origin, Learned(None, None)).rate


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (ACCEPTED, Answer.GOOD),
        (GONE, Answer.GOOD),
        (Outcome(OutcomeKind.REFUSED, 400, "400"), Answer.GOOD),
        (Outcome(OutcomeKind.CONFIG, 403, "vapid_rejected"), Answer.GOOD),
        (Outcome(OutcomeKind.UNKNOWN, 204, "204"), Answer.GOOD),
        (limited(status=429), Answer.LIMITED),
        (limited(status=503), Answer.LIMITED),
        (limited(status=406), Answer.LIMITED),
        (Outcome(OutcomeKind.REFUSED, 406, "406"), Answer.GOOD),
        (Outcome(OutcomeKind.UNKNOWN, 408, "408"), Answer.FAILED),
        (Outcome(OutcomeKind.UNKNOWN, 500, "500"), Answer.FAILED),
        (Outcome(OutcomeKind.UNKNOWN, 504, "504"), Answer.FAILED),
        (Outcome(OutcomeKind.RETRY, 502, "mozilla_901", retry_after=10.0), Answer.FAILED),
        (LOST, Answer.FAILED),
        (RESET, Answer.FAILED),
        (UNREACHED, Answer.FAILED),
        (Outcome(OutcomeKind.RETRY, None, "connect_timeout", retry_after=10.0), Answer.FAILED),
        (Outcome(OutcomeKind.RETRY, None, "dns", retry_after=10.0), Answer.FAILED),
        (Outcome(OutcomeKind.RETRY, None, "tls", retry_after=10.0), Answer.FAILED),
        # A server that closes a connection in good order refuses the streams behind it.
        (Outcome(OutcomeKind.RETRY, None, "refused_stream", retry_after=1.0), None),
        (Outcome(OutcomeKind.RETRY, None, "not_started", retry_after=0.0), None),
        (Outcome(OutcomeKind.REFUSED, None, "not_encodable"), None),
        (Outcome(OutcomeKind.REFUSED, None, "blocked_address"), None),
        (Outcome(OutcomeKind.GONE, None, "endpoint_removed"), None),
    ],
)
def test_what_an_outcome_says_about_its_origin(outcome: Outcome, expected: Answer | None) -> None:
    assert judge(outcome) is expected


def test_without_trouble_everything_leaves_at_once(gates: Gates, clock: Clock) -> None:
    for _ in range(1000):
        assert gates.begin(FCM) == clock.now
        gates.note(FCM, ACCEPTED)
        clock.now += 0.001
    assert gates.shut() == {}
    assert gates.changes() == {}


def test_one_refusal_among_many_slows_nothing(gates: Gates, clock: Clock) -> None:
    """Apple limits single devices: that is no reason to slow all of Apple."""
    for _ in range(50):
        answer(gates, clock, *[ACCEPTED] * 60, limited())
    assert gates.changes() == {}
    assert gates.begin(FCM) == clock.now


def test_a_share_of_refusals_halves_the_rate(gates: Gates, clock: Clock) -> None:
    answer(gates, clock, *[ACCEPTED] * 400)  # 100 a second
    answer(gates, clock, *[limited(), ACCEPTED] * 20)
    rate = rate_of(gates)
    assert rate is not None
    assert 35 <= rate <= 55
    # Slots are an even distance apart.
    first, second, third = (gates.begin(FCM) for _ in range(3))
    assert second - first == pytest.approx(1 / rate, rel=1e-3)
    assert third - second == pytest.approx(1 / rate, rel=1e-3)


def test_it_is_halved_at_most_once_a_second(gates: Gates, clock: Clock) -> None:
    answer(gates, clock, *[ACCEPTED] * 400)
    answer(gates, clock, *[limited(), ACCEPTED, ACCEPTED] * 6)
    first = rate_of(gates)
    answer(gates, clock, *[limited(), ACCEPTED, ACCEPTED] * 20)
    assert first is not None
    assert gates.changes() == {}
    clock.now += 2
    answer(gates, clock, *[limited(), ACCEPTED, ACCEPTED] * 20)
    second = rate_of(gates)
    assert second is not None
    assert second == pytest.approx(first / 2, rel=0.2)


def test_it_never_falls_below_one_a_second(gates: Gates, clock: Clock) -> None:
    for _ in range(30):
        answer(gates, clock, limited(), limited(), ACCEPTED)
        clock.now += 3
    assert rate_of(gates) == 1.0


@pytest.mark.parametrize("status", [429, 503, 406])
def test_an_origin_that_refuses_everything_is_closed(
    gates: Gates, clock: Clock, status: int
) -> None:
    answer(gates, clock, *[ACCEPTED] * 50, *[limited(120.0, status)] * 5)
    until = clock.now + 120
    assert gates.shut()[FCM].until == pytest.approx(until)
    assert gates.begin(FCM) == pytest.approx(until)
    closed = gates.changes()[FCM].closed_until
    assert closed == pytest.approx(until)
    clock.now = until + 0.1
    gates.back(FCM)
    assert FCM not in gates.shut()


def test_half_refused_is_closed_too(gates: Gates, clock: Clock) -> None:
    answer(gates, clock, *[limited(30.0), ACCEPTED] * 9)
    closed = gates.changes()[FCM].closed_until
    assert closed is None
    answer(gates, clock, ACCEPTED, limited(30.0))
    assert gates.changes()[FCM].closed_until == pytest.approx(clock.now + 30)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [(None, 60.0), (10.0, 10.0), (0.0, 0.0), (-5.0, 0.0), (10.0**9, 3600.0)],
)
def test_how_long_it_stays_closed(
    gates: Gates, clock: Clock, retry_after: float | None, seconds: float
) -> None:
    answer(gates, clock, *[limited(retry_after)] * 5)
    closed_until = gates.changes()[FCM].closed_until
    assert (closed_until or clock.now) == pytest.approx(clock.now + seconds)


def test_a_later_refusal_prolongs_it_and_an_acceptance_of_before_does_not_open_it(
    gates: Gates, clock: Clock
) -> None:
    answer(gates, clock, *[limited(10.0)] * 5)
    answer(gates, clock, ACCEPTED)
    assert FCM in gates.shut()
    answer(gates, clock, limited(100.0), ACCEPTED)
    assert gates.shut()[FCM].until == pytest.approx(clock.now + 100, abs=0.1)


def test_after_it_opens_a_few_try_and_a_success_lets_the_rest_in(
    gates: Gates, clock: Clock
) -> None:
    answer(gates, clock, *[ACCEPTED] * 2000, *[limited(10.0)] * 5, each=0.001)
    clock.now += 11
    assert gates.shut() == {}
    for _ in range(3):
        gates.begin(FCM)
    assert gates.shut()[FCM].until > clock.now
    clock.now += 0.05
    gates.note(FCM, ACCEPTED)
    assert gates.shut() == {}


def test_a_closed_origin_that_still_refuses_closes_again(gates: Gates, clock: Clock) -> None:
    answer(gates, clock, *[limited(10.0)] * 5)
    clock.now += 11
    answer(gates, clock, *[limited(10.0)] * 3)
    assert gates.shut()[FCM].until == pytest.approx(clock.now + 10)


def test_an_origin_that_hangs_is_closed_for_longer_each_time(gates: Gates, clock: Clock) -> None:
    """Each request to it is lost: nobody can know, so few may be sent."""
    lost, waits = 0, []
    for _ in range(8):
        closed_until = None
        while closed_until is None:
            answer(gates, clock, LOST, each=0.5)
            lost += 1
            closed_until = gates.changes().get(FCM, Learned(None, None)).closed_until
        waits.append(round(closed_until - clock.now))
        clock.now = closed_until + 0.1
    assert waits == [30, 60, 120, 240, 480, 600, 600, 600]
    assert lost == 20 + 7 * 3
    answer(gates, clock, ACCEPTED, *[LOST] * 20, each=0.5)
    assert gates.changes()[FCM].closed_until == pytest.approx(clock.now + 30, abs=5)


def test_a_lost_connection_does_not_close_an_origin(gates: Gates, clock: Clock) -> None:
    answer(gates, clock, *[ACCEPTED] * 1000, *[RESET] * 100, each=0.001)
    changes = gates.changes()[FCM]
    assert changes.closed_until is None
    assert changes.rate is not None
    assert changes.rate > 100


def test_rows_in_the_ledger_queue_behind_one_another(gates: Gates, clock: Clock) -> None:
    answer(gates, clock, *[limited(10.0)] * 5)
    opens = clock.now + 10
    first = gates.shut()[FCM]
    assert first.until == pytest.approx(opens)
    assert first.interval == 1.0
    gates.deferred(FCM, 40)
    assert gates.shut()[FCM].until == pytest.approx(opens + 40)
    gates.deferred(FCM, 10_000)
    assert gates.shut()[FCM].until == pytest.approx(opens + 600)
    # What was deferred finds its own slots free when it comes.
    clock.now = opens + 1
    assert gates.begin(FCM) == clock.now


def test_nothing_waits_for_more_than_an_hour(gates: Gates, clock: Clock) -> None:
    answer(gates, clock, *[limited(3600.0)] * 5)
    gates.deferred(FCM, 5000)
    assert gates.shut()[FCM].until == pytest.approx(clock.now + 3600)
    for _ in range(5000):
        assert gates.begin(FCM) <= clock.now + 3600


def test_a_full_second_of_slots_is_enough(gates: Gates, clock: Clock) -> None:
    gates.learn(FCM, Learned(10.0, None))
    begun = 0
    while FCM not in gates.shut():
        gates.begin(FCM)
        begun += 1
    assert begun == 11
    shut = gates.shut()[FCM]
    assert shut.until == pytest.approx(clock.now + 1.1)
    assert shut.interval == pytest.approx(0.1)
    gates.back(FCM)
    assert FCM not in gates.shut()


def test_one_fast_origin_alone_may_use_everything(gates: Gates, clock: Clock) -> None:
    answer(gates, clock, ACCEPTED)
    for _ in range(499):
        gates.begin(FCM)
    assert gates.shut() == {}
    gates.begin(FCM)
    assert FCM in gates.shut()


def test_in_company_a_fifth_stays_free(gates: Gates, clock: Clock) -> None:
    gates.begin(APPLE)
    for _ in range(399):
        gates.begin(FCM)
    assert gates.shut() == {}
    gates.begin(FCM)
    assert set(gates.shut()) == {FCM}
    for _ in range(20):
        clock.now += 0.6
        gates.note(FCM, ACCEPTED)
        gates.begin(FCM)
    assert set(gates.shut()) == set()  # Apple was last sent to 12 s ago


def test_who_answers_at_once_makes_room_by_itself(gates: Gates, clock: Clock) -> None:
    brisk = Outcome(OutcomeKind.ACCEPTED, 201, "201", latency=0.05)
    answer(gates, clock, *[brisk] * 5)
    gates.begin(APPLE)
    for _ in range(450):
        gates.begin(FCM)
    assert gates.shut() == {}


def test_a_slow_origin_leaves_room_even_alone(gates: Gates, clock: Clock) -> None:
    slow = Outcome(OutcomeKind.ACCEPTED, 201, "201", latency=8.0)
    answer(gates, clock, *[slow] * 5)
    for _ in range(400):
        gates.begin(FCM)
    shut = gates.shut()[FCM]
    assert shut.interval == pytest.approx(8.0 / 400)
    assert clock.now < shut.until <= clock.now + 2


def test_silence_is_slow_before_anything_has_timed_out(gates: Gates, clock: Clock) -> None:
    for _ in range(400):
        gates.begin(FCM)
    clock.now += 1.9
    assert gates.shut() == {}
    clock.now += 0.2
    assert set(gates.shut()) == {FCM}


def test_two_slow_origins_share(gates: Gates, clock: Clock) -> None:
    for origin in (FCM, APPLE):
        for _ in range(200):
            gates.begin(origin)
    clock.now += 2.1
    gates.begin(MOZILLA)
    assert set(gates.shut()) == {FCM, APPLE}


def test_the_limit_grows_back_and_goes(gates: Gates, clock: Clock) -> None:
    gates.learn(FCM, Learned(50.0, None))
    clock.now += 2
    rates: list[float | None] = []
    for _second in range(120):
        for _ in range(100):
            leave_at = gates.begin(FCM)
            clock.now = max(clock.now, leave_at)
            gates.note(FCM, ACCEPTED)
        changes = gates.changes()
        if changes:
            rates.append(changes[FCM].rate)
    assert rates[-1] is None
    rising = [rate for rate in rates if rate is not None]
    assert rising == sorted(rising)
    assert rising[-1] > 300
    assert gates.begin(FCM) == gates.begin(FCM) == clock.now


def test_a_limit_that_is_not_used_does_not_grow(gates: Gates, clock: Clock) -> None:
    gates.learn(FCM, Learned(50.0, None))
    answer(gates, clock, *[ACCEPTED] * 200, each=1.0)
    assert gates.changes() == {}


def test_an_old_limit_is_forgotten(gates: Gates, clock: Clock) -> None:
    gates.learn(FCM, Learned(5.0, None))
    clock.now += 3601
    assert gates.begin(FCM) == gates.begin(FCM) == clock.now
    assert gates.changes() == {FCM: Learned(None, None)}


def test_senders_tell_each_other(clock: Clock) -> None:
    one = Gates(most_in_flight=500, clock=clock)
    other = Gates(most_in_flight=500, clock=clock)
    answer(one, clock, *[ACCEPTED] * 200, *[limited(90.0)] * 5)
    changes = one.changes()
    assert one.changes() == {}
    other.learn(FCM, changes[FCM])
    assert other.begin(FCM) == changes[FCM].closed_until
    assert other.changes() == {}  # no echo
    clock.now += 91
    first, second = other.begin(FCM), other.begin(FCM)
    rate = changes[FCM].rate
    assert rate is not None
    assert second - first == pytest.approx(1 / rate, rel=1e-3)


def test_a_row_that_stands_for_long_holds_nobody_down(gates: Gates, clock: Clock) -> None:
    gates.learn(FCM, Learned(10.0, None))
    clock.now += 2
    for _ in range(60 * 20):
        clock.now = max(clock.now, gates.begin(FCM))
        gates.note(FCM, ACCEPTED)
        gates.learn(FCM, Learned(10.0, None))
    rate = rate_of(gates)
    assert rate is not None
    assert rate > 20


@pytest.mark.parametrize("rate", [9.0, 20.0, None])
def test_a_higher_rate_of_another_sender_is_not_ours(
    gates: Gates, clock: Clock, rate: float | None
) -> None:
    gates.learn(FCM, Learned(10.0, None))
    gates.learn(FCM, Learned(rate, None))
    first, second = gates.begin(FCM), gates.begin(FCM)
    assert second - first == pytest.approx(0.1)


@pytest.mark.parametrize("rate", [0.0, -1.0, 0.2])
def test_a_learned_rate_is_bounded(gates: Gates, clock: Clock, rate: float) -> None:
    gates.learn(FCM, Learned(rate, clock.now + 10**9))
    assert gates.begin(FCM) == clock.now + 3600
    clock.now += 3601
    first, second = gates.begin(FCM), gates.begin(FCM)
    assert second - first <= 1.0


def test_a_clock_that_is_set_back_opens_everything(gates: Gates, clock: Clock) -> None:
    answer(gates, clock, *[ACCEPTED] * 100, *[limited(600.0)] * 5)
    clock.now -= 300
    assert FCM not in gates.shut()
    assert gates.begin(FCM) == clock.now


def test_counts_never_fall_below_nothing(gates: Gates) -> None:
    for _ in range(3):
        gates.back(FCM)
        gates.note(FCM, ACCEPTED)
    for _ in range(499):
        gates.begin(FCM)
    assert gates.shut() == {}


def test_origins_that_strangers_invent_are_forgotten(gates: Gates, clock: Clock) -> None:
    gates.learn(FCM, Learned(10.0, None))
    for number in range(5000):
        origin = f"https://n{number}.notify.windows.com"
        gates.begin(origin)
        gates.note(origin, UNREACHED)
    assert gates.shut() == {}
    first, second = gates.begin(FCM), gates.begin(FCM)
    assert second - first == pytest.approx(0.1)


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


@pytest.mark.parametrize(("allowed", "refused"), [(20.0, 0.05), (100.0, 0.03), (600.0, 0.02)])
def test_the_rate_settles_where_the_service_allows_it(
    gates: Gates, clock: Clock, allowed: float, refused: float
) -> None:
    service = Service(allowed)
    simulate({FCM: service}, 180, clock=clock, gates=gates)
    start, end = NOON + 60, NOON + 180
    assert service.refused_share(start, end) < refused
    assert 0.6 * allowed <= service.accepted_between(start, end) / 120 <= 1.01 * allowed + 1


def test_it_follows_a_service_that_allows_more_and_then_less(gates: Gates, clock: Clock) -> None:
    service = Service(50.0)

    def change(elapsed: float) -> None:
        service.rate = 1000.0 if 100 <= elapsed < 300 else 50.0

    simulate({FCM: service}, 400, clock=clock, gates=gates, at=change)
    assert service.accepted_between(NOON + 240, NOON + 300) / 60 > 500
    assert service.refused_share(NOON + 330, NOON + 400) < 0.05
    assert service.accepted_between(NOON + 330, NOON + 400) / 70 > 25


@pytest.mark.parametrize("bad", [Service(10.0), Service(0.0), Service(0.0, hangs=True)])
def test_a_limiting_service_never_delays_a_healthy_one(
    gates: Gates, clock: Clock, bad: Service
) -> None:
    healthy = Service(10**6, burst=10**6)
    simulate({FCM: bad, APPLE: healthy}, 60, clock=clock, gates=gates)
    assert len(healthy.accepted) == len(healthy.times)
    # All that its half of the processor manages, in each second.
    for second in range(59):
        assert healthy.accepted_between(NOON + second, NOON + second + 1) >= 900


def test_a_service_that_hangs_loses_few(gates: Gates, clock: Clock) -> None:
    hanging = Service(0.0, hangs=True)
    simulate({FCM: hanging}, 600, clock=clock, gates=gates)
    assert len(hanging.times) <= 500 + 10 * 10  # ten at a time begin, in ten minutes
