"""What stands in the calendar between two days, and where campaigns clash."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import Site
from audiences.models import Audience, AudienceSize
from campaigns import calendar, clashes, expecting
from campaigns.calendar import Entry
from campaigns.clashes import Kind
from campaigns.models import Campaign, Cap, DryRun, Policy
from tests.campaigns.planned import SALE, VIP, at, planned, ran
from tests.factories import make_campaign, make_site, make_subscriber, make_subscription

pytestmark = pytest.mark.django_db

NOVEMBER = (date(2030, 11, 1), date(2030, 12, 1))


def entries(site: Site, first: date = NOVEMBER[0], end: date = NOVEMBER[1]) -> list[Entry]:
    return list(calendar.of(site, first, end).entries)


def names(site: Site, first: date = NOVEMBER[0], end: date = NOVEMBER[1]) -> list[str]:
    return [entry.name for entry in entries(site, first, end)]


def kinds(site: Site) -> dict[str, list[str]]:
    """Clashes by name, of those that have any."""
    return {
        entry.name: [clash.kind.value for clash in entry.clashes]
        for entry in entries(site)
        if entry.clashes
    }


class TestEntries:
    def test_in_order_of_time_from_the_first_day_to_before_the_last(self, site: Site) -> None:
        planned(site, "2030-12-01 00:00", "after")
        planned(site, "2030-11-30 23:59", "last")
        planned(site, "2030-11-01 00:00", "first")
        planned(site, "2030-10-31 23:59", "before")
        make_campaign(site, name="draft")
        planned(make_site(), "2030-11-05 09:00", "of another site")
        assert names(site) == ["first", "last"]

    def test_days_are_the_sites(self, site: Site) -> None:
        """18:00 in New York is the next day in Oslo."""
        planned(site, "2030-11-30 18:30", "theirs", scheduled_zone="America/New_York")
        assert names(site) == []
        (found,) = entries(site, date(2030, 12, 1), date(2030, 12, 2))
        assert found.at == datetime(2030, 11, 30, 23, 30, tzinfo=UTC)
        assert (found.wall, found.zone) == (at("2030-11-30 18:30"), "America/New_York")

    def test_months_in_which_the_clock_changes(self, site: Site) -> None:
        """October has 745 hours in Oslo and March 743: nothing is shown twice or not at all."""
        for month, day in ((10, 27), (3, 31)):
            for hour in range(24):
                planned(site, f"2030-{month:02}-{day} {hour:02}:30", f"{month}/{hour}")
            first = date(2030, month, 1)
            shown = names(site, first, (first + timedelta(days=31)).replace(day=1))
            assert sorted(shown) == sorted(f"{month}/{hour}" for hour in range(24))
            one_day = date(2030, month, day)
            assert len(names(site, one_day, one_day + timedelta(days=1))) == 24

    def test_each_persons_own_time_is_a_span_around_the_sites_clock(self, site: Site) -> None:
        planned(site, "2030-11-26 18:00", timing=Campaign.Timing.LOCAL)
        (found,) = entries(site)
        assert found.own_time
        assert found.at == datetime(2030, 11, 26, 17, tzinfo=UTC)
        assert found.starts == datetime(2030, 11, 26, 4, tzinfo=UTC)
        assert found.ends == datetime(2030, 11, 27, 6, tzinfo=UTC)

    def test_own_time_at_the_edge_of_the_month_stands_on_its_own_day(self, site: Site) -> None:
        """It begins in Kiritimati while it is still October in Oslo."""
        planned(site, "2030-11-01 06:00", timing=Campaign.Timing.LOCAL)
        assert len(entries(site)) == 1
        assert entries(site, date(2030, 10, 1), NOVEMBER[0]) == []

    def test_what_has_run_by_its_run(self, site: Site) -> None:
        run = ran(site, datetime(2030, 11, 3, 9, 15, tzinfo=UTC), 412, "Down")
        (found,) = entries(site)
        assert (found.name, found.state, found.run) == ("Down", "finished", run.pk)
        assert found.at == found.starts == run.started_at
        assert found.ends == run.finished_at
        assert found.expected == expecting.Expected(devices=412, estimate=False)

    def test_what_leaves_within_half_a_minute_has_no_wall_time(self, site: Site) -> None:
        soon = timezone.now() + timedelta(seconds=20)
        make_campaign(site, state=Campaign.State.SCHEDULED, scheduled_for=soon)
        day = soon.astimezone(site.zone).date()
        (found,) = entries(site, day, day + timedelta(days=1))
        assert found.wall is None and found.at == soon

    def test_too_many_are_cut_and_it_says_so(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(calendar, "MOST", 2)
        for day in (3, 2, 1):
            planned(site, f"2030-11-0{day} 09:00")
        found = calendar.of(site, *NOVEMBER)
        assert found.cut
        assert [entry.name for entry in found.entries] == ["2030-11-01 09:00", "2030-11-02 09:00"]


class TestRecurring:
    def test_each_occurrence_to_come_without_the_exceptions(self, site: Site) -> None:
        weekly = planned(
            site,
            "2030-11-04 09:00",
            "Weekly",
            recurrence="FREQ=WEEKLY",
            exceptions=[date(2030, 11, 18)],
        )
        found = entries(site)
        assert [entry.occurrence for entry in found] == [
            at("2030-11-04 09:00"),
            at("2030-11-11 09:00"),
            at("2030-11-25 09:00"),
        ]
        assert {entry.campaign for entry in found} == {weekly.pk}
        assert len({entry.id for entry in found}) == 3

    def test_the_wall_time_stays_when_the_clock_changes(self, site: Site) -> None:
        planned(site, "2030-10-26 09:00", recurrence="FREQ=DAILY;COUNT=3")
        found = entries(site, date(2030, 10, 1), date(2030, 11, 1))
        assert [entry.at.hour for entry in found] == [7, 8, 8]

    def test_at_each_persons_own_time(self, site: Site) -> None:
        own = planned(site, "2030-11-04 09:00", recurrence="FREQ=WEEKLY;COUNT=2", timing="local")
        found = entries(site)
        assert [entry.at for entry in found] == [
            datetime(2030, 11, day, 8, tzinfo=UTC) for day in (4, 11)
        ]
        assert all(entry.own_time for entry in found)
        assert found[1].starts == datetime(2030, 11, 10, 19, tzinfo=UTC)
        own.refresh_from_db()
        assert own.timing == Campaign.Timing.LOCAL

    def test_what_has_begun_is_shown_by_its_run_alone(self, site: Site) -> None:
        """The parent waits for its next occurrence; a copy took the first."""
        weekly = planned(site, "2030-11-04 09:00", "Weekly", recurrence="FREQ=WEEKLY;COUNT=2")
        Campaign.objects.filter(pk=weekly.pk).update(
            occurrence=at("2030-11-11 09:00").replace(tzinfo=UTC),
            scheduled_for=datetime(2030, 11, 11, 8, tzinfo=UTC),
        )
        run = ran(site, datetime(2030, 11, 4, 8, tzinfo=UTC), 7, "Weekly · 4 Nov")
        Campaign.objects.filter(pk=run.campaign_id).update(
            parent=weekly, occurrence=at("2030-11-04 09:00").replace(tzinfo=UTC)
        )
        assert names(site) == ["Weekly · 4 Nov", "Weekly"]
        # The last run is the best guess of what the next one reaches.
        assert entries(site)[1].expected == expecting.Expected(devices=7)


class TestExpected:
    def test_the_newest_size_of_the_named_audience(self, site: Site) -> None:
        named = Audience.objects.create(site=site, name="Members", rule=VIP)
        for day, people in ((1, 5), (3, 41_220), (2, 6)):
            AudienceSize.objects.create(
                audience=named, day=date(2030, 11, day), people=people, devices=people + 1
            )
        planned(site, "2030-11-26 18:00", rule={"version": 2, "all": [{"audience": str(named.pk)}]})
        assert entries(site)[0].expected == expecting.Expected(41_220, 41_221)

    def test_a_dry_run_comes_first(self, site: Site) -> None:
        campaign = planned(site, "2030-11-26 18:00")
        for people in (3, 70):
            DryRun.objects.create(
                campaign=campaign,
                state=DryRun.State.DONE,
                starts_at=timezone.now(),
                people={"send": people, "later": 1, "capped": 9},
                counts={"send": people, "later": 2, "capped": 9},
                zones=[{"zone": "Europe/Oslo"}, {"zone": "Asia/Tokyo"}],
            )
        found = entries(site)[0]
        assert found.expected == expecting.Expected(71, 72, zones=2)
        assert found.zones == 2

    def test_nobody_has_counted_it_until_somebody_does(self, site: Site) -> None:
        make_subscription(site, subscriber=make_subscriber(site, tags=["vip"]))
        make_subscription(site)
        planned(site, "2030-11-26 18:00", "vip", rule=VIP)
        planned(site, "2030-11-27 18:00", "all")
        broken = planned(site, "2030-11-28 18:00", "broken")
        Audience.objects.filter(pk=broken.audience_id).update(rule={"version": 2, "odd": []})
        before = calendar.of(site, *NOVEMBER)
        assert [entry.expected.known for entry in before.entries] == [False] * 3
        assert len(before.uncounted) == 3
        expecting.count(site, before.uncounted)
        after = calendar.of(site, *NOVEMBER)
        assert after.uncounted == {}
        assert [entry.expected.people for entry in after.entries] == [1, 2, None]

    def test_a_few_rules_at_a_time(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(expecting, "MOST_COUNTED", 1)
        planned(site, "2030-11-26 18:00", rule=VIP)
        planned(site, "2030-11-27 18:00")
        expecting.count(site, calendar.of(site, *NOVEMBER).uncounted)
        assert len(calendar.of(site, *NOVEMBER).uncounted) == 1

    def test_the_same_rule_in_another_order_is_the_same(self) -> None:
        one = {"version": 2, "all": [VIP["all"], {"any": [{"b": 1, "a": [2, 1]}, {"c": None}]}]}
        two = {"any": [{"c": None}, {"a": [2, 1], "b": 1}]}
        other = {"all": [two, VIP["all"]], "version": 2}
        assert expecting.key_of(one) == expecting.key_of(other)
        assert expecting.key_of(VIP) != expecting.key_of(SALE)
        assert expecting.key_of({"version": 1, "all": []}) == expecting.EVERYONE
        assert expecting.key_of({"version": 2, "any": []}) != expecting.EVERYONE


class TestClashes:
    def test_the_same_people_beyond_the_cap_and_with_room_for_both(self, site: Site) -> None:
        Cap.objects.create(site=site, most=2, days=7)
        for day in (1, 4, 7):
            planned(site, f"2030-11-0{day} 09:00", str(day), rule=VIP)
        planned(site, "2030-11-07 10:00", "others", rule=SALE)
        assert kinds(site) == {"4": ["same"], "7": ["cap"]}
        last = next(entry for entry in entries(site) if entry.name == "7")
        sentence = last.clashes[0].sentence
        assert sentence == (
            "With “4” and “1” the same people would get 3 in 7 days. "
            "The cap is 2: who is over it is skipped."
        )
        assert len(last.clashes[0].others) == 2

    def test_a_window_is_so_many_times_24_hours(self, site: Site) -> None:
        Cap.objects.create(site=site, most=1, days=7)
        planned(site, "2030-11-01 09:00", "first")
        planned(site, "2030-11-08 08:59", "within")
        planned(site, "2030-11-15 08:59", "just over")
        assert kinds(site) == {"within": ["cap"]}

    def test_what_has_run_counts_even_in_the_month_before(self, site: Site) -> None:
        Cap.objects.create(site=site, most=1, days=7)
        ran(site, datetime(2030, 10, 30, 9, tzinfo=UTC), 9)
        planned(site, "2030-11-02 09:00", "next")
        assert kinds(site) == {"next": ["cap"]}

    def test_everyone_includes_every_audience(self, site: Site) -> None:
        Cap.objects.create(site=site, most=2, days=7)
        planned(site, "2030-11-01 09:00", "vip 1", rule=VIP)
        planned(site, "2030-11-02 09:00", "sale", rule=SALE)
        planned(site, "2030-11-03 09:00", "vip 2", rule=VIP)
        planned(site, "2030-11-04 09:00", "all")
        planned(site, "2030-11-05 09:00", "sale 2", rule=SALE)
        assert kinds(site) == {"vip 2": ["same"], "all": ["cap"], "sale 2": ["cap"]}

    def test_of_one_topic(self, site: Site) -> None:
        Cap.objects.create(site=site, most=1, days=7, topic="news")
        planned(site, "2030-11-01 09:00", "1", topic="news")
        planned(site, "2030-11-02 09:00", "2", topic="offers")
        planned(site, "2030-11-03 09:00", "3", topic="news")
        assert kinds(site) == {"3": ["cap"]}
        assert "2 about “news” in 7 days" in entries(site)[2].clashes[0].sentence

    @pytest.mark.parametrize(
        "fields", [{"transactional": True}, {"caps": "off"}], ids=["transactional", "caps off"]
    )
    def test_what_no_cap_holds_back(self, site: Site, fields: dict[str, object]) -> None:
        Cap.objects.create(site=site, most=1, days=7)
        planned(site, "2030-11-01 09:00", "first")
        planned(site, "2030-11-02 09:00", "free", **fields)
        planned(site, "2030-11-03 09:00", "last")
        assert kinds(site) == {"last": ["cap"]}

    def test_what_takes_no_place(self, site: Site) -> None:
        Cap.objects.create(site=site, most=1, days=7)
        planned(site, "2030-11-01 09:00", "uncounted", counted=False)
        cancelled = ran(site, datetime(2030, 11, 1, 12, tzinfo=UTC), 9)
        Campaign.objects.filter(pk=cancelled.campaign_id).update(state=Campaign.State.CANCELLED)
        planned(site, "2030-11-02 09:00", "next")
        assert kinds(site) == {}

    def test_closer_than_the_minimum_gap(self, site: Site) -> None:
        Policy.objects.create(site=site, gap_minutes=120)
        planned(site, "2030-11-01 09:00", "first", rule=VIP)
        planned(site, "2030-11-01 10:59", "close")
        planned(site, "2030-11-01 12:59", "not close")
        assert kinds(site) == {"close": ["gap"]}
        (clash,) = entries(site)[1].clashes
        assert clash.sentence == (
            "The same people get “first” only 119 minutes before. "
            "The minimum gap is 2 hours: who is within it is skipped."
        )
        assert clash.severe and clash.word == "Too close"

    def test_occurrences_of_a_series_clash_with_each_other(self, site: Site) -> None:
        Cap.objects.create(site=site, most=2, days=3)
        planned(site, "2030-11-01 09:00", "daily", recurrence="FREQ=DAILY;COUNT=3")
        found = [clash.kind for entry in entries(site) for clash in entry.clashes]
        assert found == [Kind.SAME, Kind.CAP]

    def test_without_limits_nothing_clashes(self, site: Site) -> None:
        for minute in range(3):
            planned(site, f"2030-11-01 09:0{minute}")
        assert kinds(site) == {}
        assert clashes.Limits.of(site).reach == timedelta()


def filled(site: Site, number: int) -> None:
    """As many of each: once, at own time, recurring, run."""
    for one in range(number):
        planned(site, f"2030-11-02 {one:02}:00", rule=VIP)
        planned(site, f"2030-11-03 {one:02}:00", timing=Campaign.Timing.LOCAL)
        planned(site, f"2030-11-04 {one:02}:00", recurrence="FREQ=WEEKLY;COUNT=3")
        ran(site, datetime(2030, 11, 5, one, tzinfo=UTC), 5)


def test_as_many_statements_however_many_there_are(
    site: Site, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    Cap.objects.create(site=site, most=1, days=7)
    filled(site, 1)
    # Policy, caps; runs, scheduled, series, their copies; what was sent, dry runs, last occurrence.
    with django_assert_num_queries(9):
        calendar.of(site, *NOVEMBER)
    filled(site, 5)
    with django_assert_num_queries(9):
        assert len(calendar.of(site, *NOVEMBER).entries) == 36
