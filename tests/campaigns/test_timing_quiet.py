"""Quiet hours: never within them, never longer than they are, and they end, in every zone."""

from datetime import UTC, datetime, time, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.timing.quiet import QuietHours
from tests.campaigns import clocks
from tests.campaigns.clocks import DAY, HOUR, MINUTE, SECOND, ZONES

NIGHT = QuietHours(time(22), time(8))
HOURS = [
    NIGHT,
    QuietHours(time(0), time(6)),
    QuietHours(time(2), time(3)),
    QuietHours(time(1, 30), time(2, 30)),
    QuietHours(time(3, 15), time(2, 45)),
]
TIMES = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))
ANY_HOURS = (
    st.tuples(TIMES, TIMES).filter(lambda two: two[0] != two[1]).map(lambda h: QuietHours(*h))
)
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC))


def is_quiet(hours: QuietHours, minute: int) -> bool:
    """The definition, by minutes since midnight."""
    start = hours.start.hour * 60 + hours.start.minute
    end = hours.end.hour * 60 + hours.end.minute
    return (minute - start) % 1440 < (end - start) % 1440


@cache  # Europe changes its clocks at one instant.
def first_allowed(
    hours: QuietHours, at: datetime, turns: datetime, *offsets: timedelta
) -> datetime | None:
    """Minute by minute, near a change. Clocks change, and hours begin and end, at whole minutes."""
    clock = at.hour * 60 + at.minute
    turn, before, after = (span // MINUTE for span in (turns - at, *offsets))
    if at.second and turn >= 0:
        turn += 1
    waited = 0
    while is_quiet(hours, (clock + waited + (before if waited < turn else after)) % 1440):
        waited += 1
    return at.replace(second=0) + waited * MINUTE if waited else None


def test_around_every_change_of_every_zone() -> None:
    for change in clocks.changes():
        for hours in HOURS:
            for away in (-9 * HOUR, -HOUR, -SECOND, 0 * HOUR, 20 * MINUTE):
                at = change.at + away
                expected = first_allowed(hours, at, *change[1:])
                assert hours.until(at, change.zone) == expected, (hours, at, change)


def held_rightly(hours: QuietHours, at: datetime, zone: str) -> None:
    """Told by the zone's own clock at every minute that somebody is held."""
    until = hours.until(at, zone)
    now = at
    while until and now < until:
        shown = clocks.shows(now, zone)
        assert is_quiet(hours, shown.hour * 60 + shown.minute)
        now = now.replace(second=0, microsecond=0) + MINUTE
    shown = clocks.shows(until or at, zone)
    assert not is_quiet(hours, shown.hour * 60 + shown.minute)
    if until:
        assert until > at
        assert until.tzinfo is UTC
        assert (until.second, until.microsecond) == (0, 0)
        assert hours.until(until, zone) is None


@given(ANY_HOURS, INSTANTS, st.sampled_from(ZONES))
def test_at_any_time_in_any_zone(hours: QuietHours, at: datetime, zone: str) -> None:
    held_rightly(hours, at, zone)


@settings(max_examples=60)
@given(ANY_HOURS, INSTANTS, clocks.made_up_clocks())
def test_with_clocks_as_no_government_made_them_yet(
    tmp_path_factory: pytest.TempPathFactory, hours: QuietHours, at: datetime, clock: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    with clocks.replaced(folder, "Test/Fable", clocks.rules(clock)):
        held_rightly(hours, at, "Test/Fable")
        for change in clocks.changes_of("Test/Fable", at, at + 366 * DAY):
            held_rightly(hours, change.at - 5 * HOUR, "Test/Fable")
            held_rightly(hours, change.at, "Test/Fable")


@pytest.mark.parametrize(
    ("zone", "at", "until"),
    [
        ("Europe/Oslo", "2026-11-26T20:59:59", None),
        ("Europe/Oslo", "2026-11-26T21:00:00", "2026-11-27T07:00"),
        ("Europe/Oslo", "2026-11-27T06:59:59", "2026-11-27T07:00"),
        ("Europe/Oslo", "2026-11-27T07:00:00", None),
        ("Europe/Oslo", "2027-03-27T21:00:00", "2027-03-28T06:00"),  # the night is an hour short
        ("Europe/Oslo", "2027-10-30T20:00:00", "2027-10-31T07:00"),  # and an hour long
        ("Asia/Kathmandu", "2026-11-26T17:00:00", "2026-11-27T02:15"),  # +05:45
        # From the night of 29 December 2011 Samoa went straight on to the 31st.
        ("Pacific/Apia", "2011-12-30T09:00:00", "2011-12-30T18:00"),
        ("Pacific/Kwajalein", "1993-08-21T10:30:00", "1993-08-21T20:00"),
    ],
)
def test_nights_by_hand(zone: str, at: str, until: str | None) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    expected = datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None
    assert NIGHT.until(moment, zone) == expected


def test_an_end_that_the_clock_skips_and_one_that_comes_twice() -> None:
    hours = QuietHours(time(22), time(2, 30))
    gap, fold = datetime(2027, 3, 28, 1, tzinfo=UTC), datetime(2027, 10, 31, 1, tzinfo=UTC)
    assert hours.until(gap - HOUR, "Europe/Oslo") == gap
    assert hours.until(fold - HOUR, "Europe/Oslo") == fold - 30 * MINUTE
    assert hours.until(fold - 30 * MINUTE, "Europe/Oslo") is None
    assert hours.until(fold, "Europe/Oslo") == fold + 30 * MINUTE


@settings(max_examples=15)
@given(ANY_HOURS | st.just(QuietHours(time(22, 0, 30), time(8))), INSTANTS)
def test_all_zones_at_once(hours: QuietHours, at: datetime) -> None:
    for now in (at, at.replace(second=0), at + 10 * SECOND):
        told = {zone: hours.until(now, zone) for zone in ZONES}
        quiet = {zone: until for zone, until in told.items() if until}
        answer = hours.zones(now, ZONES)
        assert answer == quiet
        answer.clear()  # The caller's own: what is kept for the next window is not.
        assert hours.zones(now, ZONES) == quiet


def test_hours_that_begin_within_a_minute() -> None:
    hours, nine = QuietHours(time(22, 0, 30), time(8)), datetime(2026, 11, 26, 21, tzinfo=UTC)
    assert hours.zones(nine + 29 * SECOND, ["Europe/Oslo"]) == {}
    assert list(hours.zones(nine + 30 * SECOND, ["Europe/Oslo"])) == ["Europe/Oslo"]


def test_who_is_held_is_sent_though_the_rules_change_meanwhile(tmp_path: Path) -> None:
    """The claim asks again when the hours should be over: a second hold is the last."""
    evening = datetime(2027, 7, 1, 21, tzinfo=UTC)
    for zone, clock in (("Europe/Oslo", "CET-1"), ("Asia/Tokyo", "<-03>3"), ("Asia/Gaza", "X-14")):
        held = NIGHT.until(evening, zone) or evening
        with clocks.replaced(tmp_path, zone, clocks.rules(clock.replace("X", "XXX"))):
            again = NIGHT.until(held, zone) or held
            assert NIGHT.until(again, zone) is None
            assert again - held <= 10 * HOUR


def test_hours_need_two_ends_and_zones_a_name() -> None:
    with pytest.raises(ValueError, match="another end"):
        QuietHours(time(8), time(8))
    with pytest.raises(ZoneInfoNotFoundError):
        NIGHT.until(datetime(2026, 1, 1, tzinfo=UTC), "Middle/Earth")
    with pytest.raises(ZoneInfoNotFoundError):
        NIGHT.zones(datetime(2026, 1, 1, tzinfo=UTC), ["Europe/Oslo", "Middle/Earth"])
