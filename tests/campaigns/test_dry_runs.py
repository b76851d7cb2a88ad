"""Dry runs: their course, and what of a campaign they take into account."""

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from accounts.models import Site
from campaigns import forecasting, jobs, planning, starting
from campaigns.foretelling import Foretold
from campaigns.headcount import Headcount
from campaigns.models import Campaign, Cap, Delivery, DryRun, Policy, Run
from campaigns.refusals import Refused
from campaigns.totals import apportion
from tests.campaigns.engine import drive
from tests.campaigns.foreseeing import NOON, ZONES, foretell, outcome, play
from tests.campaigns.senders import FakeService
from tests.factories import (
    browser_keys,
    make_campaign,
    make_site,
    make_subscriber,
    make_subscription,
)


@pytest.mark.django_db
def test_a_dry_run_changes_nothing_and_one_is_enough() -> None:
    site = make_site()
    make_subscription(site)
    campaign = make_campaign(site)
    first = forecasting.start(campaign, None)
    assert forecasting.start(campaign, None) == first
    forecasting.run(first.pk)
    forecasting.run(first.pk)
    assert forecasting.latest(campaign) == first
    first.refresh_from_db()
    assert first.counts == {"send": 1}
    assert not Delivery.objects.exists() and not Run.objects.exists()


@pytest.mark.django_db
def test_an_edit_ends_a_dry_run() -> None:
    site = make_site()
    make_subscription(site)
    campaign = make_campaign(site)
    old = forecasting.start(campaign, None)
    campaign.messages.update(title="Another")
    forecasting.run(old.pk)
    old.refresh_from_db()
    assert old.state == DryRun.State.CANCELLED
    new = forecasting.start(campaign, None)
    campaign.messages.update(title="And another")
    assert forecasting.start(campaign, None) != new
    new.refresh_from_db()
    assert new.state == DryRun.State.CANCELLED


@pytest.mark.django_db
def test_it_goes_on_where_it_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasting, "CHUNK", 2)
    site = make_site()
    for _ in range(5):
        make_subscription(site)
    dry_run = forecasting.start(make_campaign(site), None)
    for steps in range(3):
        left = iter([False, True])
        forecasting.run(dry_run.pk, lambda left=left: next(left))  # type: ignore[misc]
        dry_run.refresh_from_db()
        assert dry_run.counts == {"send": min(2 * (steps + 1), 5)}
    assert dry_run.state == DryRun.State.DONE


@pytest.mark.django_db
def test_the_people_of_an_outcome_come_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasting, "LOOK", 2)
    site = make_site()
    devices = [make_subscription(site, time_zone=zone) for zone in ["", "Asia/Tokyo", "", "", ""]]
    wall = {"scheduled_wall": NOON, "timing": "local", "no_zone": "skip"}
    dry_run = foretell(make_campaign(site, **wall))
    first, after = forecasting.people(dry_run, "no_zone", most=2)
    assert [row.subscription_id for row in first] == [devices[0].pk, devices[2].pk]
    assert after is not None
    rest, end = forecasting.people(dry_run, "no_zone", after, most=2)
    assert [row.subscription_id for row in rest] == [devices[3].pk, devices[4].pk]
    assert end is None
    (row,) = forecasting.of_person(dry_run, devices[1].subscriber_id)
    assert row.code == "send"


@pytest.mark.django_db
def test_what_cannot_go_out_has_no_dry_run() -> None:
    site = make_site()
    with pytest.raises(Refused, match="no title"):
        forecasting.start(make_campaign(site, message={"title": ""}), None)


@pytest.mark.django_db
def test_a_fault_ends_it_and_is_told() -> None:
    site = make_site()
    make_subscription(site)
    dry_run = forecasting.start(make_campaign(site), None)
    DryRun.objects.update(rule={"version": 2, "all": [{"field": "no such"}]})
    jobs.dry_run(dry_run.pk)
    dry_run.refresh_from_db()
    assert dry_run.state == DryRun.State.FAILED
    assert "Unknown field" in dry_run.error
    assert forecasting.latest(dry_run.campaign) is None


@pytest.mark.django_db
def test_of_many_the_texts_are_read_for_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasting, "MOST_READ", 10)
    site = make_site()
    for number in range(40):
        named = {"first_name": "Ada"} if number % 2 else {}
        make_subscription(site, subscriber=make_subscriber(site, attributes=named))
    text = "{% if subscriber.first_name == blank %}{% abort 'no name' %}{% endif %}Hello"
    dry_run = foretell(make_campaign(site, message={"body": text}))
    assert dry_run.sampled is not None and 5 <= dry_run.sampled <= 15
    assert sum(dry_run.counts.values()) == 40
    assert 8 <= dry_run.counts["aborted:no name"] <= 32


def test_an_audience_is_shared_out_to_the_last_device() -> None:
    assert apportion([1, 1, 1], 10) == [4, 3, 3]
    assert apportion([0, 5], 7) == [0, 7]
    assert apportion([0, 0], 7) == [0, 0]
    assert apportion([], 0) == []


