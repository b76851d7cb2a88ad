"""Approval by the API: keys ask, people answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from accounts.models import Role, Site
from campaigns import approvals
from campaigns.models import Campaign, Message, Policy
from tests.campaigns.calling import caller
from tests.factories import (
    make_campaign,
    make_member,
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


def say(campaign: Campaign, **fields: Any) -> None:
    Message.objects.filter(campaign=campaign).update(**fields)


@pytest.fixture
def guarded(campaign: Campaign) -> Campaign:
    Policy.objects.create(site=campaign.site, approval=Policy.Approval.ALWAYS)
    return campaign


def test_the_api_asks_and_starts_nothing_before_the_answer(guarded: Campaign) -> None:
    call = caller(guarded.site)
    assert call("get", f"{guarded.pk}/approval/").json()["state"] == "needed"
    assert call("post", f"{guarded.pk}/start/", {}).status_code == 409
    assert call("post", f"{guarded.pk}/approval/", {}).status_code == 409  # nobody is there
    jonas = make_member(guarded.site, Role.MARKETER, "jonas@example.com")
    asked = call("post", f"{guarded.pk}/approval/", {"note": "Please"})
    assert (asked.status_code, asked.json()["state"]) == (200, "asked")
    assert call("post", f"{guarded.pk}/approval/", {"verdict": "approved"}).status_code == 400
    assert call("post", f"{guarded.pk}/start/", {}).status_code == 409
    request = guarded.approvals.get()
    assert (request.asked_note, request.asked_by) == ("Please", None)
    approvals.decide(request, jonas, approvals.Verdict.APPROVED, "Fine")
    told = call("get", f"{guarded.pk}/approval/").json()
    assert (told["state"], told["decided_by"], told["note"]) == ("approved", str(jonas), "Fine")
    assert call("post", f"{guarded.pk}/start/", {}).status_code == 200


def test_the_api_says_what_voids(guarded: Campaign) -> None:
    jonas = make_member(guarded.site, Role.MARKETER)
    call = caller(guarded.site)
    call("post", f"{guarded.pk}/approval/", {})
    approvals.decide(guarded.approvals.get(), jonas, approvals.Verdict.APPROVED)
    call("patch", f"{guarded.pk}/", {"title": "Another"})
    told = call("get", f"{guarded.pk}/approval/").json()
    assert (told["state"], told["void"], told["changed"]) == ("needed", True, ["the message"])
    refused = call("post", f"{guarded.pk}/start/", {})
    assert refused.status_code == 409 and "void" in refused.json()["detail"]


def test_the_api_does_not_ask_for_what_is_not_complete(guarded: Campaign) -> None:
    make_member(guarded.site, Role.MARKETER)
    say(guarded, title="")
    refused = caller(guarded.site)("post", f"{guarded.pk}/approval/", {})
    assert refused.status_code == 409
    assert refused.json()["detail"] == "It can't go out yet: The message has no title."


def test_who_made_the_key_wrote_what_it_writes(guarded: Campaign) -> None:
    from accounts import api_keys

    maker = make_member(guarded.site, Role.ADMIN)
    _key, text = api_keys.create(guarded.site, "Shop", ["all"], by=maker)
    client = Client(headers={"authorization": f"Bearer {text}"})

    def call(method: str, path: str, body: dict[str, str]) -> Any:
        address = f"/api/v1/campaigns/{path}"
        return getattr(client, method)(address, body, content_type="application/json")

    call("patch", f"{guarded.pk}/", {"title": "Another"})
    made = call("post", "", {"title": "New"}).json()
    for pk in (guarded.pk, made["id"]):
        assert Campaign.objects.get(pk=pk).authors == [maker.pk]
    jonas = make_member(guarded.site, Role.MARKETER)
    call("post", f"{guarded.pk}/approval/", {})
    assert guarded.approvals.get().asked_by == maker
    assert approvals.approvers(fresh(guarded), maker.pk) == [jonas]
