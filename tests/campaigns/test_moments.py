"""From wall times to instants, also where a zone's rules are not what they were."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts.models import Site
from audiences import counting
from campaigns import moments, runs, spread, starting
from campaigns.models import Campaign, Run
from campaigns.refusals import Refused
from tests.factories import make_campaign, make_site, make_subscription

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WALL = datetime(2026, 11, 26, 18, 0)  # noqa: DTZ001 - a wall time
DUE = datetime(2026, 11, 26, 17, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def site(db: None) -> Site:
    site = make_site(time_zone="Europe/Oslo")
    make_subscription(site)
    return site


def scheduled(site: Site, **fields: object) -> Campaign:
    campaign = make_campaign(site, **fields)
    with time_machine.travel(NOON, tick=False):
        starting.schedule(campaign, WALL, "Europe/Oslo")
    return campaign


@pytest.mark.parametrize("off", [HOUR, -HOUR])
def test_a_ticker_that_starts_reads_the_clocks_anew(site: Site, off: timedelta) -> None:
    """As if the rules had been others when it was scheduled."""
    campaign = scheduled(site)
    Campaign.objects.update(scheduled_for=DUE + off)
    assert moments.follow_clocks(NOON) == 1
    assert moments.follow_clocks(NOON) == 0
    campaign.refresh_from_db()
    assert campaign.scheduled_for == DUE


def test_what_comes_too_early_by_the_clocks_of_now_waits(site: Site) -> None:
    campaign = scheduled(site)
    Campaign.objects.update(scheduled_for=DUE - HOUR)
    with time_machine.travel(DUE - HOUR, tick=False):
        assert starting.start_due(DUE - HOUR) == 0
    campaign.refresh_from_db()
    assert (campaign.state, campaign.scheduled_for) == (Campaign.State.SCHEDULED, DUE)
    with time_machine.travel(DUE, tick=False):
        assert starting.start_due(DUE) == 1


def test_by_local_time_it_starts_with_the_first_clock(site: Site) -> None:
    campaign = scheduled(site, timing=Campaign.Timing.LOCAL)
    assert campaign.scheduled_for == datetime(2026, 11, 26, 4, 0, tzinfo=UTC)


def test_by_local_time_it_starts_at_once_while_some_are_to_come(site: Site) -> None:
    campaign = make_campaign(site, timing=Campaign.Timing.LOCAL)
    with time_machine.travel(DUE, tick=False):
        starting.schedule(campaign, WALL, "Europe/Oslo")
        assert campaign.scheduled_for == DUE
        assert starting.start_due(DUE) == 1
    over = make_campaign(site, timing=Campaign.Timing.LOCAL)
    with (
        time_machine.travel(DUE + 14 * HOUR, tick=False),
        pytest.raises(Refused, match="has passed"),
    ):
        starting.schedule(over, WALL, "Europe/Oslo")


@pytest.mark.parametrize(
    ("fields", "ends"),
    [
        ({}, DUE),
        ({"timing": "local"}, datetime(2026, 11, 27, 6, 0, tzinfo=UTC)),
        ({"timing": "local", "late": "skip"}, datetime(2026, 11, 27, 6, 0, tzinfo=UTC)),
    ],
)
def test_it_expires_after_its_last_moment(
    site: Site, fields: dict[str, str], ends: datetime
) -> None:
    campaign = scheduled(site, expiry_minutes=90, **fields)
    assert campaign.scheduled_for is not None
    with time_machine.travel(campaign.scheduled_for, tick=False):
        starting.start_due(campaign.scheduled_for)
    assert Run.objects.get().expires_at == ends + timedelta(minutes=90)
    campaign.refresh_from_db()
    late = runs.expiry(campaign, DUE)
    next_day = campaign.timing == "local" and campaign.late == "next_day"
    assert late == ends + timedelta(minutes=90, days=int(next_day))


def test_a_spread_that_takes_too_long_is_estimated(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = scheduled(site, timing=Campaign.Timing.LOCAL)
    monkeypatch.setattr(counting, "in_time", lambda measure, _size: measure(1024))
    found = spread.shown(campaign, NOON)
    assert found is not None and found.estimated
    assert spread.shown(scheduled(site), NOON) is None
