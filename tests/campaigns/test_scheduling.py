from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import scheduling

ZONES = ["Europe/Oslo", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe", "Asia/Kolkata"]


@pytest.mark.parametrize(
    ("wall", "zone", "expected", "note"),
    [
        ("2026-11-26T18:00", "Europe/Oslo", "2026-11-26T17:00", ""),
        ("2027-03-28T02:30", "Europe/Oslo", "2027-03-28T01:00", "gap"),  # clocks skip 02:00-03:00
        ("2027-03-28T02:00", "Europe/Oslo", "2027-03-28T01:00", "gap"),
        ("2027-03-28T03:00", "Europe/Oslo", "2027-03-28T01:00", ""),
        ("2027-10-31T02:30", "Europe/Oslo", "2027-10-31T00:30", "fold"),  # comes twice: the first
        ("2027-03-14T02:15", "America/New_York", "2027-03-14T07:00", "gap"),
        ("2027-10-03T02:10", "Australia/Lord_Howe", "2027-10-02T15:30", "gap"),  # half an hour
        ("2011-12-30T12:00", "Pacific/Apia", "2011-12-30T10:00", "gap"),  # a whole day left out
    ],
)
def test_wall_time_to_instant(wall: str, zone: str, expected: str, note: str) -> None:
    moment = datetime.fromisoformat(wall)
    assert scheduling.instant(moment, zone) == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert scheduling.note(moment, zone) == note


def test_an_unknown_zone_raises() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        scheduling.instant(datetime(2026, 1, 1), "Middle/Earth")


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2036, 1, 1)),
    st.sampled_from(ZONES),
)
def test_the_instant_reads_as_the_wall_time_or_as_the_first_moment_after(
    wall: datetime, zone: str
) -> None:
    wall = wall.replace(microsecond=0)
    back = scheduling.instant(wall, zone).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert back == wall if scheduling.note(wall, zone) != "gap" else back > wall
