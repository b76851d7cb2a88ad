"""The calendar's pages and its API: what they show, who may move, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts import api_keys
from accounts.models import Role, Site
from campaigns import grids
from campaigns.models import Campaign, Cap, DryRun
from tests.campaigns.planned import VIP, at, planned, ran
from tests.campaigns.reporting import text
from tests.campaigns.test_rescheduling import wall
from tests.factories import make_site, make_subscription

pytestmark = pytest.mark.django_db
SCRIPT = {"HX-Request": "true", "HX-Target": "calendar"}


@pytest.fixture
def address(site: Site) -> str:
    return reverse("campaigns:calendar", args=[site.pk])


def entry_of(campaign: Campaign) -> str:
    return reverse("campaigns:calendar_entry", args=[campaign.site_id, campaign.pk])


def form(campaign: Campaign, **fields: str) -> dict[str, str]:
    assert campaign.scheduled_for is not None
    seen = campaign.scheduled_for.isoformat()
    return {"seen": seen, "back": "month=2030-11", "day": "2030-11-28"} | fields


class TestPages:
    def test_a_month(self, site: Site, bob: Client, address: str) -> None:
        planned(site, "2030-11-26 18:00", "Warm hands")
        planned(site, "2030-11-27 07:00", "Own", timing=Campaign.Timing.LOCAL)
        said = text(bob.get(address, {"month": "2030-11"}))
        assert "November 2030" in said and "All times are those of Europe/Oslo." in said
        assert "18:00 Scheduled Warm hands Move “Warm hands”" in said
        assert "Own each person’s own time" in said
        # Kiritimati's clock shows 07:00 when it is 18:00 of the day before in Oslo.
        assert said.count("from 18:00 Own") == 1 and "until" not in said
        assert "?month=2030-10" in bob.get(address, {"month": "2030-11"}).content.decode()

    def test_own_time_goes_on_where_it_is_still_the_day_before(
        self, site: Site, bob: Client, address: str
    ) -> None:
        campaign = planned(site, "2030-11-26 18:00", "Late", timing=Campaign.Timing.LOCAL)
        for query in ("month=2030-11", "week=2030-W48"):
            assert text(bob.get(f"{address}?{query}")).count("until 07:00 Late") == 1
        said = text(bob.get(entry_of(campaign)))
        assert "Tue 26 Nov 18:00, each person’s own time" in said
        assert "from Tue 26 Nov 2030 05:00 until Wed 27 Nov 2030 07:00 Oslo" in said

    def test_whom_it_reaches(self, site: Site, bob: Client, address: str) -> None:
        day = {"day": "2030-11-26"}
        ran(site, datetime(2030, 11, 26, 8, tzinfo=UTC), 1_412, "Down")
        campaign = planned(site, "2030-11-26 18:00")
        for people, devices, words in (
            ({"send": 41_220}, {"send": 52_001}, "about 41,220 people"),
            ({}, {"send": 52_001}, "about 52,001 devices"),
            ({"send": 0}, {"send": 0}, "nobody as of now"),
        ):
            DryRun.objects.create(
                campaign=campaign,
                state=DryRun.State.DONE,
                starts_at=timezone.now(),
                people=people,
                counts=devices,
            )
            said = text(bob.get(address, day))
            assert words in said and " 1,412 devices" in said

    def test_what_is_over_is_said_so(self, bob: Client, address: str) -> None:
        for query in ("month=2020-01", "week=2020-W02", "day=2020-01-01"):
            assert "Nothing went out" in text(bob.get(f"{address}?{query}"))

    def test_a_week_by_the_hour(self, site: Site, bob: Client, address: str) -> None:
        planned(site, "2030-11-26 18:30", "Warm hands")
        answer = bob.get(address, {"week": "2030-W48"})
        assert "Week 48, 25 Nov to 1 Dec 2030" in text(answer)
        place = answer.content.decode().split('data-day="2030-11-26" data-hour="18"')[1]
        assert "Warm hands" in place.split("data-hour")[0]

    def test_a_day_on_which_the_clock_changes(self, site: Site, bob: Client, address: str) -> None:
        said = text(bob.get(address, {"week": "2030-W13"}))
        assert said.count("no such hour") == 1 and "twice" not in said
        said = text(bob.get(address, {"week": "2030-W43"}))
        assert said.count("twice: the clock goes back") == 1 and "no such hour" not in said

    def test_thirty_on_a_day(
        self, site: Site, bob: Client, address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(30):
            planned(site, f"2030-11-26 {number // 2:02}:{number % 2 * 30:02}", f"Sale {number}")
        answer = bob.get(address, {"month": "2030-11"})
        assert "Sale 2 Move" in text(answer) and "Sale 3 Move" not in text(answer)
        assert "+27 more on Tuesday 26 November" in text(answer)
        assert 'href="?day=2030-11-26"' in answer.content.decode()
        monkeypatch.setattr("campaigns.views.calendar.PAGE", 20)
        said = text(bob.get(address, {"day": "2030-11-26"}))
        assert "Sale 19 Move" in said and "Sale 20" not in said and "1–20 of 30" in said
        assert "Sale 29 Move" in text(bob.get(address, {"day": "2030-11-26", "page": "2"}))

    def test_an_empty_month_has_a_next_step(self, bob: Client, address: str) -> None:
        said = text(bob.get(address, {"month": "2030-11"}))
        assert "Nothing goes out in November 2030" in said and "Write a campaign" in said
        assert "Nothing goes out in this week" in text(bob.get(address, {"week": "2030-W48"}))
        assert "Nothing goes out on this day" in text(bob.get(address, {"day": "2030-11-26"}))

    @pytest.mark.parametrize(
        "query",
        ["", "month=2030-13", "month=1999-01", "week=2030-W60", "day=today", "month=%00", "week="],
    )
    def test_without_a_time_that_it_knows_it_is_now(
        self, site: Site, bob: Client, address: str, query: str
    ) -> None:
        today = timezone.localdate(timezone=site.zone).isoformat()
        assert f'data-day="{today}"' in bob.get(f"{address}?{query}").content.decode()

    def test_names_are_text(self, site: Site, bob: Client, address: str) -> None:
        planned(site, "2030-11-26 18:00", "<script>alert(1)</script>")
        answer = bob.get(address, {"month": "2030-11"}).content.decode()
        assert "<script>alert" not in answer

    def test_what_nobody_has_counted_is_counted_once_it_is_shown(
        self, site: Site, bob: Client, address: str
    ) -> None:
        make_subscription(site)
        planned(site, "2030-11-26 18:00")
        shown = bob.get(address, {"month": "2030-11"})
        assert "count=1" in shown.content.decode() and "about" not in text(shown)
        counted = bob.get(address, {"month": "2030-11", "count": "1"}, headers=SCRIPT)
        assert "about 1 person" in text(counted)
        assert "count=1" not in counted.content.decode()
        assert "<html" not in counted.content.decode()

    def test_days_beyond_the_cap_say_so(self, site: Site, bob: Client, address: str) -> None:
        Cap.objects.create(site=site, most=1, days=2)
        planned(site, "2030-11-26 18:00")
        planned(site, "2030-11-27 18:00")
        said = text(bob.get(address, {"month": "2030-11"}))
        assert said.count("Everyone is over the cap") == said.count("Over the cap") == 1
        assert "The cap is 1" in text(bob.get(address, {"day": "2030-11-27"}))

    def test_a_viewer_sees_and_does_not_move(
        self, site: Site, as_role: Callable[[Role], Client], address: str
    ) -> None:
        campaign = planned(site, "2030-11-26 18:00", "Warm hands")
        vera = as_role(Role.VIEWER)
        shown = vera.get(address, {"month": "2030-11"})
        assert "Details “Warm hands”" in text(shown)
        assert "draggable" not in shown.content.decode()
        assert "data-calendar-move" not in vera.get(entry_of(campaign)).content.decode()
        assert vera.post(entry_of(campaign), form(campaign)).status_code == 403

    def test_statements(
        self,
        site: Site,
        bob: Client,
        address: str,
        django_assert_num_queries: DjangoAssertNumQueries,
    ) -> None:
        # Session, person, membership, sites; policy, caps; runs, scheduled, series, dry runs.
        for day in range(1, 4):
            planned(site, f"2030-11-0{day} 18:00", rule=VIP)
            with django_assert_num_queries(10):
                bob.get(address, {"month": "2030-11"})


class TestMoving:
    def test_by_the_plain_form_and_back(self, site: Site, bob: Client, address: str) -> None:
        campaign = planned(site, "2030-11-26 18:00", "Warm hands")
        page = bob.get(entry_of(campaign), {"back": "month=2030-11"})
        assert "Tue 26 Nov 2030 18:00 Oslo" in text(page)
        hidden = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.content.decode()))
        sent = {"seen": hidden["seen"], "back": hidden["back"]}
        answer = bob.post(entry_of(campaign), sent | {"day": "2030-11-28", "clock": "07:30"})
        assert answer.headers["Location"] == f"{address}?month=2030-11"
        campaign.refresh_from_db()
        assert wall(campaign) == at("2030-11-28 07:30")
        shown = bob.get(answer.headers["Location"])
        assert "“Warm hands” is moved to Thu 28 Nov 07:30. Undo" in text(shown)
        undo = shown.content.decode().split('id="calendar-undo"')[1].split("</form>")[0]
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', undo))
        bob.post(entry_of(campaign), fields)
        campaign.refresh_from_db()
        assert wall(campaign) == at("2030-11-26 18:00")

    def test_by_script_it_answers_with_the_calendar_and_a_toast(
        self, site: Site, bob: Client
    ) -> None:
        campaign = planned(site, "2030-11-26 18:00", "Warm hands")
        answer = bob.post(entry_of(campaign), form(campaign), headers=SCRIPT)
        toast = json.loads(answer.headers["HX-Trigger"])["beckon:toast"]
        assert toast == {
            "text": "“Warm hands” is moved to Thu 28 Nov 18:00.",
            "form": "calendar-undo",
            "action": "Undo",
        }
        assert "November 2030" in text(answer) and 'id="calendar-undo"' in answer.content.decode()

    def test_dragged_where_it_may_not_be_it_is_back_with_the_reason(
        self, site: Site, bob: Client
    ) -> None:
        campaign = planned(site, "2030-11-26 18:00", "Warm hands")
        answer = bob.post(entry_of(campaign), form(campaign, day="2020-01-01"), headers=SCRIPT)
        assert "That moment has passed." in text(answer)
        assert "18:00 Scheduled Warm hands" in text(answer)

    def test_the_dialog_keeps_what_was_typed_with_the_reason(self, site: Site, bob: Client) -> None:
        campaign = planned(site, "2030-11-26 18:00")
        target = SCRIPT | {"HX-Target": "calendar-dialog-body"}
        for fields, why in (
            ({"day": "2020-01-01"}, "That moment has passed."),
            ({"day": ""}, "Say which day."),
            ({"day": "soon"}, "Write a day"),
            ({"clock": "noon"}, "Write a time"),
            ({"seen": "2030-11-26T16:00:00+00:00"}, "Somebody has moved it to Tue 26 Nov 18:00"),
            ({"seen": "x"}, "That is no time."),
        ):
            answer = bob.post(entry_of(campaign), form(campaign, **fields), headers=target)
            assert why in text(answer)
            assert "HX-Retarget" not in answer.headers
        campaign.refresh_from_db()
        assert wall(campaign) == at("2030-11-26 18:00")

    def test_what_is_no_more_in_the_calendar(self, site: Site, bob: Client, address: str) -> None:
        campaign = planned(site, "2030-11-26 18:00")
        sent = form(campaign)
        Campaign.objects.filter(pk=campaign.pk).update(state="draft", scheduled_for=None)
        assert bob.get(entry_of(campaign)).status_code == 302
        answer = bob.post(entry_of(campaign), sent, follow=True)
        assert "It is not scheduled any more." in text(answer)
        answer = bob.post(entry_of(campaign), sent, headers=SCRIPT | {"HX-Target": "x"})
        assert answer.headers["HX-Redirect"] == f"{address}?month=2030-11"

    def test_one_of_a_series(self, site: Site, bob: Client) -> None:
        weekly = planned(site, "2030-11-04 09:00", "Weekly", recurrence="FREQ=WEEKLY;COUNT=3")
        one = {"occurrence": "2030-11-11T09:00:00"}
        said = text(bob.get(entry_of(weekly), one))
        assert "It repeats." in said and "Leave this one out" in said
        bob.post(entry_of(weekly), form(weekly, day="2030-11-13", **one))
        weekly.refresh_from_db()
        assert weekly.exceptions == [date(2030, 11, 11)]
        skip = {"occurrence": "2030-11-18T09:00:00", "skip": "1"}
        answer = bob.post(entry_of(weekly), form(weekly, **skip), follow=True)
        assert "Mon 18 Nov is left out." in text(answer)
        assert "It does not repeat." in text(bob.post(entry_of(weekly), {"skip": "1"}, follow=True))

    def test_where_it_goes_back_to_is_its_own_calendar(
        self, site: Site, bob: Client, address: str
    ) -> None:
        campaign = planned(site, "2030-11-26 18:00")
        for back in ("//evil.example", "next=//evil.example", "month=2030-11%0d%0aX: y"):
            seen = campaign.scheduled_for
            assert seen is not None
            sent = form(campaign, back=back, seen=seen.isoformat())
            assert bob.post(entry_of(campaign), sent).headers["Location"] == address
            campaign.refresh_from_db()

    def test_requires_access(self, site: Site, bob: Client) -> None:
        foreign = planned(make_site(), "2030-11-26 18:00")
        path = reverse("campaigns:calendar_entry", args=[site.pk, foreign.pk])
        assert bob.get(path).status_code == bob.post(path, form(foreign)).status_code == 404


@pytest.mark.parametrize(
    ("language", "first"),
    [("en", 0), ("en-us", 6), ("nb", 0), ("pt-br", 6), ("pt_BR", 6), ("fa", 5)],
)
def test_weeks_begin_where_the_sites_language_begins_them(
    site: Site, language: str, first: int
) -> None:
    site.language = language
    assert grids.first_weekday(language) == first
    for number in range(1, 13):
        month = grids.month(site, date(2030, number, 1))
        assert len(month.days) % 7 == 0
        assert month.days[0].date.weekday() == first
        inside = [day.date.day for day in month.days if not day.outside]
        assert inside == list(range(1, len(inside) + 1))
    week = grids.week(site, date(2030, 11, 25))
    assert date(2030, 11, 25) in {day.date for day in week.days}
    assert week.days[0].date.weekday() == first


class TestApi:
    def ask(self, site: Site, first: str, last: str) -> Any:
        _key, secret = api_keys.create(site, "test", ["campaigns:read"], None, None)
        client = Client(headers={"authorization": f"Bearer {secret}"})
        return client.get("/api/v1/calendar/", {"from": first, "to": last})

    def test_entries_with_what_they_reach_and_clash_with(self, site: Site) -> None:
        Cap.objects.create(site=site, most=1, days=7)
        first = planned(site, "2030-11-26 18:00", "One")
        planned(site, "2030-11-30 23:59", "Two", timing=Campaign.Timing.LOCAL)
        found = self.ask(site, "2030-11-01", "2030-11-30").json()
        assert found["time_zone"] == "Europe/Oslo" and found["more"] is False
        one, two = found["entries"]
        assert one == {
            "campaign": str(first.pk),
            "name": "One",
            "state": "scheduled",
            "at": "2030-11-26T17:00:00Z",
            "starts_at": "2030-11-26T17:00:00Z",
            "ends_at": "2030-11-26T17:00:00Z",
            "wall": "2030-11-26T18:00:00",
            "time_zone": "Europe/Oslo",
            "timing": "zone",
            "zones": None,
            "occurrence": None,
            "expected": {"people": None, "devices": None, "estimate": True},
            "conflicts": [],
        }
        assert (two["timing"], two["starts_at"]) == ("local", "2030-11-30T09:59:00Z")
        (clash,) = two["conflicts"]
        assert (clash["kind"], clash["campaigns"]) == ("cap", [str(first.pk)])

    @pytest.mark.parametrize(
        ("first", "last"),
        [("", ""), ("x", "2030-11-01"), ("2030-11-02", "2030-11-01"), ("1999-01-01", "1999-01-02")],
    )
    def test_rejects(self, site: Site, first: str, last: str) -> None:
        assert self.ask(site, first, last).status_code == 400

    def test_at_most_62_days(self, site: Site) -> None:
        begin = date(2030, 1, 1)
        assert self.ask(site, "2030-01-01", str(begin + timedelta(days=61))).status_code == 200
        assert self.ask(site, "2030-01-01", str(begin + timedelta(days=62))).status_code == 400

    def test_only_of_the_keys_site(self, site: Site) -> None:
        planned(make_site(), "2030-11-26 18:00")
        assert self.ask(site, "2030-11-01", "2030-11-30").json()["entries"] == []
