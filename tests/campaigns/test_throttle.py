"""How fast a campaign goes out: noted before, changed while it runs, explained in words."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from accounts import rates as allowed
from accounts.models import AuditEvent, Site
from campaigns import drafting, rates, starting
from campaigns.models import Campaign
from campaigns.refusals import Refused
from tests.factories import make_campaign, make_subscription

pytestmark = pytest.mark.django_db


def at(campaign: Campaign, name: str) -> str:
    return reverse(f"campaigns:{name}", args=[campaign.site_id, campaign.pk])


@pytest.mark.parametrize("rate", [6, 1_000, 6_000_000, None])
def test_what_may_be_a_rate(rate: int | None) -> None:
    assert allowed.checked(rate) == rate


@pytest.mark.parametrize("rate", [0, 5, -6, 6_000_001, True, "60", 60.0, [60]])
def test_what_is_no_rate(site: Site, rate: Any) -> None:
    with pytest.raises(ValidationError, match="from 6 to 6,000,000"):
        drafting.set_throttle(make_campaign(site), rate)
    assert Campaign.objects.get().throttle is None


@pytest.mark.parametrize("state", ["draft", "scheduled", "running", "paused"])
def test_it_can_be_changed_until_the_end(site: Site, state: str) -> None:
    campaign = make_campaign(site, state=state, scheduled_for="2099-01-01T00:00Z")
    for rate in (600, 600, None):
        drafting.set_throttle(campaign, rate)
        assert Campaign.objects.get().throttle == rate
    noted = AuditEvent.objects.filter(action="campaign.throttled").order_by("pk")
    expected = [600, None] if state in Campaign.OPEN else []
    assert [event.detail["messages_a_minute"] for event in noted] == expected


@pytest.mark.parametrize("state", ["finished", "cancelled"])
def test_not_afterwards(site: Site, state: str) -> None:
    campaign = make_campaign(site, state=state)
    with pytest.raises(Refused, match="has ended"):
        drafting.set_throttle(campaign, 600)
    assert Campaign.objects.get().throttle is None


def test_a_copy_goes_as_fast(site: Site) -> None:
    original = make_campaign(site, throttle=600)
    assert drafting.duplicate(original, None).throttle == 600
    Campaign.objects.get(throttle=600, pk=original.pk)


@pytest.mark.parametrize(
    ("devices", "rate", "words"),
    [
        (186_440, 1_000, "186,440 devices take about 3 h 6 min"),
        (1, 6, "1 device takes about 10 s"),
        (1_000, 6_000_000, "1,000 devices take about 1 s"),
        (186_440, 6, "186,440 devices take about 22 days"),
        (17_280, 6, "17,280 devices take about 2 days"),
    ],
)
def test_it_is_explained(devices: int, rate: int, words: str) -> None:
    assert rates.meaning(devices, rate) == words


@pytest.mark.parametrize(
    ("own", "whole", "limit"), [(None, None, None), (60, None, 60), (None, 30, 30), (60, 30, 30)]
)
def test_the_lower_limit_holds(
    site: Site, own: int | None, whole: int | None, limit: int | None
) -> None:
    Site.objects.update(throttle=whole)
    site.refresh_from_db()
    campaign = make_campaign(site, throttle=own)
    assert rates.limit_of(campaign) == limit
    assert ("30 a minute for all" in rates.without(site)) is (whole == 30)
    assert rates.explained(0, 60) == "At most 60 a minute"


def test_a_marketer_changes_it_while_it_runs(site: Site, bob: Client) -> None:
    make_subscription(site)
    campaign = make_campaign(site)
    starting.start(campaign)
    for typed, rate, words in (
        ("1,200", 1_200, "At most 1,200 a minute from now on."),
        ("", None, "as fast as the push services take it"),
    ):
        answer = bob.post(at(campaign, "throttle"), {"throttle": typed}, follow=True)
        assert answer.redirect_chain == [(at(campaign, "report"), 302)]
        assert words in answer.content.decode()
        assert Campaign.objects.get().throttle == rate
    answer = bob.post(at(campaign, "throttle"), {"throttle": "5"}, follow=True)
    assert "Write a number from 6 to 6,000,000" in answer.content.decode()
    starting.cancel(campaign)
    answer = bob.post(at(campaign, "throttle"), {"throttle": "60"}, follow=True)
    assert "nothing left to slow down" in answer.content.decode()
    assert Campaign.objects.get().throttle is None
