"""The gates, by an injected clock: no network, no waiting."""

from __future__ import annotations

import pytest

from subscribers.transports.gates import Gates, Learned
from subscribers.transports.lanes import Answer, judge
from subscribers.transports.messages import Outcome, OutcomeKind

from .gating import (
    ACCEPTED,
    APPLE,
    FCM,
    GONE,
    LOST,
    MOZILLA,
    RESET,
    UNREACHED,
    Clock,
    answer,
    limited,
    rate_of,
)


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


@pytest.mark.parametrize(("outcome", "room"), [(LOST, 400), (UNREACHED, 500)])
def test_a_time_out_is_slow_and_a_refused_connection_is_not(
    gates: Gates, clock: Clock, outcome: Outcome, room: int
) -> None:
    answer(gates, clock, outcome)
    for _ in range(room - 1):
        gates.begin(FCM)
    assert gates.shut() == {}
    gates.begin(FCM)
    assert FCM in gates.shut()


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
