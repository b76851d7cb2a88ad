"""The instants of a series: each occurrence once, through every change of every zone's clock."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns import scheduling
from campaigns.timing.recurrence import Recurrence
from tests.campaigns import clocks
from tests.campaigns.clocks import DAY, HOUR, ZONES

DAILY = Recurrence.parse("FREQ=DAILY")
RULES = [DAILY, Recurrence.parse("FREQ=WEEKLY;BYDAY=SA,SU"), Recurrence.parse("FREQ=MONTHLY")]
# Half an hour of summer time; two summers in a year; the first and the last clock; neither.
TRYING = ["Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Kiritimati", "Pacific/Pago_Pago"]
TRYING += ["America/Havana", "Asia/Kathmandu", "Africa/Cairo", "America/Nuuk"]


def once_each(rule: Recurrence, start: datetime, zone: str, most: int) -> None:
    """One at a time, as a series goes on: in order, none lost, none before its wall time."""
    walls = rule.occurrences(start, most=most)
    found: list[tuple[datetime, datetime]] = []
    while len(found) < most:
        after = found[-1][0] if found else None
        found += rule.instants(start, zone, after, most=1)
    assert [wall for wall, _at in found] == walls
    for wall, at in found:
        assert at == scheduling.instant(wall, zone)
        shown = clocks.shows(at, zone)
        assert shown == wall or (shown > wall and scheduling.note(wall, zone) == "gap")
        assert shown - wall <= 2 * HOUR  # In Nuuk that may be the next day: 23:00 is left out.
    assert all(two > one for (_w, one), (_v, two) in zip(found, found[1:], strict=False))


def test_a_daily_series_over_every_change_of_every_zone() -> None:
    for change in clocks.changes():
        turn = change.at.replace(tzinfo=None)
        for edge in (turn + change.before, turn + change.after):
            for start in (edge - DAY, edge - DAY + (change.after - change.before) / 2):
                once_each(DAILY, start, change.zone, 3)


@pytest.mark.parametrize("zone", TRYING)
def test_ten_years_in_trying_zones(zone: str) -> None:
    for hour in (0, 2):
        start = datetime(2026, 1, 1, hour, 30)
        found = DAILY.instants(start, zone, most=3652)
        assert [wall.date() for wall, _at in found] == [
            start.date() + timedelta(days=n) for n in range(3652)
        ]
        spans = {two - one for (_w, one), (_v, two) in zip(found, found[1:], strict=False)}
        assert all(22 * HOUR <= span <= 26 * HOUR for span in spans)


@given(
    st.sampled_from(RULES),
    st.datetimes(datetime(2026, 1, 1), datetime(2035, 1, 1)),
    st.sampled_from(ZONES),
)
def test_any_series_in_any_zone(rule: Recurrence, start: datetime, zone: str) -> None:
    once_each(rule, start.replace(second=0, microsecond=0), zone, 20)


@settings(max_examples=40)
@given(
    st.sampled_from(RULES),
    st.datetimes(datetime(2026, 1, 1), datetime(2035, 1, 1)),
    st.sampled_from(ZONES),
    clocks.made_up_clocks(),
    st.integers(1, 9),
)
def test_a_series_goes_on_though_the_rules_change(
    tmp_path_factory: pytest.TempPathFactory,
    rule: Recurrence,
    start: datetime,
    zone: str,
    clock: str,
    done: int,
) -> None:
    start = start.replace(second=0, microsecond=0)
    before = rule.instants(start, zone, most=done)
    with clocks.replaced(tmp_path_factory.getbasetemp(), zone, clocks.rules(clock)):
        after = rule.instants(start, zone, before[-1][0], most=10)
        assert all(at == scheduling.instant(wall, zone) for wall, at in after)
    assert [wall for wall, _at in before + after] == rule.occurrences(start, most=done + 10)


def test_days_that_a_zone_leaves_out() -> None:
    """Samoa went from 29 to 31 December 2011 at midnight."""
    change = datetime(2011, 12, 30, 10, tzinfo=UTC)
    morning, midnight = datetime(2011, 12, 29, 9), datetime(2011, 12, 29)
    assert [at for _w, at in DAILY.instants(morning, "Pacific/Apia", most=3)] == [
        change - 15 * HOUR,
        change,
        change + 9 * HOUR,
    ]
    # The midnights of the 30th and the 31st are one instant: the 31st it is, and once.
    assert DAILY.instants(midnight, "Pacific/Apia", most=3) == [
        (midnight, change - DAY),
        (midnight + 2 * DAY, change),
        (midnight + 3 * DAY, change + DAY),
    ]
    assert DAILY.instants(midnight, "Pacific/Apia", midnight, most=1) == [
        (midnight + 2 * DAY, change)
    ]
    # A weekly one on the Friday that never was is late, not lost.
    weekly = Recurrence.parse("FREQ=WEEKLY;BYDAY=FR")
    assert weekly.instants(morning, "Pacific/Apia", most=1) == [(morning + DAY, change)]


def test_exceptions_and_the_end_hold_for_instants_too(tmp_path: Path) -> None:
    rule = Recurrence.parse("FREQ=DAILY;COUNT=3")
    start = datetime(2027, 3, 27, 2, 30)
    assert rule.instants(start, "Europe/Oslo", None, [date(2027, 3, 27)]) == [
        (datetime(2027, 3, 28, 2, 30), datetime(2027, 3, 28, 1, tzinfo=UTC)),  # in the gap
        (datetime(2027, 3, 29, 2, 30), datetime(2027, 3, 29, 0, 30, tzinfo=UTC)),
    ]
    # Half an hour off, from the next rules on.
    with clocks.replaced(tmp_path, "Europe/Oslo", clocks.rules("<+0130>-1:30")):
        assert rule.instants(start, "Europe/Oslo")[0][1] == datetime(2027, 3, 27, 1, tzinfo=UTC)
