"""Checks that ask other servers or count people: what they find, and that they end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, Site
from audiences import counting, overlap
from campaigns import approvals, drafting, looking, slow_checks, starting
from campaigns.models import Campaign, Message
from campaigns.readiness import Standing
from subscribers.transports import fetching
from subscribers.transports.fetching import Answer, NotReached, Why
from tests.campaigns.calling import caller
from tests.factories import (
    make_campaign,
    make_member,
    make_site,
    make_subscriber,
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


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Answer]]:
    """What addresses answer; all others can't be reached."""
    answers: dict[str, Answer] = {}

    def fetch(url: str, **_options: object) -> Answer:
        if url not in answers:
            raise NotReached(Why.NO)
        return answers[url]

    monkeypatch.setattr(fetching, "fetch", fetch)
    looking._remembered.clear()
    yield answers
    looking._remembered.clear()


def fresh(campaign: Campaign) -> Campaign:
    return Campaign.objects.select_related("site", "audience").get(pk=campaign.pk)


def edit(campaign: Campaign, **fields: Any) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(**fields)


def say(campaign: Campaign, **fields: Any) -> None:
    Message.objects.filter(campaign=campaign).update(**fields)


def slow(campaign: Campaign) -> list[str]:
    return [check.sentence for check in slow_checks.of(Standing(fresh(campaign)))]


def page(status: int = 200) -> Answer:
    return Answer("https://shop.example/down", status, "text/html", 0, b"", 0.2, 0)


def test_addresses_that_answer_are_right(campaign: Campaign, web: dict[str, Answer]) -> None:
    web["https://shop.example/down"] = page()
    assert slow(campaign) == []


def test_addresses_that_do_not_answer(campaign: Campaign, web: dict[str, Answer]) -> None:
    web["https://shop.example/nb"] = page(404)
    web["https://shop.example/p.png"] = page()
    say(
        campaign,
        image="https://shop.example/p.png",
        icon="https://shop.example/{{ campaign.name }}.png",
        actions=[{"title": "Go", "url": "https://shop.example/go"}],
        translations={"nb": {"url": "https://shop.example/nb"}, "en": {"url": ""}},
    )
    listed = slow_checks.addresses(Standing(fresh(campaign)))
    assert [(check.code, check.field) for check in listed] == [
        ("page", "url"),
        ("picture", "image"),
        ("page", "action1_url"),
        ("page", "url"),
    ]
    assert "https://shop.example/nb: Answers 404" in listed[-1].sentence
    assert {check.fix for check in listed} == {"Change the address"}


def test_a_message_without_addresses(campaign: Campaign, web: dict[str, Answer]) -> None:
    say(campaign, url="")
    assert slow(campaign) == []


def test_languages_without_a_translation(campaign: Campaign, web: dict[str, Answer]) -> None:
    web["https://shop.example/down"] = page()
    for language in ("sv", "sv-SE", "da", "fi", "is", "nb-NO", "", "en-GB"):
        make_subscription(campaign.site, language=language)
    say(campaign, translations={"nb": {"title": "Vinter"}})
    said = slow(campaign)[0]
    assert said.startswith("5 devices have no translation and read English: Swedish 2, ")
    assert said.endswith(" and others.")
    say(campaign, translations={})
    assert slow(campaign) == []
    say(campaign, translations={tag: {"title": "x"} for tag in ("nb", "sv", "da", "fi", "is")})
    assert slow(campaign) == []


def test_languages_that_can_not_be_counted(
    campaign: Campaign, web: dict[str, Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*_args: object) -> None:
        raise counting.TooLong

    monkeypatch.setattr(counting, "at_most", late)
    say(campaign, translations={"nb": {"title": "Vinter"}})
    assert slow_checks.languages(Standing(fresh(campaign))) == []


def duplicates(campaign: Campaign) -> list[str]:
    listed = slow_checks.duplicates(Standing(fresh(campaign)), timezone.now())
    return [check.sentence for check in listed]


@time_machine.travel(EVENING, tick=False)
def test_the_same_again_within_the_hour(campaign: Campaign) -> None:
    other = make_campaign(campaign.site, name="The first")
    assert duplicates(campaign) == []
    run = starting.start(other)
    run.started_at = EVENING - timedelta(minutes=25)
    run.save()
    assert duplicates(campaign) == ["“The first” says the same, 25 min earlier."]
    run.started_at = EVENING - timedelta(minutes=61)
    run.save()
    assert duplicates(campaign) == []


@time_machine.travel(EVENING, tick=False)
def test_the_same_soon_after(campaign: Campaign) -> None:
    later = EVENING + timedelta(minutes=30)
    make_campaign(campaign.site, name="Next", state="scheduled", scheduled_for=later)
    assert duplicates(campaign) == ["“Next” says the same, 30 min later."]


@pytest.mark.parametrize(
    ("mine", "theirs", "shared"),
    [
        (None, SALE, True),
        (SALE, VIPS, True),
        (
            SALE,
            {"version": 2, "all": [{"audience": "0190d3ad-0000-7000-8000-000000000000"}]},
            False,
        ),
    ],
    ids=["everyone", "some", "unreadable"],
)
def test_the_same_title_to_some_of_the_same_people(
    campaign: Campaign, mine: Any, theirs: Any, *, shared: bool
) -> None:
    both = make_subscriber(campaign.site, tags=["sale", "vip"])
    make_subscription(campaign.site, subscriber=both)
    other = make_campaign(
        campaign.site, name="Theirs", rule=theirs, message={"body": "In other words"}
    )
    edit(other, state="scheduled", scheduled_for=timezone.now())
    if mine:
        drafting.set_audience(campaign, mine)
    assert bool(duplicates(campaign)) is shared
    both.tags = ["vip"]
    both.save()
    assert bool(duplicates(campaign)) is (mine is None)


def test_who_can_not_be_compared_may_be_the_same(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_campaign(campaign.site, rule=SALE, message={"body": "In other words"})
    edit(other, state="scheduled", scheduled_for=timezone.now())
    drafting.set_audience(campaign, VIPS)

    def late(*_args: object) -> None:
        raise counting.TooLong

    monkeypatch.setattr(overlap, "overlap", late)
    assert len(duplicates(campaign)) == 1


# Where they are shown


def test_the_page_asks_for_the_slow_ones(
    client: Client, campaign: Campaign, web: dict[str, Answer]
) -> None:
    client.force_login(make_member(campaign.site, Role.MARKETER))
    review = reverse("campaigns:review", args=[campaign.site_id, campaign.pk])
    part = reverse("campaigns:review_checks", args=[campaign.site_id, campaign.pk])
    first = client.get(review).content.decode()
    assert f'hx-get="{part}" hx-trigger="load, ' in first
    assert "https://shop.example/down: " not in first
    for address in (part, f"{review}?look=1"):
        said = client.get(address).content.decode()
        assert "https://shop.example/down: " in said, address
        # Asked for again when the dry run is done, not by itself.
        assert f'hx-get="{part}" hx-trigger="beckon:counted ' in said
        assert "/message/#id_url" in said


def test_the_api_tells_them(campaign: Campaign, web: dict[str, Answer]) -> None:
    answer = caller(campaign.site)("get", f"{campaign.pk}/checks/")
    body = answer.json()
    assert answer.status_code == 200
    assert body["digest"] == approvals.digest(fresh(campaign))
    assert [(one["code"], one["level"], one["step"], one["field"]) for one in body["checks"]] == [
        ("page", "warn", "message", "url")
    ]
