"""What is found before a campaign goes out, and where it is mended."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.models import Site
from campaigns import approvals, checks, drafting
from campaigns.checks import Check, Level
from campaigns.models import Campaign, DryRun, Message, Policy
from campaigns.readiness import Standing, Step
from tests.factories import (
    make_campaign,
    make_site,
    make_subscription,
)

# In Oslo 22:30.
EVENING = datetime(2026, 11, 22, 21, 30, tzinfo=UTC)
GONE = "0190d3ad-0000-7000-8000-000000000000"
SALE = {"version": 2, "all": [{"field": "tag", "op": "any_of", "values": ["sale"]}]}
VIPS = {"version": 2, "all": [{"field": "tag", "op": "any_of", "values": ["vip"]}]}


@pytest.fixture
def site(db: None) -> Site:
    return make_site(time_zone="Europe/Oslo")


@pytest.fixture
def campaign(site: Site) -> Campaign:
    make_subscription(site, platform="Android", browser="Chrome")
    make_subscription(site, platform="macOS", browser="Safari")
    return make_campaign(site)


def fresh(campaign: Campaign) -> Campaign:
    return Campaign.objects.select_related("site", "audience").get(pk=campaign.pk)


def found(campaign: Campaign, run: DryRun | None = None) -> dict[str, Check]:
    return {check.code: check for check in checks.of(Standing(fresh(campaign)), run)}


def dry_run(campaign: Campaign, **fields: Any) -> DryRun:
    fields = {"counts": {"send": 2}, "state": DryRun.State.DONE} | fields
    digest = approvals.digest(fresh(campaign))
    return DryRun.objects.create(
        campaign=campaign, digest=digest, starts_at=timezone.now(), **fields
    )


def edit(campaign: Campaign, **fields: Any) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(**fields)


def say(campaign: Campaign, **fields: Any) -> None:
    Message.objects.filter(campaign=campaign).update(**fields)


# At hand


def test_a_campaign_that_is_right_has_nothing(campaign: Campaign) -> None:
    assert found(campaign) == {}
    assert found(campaign, dry_run(campaign)) == {}


def test_what_stops_it_comes_first_with_its_place(campaign: Campaign) -> None:
    say(campaign, title="", url="", body="A long text. " * 30)
    edit(campaign, quiet="off")
    listed = checks.of(Standing(fresh(campaign)))
    places = [(check.level, check.step, check.field) for check in listed]
    assert places == [
        (Level.STOP, Step.MESSAGE, "title"),
        (Level.STOP, Step.MESSAGE, "url"),
        (Level.STOP, Step.SCHEDULE, "override_reason"),
        (Level.NOTE, Step.MESSAGE, "body"),
    ]
    assert all(check.sentence and check.fix for check in listed)


def test_liquid_that_is_not_understood_stops_it(campaign: Campaign) -> None:
    say(campaign, title="Hello {{ subscriber.first_name")
    assert found(campaign)["message_title"].level == Level.STOP


def test_nobody_stops_it(campaign: Campaign) -> None:
    drafting.set_audience(campaign, VIPS)
    assert "Nobody matches" in found(campaign)["audience_who"].sentence


@pytest.mark.parametrize(
    ("fields", "code", "says"),
    [
        ({"title": "x" * 40}, "title_cut", "cut on macOS: 1 devices"),
        ({"title": "x" * 50}, "title_cut", "cut on Android and macOS: 2 devices"),
        ({"body": "x" * 100}, "body_cut", "cut on macOS: 1 devices"),
        ({"translations": {"nb": {"body": "x" * 300}}}, "body_cut", "cut on Android and macOS"),
        ({"variants": [{"weight": 1, "title": "x" * 40}]}, "title_cut", "cut on macOS"),
    ],
    ids=["title", "titles", "body", "translation", "variant"],
)
def test_what_systems_cut(campaign: Campaign, fields: dict[str, Any], code: str, says: str) -> None:
    say(campaign, **fields)
    assert says in found(campaign)[code].sentence


def test_a_systems_own_words_and_liquid_are_not_cut(campaign: Campaign) -> None:
    liquid = "{{ subscriber.first_name | default: 'a long default that is not shown' }}"
    say(campaign, title=f"Hello {liquid}", body="x" * 100, overrides={"mac": {"body": "Short"}})
    assert found(campaign) == {}


def test_it_expires_before_it_is_sent(campaign: Campaign) -> None:
    for _more in range(11):
        make_subscription(campaign.site)
    edit(campaign, throttle=6, expiry_minutes=2)
    check = found(campaign)["expires_early"]
    assert check.sentence == "At this speed it needs 2 min, but expires after 2 min."
    edit(campaign, expiry_minutes=60)
    assert "expires_early" not in found(campaign)


def test_a_winner_and_everybodys_own_hour_do_not_go_together(campaign: Campaign) -> None:
    say(campaign, variants=[{"weight": 50, "title": "B", "url": "https://shop.example/"}])
    edit(campaign, winner_by="click", decide_minutes=240)
    assert "winner_local" not in found(campaign)
    edit(campaign, timing="local", scheduled_wall=timezone.now() + timedelta(days=3))
    assert "after the first zone's turn" in found(campaign)["winner_local"].sentence
    edit(campaign, winner_by="never")
    assert "winner_local" not in found(campaign)


def test_the_winner_comes_after_the_end(campaign: Campaign) -> None:
    say(campaign, variants=[{"weight": 50, "title": "B", "url": "https://shop.example/"}])
    edit(campaign, winner_by="click", decide_minutes=240, expiry_minutes=120)
    assert "after 4 h 0 min" in found(campaign)["winner_late"].sentence
    edit(campaign, winner_by="hand")
    assert "winner_late" not in found(campaign)


@pytest.mark.parametrize(
    ("ends", "late"),
    [
        ("2026-11-22T21:00:00+00:00", True),
        ("2026-11-22T22:00:00", True),
        ("2026-11-22T23:00:00", False),
        ("soon", False),
    ],
    ids=["passed", "passed_by_the_sites_clock", "to_come", "no_moment"],
)
@time_machine.travel(EVENING, tick=False)
def test_a_coupon_that_has_ended(campaign: Campaign, ends: str, *, late: bool) -> None:
    say(campaign, coupon={"expires_at": ends})
    assert ("coupon_ended" in found(campaign)) is late


def test_a_control_group_of_a_few(campaign: Campaign) -> None:
    edit(campaign, holdout=50)
    assert "would be 1 person" in found(campaign)["holdout_tiny"].sentence


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "It would wait: quiet hours are from 21:00 to 08:00."),
        ({"quiet": "skip", "override_reason": "x"}, "People would be skipped"),
        ({"quiet": "off", "override_reason": "x"}, ""),
        ({"transactional": True}, ""),
        ({"scheduled_for": EVENING + timedelta(hours=12)}, ""),
        ({"timing": "local", "scheduled_wall": EVENING}, "It would wait"),
        ({"timing": "local", "scheduled_wall": EVENING - timedelta(hours=9)}, ""),
    ],
    ids=["now", "skips", "ignored", "transactional", "by_day", "own_evening", "own_noon"],
)
@time_machine.travel(EVENING, tick=False)
def test_quiet_hours_at_that_time(campaign: Campaign, fields: dict[str, Any], says: str) -> None:
    Policy.objects.create(site=campaign.site, quiet_start=time(21), quiet_end=time(8))
    edit(campaign, **fields)
    check = found(campaign).get("quiet_hours")
    assert says in check.sentence if check and says else (check is None) is (not says)


# What a dry run has found


def test_what_a_dry_run_foretells(campaign: Campaign) -> None:
    counts = {"send": 1, "later": 1, "quiet_hours": 3, "aborted:no price": 2, "too_large": 1}
    run = dry_run(campaign, counts=counts, defaults={"subscriber.first_name": 2, "cart.value": 0})
    listed = found(campaign, run)
    assert "Message stops itself: no price. 2 devices would not" in " ".join(
        check.sentence for check in checks.of(Standing(fresh(campaign)), run)
    )
    assert listed["stopped"].field == "body"
    default = listed["default"]
    assert (default.level, default.sentence) == (
        Level.WARN,
        "2 devices have no subscriber.first_name and read its default.",
    )
    assert "gets it afterwards" in listed["quiet_hours"].sentence
    assert "3 devices are skipped" in listed["quiet_hours_skip"].sentence


def test_a_few_defaults_are_no_warning(campaign: Campaign) -> None:
    run = dry_run(campaign, counts={"send": 100}, defaults={"subscriber.first_name": 20})
    assert found(campaign, run)["default"].level == Level.NOTE


def test_all_are_left_out(campaign: Campaign) -> None:
    assert "nobody" in found(campaign, dry_run(campaign, counts={"capped": 2}))


@pytest.mark.parametrize(("before", "now", "other"), [(20, 21, False), (20, 22, True)])
def test_an_audience_that_has_changed(
    campaign: Campaign, before: int, now: int, *, other: bool
) -> None:
    run = dry_run(campaign, counts={"send": before})
    for _more in range(now - 2):
        make_subscription(campaign.site)
    check = found(campaign, run).get("audience_changed")
    assert (check is not None) is other
    if check:
        assert f"{before} devices at" in check.sentence and f"{now} now" in check.sentence
        assert (check.step, check.field) == (Step.REVIEW, "outlook")
