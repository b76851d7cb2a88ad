"""Ready-made messages: each is complete, accepted, and a campaign begins with it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Site
from campaigns import content, drafting, library, personal, readymade, showing
from campaigns.models import Campaign, Message
from campaigns.readymade import Ready
from tests.factories import make_subscription

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


@pytest.mark.parametrize("key", KEYS)
def test_each_is_right_for_somebody_of_whom_nothing_is_known(site: Site, key: str) -> None:
    """No fault in its Liquid, nobody aborts, and no gap is left where a name would be."""
    site.default_url = "https://shop.example/"
    fields = {"url": site.default_url, **ready(key).content}
    for name in ("title", "body", "url", "image"):
        assert personal.check(fields.get(name, "")) == [], name
    device = make_subscription(site)
    renderer = personal.Renderer(Message(**fields), site)
    (stranger,) = personal.readers(site, [device.pk], renderer.needs, timezone.now()).values()
    read = renderer.content(stranger)
    assert read.title and read.body and read.url.startswith("https://shop.example")
    assert "  " not in read.title + read.body
    assert not {"{", "}"} & set(read.title + read.body + read.url)
    assert read.image == ""


@pytest.mark.parametrize("key", KEYS)
def test_a_card_shows_each_with_an_example(site: Site, key: str) -> None:
    shown = showing.card(ready(key).content, site)
    assert shown.title and shown.body
    assert "{" not in shown.title + shown.body


def test_a_card_of_what_can_not_be_filled_in_shows_it_as_it_is_written(site: Site) -> None:
    contents = {
        "title": '{% abort "sold out" %}',
        "body": "Text",
        "actions": [{"title": "Go", "url": "https://a.example"}],
    }
    shown = showing.card(contents, site)
    assert (shown.title, shown.body, shown.buttons) == (contents["title"], "Text", ["Go"])
