"""A wall time on each person's own clock: once, never before it, in every zone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import scheduling
from campaigns.timing import local, zones
from tests.campaigns import clocks
from tests.campaigns.clocks import DAY, HOUR, SECOND, ZONES, Change

WALLS = st.datetimes(datetime(2026, 1, 1), datetime(2036, 1, 1)).map(
    lambda wall: wall.replace(second=0, microsecond=0)
)
LATES = ["send", "next_day", "skip"]


def first_reading(wall: datetime, change: Change) -> datetime:
    """The definition, near a change: the first instant that shows it, or else the change."""
    readings = [
        (wall - change.before).replace(tzinfo=UTC),
        (wall - change.after).replace(tzinfo=UTC),
    ]
    true = [readings[0]] * (readings[0] < change.at) + [readings[1]] * (readings[1] >= change.at)
    return min(true, default=change.at)


def test_wall_times_around_every_change_of_every_zone() -> None:
    assert {change.zone for change in clocks.changes()} >= {"Europe/Oslo", "Australia/Lord_Howe"}
    for change in clocks.changes():
        turn = change.at.replace(tzinfo=None)
        edges = {turn + change.before, turn + change.after}
        middle = min(edges) + (max(edges) - min(edges)) / 2
        for edge in {*edges, middle}:
            for wall in (edge - DAY, edge - SECOND, edge, edge + SECOND, edge + DAY):
                assert scheduling.instant(wall, change.zone) == first_reading(wall, change), change


def test_the_clocks_of_all_zones_in_one_go_and_one_by_one() -> None:
    wall, began = datetime(2026, 3, 29, 2, 30), datetime(2026, 3, 29, tzinfo=UTC)
    for late in LATES:
        found = local.moments(wall, ZONES, began, late)
        assert list(found) == ZONES
        assert all(found[zone] == local.moment(wall, zone, began, late) for zone in ZONES)


@given(WALLS, st.timedeltas(-3 * DAY, 400 * DAY), st.sampled_from(LATES))
def test_nobody_is_early_lost_or_moved_by_planning_again(
    wall: datetime, late_by: timedelta, late: str
) -> None:
    began = wall.replace(tzinfo=UTC) + late_by
    for zone in ZONES[::3]:
        told = scheduling.instant(wall, zone)
        moment = local.moment(wall, zone, began, late)
        assert (moment.code == "send") == (told >= began)
        if moment.at is None:
            assert (late, moment.code) == ("skip", "zone_past")
            continue
        assert moment.at.tzinfo is UTC
        assert moment.at >= max(told, began)
        if moment.code == "next_day":
            shown = clocks.shows(moment.at, zone)
            assert shown.time() == wall.time() or scheduling.note(
                datetime.combine(shown.date(), wall.time()), zone
            )
            assert moment.at - began <= 25 * HOUR
        # Told again at any time until then, it is the same moment.
        if moment.code != "late_send":
            for again in (began + (moment.at - began) / 2, moment.at):
                assert local.moment(wall, zone, again, late).at == moment.at


@given(WALLS)
def test_a_run_that_starts_with_the_first_clock_is_late_nowhere(wall: datetime) -> None:
    began = local.earliest(wall)
    moments = local.moments(wall, ZONES, began, "skip")
    assert {moment.code for moment in moments.values()} == {"send"}
    assert min(moment.at for moment in moments.values() if moment.at) == began


def test_the_first_of_some_zones() -> None:
    wall = datetime(2026, 11, 26, 18)
    assert local.earliest(wall) == datetime(2026, 11, 26, 4, tzinfo=UTC)  # Kiritimati, +14
    assert local.earliest(wall, ["Europe/Oslo", "Asia/Kolkata"]) == datetime(
        2026, 11, 26, 12, 30, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("zone", "wall", "began", "at", "code"),
    [
        ("Europe/Oslo", "2026-11-26T18:00", "2026-11-26T17:00", "2026-11-26T17:00", "send"),
        ("Europe/Oslo", "2026-11-26T18:00", "2026-11-26T17:01", "2026-11-27T17:00", "next_day"),
        # Begun long after: the first time that is still to come, no day by day in between.
        ("Europe/Oslo", "2026-11-26T18:00", "2027-11-20T18:00", "2027-11-21T17:00", "next_day"),
        # The next day leaves 02:30 out, so at 03:00 there.
        ("Europe/Oslo", "2027-03-27T02:30", "2027-03-27T09:00", "2027-03-28T01:00", "next_day"),
        # It comes twice; between the two it has been.
        ("Europe/Oslo", "2027-10-31T02:30", "2027-10-31T00:40", "2027-11-01T01:30", "next_day"),
        # The clock goes back over midnight, to a day before.
        (
            "America/Asuncion",
            "2010-04-10T23:30",
            "2010-04-11T02:45",
            "2010-04-12T03:30",
            "next_day",
        ),
        # Samoa had no 30 December 2011.
        ("Pacific/Apia", "2011-12-30T09:00", "2011-12-29T09:00", "2011-12-30T10:00", "send"),
        ("Pacific/Apia", "2011-12-29T09:00", "2011-12-29T20:00", "2011-12-30T10:00", "next_day"),
        # Nor Kwajalein 21 August 1993.
        ("Pacific/Kwajalein", "1993-08-21T09:00", "1993-08-20T22:00", "1993-08-21T12:00", "send"),
    ],
)
def test_moments_by_hand(zone: str, wall: str, began: str, at: str, code: str) -> None:
    moment = local.moment(datetime.fromisoformat(wall), zone, utc(began), "next_day")
    assert (moment.at, moment.code) == (utc(at), code)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_late_in_a_zone_means_at_once_or_never() -> None:
    wall, began = datetime(2026, 11, 26, 18), datetime(2026, 11, 26, 20, tzinfo=UTC)
    assert local.moment(wall, "Europe/Oslo", began, "send") == local.Moment(began, "late_send")
    assert local.moment(wall, "Europe/Oslo", began, "skip") == local.Moment(None, "zone_past")
    with pytest.raises(ValueError, match="not 'never'"):
        local.moment(wall, "Europe/Oslo", began, "never")


@pytest.mark.parametrize("name", ["Middle/Earth", "", "Europe", "../etc/passwd", "europe/oslo"])
def test_unknown_zones(name: str) -> None:
    assert not local.known(name)
    with pytest.raises(ZoneInfoNotFoundError):
        local.moment(datetime(2026, 1, 1), name, datetime(2026, 1, 1, tzinfo=UTC), "send")


def test_the_rules_of_all_zones_are_kept_until_they_are_forgotten() -> None:
    assert all(local.known(name) for name in ZONES)
    kept = {name: zones.zone(name) for name in ZONES}
    assert all(zones.zone(name) is kept[name] for name in ZONES)
    zones.forget()
    assert zones.zone("Europe/Oslo") is not kept["Europe/Oslo"]


def test_the_first_clock_is_another_once_rules_change(tmp_path: Path) -> None:
    wall = datetime(2027, 7, 1, 9)
    everywhere = local.earliest(wall)
    with clocks.replaced(tmp_path, "Pacific/Kiritimati", clocks.rules("<+15>-15")):
        assert local.earliest(wall) == everywhere - HOUR
    assert local.earliest(wall) == everywhere
