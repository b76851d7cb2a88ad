"""Moving what is scheduled: by days, to a time, between zones, out of a series, and in races."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import Http404
from django.utils import timezone

from accounts.models import AuditEvent, Role, Site
from campaigns import calendar, rescheduling, starting
from campaigns.models import Campaign, Policy
from campaigns.refusals import Refused
from campaigns.rescheduling import Target
from tests.campaigns.planned import at, planned
from tests.factories import make_campaign, make_member, make_site

pytestmark = pytest.mark.django_db
DAY = Target(day=date(2030, 11, 28))


def move(campaign: Campaign, to: Target = DAY, **fields: Any) -> Campaign:
    """Move it as somebody who sees what is stored; what was moved."""
    fields.setdefault("seen", campaign.scheduled_for)
    done = rescheduling.move(campaign.site, campaign.pk, to, **fields)
    done.campaign.refresh_from_db()
    return done.campaign


def wall(campaign: Campaign) -> datetime:
    assert campaign.scheduled_wall is not None
    return campaign.scheduled_wall.astimezone(UTC).replace(tzinfo=None)


class TestMove:
    def test_to_another_day_at_the_same_time_of_day(self, site: Site) -> None:
        bob = make_member(site, Role.MARKETER, "bob@example.com")
        moved = move(planned(site, "2030-11-26 18:05"), by=bob)
        assert wall(moved) == at("2030-11-28 18:05")
        assert moved.scheduled_for == datetime(2030, 11, 28, 17, 5, tzinfo=UTC)
        assert moved.state == Campaign.State.SCHEDULED
        assert AuditEvent.objects.get(action="campaign.scheduled").actor == bob

    def test_over_a_clock_change_the_time_of_day_stays(self, site: Site) -> None:
        moved = move(planned(site, "2030-10-26 18:00"), Target(day=date(2030, 10, 27)))
        assert wall(moved) == at("2030-10-27 18:00")
        assert moved.scheduled_for == datetime(2030, 10, 27, 17, tzinfo=UTC)

    def test_into_the_hour_that_the_clock_leaves_out(self, site: Site) -> None:
        moved = move(planned(site, "2030-03-30 02:30"), Target(day=date(2030, 3, 31)))
        assert moved.scheduled_for == datetime(2030, 3, 31, 1, tzinfo=UTC)

    def test_to_another_time(self, site: Site) -> None:
        moved = move(planned(site, "2030-11-26 18:05"), Target(date(2030, 11, 26), time(7, 5)))
        assert wall(moved) == at("2030-11-26 07:05")

    def test_in_another_zone_it_keeps_its_own_clock(self, site: Site) -> None:
        """18:30 in New York is half past midnight in Oslo, on the next day."""
        campaign = planned(site, "2030-11-26 18:30", scheduled_zone="America/New_York")
        moved = move(campaign, Target(date(2030, 11, 28), time(0, 30)))
        assert (wall(moved), moved.scheduled_zone) == (at("2030-11-27 18:30"), "America/New_York")
        moved = move(moved, Target(date(2030, 11, 28), time(9)))
        assert wall(moved) == at("2030-11-28 03:00")

    def test_each_persons_own_time(self, site: Site) -> None:
        campaign = planned(site, "2030-11-26 18:00", timing=Campaign.Timing.LOCAL)
        moved = move(campaign, Target(date(2030, 11, 27), time(19)))
        assert wall(moved) == at("2030-11-27 19:00")
        assert moved.scheduled_for == datetime(2030, 11, 27, 5, tzinfo=UTC)

    def test_and_back(self, site: Site) -> None:
        campaign = planned(site, "2030-11-26 18:00")
        done = rescheduling.move(site, campaign.pk, DAY, seen=campaign.scheduled_for)
        back = move(done.campaign, Target(wall=done.before))
        assert wall(back) == at("2030-11-26 18:00")


class TestRefused:
    def test_into_the_past(self, site: Site) -> None:
        campaign = planned(site, "2030-11-26 18:00")
        with pytest.raises(Refused, match="passed"):
            move(campaign, Target(day=timezone.localdate() - timedelta(days=1)))
        campaign.refresh_from_db()
        assert wall(campaign) == at("2030-11-26 18:00")

    @pytest.mark.parametrize(
        ("state", "why"),
        [("draft", "not scheduled"), ("running", "started"), ("finished", "started")],
    )
    def test_what_is_not_scheduled(self, site: Site, state: str, why: str) -> None:
        campaign = planned(site, "2030-11-26 18:00")
        Campaign.objects.filter(pk=campaign.pk).update(state=state)
        with pytest.raises(Refused, match=why):
            move(campaign)

    def test_what_leaves_in_a_moment(self, site: Site) -> None:
        campaign = make_campaign(site)
        starting.send_soon(campaign)
        with pytest.raises(Refused, match="half a minute"):
            move(campaign)

    def test_what_somebody_else_has_moved(self, site: Site) -> None:
        campaign = planned(site, "2030-11-26 18:00")
        seen = campaign.scheduled_for
        move(campaign)
        with pytest.raises(Refused, match="moved it to Thu 28 Nov 18:00 meanwhile"):
            move(campaign, Target(day=date(2030, 11, 29)), seen=seen)

    def test_where_a_new_time_needs_a_new_yes(self, site: Site) -> None:
        Policy.objects.create(site=site, approval=Policy.Approval.ALWAYS)
        campaign = planned(site, "2030-11-26 18:00")
        with pytest.raises(Refused, match="pproval"):
            move(campaign)
        campaign.refresh_from_db()
        assert campaign.state == Campaign.State.SCHEDULED
        assert wall(campaign) == at("2030-11-26 18:00")

    def test_of_another_site(self, site: Site) -> None:
        campaign = planned(make_site(), "2030-11-26 18:00")
        with pytest.raises(Http404):
            rescheduling.move(site, campaign.pk, DAY, seen=campaign.scheduled_for)


class TestSeries:
    @pytest.fixture
    def weekly(self, site: Site) -> Campaign:
        return planned(site, "2030-11-04 09:00", "Weekly", recurrence="FREQ=WEEKLY;COUNT=4")

    def days(self, site: Site) -> list[int]:
        found = calendar.of(site, date(2030, 11, 1), date(2030, 12, 1))
        return [entry.at.day for entry in found.entries]

    def test_one_leaves_it_and_goes_out_by_itself(self, site: Site, weekly: Campaign) -> None:
        moved = move(weekly, Target(day=date(2030, 11, 13)), occurrence=at("2030-11-11 09:00"))
        assert moved.pk != weekly.pk and moved.recurrence == ""
        assert wall(moved) == at("2030-11-13 09:00")
        weekly.refresh_from_db()
        assert weekly.exceptions == [date(2030, 11, 11)]
        assert wall(weekly) == at("2030-11-04 09:00")
        assert self.days(site) == [4, 13, 18, 25]

    def test_the_next_one_too(self, site: Site, weekly: Campaign) -> None:
        move(weekly, Target(day=date(2030, 11, 5)), occurrence=at("2030-11-04 09:00"))
        weekly.refresh_from_db()
        assert weekly.scheduled_for == datetime(2030, 11, 11, 8, tzinfo=UTC)
        assert self.days(site) == [5, 11, 18, 25]

    def test_a_move_that_is_refused_leaves_the_series_whole(
        self, site: Site, weekly: Campaign
    ) -> None:
        yesterday = Target(day=timezone.localdate() - timedelta(days=1))
        with pytest.raises(Refused, match="passed"):
            move(weekly, yesterday, occurrence=at("2030-11-11 09:00"))
        weekly.refresh_from_db()
        assert weekly.exceptions == []
        assert self.days(site) == [4, 11, 18, 25]

    def test_one_that_is_not_its(self, site: Site, weekly: Campaign) -> None:
        for other in ("2030-11-11 10:00", "2030-11-12 09:00", "2030-10-28 09:00"):
            with pytest.raises(Refused, match="not to come"):
                move(weekly, occurrence=at(other))
        with pytest.raises(Refused, match="repeats"):
            move(weekly)

    def test_one_is_left_out(self, site: Site, weekly: Campaign) -> None:
        rescheduling.skip(site, weekly.pk, at("2030-11-18 09:00"))
        assert self.days(site) == [4, 11, 25]
        with pytest.raises(Refused, match="not to come"):
            rescheduling.skip(site, weekly.pk, at("2030-11-18 09:00"))
        assert AuditEvent.objects.get(action="campaign.occurrence_left_out").target == "Weekly"


@pytest.mark.django_db(transaction=True)
def test_two_who_move_at_once_do_not_overwrite_each_other() -> None:
    site = make_site(time_zone="Europe/Oslo")
    campaign = planned(site, "2030-11-26 18:00")
    gate, said = threading.Barrier(2), []

    def one(day: int) -> None:
        gate.wait()
        try:
            move(campaign, Target(day=date(2030, 11, day)))
            said.append(day)
        except Refused as refusal:
            assert "meanwhile" in refusal.sentence
        finally:
            connection.close()

    both = [threading.Thread(target=one, args=(day,)) for day in (27, 28)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    campaign.refresh_from_db()
    assert len(said) == 1
    assert wall(campaign).day == said[0]
