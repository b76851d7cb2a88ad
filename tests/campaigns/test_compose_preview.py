"""Beside the form: a real person's message, and who reads something else."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, Site, User
from audiences import counting, rules
from audiences.counting import TooLong
from campaigns import cells, drafting, lacking
from campaigns.models import Campaign, Message
from subscribers.models import Cart, Subscriber
from tests.campaigns.test_compose import WORDS
from tests.factories import (
    make_campaign,
    make_member,
    make_site,
    make_subscriber,
    make_subscription,
)

pytestmark = pytest.mark.django_db
HELLO = 'Hello {{ subscriber.first_name | default: "there" }}'


@pytest.fixture
def site() -> Site:
    return make_site(default_url="https://shop.example/", time_zone="Europe/Oslo")


@pytest.fixture
def bob(site: Site, client: Client) -> User:
    bob = make_member(site, Role.MARKETER, "bob@example.com")
    client.force_login(bob)
    return bob


@pytest.fixture
def ingrid(site: Site) -> Subscriber:
    ingrid = make_subscriber(site, external_id="c-1", attributes={"first_name": "Ingrid"})
    make_subscription(site, subscriber=ingrid, platform="Android", language="nb")
    return ingrid


@pytest.fixture
def nobody(site: Site) -> Subscriber:
    """Came after Ingrid, and has no name."""
    nobody = make_subscriber(site)
    make_subscription(site, subscriber=nobody, platform="macOS", browser="Safari", language="ar")
    return nobody


@pytest.fixture
def campaign(site: Site, bob: User, ingrid: Subscriber, nobody: Subscriber) -> Campaign:
    return make_campaign(site, message={"title": HELLO})


def at(campaign: Campaign, name: str) -> str:
    return reverse(f"campaigns:{name}", args=[campaign.site_id, campaign.pk])


def preview(client: Client, campaign: Campaign, **typed: str) -> dict[str, Any]:
    answer = client.post(at(campaign, "message_preview"), WORDS | {"title": HELLO} | typed)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def test_it_is_seen_as_the_newest_person_or_as_a_chosen_one(
    client: Client, campaign: Campaign, ingrid: Subscriber
) -> None:
    assert preview(client, campaign)["cards"]["android"]["title"] == "Hello there"
    seen = preview(client, campaign, **{"as": str(ingrid.pk)})
    assert seen["cards"]["ios"]["title"] == "Hello Ingrid"
    assert preview(client, campaign, **{"as": "nobody"})["cards"]["ios"]["title"] == "Hello there"
    assert Message.objects.get().body == "20 % off down"


def test_what_is_stored_is_seen_by_get(
    client: Client, site: Site, campaign: Campaign, ingrid: Subscriber
) -> None:
    client.force_login(make_member(site, Role.VIEWER))
    address = f"{at(campaign, 'message_preview')}?as={ingrid.pk}"
    assert client.get(address).json()["cards"]["windows"]["title"] == "Hello Ingrid"
    page = client.get(f"{at(campaign, 'message')}?as={ingrid.pk}").content.decode()
    assert ">Hello Ingrid</div>" in page


def test_a_person_of_another_site_is_not_looked_at(client: Client, campaign: Campaign) -> None:
    other = make_subscriber(make_site(name="Other"), attributes={"first_name": "Secret"})
    make_subscription(other.site, subscriber=other)
    seen = preview(client, campaign, **{"as": str(other.pk)})
    assert seen["cards"]["android"]["title"] == "Hello there"
    found = client.get(at(campaign, "message_people"), {"q": "Secret"})
    assert b"Secret</button>" not in found.content and b"Nobody with a device" in found.content


def test_who_gets_nothing_is_told_why(client: Client, campaign: Campaign) -> None:
    body = '{% if cart == nil %}{% abort "no price" %}{% endif %}'
    seen = preview(client, campaign, body=body)
    assert seen["nothing"] == "This person gets nothing: no price"
    assert {card["nothing"] for card in seen["cards"].values()} == {"no price"}
    empty = preview(client, campaign, title="")
    assert empty["nothing"] == "" and empty["cards"]["android"]["title"] == ""


def test_each_system_shows_its_own_words_and_each_language_its_direction(
    client: Client, campaign: Campaign
) -> None:
    drafting.edit_message(campaign, partial(cells.with_language, language="ar"), None)
    cards = preview(client, campaign, mac_body="Short")["cards"]
    assert cards["macos"]["body"] == "Short" and cards["ios"]["body"] == "Until Sunday"
    assert not cards["ios"]["rtl"]
    arabic = preview(client, campaign, cell="A-ar", title="قفازاتك")["cards"]["ios"]
    assert arabic["rtl"] and arabic["title"] == "قفازاتك"
    # What the language leaves out is the site's own.
    assert arabic["image"] == ""


def test_what_is_wrong_is_left_out_of_the_preview(client: Client, campaign: Campaign) -> None:
    assert (
        preview(client, campaign, title="{{ subscribr }}")["cards"]["ios"]["title"] == "Hello there"
    )
    assert preview(client, campaign, cell="D")["cards"]["ios"]["title"] == "Hello there"


def test_a_site_without_people_has_previews_too(client: Client, bob: User, site: Site) -> None:
    campaign = make_campaign(site, message={"title": HELLO})
    page = client.get(at(campaign, "message")).content.decode()
    assert ">Hello there</div>" in page and "Nobody yet" in page


def test_people_are_found_by_name_and_chosen(
    client: Client, campaign: Campaign, ingrid: Subscriber
) -> None:
    found = client.get(at(campaign, "message_people"), {"q": "ingr"}).content.decode()
    assert f'name="see" value="{ingrid.pk}"' in found
    chosen = client.post(at(campaign, "message"), WORDS | {"see": str(ingrid.pk)})
    assert chosen.headers["Location"] == f"{at(campaign, 'message')}?as={ingrid.pk}"
    asked = client.post(at(campaign, "message"), WORDS | {"find": "1", "q": "c-1"})
    page = client.get(asked.headers["Location"]).content.decode()
    assert f'name="see" value="{ingrid.pk}"' in page


def test_examples_are_the_persons_own(
    client: Client, campaign: Campaign, site: Site, ingrid: Subscriber
) -> None:
    Subscriber.objects.filter(pk=ingrid.pk).update(attributes={"first_name": "Ingrid", "size": "M"})
    items = [{"product": "mitt", "name": "Frost Mitt", "quantity": 1, "price": 399}]
    Cart.objects.create(site=site, subscriber=ingrid, items=items, value=399, currency="NOK")
    page = client.get(f"{at(campaign, 'message')}?as={ingrid.pk}").content.decode()
    assert "First name · Ingrid" in page and "First thing in the cart · Frost Mitt" in page
    assert "such as WINTER20" in page
    assert 'data-insert="subscriber.size"' in page


def test_who_reads_something_else_is_counted(
    client: Client, campaign: Campaign, nobody: Subscriber
) -> None:
    for tag in ("ar", "nb"):
        drafting.edit_message(campaign, partial(cells.with_language, language=tag), None)
    found = client.get(at(campaign, "message_findings")).content.decode()
    assert "Arabic has no text.</b> 1 device reads English instead." in found
    assert "<b>1 person has no first name</b>" in found
    shown = client.post(
        at(campaign, "message"), WORDS | {"title": HELLO, "lacks": "subscriber.first_name"}
    )
    assert shown.headers["Location"] == f"{at(campaign, 'message')}?as={nobody.pk}"
    page = client.get(at(campaign, "message") + "?count=1").content.decode()
    assert "<b>1 person has no first name</b>" in page


def test_languages_of_devices_are_offered(client: Client, campaign: Campaign) -> None:
    offered = client.get(at(campaign, "message_languages")).content.decode()
    assert 'name="language" value="ar"' in offered and 'name="language" value="nb"' in offered
    client.post(at(campaign, "message"), WORDS | {"language": "nb"})
    assert Message.objects.latest().translations == {"nb": {}}
    offered = client.get(at(campaign, "message") + "?languages=1").content.decode()
    assert 'name="language" value="ar"' in offered and 'name="language" value="nb"' not in offered


def test_counting_that_takes_too_long_is_left_out(
    client: Client, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_args: object, **_options: object) -> None:
        raise TooLong

    drafting.edit_message(campaign, partial(cells.with_language, language="ar"), None)
    monkeypatch.setattr(counting, "in_time", slow)
    monkeypatch.setattr(counting, "count", slow)
    found = client.get(at(campaign, "message_findings")).content.decode()
    assert "Its people read English instead." in found and "first name" not in found
    assert b"takes too long" in client.get(at(campaign, "message_languages")).content


@pytest.mark.parametrize(
    ("name", "people"),
    [
        ("subscriber.first_name", 1),
        ("subscriber.name", 1),
        ("subscriber.external_id", 1),
        ("cart.first_item.name", 1),
        ("product.name", 2),
        ("subscriber.language", 0),
        ("coupon.code", 0),
    ],
)
def test_each_variable_is_counted_by_a_rule(
    site: Site, campaign: Campaign, ingrid: Subscriber, name: str, people: int
) -> None:
    Cart.objects.create(
        site=site, subscriber=ingrid, items=[], value=0, updated_at=timezone.now() - timedelta(1)
    )
    message = Message(title=f"{{{{ {name} }}}}", campaign=campaign)
    found = lacking.lacking(message, site, rules.EVERYONE)
    assert [one.people for one in found] == ([people] if people else [])
    assert all(one.label for one in found)
    somebody = lacking.one(message, site, rules.EVERYONE, name)
    assert (somebody is not None) is bool(people)
    assert lacking.one(message, site, rules.EVERYONE, "subscriber.other") is None


def test_the_review_shows_somebody_who_is_told_something(
    site: Site, client: Client, campaign: Campaign, ingrid: Subscriber, nobody: Subscriber
) -> None:
    page = client.get(reverse("campaigns:review", args=[site.pk, campaign.pk]))
    assert page.context["preview"].person.subscriber == nobody  # the newest
    stop = '{% if subscriber.first_name == blank %}{% abort "no name" %}{% endif %}'
    campaign.messages.update(title=f"{stop}Hello")
    page = client.get(reverse("campaigns:review", args=[site.pk, campaign.pk]))
    assert page.context["preview"].person.subscriber == ingrid
    campaign.messages.update(title='{% abort "nobody" %}')
    page = client.get(reverse("campaigns:review", args=[site.pk, campaign.pk]))
    assert page.context["preview"].person.subscriber == nobody