def soon(site: Site, **fields: Any) -> Campaign:
    """One that goes out an hour after NOON."""
    at = NOON + timedelta(hours=1)
    when = {"scheduled_wall": at, "scheduled_zone": "UTC", "scheduled_for": at}
    return make_campaign(site, **when, **fields)


def codes(campaign: Campaign) -> dict[str, int]:
    counts: dict[str, int] = foretell(campaign).counts
    return counts


@pytest.mark.django_db
def test_a_place_is_held_for_who_is_in_a_coming_audience() -> None:
    site = make_site()
    make_subscription(site, subscriber=make_subscriber(site, tags=["vip"]))
    make_subscription(site)
    Cap.objects.create(site=site, most=1, days=2)
    tag = {"field": "tag", "op": "any_of", "values": ["vip"]}
    with time_machine.travel(NOON, tick=False) as clock:
        later = NOON + timedelta(hours=20)
        make_campaign(
            site,
            rule={"version": 1, "all": [tag]},
            priority=80,
            state=Campaign.State.SCHEDULED,
            scheduled_for=later,
        )
        campaign = soon(site)
        assert codes(campaign) == {"place_held": 1, "send": 1}
        clock.move_to(NOON + timedelta(hours=1))
        run = play(campaign, clock)
    assert Counter(map(outcome, run.deliveries.all())) == {"place_held": 1, "send": 1}


@pytest.mark.django_db
def test_the_gap_before_a_coming_message_holds_its_place() -> None:
    site = make_site()
    make_subscription(site)
    Policy.objects.create(site=site, gap_minutes=180)
    with time_machine.travel(NOON, tick=False):
        coming = {"priority": 80, "state": Campaign.State.SCHEDULED}
        make_campaign(site, scheduled_for=NOON + timedelta(hours=3), **coming)
        assert codes(soon(site)) == {"place_held": 1}
        assert codes(make_campaign(site)) == {"send": 1}


@pytest.mark.django_db
def test_places_of_a_campaign_that_is_on_its_way_are_asked_one_by_one() -> None:
    """Each of them has a time of its own."""
    site = make_site()
    for zone in ("Asia/Tokyo", "America/New_York"):
        make_subscription(site, time_zone=zone)
    Cap.objects.create(site=site, most=1, days=7)
    with time_machine.travel(NOON, tick=False):
        wall = {"timing": "local", "scheduled_wall": NOON + timedelta(hours=14)}
        due = {"state": Campaign.State.SCHEDULED, "scheduled_for": NOON}
        make_campaign(site, priority=80, **wall, **due)
        assert starting.start_due(NOON) == 1
        planning.plan(Run.objects.get().pk)
        campaign = make_campaign(site)
        run = foretell(campaign)
        assert not Headcount(forecasting.forecast_of(run)).possible
        assert run.counts == {"place_held": 2}


@pytest.mark.django_db
def test_an_occurrence_of_a_series_is_foretold_for_its_next_time() -> None:
    site = make_site(time_zone="UTC")
    make_subscription(site, time_zone="UTC")
    with time_machine.travel(NOON, tick=False):
        series = soon(site, recurrence="FREQ=DAILY", occurrence=NOON + timedelta(days=2))
        run = foretell(series)
    assert run.starts_at == NOON + timedelta(days=2)
    assert run.counts == {"send": 1}


@pytest.mark.django_db
def test_who_waits_for_a_winner_has_no_variant_yet_and_gets_it_later() -> None:
    site = make_site()
    for _ in range(40):
        make_subscription(site)
    other = {"title": "B", "body": "", "url": "https://shop.example/b", "weight": 50}
    with time_machine.travel(NOON, tick=False):
        waits = {"winner_by": "click", "sample": 50, "decide_minutes": 60, "holdout": 0}
        message = {"variants": [other], "weight": 50}
        run = foretell(soon(site, message=message, **waits))
    decided = (NOON + timedelta(hours=2)).isoformat().replace("+00:00", "Z")
    later = sum(one["devices"] for one in run.zones if one["at"] == decided)
    assert 5 < later < 35
    assert run.counts == {"send": 40} and sum(run.variants.values()) == 40 - later


@pytest.mark.django_db
def test_what_comes_after_the_end_has_expired() -> None:
    site = make_site()
    for zone in ("Asia/Tokyo", "America/New_York"):
        make_subscription(site, time_zone=zone)
    wall = {"timing": "local", "scheduled_wall": NOON, "late": "next_day", "expiry_minutes": 60}
    with time_machine.travel(NOON - timedelta(hours=4), tick=False) as clock:
        campaign = make_campaign(site, **wall)
        foretold = codes(campaign)
        clock.move_to(campaign.dry_runs.get().starts_at)
        run = play(campaign, clock)
    assert Counter(map(outcome, run.deliveries.all())) == foretold


