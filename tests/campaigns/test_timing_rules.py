"""Zones whose rules change between scheduling and sending: once, at the time of the new clock."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from accounts.models import Site
from campaigns import moments, starting
from campaigns.models import Campaign, Run
from tests.campaigns import clocks
from tests.campaigns.clocks import DAY, HOUR, MINUTE
from tests.factories import make_campaign

WALL = datetime(2027, 7, 1, 9)
SUMMER = datetime(2027, 7, 1, 7, tzinfo=UTC)  # 09:00 in Oslo
EARLIEST = datetime(2027, 6, 30, 19, tzinfo=UTC)  # 09:00 on Kiritimati
LOCAL = Campaign.Timing.LOCAL


def runs(campaign: Campaign) -> list[datetime]:
    """When a campaign, or the occurrences of it, went out."""
    found = Run.objects.filter(campaign=campaign) | Run.objects.filter(campaign__parent=campaign)
    return sorted(found.values_list("started_at", flat=True))


def tick(first: datetime, last: datetime) -> None:
    """What the ticker does about what is scheduled, every half hour."""
    now = first
    while now <= last:
        with time_machine.travel(now, tick=False):
            moments.follow_clocks(now)
            starting.start_due(now)
        now += 30 * MINUTE


@pytest.mark.parametrize(
    ("zone", "clock", "timing", "before", "after"),
    [
        # Norway gives up summer time, or keeps to it by two hours.
        ("Europe/Oslo", "CET-1", "zone", SUMMER, SUMMER + HOUR),
        ("Europe/Oslo", "EET-3", "zone", SUMMER, SUMMER - HOUR),
        ("Europe/Oslo", "<+0130>-1:30", "zone", SUMMER, SUMMER + 30 * MINUTE),
        # The first clock of all is another one, or moves to the other side of the date line.
        ("Pacific/Kiritimati", "<+15>-15", LOCAL, EARLIEST, EARLIEST - HOUR),
        ("Europe/Oslo", "CET-1", LOCAL, EARLIEST, EARLIEST),
    ],
)
@pytest.mark.parametrize("recurrence", ["", "FREQ=DAILY"], ids=["once", "series"])
def test_once_at_the_time_of_the_new_clock(
    site: Site,
    tmp_path: Path,
    zone: str,
    clock: str,
    timing: str,
    before: datetime,
    after: datetime,
    recurrence: str,
) -> None:
    campaign = make_campaign(site, timing=timing, recurrence=recurrence)
    with time_machine.travel(before - 3 * DAY, tick=False):
        starting.schedule(campaign, WALL, "Europe/Oslo")
    assert campaign.scheduled_for == before
    with clocks.replaced(tmp_path, zone, clocks.rules(clock)):
        tick(min(before, after) - HOUR, max(before, after) + HOUR)
        assert runs(campaign) == [after]


@pytest.mark.parametrize("later", [False, True], ids=["earlier", "later"])
def test_what_was_sent_already_is_not_sent_again(site: Site, tmp_path: Path, later: bool) -> None:
    """The rules change an hour before or after the old time: it was not yet, or it was."""
    campaign = make_campaign(site)
    with time_machine.travel(SUMMER - 3 * DAY, tick=False):
        starting.schedule(campaign, WALL, "Europe/Oslo")
    decreed = SUMMER + (HOUR if later else -HOUR)
    tick(decreed - 2 * HOUR, decreed)
    with clocks.replaced(tmp_path, "Europe/Oslo", clocks.rules("<-05>5")):
        tick(decreed, SUMMER + 9 * HOUR)
    assert runs(campaign) == [SUMMER if later else datetime(2027, 7, 1, 14, tzinfo=UTC)]


def test_a_series_over_a_change_of_rules(site: Site, tmp_path: Path) -> None:
    campaign = make_campaign(site, recurrence="FREQ=DAILY;COUNT=4")
    with time_machine.travel(SUMMER - DAY, tick=False):
        starting.schedule(campaign, WALL, "Europe/Oslo")
    for nine in (SUMMER, SUMMER + DAY):
        tick(nine - HOUR, nine + 2 * HOUR)
    with clocks.replaced(tmp_path, "Europe/Oslo", clocks.rules("CET-1")):
        for nine in (SUMMER + 2 * DAY, SUMMER + 3 * DAY, SUMMER + 4 * DAY):
            tick(nine - HOUR, nine + 2 * HOUR)
    assert runs(campaign) == [
        SUMMER,
        SUMMER + DAY,
        SUMMER + 2 * DAY + HOUR,
        SUMMER + 3 * DAY + HOUR,
    ]
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.FINISHED


def test_only_what_moves_is_written(site: Site, tmp_path: Path) -> None:
    oslo, tokyo = make_campaign(site), make_campaign(site)
    now = SUMMER - 3 * DAY
    with time_machine.travel(now, tick=False):
        starting.schedule(oslo, WALL, "Europe/Oslo")
        starting.schedule(tokyo, WALL, "Asia/Tokyo")
    assert moments.follow_clocks(now) == 0
    with clocks.replaced(tmp_path, "Europe/Oslo", clocks.rules("CET-1"), noticed=False):
        assert moments.follow_clocks(now) == 1
        assert moments.follow_clocks(now + timedelta(seconds=1)) == 0
    tokyo.refresh_from_db()
    assert tokyo.scheduled_for == datetime(2027, 7, 1, tzinfo=UTC)


def test_the_start_asks_the_clock_once_more(site: Site, tmp_path: Path) -> None:
    """Between two rounds of `follow_clocks` too, nothing leaves before its time."""
    campaign = make_campaign(site)
    with time_machine.travel(SUMMER - 3 * DAY, tick=False):
        starting.schedule(campaign, WALL, "Europe/Oslo")
    with (
        clocks.replaced(tmp_path, "Europe/Oslo", clocks.rules("CET-1")),
        time_machine.travel(SUMMER, tick=False),
    ):
        assert starting.start_due(SUMMER) == 0
        campaign.refresh_from_db()
        assert campaign.scheduled_for == SUMMER + HOUR
        assert starting.start_due(SUMMER + HOUR) == 1
