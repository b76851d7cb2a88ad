"""What is read of people: as they are, of their own site, in a fixed number of statements."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.models import Site
from audiences.models import AttributeType
from campaigns.personal import Needs, Renderer, check, example, known, readers
from campaigns.personal.variables import VARIABLES
from subscribers import partitions
from subscribers.models import Cart, Event, EventName, Subscriber, Subscription, event_number
from tests.campaigns.personal import message
from tests.factories import make_site, make_subscriber, make_subscription

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ALL = Needs.of((one.path for one in VARIABLES), device=True)
MITT = {
    "product": "mitt",
    "name": "Frost Mitt",
    "quantity": 2,
    "price": 649,
    "url": "https://shop.example/mitt",
}


@pytest.fixture
def site() -> Site:
    return make_site(time_zone="Europe/Oslo")


def views(person: Subscriber, at: datetime, **properties: Any) -> None:
    name, _made = EventName.objects.get_or_create(site=person.site, name="product_viewed")
    partitions.ensure(at.date().replace(day=1))
    Event.objects.create(
        name=name, subscriber=person, at=at, number=event_number(), properties=properties
    )


def shopper(site: Site, **fields: Any) -> Subscription:
    """Somebody with everything that texts can name."""
    person = make_subscriber(
        site,
        external_id="customer-7",
        attributes={"first_name": "Kari", "name": "Kari Nordmann", "tier": "gold", "age": 40.0},
        tags=["vip"],
        topics=["news"],
    )
    Subscriber.objects.filter(pk=person.pk).update(created_at=NOW)
    Cart.objects.create(
        subscriber=person, site=site, items=[MITT], value="1298.50", currency="NOK", updated_at=NOW
    )
    views(person, NOW - timedelta(days=2), name="Old")
    views(person, NOW - timedelta(days=1), name="Jacket", price=2499, url="https://shop.example/j")
    views(person, NOW + timedelta(days=1), name="Not yet")
    fields = {"language": "nb-NO", "platform": "Android", "time_zone": "Asia/Tokyo", **fields}
    return make_subscription(site, subscriber=person, **fields)


def test_a_person_with_everything(site: Site) -> None:
    device = shopper(site)
    needs = Needs.of(
        [*(one.path for one in VARIABLES), ("subscriber", "tier"), ("subscriber", "age")]
    )
    read = readers(site, [device.pk], needs, NOW)[device.pk]
    assert (read.subscription_id, read.subscriber_id) == (device.pk, device.subscriber_id)
    assert (read.language, read.platform, read.time_zone) == ("nb-NO", "Android", "Asia/Tokyo")
    clock = NOW.astimezone(ZoneInfo("Asia/Tokyo"))
    assert read.context["subscriber"] == {
        **{"first_name": "Kari", "name": "Kari Nordmann", "tier": "gold", "age": 40},
        **{"external_id": "customer-7", "tags": ["vip"], "topics": ["news"]},
        **{"language": "nb-NO", "country": "Japan", "time_zone": "Asia/Tokyo", "created_at": clock},
    }
    assert read.context["cart"] == {
        **{"value": 1298.5, "currency": "NOK", "count": 2, "items": [MITT], "first_item": MITT},
        "updated_at": clock,
    }
    assert str(read.context["cart"]["value"]) == "1298.50"
    assert read.context["product"] == {
        **{"name": "Jacket", "price": 2499, "url": "https://shop.example/j"},
    }


def test_somebody_of_whom_nothing_is_known(site: Site) -> None:
    device = make_subscription(site, language="", platform="", time_zone="")
    read = readers(site, [device.pk], ALL, NOW)[device.pk]
    assert set(read.context) == {"subscriber"}
    assert set(read.context["subscriber"]) == {"created_at"}
    assert read.context["subscriber"]["created_at"].tzinfo.key == "Europe/Oslo"


def test_an_attribute_stands_in_for_what_is_not_known_of_the_device(site: Site) -> None:
    person = make_subscriber(site, attributes={"country": "Norge", "first_name": "Kari"})
    device = make_subscription(site, subscriber=person, time_zone="")
    needs = Needs(fields=frozenset(("country", "name")))
    read = readers(site, [device.pk], needs, NOW)[device.pk]
    assert read.context["subscriber"] == {"country": "Norge", "name": "Kari"}


@pytest.mark.parametrize("state", [Cart.State.BOUGHT, Cart.State.EMPTY])
def test_a_cart_that_is_not_open_is_none(site: Site, state: str) -> None:
    device = shopper(site)
    Cart.objects.update(state=state)
    assert "cart" not in readers(site, [device.pk], ALL, NOW)[device.pk].context


def test_only_what_is_needed_is_read(site: Site) -> None:
    device = shopper(site)
    read = readers(site, [device.pk], Needs(fields=frozenset(("tier",))), NOW)[device.pk]
    assert read.context == {"subscriber": {"tier": "gold"}}
    assert readers(site, [device.pk], Needs(device=True), NOW)[device.pk].context == {}
    cart = readers(site, [device.pk], Needs(cart=True), NOW)[device.pk].context
    assert list(cart) == ["cart"]


def test_people_of_other_sites_and_those_who_are_gone_are_left_out(site: Site) -> None:
    ours, theirs = shopper(site), shopper(make_site(name="Other"))
    assert list(readers(site, [ours.pk, theirs.pk, 10**12], ALL, NOW)) == [ours.pk]


def test_odd_data_is_left_out(site: Site) -> None:
    person = make_subscriber(
        site, attributes={"first_name": ["a", "\u202eb\n"], "x": None, "y": ""}
    )
    Cart.objects.create(subscriber=person, site=site, items=[{"price": "free"}], updated_at=NOW)
    views(person, NOW)
    device = make_subscription(site, subscriber=person, time_zone="Not/AZone")
    needs = Needs(fields=frozenset(("first_name", "x", "y", "created_at")), cart=True, product=True)
    context = readers(site, [device.pk], needs, NOW)[device.pk].context
    assert context["subscriber"]["first_name"] == ["a", "b"]
    assert set(context["subscriber"]) == {"first_name", "created_at"}
    assert context["cart"]["count"] == 1
    assert "product" not in context


@pytest.mark.parametrize("people", [1, 30])
def test_any_number_of_people_takes_two_statements(
    site: Site, people: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    device = shopper(site)
    more = [make_subscription(site).pk for _ in range(people - 1)]
    with django_assert_num_queries(2):  # the number of the event's name, then all of it
        assert len(readers(site, [device.pk, *more], ALL, NOW)) == people
    with django_assert_num_queries(1):
        readers(site, [device.pk, *more], Needs(device=True, cart=True), NOW)
    with django_assert_num_queries(0):
        assert readers(site, [], ALL, NOW) == {}


def test_a_message_is_filled_in_for_who_was_read(
    site: Site, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    device = shopper(site)
    body = (
        "{{ cart.first_item.name }} × {{ cart.count }}, {{ product.name }}, {{ subscriber.tier }}"
    )
    one = message(
        title="Hei {{ subscriber.first_name }}", body=body, url="{{ cart.first_item.url }}"
    )
    made = Renderer(one, site)
    people = readers(site, [device.pk], made.needs, NOW)
    with django_assert_num_queries(0):
        content = made.content(people[device.pk])
    assert content.title == "Hei Kari"
    assert content.body == "Frost Mitt × 2, Jacket, gold"
    assert content.url == "https://shop.example/mitt"


def test_the_example_has_all_that_texts_can_name(site: Site) -> None:
    skipped = {"cart.first_item.image", "product.image"}
    names = [one.name for one in VARIABLES if one.name not in skipped and one.path[0] != "coupon"]
    made = Renderer(message(body=" ".join(f"{{{{ {name} }}}}" for name in names)), site)
    assert made.defaulted(example(site)) == frozenset()
    assert "Frost Mitt" in made.content(example(site)).body


def test_the_attributes_of_a_site_can_be_named_and_no_others(
    site: Site, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    shopper(site)
    make_subscriber(make_site(name="Other"), attributes={"secret": 1})
    AttributeType.objects.create(site=site, name="said", kind="text")
    with django_assert_num_queries(4):
        found = known(site)
    assert found.attributes == {"first_name", "name", "tier", "age", "said"}
    assert found.properties == {"name", "price", "url"}
    assert check("{{ subscriber.tier }}{{ subscriber.said }}", found) == []
    assert check("{{ subscriber.secret }}", found) != []
    assert known(make_site(name="New")).properties == frozenset()