@pytest.mark.django_db
def test_a_thousand_people_are_counted_as_they_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunk by chunk, with caps and a control group; and everybody can be opened."""
    monkeypatch.setattr(forecasting, "CHUNK", 300)
    site, rng = make_site(), random.Random(7)  # noqa: S311
    key = browser_keys()
    for number in range(800):
        person = make_subscriber(site, tags=["vip"] if number % 3 else [])
        for _ in range(1 + number % 4 // 3):
            zone = rng.choice(ZONES)
            keys = {"p256dh": key[0], "auth": key[1]}
            make_subscription(site, subscriber=person, time_zone=zone, **keys)
    Cap.objects.create(site=site, most=1, days=2)
    tag = {"field": "tag", "op": "any_of", "values": ["vip"]}
    with time_machine.travel(NOON, tick=False) as clock:
        drive(starting.start(make_campaign(site, rule={"version": 1, "all": [tag]})), FakeService())
        clock.shift(timedelta(hours=40))
        wall = {"timing": "local", "scheduled_wall": NOON + timedelta(hours=44)}
        run = foretell(make_campaign(site, holdout=20, **wall))
        rows, _missing = forecasting.forecast_of(run).of(0, run.last_subscription)
        opened = {code: len(all_of(run, code)) for code in run.counts}
    assert len(rows) == 1000 == sum(run.counts.values())
    assert run.counts == Counter(row.code for row in rows) == opened
    assert {"send", "capped", "holdout"} <= set(run.counts)
    times = Counter((row.time_zone, row.at) for row in rows if row.code == "send")
    assert sorted(one["devices"] for one in run.zones) == sorted(times.values())


def all_of(run: DryRun, code: str) -> list[Foretold]:
    found, after = forecasting.people(run, code)
    while after is not None:
        more, after = forecasting.people(run, code, after)
        found += more
    return found


@pytest.mark.django_db
def test_an_edit_while_it_counts_is_not_mixed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on with what it was asked about, and says so; the next one is of the edit."""
    monkeypatch.setattr(forecasting, "CHUNK", 1)
    site = make_site()
    for _ in range(3):
        make_subscription(site)
    campaign = make_campaign(site)
    old = forecasting.start(campaign, None)
    forecasting.run(old.pk, lambda: DryRun.objects.get(pk=old.pk).seen_through > 0)
    campaign.audience.rule = {
        "version": 1,
        "all": [{"field": "tag", "op": "any_of", "values": ["gold"]}],
    }
    campaign.audience.save()
    forecasting.run(old.pk)
    old.refresh_from_db()
    assert old.state == DryRun.State.CANCELLED and old.counts == {"send": 1}
    assert forecasting.current(campaign) is None
    assert foretell(campaign).counts == {}


@pytest.mark.django_db
def test_a_chunk_that_another_process_has_counted_is_not_counted_again() -> None:
    site = make_site()
    make_subscription(site)
    campaign = make_campaign(site)
    dry_run = forecasting.start(campaign, None)

    def meanwhile() -> bool:
        """Another worker does it all, between this one's look and its step."""
        if DryRun.objects.filter(pk=dry_run.pk, state=DryRun.State.RUNNING).exists():
            forecasting.run(dry_run.pk)
        return False

    forecasting.run(dry_run.pk, meanwhile)
    dry_run.refresh_from_db()
    assert (dry_run.state, dry_run.counts) == (DryRun.State.DONE, {"send": 1})


@pytest.mark.django_db
def test_a_message_that_stops_itself_for_all_goes_to_nobody() -> None:
    site = make_site()
    make_subscription(site)
    assert codes(make_campaign(site, message={"body": "{% abort 'sold out' %}"})) == {
        "aborted:sold out": 1
    }


@pytest.mark.django_db
def test_a_text_that_grows_too_large_is_told(settings: Any) -> None:
    settings.PAYLOAD_LIMIT = 450
    site = make_site()
    make_subscription(site, subscriber=make_subscriber(site, attributes={"about": "ä" * 180}))
    make_subscription(site)
    message = {"body": "{{ subscriber.about }}"}
    assert codes(make_campaign(site, message=message)) == {"too_large": 1, "send": 1}


@pytest.mark.django_db
def test_a_message_counts_on_all_of_somebodys_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on those that another step counts, and from the last of them."""
    monkeypatch.setattr(forecasting, "CHUNK", 2)
    site = make_site()
    Cap.objects.create(site=site, most=1, days=2)
    people = [make_subscriber(site) for _ in range(4)]
    first, *_rest = [make_subscription(site, subscriber=person) for person in people]
    with time_machine.travel(NOON, tick=False) as clock:
        again = make_subscription(site, subscriber=people[0])
        drive(starting.start(make_campaign(site)), FakeService())
        first.deliveries.update(sent_at=NOON - timedelta(days=5))
        clock.shift(timedelta(hours=20))
        for person in (*people, make_subscriber(site)):
            make_subscription(site, subscriber=person)
        assert again.deliveries.get().sent_at == NOON
        assert codes(make_campaign(site)) == {"capped": 9, "send": 1}
