"""The moments of a series: each occurrence once, through every change of every zone's clock."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns import moments, scheduling, series
from campaigns.models import Campaign
from campaigns.timing.recurrence import Recurrence
from tests.campaigns import clocks
from tests.campaigns.clocks import DAY, HOUR, ZONES

RULES = ["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SA,SU", "FREQ=MONTHLY"]
# Half an hour of summer time; two summers in a year; the first and the last clock; neither.
TRYING = ["Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Kiritimati", "Pacific/Pago_Pago"]
TRYING += ["America/Havana", "Asia/Kathmandu", "Africa/Cairo", "America/Nuuk"]
STARTS = st.datetimes(datetime(2026, 1, 1), datetime(2035, 1, 1)).map(
    lambda wall: wall.replace(second=0, microsecond=0)
)


def of(rule: str, start: datetime, zone: str) -> Campaign:
    """A series, as the database would hold it."""
    return Campaign(recurrence=rule, scheduled_wall=moments.stored(start), scheduled_zone=zone)


def steps(campaign: Campaign, most: int, after: datetime | None = None) -> list[datetime]:
    """The wall times as a ticker comes to them: each one as the one after the one before."""
    walls: list[datetime] = []
    while len(walls) < most:
        after = next(series.upcoming(campaign, after))
        walls.append(after)
    return walls


def once_each(rule: str, start: datetime, zone: str, most: int) -> None:
    """In order, none lost, none twice, none before its wall time."""
    campaign = of(rule, start, zone)
    walls = list(islice(series.upcoming(campaign), most))
    assert walls == Recurrence.parse(rule).occurrences(start, most=most)
    instants = [moments.first(campaign, wall) for wall in walls]
    for wall, at in zip(walls, instants, strict=True):
        shown = clocks.shows(at, zone)
        assert shown == wall or (shown > wall and scheduling.note(wall, zone) == "gap")
        assert shown - wall <= 2 * HOUR  # In Nuuk that may be the next day: 23:00 is left out.
    assert instants == sorted(set(instants))


def test_a_daily_series_over_every_change_of_every_zone() -> None:
    for change in clocks.changes():
        # The wall times where it begins, half through it, and where it ends; from a day before.
        for offset in (change.before, (change.before + change.after) / 2, change.after):
            start = change.at.replace(tzinfo=None) + offset - DAY
            once_each("FREQ=DAILY", start, change.zone, 3)


@pytest.mark.parametrize("zone", TRYING)
def test_ten_years_in_trying_zones(zone: str) -> None:
    for hour in (0, 2):
        start = datetime(2026, 1, 1, hour, 30)
        campaign = of("FREQ=DAILY", start, zone)
        walls = list(islice(series.upcoming(campaign), 3652))
        assert walls == [start + n * DAY for n in range(3652)]
        instants = [moments.first(campaign, wall) for wall in walls]
        spans = {two - one for one, two in zip(instants, instants[1:], strict=False)}
        assert all(22 * HOUR <= span <= 26 * HOUR for span in spans)


@given(st.sampled_from(RULES), STARTS, st.sampled_from(ZONES))
def test_any_series_in_any_zone(rule: str, start: datetime, zone: str) -> None:
    once_each(rule, start, zone, 12)
    campaign = of(rule, start, zone)
    assert steps(campaign, 12) == list(islice(series.upcoming(campaign), 12))


@settings(max_examples=40)
@given(
    st.sampled_from(RULES),
    STARTS,
    st.sampled_from(ZONES),
    clocks.made_up_clocks(),
    st.integers(1, 9),
)
def test_a_series_goes_on_though_the_rules_change(
    tmp_path_factory: pytest.TempPathFactory,
    rule: str,
    start: datetime,
    zone: str,
    clock: str,
    done: int,
) -> None:
    campaign = of(rule, start, zone)
    before = steps(campaign, done)
    with clocks.replaced(tmp_path_factory.getbasetemp(), zone, clocks.rules(clock)):
        after = steps(campaign, 10, before[-1])
        instants = [moments.first(campaign, wall) for wall in after]
        assert instants == sorted(set(instants))
    assert before + after == Recurrence.parse(rule).occurrences(start, most=done + 10)


def test_days_that_a_zone_leaves_out() -> None:
    """Samoa went from 29 to 31 December 2011 at midnight."""
    change = datetime(2011, 12, 30, 10, tzinfo=UTC)
    morning, midnight = datetime(2011, 12, 29, 9), datetime(2011, 12, 29)
    daily = of("FREQ=DAILY", morning, "Pacific/Apia")
    assert [moments.first(daily, wall) for wall in steps(daily, 3)] == [
        change - 15 * HOUR,
        change,
        change + 9 * HOUR,
    ]
    # The midnights of the 30th and the 31st are one instant: once, however it comes to it.
    daily = of("FREQ=DAILY", midnight, "Pacific/Apia")
    for walls in (steps(daily, 3), list(islice(series.upcoming(daily), 3))):
        assert [moments.first(daily, wall) for wall in walls] == [
            change - DAY,
            change,
            change + DAY,
        ]
    # A weekly one on the Friday that never was is late, not lost.
    weekly = of("FREQ=WEEKLY;BYDAY=FR", morning, "Pacific/Apia")
    assert moments.first(weekly, steps(weekly, 1)[0]) == change
    assert steps(weekly, 1) == [morning + timedelta(days=1)]
