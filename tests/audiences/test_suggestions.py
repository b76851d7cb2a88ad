"""Values to pick from, and the address that a rule's builder asks for them."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role, Site
from audiences import suggestions
from audiences.models import Audience, AudienceSize, ListUpload, StaticList
from subscribers import partitions
from subscribers.models import Cart, Event, EventName, Subscriber, Subscription, event_number
from tests.factories import make_member, make_site, make_subscriber, make_subscription

pytestmark = pytest.mark.django_db


def found(site: Site, field: str, *more: str, **given: str) -> list[tuple[str, str, int | None]]:
    values = suggestions.values(site, field, *more, **given)
    return [(one.value, one.label, one.count) for one in values]


def test_of_people() -> None:
    site = make_site()
    make_subscriber(site, tags=["vip", "sale"], topics=["news"], attributes={"city": "Oslo"})
    make_subscriber(site, tags=["sale"], attributes={"city": "Oslo", "sizes": ["M", "L"]})
    make_subscriber(site, attributes={"city": 7, "sizes": ["M"]})
    make_subscriber(site, attributes={"city": ["a list"], "sizes": "no list"})
    make_subscriber(make_site(name="Other"), tags=["foreign"], topics=["foreign"])
    assert found(site, "tag") == [("sale", "sale", 2), ("vip", "vip", 1)]
    assert found(site, "topic") == [("news", "news", 1)]
    assert found(site, "attribute_text", "city") == [("Oslo", "Oslo", 2), ("7", "7", 1)]
    assert found(site, "attribute_list", "sizes") == [("M", "M", 2), ("L", "L", 1)]
    assert found(site, "attribute_text", "never heard of") == []


def test_of_devices() -> None:
    site = make_site()
    oslo = {"language": "nb-NO", "time_zone": "Europe/Oslo", "browser": "Chrome"}
    make_subscription(site, **oslo, platform="Android")
    make_subscription(site, **oslo, platform="macOS")
    make_subscription(site, language="nb", time_zone="Asia/Calcutta", platform="macOS")
    make_subscription(site, language="", time_zone="", browser="", platform="macOS")
    make_subscription(site, **oslo, platform="iOS", state=Subscription.State.GONE)
    make_subscription(make_site(name="Other"), browser="Safari")
    Subscription.objects.filter(platform="macOS").update(app_version="4.12")
    assert found(site, "app_version") == [("4.12", "4.12", 3)]
    assert found(site, "language") == [("nb", "Norwegian Bokmål", 3)]
    assert found(site, "country") == [("NO", "Norway", 2), ("IN", "India", 1)]
    assert found(site, "time_zone")[1] == ("Asia/Calcutta", "Asia/Calcutta", 1)
    assert found(site, "channel") == [("web", "Web push", 4)]
    assert found(site, "browser") == [("Chrome", "Chrome", 2), ("Firefox", "Firefox", 1)]
    assert found(site, "platform") == [("macOS", "macOS", 3), ("Android", "Android", 1)]


def test_what_begins_as_was_typed() -> None:
    site = make_site()
    person = make_subscriber(site, tags=["Sale", "sales 100%", "vip"], topics=["%"])
    make_subscription(site, subscriber=person, language="nb", time_zone="Europe/Oslo")
    assert [value for value, *_ in found(site, "tag", starting=" SALE")] == ["Sale", "sales 100%"]
    assert found(site, "tag", starting="%") == []
    assert found(site, "topic", starting="%") == [("%", "%", 1)]
    # By what people read, and by what the rule stores.
    for starting in ("norw", "NB"):
        assert found(site, "language", starting=starting) == [("nb", "Norwegian Bokmål", 1)]
    for starting in ("Norw", "no"):
        assert found(site, "country", starting=starting) == [("NO", "Norway", 1)]


def test_at_most_twelve() -> None:
    site = make_site()
    make_subscriber(site, tags=[f"t{number:02}" for number in range(20)])
    for number in range(14):
        make_subscription(site, browser=f"Browser {number:02}")
    assert [value for value, *_ in found(site, "tag")] == [f"t{number:02}" for number in range(12)]
    assert len(found(site, "browser")) == 12


def make_event(name: EventName, person: Subscriber, days: int = 0, **properties: Any) -> None:
    at = timezone.now() - timedelta(days=days)
    partitions.ensure(at.date().replace(day=1))
    Event.objects.create(
        name=name, subscriber=person, at=at, number=event_number(), properties=properties
    )


def test_of_events() -> None:
    site, other = make_site(), make_site(name="Other")
    bought = EventName.objects.create(site=site, name="purchase")
    viewed = EventName.objects.create(site=site, name="product_viewed")
    foreign = EventName.objects.create(site=other, name="purchase")
    person = make_subscriber(site)
    for sku in ("A", "A", "B"):
        make_event(bought, person, sku=sku, value=7)
    make_event(bought, person, items=[{"product": "X"}])
    make_event(bought, person, days=90, sku="OLD")
    make_event(viewed, person, days=90, sku="C")
    make_event(foreign, make_subscriber(other), secret="x")
    assert found(site, "event") == [
        ("product_viewed", "product_viewed", None),
        ("purchase", "purchase", None),
    ]
    assert found(site, "event", starting="PUR") == [("purchase", "purchase", None)]
    assert found(site, "event_property", "purchase") == [
        ("sku", "sku", 3),
        ("value", "value", 3),
        ("items", "items", 1),
    ]
    assert found(site, "event_value", "purchase", "sku") == [("A", "A", 2), ("B", "B", 1)]
    assert found(site, "event_value", "purchase", "value", "7") == [("7", "7", 3)]
    assert found(site, "event_value", "purchase", "items") == []
    # What nobody did in the last month is looked for further back.
    assert found(site, "event_value", "product_viewed", "sku") == [("C", "C", 1)]
    assert found(site, "event_property", "never heard of") == []


def test_of_open_carts() -> None:
    site = make_site()
    mitt = {"product": "SKU-1", "name": "Frost Mitt", "quantity": 1}
    bare = {"product": "SKU-2"}
    for state, items in (("open", [mitt, bare]), ("open", [mitt]), ("bought", [bare] * 5)):
        person = make_subscriber(site)
        Cart.objects.create(subscriber=person, site=site, state=state, items=items)
    other = make_site(name="Other")
    Cart.objects.create(subscriber=make_subscriber(other), site=other, items=[bare])
    mitts = ("SKU-1", "Frost Mitt (SKU-1)", 2)
    assert found(site, "cart_product") == [mitts, ("SKU-2", "SKU-2", 1)]
    for starting in ("frost", "sku-1"):
        assert found(site, "cart_product", starting=starting) == [mitts]


def test_of_lists_and_audiences() -> None:
    site = make_site()
    card = StaticList.objects.create(site=site, name="Loyalty card")
    for members in (3, 5):
        ListUpload.objects.create(list=card, mode="add", names="external_id", members=members)
    new = StaticList.objects.create(site=site, name="Brand new")
    StaticList.objects.create(site=make_site(name="Other"), name="Foreign")
    assert found(site, "list") == [
        (str(new.pk), "Brand new", None),
        (str(card.pk), "Loyalty card", 5),
    ]
    assert found(site, "list", starting="loy") == [(str(card.pk), "Loyalty card", 5)]

    lapsed = Audience.objects.create(site=site, name="Lapsed")
    Audience.objects.create(site=site)
    today = timezone.now().date()
    for ago, people in ((1, 40), (0, 44)):
        day = today - timedelta(days=ago)
        AudienceSize.objects.create(audience=lapsed, day=day, people=people, devices=people)
    assert found(site, "audience") == [(str(lapsed.pk), "Lapsed", 44)]


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("", ()),
        ("endpoint", ()),
        ("tag; DROP TABLE", ()),
        ("attribute_text", ()),
        ("attribute_list", ("", "x")),
        ("event_property", ()),
        ("event_value", ("purchase",)),
        ("event_value", ("", "sku")),
    ],
)
def test_what_is_not_known_is_refused(field: str, more: tuple[str, ...]) -> None:
    with pytest.raises(suggestions.Unknown) as refused:
        suggestions.values(make_site(), field, *more)
    assert str(refused.value).endswith(".")


def test_only_the_newest_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggestions, "LOOKED_AT", 2)
    site = make_site()
    old = make_subscriber(site, tags=["old"])
    make_subscription(site, subscriber=old, browser="Old")
    tagged = make_subscriber(site, tags=["a", "b", "c"])
    make_subscription(site, subscriber=tagged, browser="Chrome")
    for field in ("tag", "browser", "cart_product", "audience"):
        assert suggestions.covers_all(site, field)
    assert not suggestions.covers_all(site, "event_value")
    # Somebody without a tag counts among them too: the work has a bound.
    bare = make_subscriber(site)
    make_subscription(site, subscriber=bare, browser="Chrome")
    assert not suggestions.covers_all(site, "tag")
    assert not suggestions.covers_all(site, "browser")
    assert [value for value, *_ in found(site, "tag")] == ["a", "b", "c"]
    assert found(site, "browser") == [("Chrome", "Chrome", 2)]


def signed_in(site: Site, role: Role) -> Client:
    client = Client()
    client.force_login(make_member(site, role), backend="django.contrib.auth.backends.ModelBackend")
    return client


def url(site: Site) -> str:
    return f"/sites/{site.pk}/audiences/suggestions/"


def test_the_address() -> None:
    site = make_site()
    make_subscriber(site, tags=["sale"], attributes={"city": "Oslo"})
    client = signed_in(site, Role.VIEWER)
    sale = {"value": "sale", "label": "sale", "count": 1}
    assert client.get(url(site), {"field": "tag"}).json() == {"values": [sale], "all": True}
    asked = {"field": "attribute_text", "name": "city", "q": "os"}
    oslo = {"value": "Oslo", "label": "Oslo", "count": 1}
    assert client.get(url(site), asked).json() == {"values": [oslo], "all": True}
    assert client.get(url(site), asked | {"q": "x"}).json() == {"values": [], "all": True}


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({}, "no suggestions for"),
        ({"field": "endpoint"}, "“endpoint”"),
        ({"field": "attribute_text"}, "name"),
        ({"field": "event_value", "name": "purchase"}, "property"),
        ({"field": "tag", "q": "\x00"}, "characters"),
        ({"field": "x" * 5000}, "no suggestions for"),
    ],
)
def test_the_address_rejects(query: dict[str, str], word: str) -> None:
    site = make_site()
    response = signed_in(site, Role.VIEWER).get(url(site), query)
    assert response.status_code == 400
    assert word in response.json()["error"]
    assert len(response.json()["error"]) < 200


def test_it_requires_access() -> None:
    site = make_site()
    assert signed_in(make_site(name="Other"), Role.OWNER).get(url(site)).status_code == 404
    assert Client().get(url(site)).status_code == 302
