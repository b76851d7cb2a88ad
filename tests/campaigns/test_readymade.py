"""Ready-made messages: each is complete, accepted, and a campaign begins with it."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Site
from campaigns import content, drafting, library, readymade
from campaigns.models import Campaign
from campaigns.readymade import Ready

KEYS = [
    *("flash-sale", "new-arrival", "back-in-stock", "news"),
    *("cart-reminder-1", "cart-reminder-2", "cart-reminder-3"),
    *("welcome", "event-reminder", "survey"),
]


def ready(key: str) -> Ready:
    found = readymade.find(key)
    assert found is not None
    return found


def test_there_are_all_of_them() -> None:
    assert [one.key for one in readymade.offers()] == KEYS
    assert readymade.find("nothing") is None


@pytest.mark.parametrize("key", KEYS)
def test_each_is_a_message_that_is_accepted(site: Site, key: str) -> None:
    one = ready(key)
    assert one.name and one.why
    assert content.checked(one.content)
    campaign = library.start(site, one.name, one.content)
    message = drafting.message_of(campaign)
    assert message.title and message.body


@pytest.mark.parametrize("key", KEYS)
def test_each_begins_a_campaign(site: Site, bob: Client, key: str) -> None:
    address = f"/sites/{site.pk}/library/ready/"
    shown = bob.get(f"{address}?key={key}").content.decode()
    assert f"<h1>{ready(key).name}</h1>" in shown
    bob.post(address, {"key": key})
    assert Campaign.objects.get().name == ready(key).name


def test_what_is_not_ready_made_leads_back(site: Site, bob: Client) -> None:
    address = f"/sites/{site.pk}/library/"
    for answer in (bob.get(f"{address}ready/"), bob.post(f"{address}ready/", {"key": "x"})):
        assert answer.headers["Location"] == address
