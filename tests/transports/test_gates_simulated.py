"""Minutes of sending to services that limit, fail and recover, in simulated time."""

from __future__ import annotations

import pytest

from subscribers.transports.gates import Gates

from .gating import APPLE, FCM, NOON, Clock, Service, simulate


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


def test_after_a_hiccup_it_is_soon_what_it_was(gates: Gates, clock: Clock) -> None:
    """A sender that was frozen for a while finds everything that was in flight lost."""
    service = Service(10**6, burst=10**6)

    def hiccup(elapsed: float) -> None:
        service.hangs = 20 <= elapsed < 21

    simulate({FCM: service}, 120, clock=clock, gates=gates, at=hiccup)
    before = service.accepted_between(NOON + 10, NOON + 20) / 10
    after = service.accepted_between(NOON + 80, NOON + 90) / 10
    assert after >= before / 2
