"""What senders tell each other of the push services."""

from __future__ import annotations

import pytest

from subscribers.transports.gates import Gates, Learned

from .gating import ACCEPTED, FCM, Clock, answer, limited, rate_of


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


def test_a_closing_that_is_over_is_no_news(gates: Gates, clock: Clock) -> None:
    gates.learn(FCM, Learned(None, clock.now - 1))
    assert gates.begin(FCM) == clock.now
    assert gates.shut() == {}


def test_a_sender_that_ends_leaves_the_little_that_it_has_learned(
    gates: Gates, clock: Clock
) -> None:
    gates.learn(FCM, Learned(100.0, None))
    clock.now += 2
    for _ in range(150):
        clock.now = max(clock.now, gates.begin(FCM))
        gates.note(FCM, ACCEPTED)
    assert gates.changes() == {}
    left = gates.changes(least=0.0)[FCM].rate
    assert left is not None
    assert 100 < left < 110
