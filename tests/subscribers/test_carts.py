"""Carts that follow events: subscribers.carts."""

import threading
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.models import Site
from subscribers import carts
from subscribers.carts import Change, Contents
from subscribers.incoming import Refused
from subscribers.models import Cart, Subscriber
from tests.factories import make_site, make_subscriber

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MITT = {"product": "SKU-1", "name": "Frost Mitt", "quantity": 2, "price": 399.5}
ANYBODY = uuid.UUID(int=1)


def updated(minute: int = 0, *, who: uuid.UUID = ANYBODY, **properties: Any) -> Change:
    at = NOON + timedelta(minutes=minute)
    return Change(who, "cart_updated", at, {"items": [MITT], **properties})


def bought(minute: int = 0, *, who: uuid.UUID = ANYBODY, **properties: Any) -> Change:
    return Change(who, "purchase", NOON + timedelta(minutes=minute), properties)


def after(*changes: Change) -> Contents:
    cart = Contents()
    for change in changes:
        cart = carts.applied(cart, change)
    return cart


def test_a_cart_is_what_its_event_says() -> None:
    items = [MITT, {"product": 7, "price": "10", "colour": "red"}]
    cart = after(updated(items=items, cart_id=12, currency="nok"))
    assert cart == Contents(
        key="12",
        state="open",
        items=(MITT, {"product": "7", "price": 10, "colour": "red", "quantity": 1}),
        value=Decimal("809.00"),
        currency="NOK",
        opened_at=NOON,
        updated_at=NOON,
    )


@pytest.mark.parametrize(
    ("properties", "value"),
    [
        ({"value": 12}, "12.00"),
        ({"value": "12.345"}, "12.35"),
        ({"value": 0}, "0.00"),
        ({}, "799.00"),
        ({"items": [{"product": "a"}]}, None),
        ({"items": [{"product": "a", "price": 0.1, "quantity": 3}]}, "0.30"),
        ({"items": [{"product": "a", "price": 5}, {"product": "b"}]}, "5.00"),
    ],
)
def test_the_value_is_sent_or_added_up(properties: dict[str, Any], value: str | None) -> None:
    assert after(updated(**properties)).value == (value and Decimal(value))


def test_an_empty_list_empties_it() -> None:
    cart = after(updated(), updated(1, items=[]))
    assert (cart.state, cart.items, cart.value) == ("empty", (), None)
    again = after(updated(), updated(1, items=[]), updated(2))
    assert (again.state, again.opened_at) == ("open", NOON + timedelta(minutes=2))


def test_a_purchase_keeps_what_was_bought() -> None:
    cart = after(updated(cart_id="a"), bought(5))
    assert (cart.state, cart.items, cart.key) == ("bought", (MITT,), "a")
    assert (cart.opened_at, cart.updated_at) == (NOON, NOON + timedelta(minutes=5))


def test_a_purchase_of_another_cart_leaves_it() -> None:
    cart = after(updated(cart_id="a"))
    assert after(updated(cart_id="a"), bought(5, cart_id="b")) == cart
    assert after(updated(cart_id="a"), bought(5, cart_id="a")).state == "bought"
    assert after(updated(), bought(5, cart_id="b")).state == "bought"


@pytest.mark.parametrize(
    ("changes", "opened"),
    [
        ([updated(), updated(9)], 0),
        ([updated(cart_id="a"), updated(9)], 0),
        ([updated(), updated(9, cart_id="a")], 0),
        ([updated(cart_id="a"), updated(9, cart_id="b")], 9),
        ([updated(), bought(5), updated(9)], 9),
        ([bought(5), updated(9)], 9),
    ],
)
def test_when_it_was_opened(changes: list[Change], opened: int) -> None:
    assert after(*changes).opened_at == NOON + timedelta(minutes=opened)


def test_what_is_older_changes_nothing() -> None:
    cart = after(updated(5))
    assert after(updated(5), updated(4, items=[]), bought(4)) == cart
    # The purchase came first and the cart that was bought after it.
    assert after(bought(5), updated(4)).state == "bought"


def test_of_one_moment_the_later_in_the_request_counts() -> None:
    assert after(updated(), bought()).state == "bought"
    assert after(bought(), updated()).state == "open"


@pytest.mark.parametrize(
    ("properties", "field"),
    [
        ({"items": None}, "items"),
        ({"items": {"product": "a"}}, "items"),
        ({"items": ["a"]}, "items.0"),
        ({"items": [MITT, {}]}, "items.1.product"),
        ({"items": [{"product": ""}]}, "items.0.product"),
        ({"items": [{"product": True}]}, "items.0.product"),
        ({"items": [{"product": "a" * 129}]}, "items.0.product"),
        ({"items": [{"product": "a", "name": 5}]}, "items.0.name"),
        ({"items": [{"product": "a", "category": ["b"]}]}, "items.0.category"),
        ({"items": [{"product": "a", "price": -1}]}, "items.0.price"),
        ({"items": [{"product": "a", "price": "1e9"}]}, "items.0.price"),
        ({"items": [{"product": "a", "price": "kr 5"}]}, "items.0.price"),
        ({"items": [{"product": "a", "price": "١"}]}, "items.0.price"),
        ({"items": [{"product": "a", "quantity": True}]}, "items.0.quantity"),
        ({"items": [{"product": "a", "price": 1e11, "quantity": 1e11}]}, "value"),
        ({"items": [], "value": 10**12}, "value"),
        ({"items": [], "value": "999999999999.999"}, "value"),
        ({"items": [], "value": [1]}, "value"),
        ({"items": [], "currency": "kroner"}, "currency"),
        ({"items": [], "currency": 5}, "currency"),
        ({"items": [], "cart_id": ""}, "cart_id"),
        ({"items": [], "cart_id": "a" * 65}, "cart_id"),
        ({"items": [], "cart_id": 1.5}, "cart_id"),
    ],
)
def test_what_makes_no_cart_is_refused(properties: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        carts.check_cart("cart_updated", properties)
    assert refused.value.field == f"properties.{field}"


def test_only_events_about_carts_are_checked() -> None:
    carts.check_cart("viewed", {"items": "any", "cart_id": []})
    carts.check_cart("purchase", {"items": "any", "value": "kr 5"})
    with pytest.raises(Refused):
        carts.check_cart("purchase", {"cart_id": []})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)
FIELDS = ("product", "name", "category", "price", "quantity")
ITEM = st.dictionaries(st.sampled_from(FIELDS), JSON | st.integers(0, 99) | st.just("12.50"))


@given(
    st.fixed_dictionaries(
        {"items": st.lists(ITEM, max_size=3) | JSON},
        optional={"value": JSON, "currency": JSON, "cart_id": JSON},
    )
)
def test_what_is_let_by_can_be_applied(properties: Mapping[str, Any]) -> None:
    try:
        carts.check_cart("cart_updated", properties)
    except Refused:
        return
    cart = carts.applied(Contents(), Change(ANYBODY, "cart_updated", NOON, properties))
    assert cart.state == ("open" if properties["items"] else "empty")
    assert cart.value is None or 0 <= cart.value <= carts.MOST


def row(person: Subscriber) -> Cart:
    return Cart.objects.get(pk=person.pk)


@pytest.mark.django_db
def test_rows_follow(site: Site) -> None:
    ann, ben, eve = (make_subscriber(site) for _ in range(3))
    carts.follow(site, [updated(1, who=ann.pk, currency="NOK"), bought(1, who=ben.pk)])
    carts.follow(
        site, [bought(3, who=ann.pk), updated(2, who=ann.pk, value=5), updated(who=ben.pk)]
    )
    cart = row(ann)
    assert (cart.site, cart.state, cart.value, cart.currency) == (site, "bought", Decimal(5), "")
    assert (cart.items, cart.updated_at) == ([MITT], NOON + timedelta(minutes=3))
    assert (row(ben).state, row(ben).items) == ("bought", [])
    assert not Cart.objects.filter(pk=eve.pk).exists()


@pytest.mark.django_db
def test_nothing_to_follow(site: Site) -> None:
    carts.follow(site, [])
    assert not Cart.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_concurrent_writers_never_go_backwards() -> None:
    """Two connections report the same carts, the newest events in either of them."""
    site = make_site()
    people = [make_subscriber(site).pk for _ in range(20)]
    start = threading.Barrier(2)
    failed: list[Exception] = []

    def report(minutes: range, order: int) -> None:
        try:
            for minute in minutes:
                start.wait(30)
                with transaction.atomic():
                    changes = [updated(minute, who=who, value=minute) for who in people]
                    carts.follow(site, changes[::order])
        except Exception as error:
            failed.append(error)
            start.abort()
        finally:
            connection.close()

    threads = [
        threading.Thread(target=report, args=arguments)
        for arguments in ((range(1, 21, 2), 1), (range(20, 0, -2), -1))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert set(Cart.objects.values_list("value", "updated_at")) == {
        (Decimal(20), NOON + timedelta(minutes=20))
    }


@pytest.mark.django_db
@pytest.mark.parametrize("later", ["source", "target"])
def test_of_two_people_who_are_one_the_later_cart_stays(later: str, site: Site) -> None:
    source, target = make_subscriber(site), make_subscriber(site)
    minutes = {"source": 1, "target": 1, later: 2}
    carts.follow(site, [updated(minutes["source"], who=source.pk, cart_id="source")])
    carts.follow(site, [updated(minutes["target"], who=target.pk, cart_id="target")])
    carts.move(source.pk, target.pk)
    assert list(Cart.objects.values_list("pk", "key")) == [(target.pk, later)]


@pytest.mark.django_db
def test_a_cart_moves_to_whoever_has_none(site: Site) -> None:
    source, target = make_subscriber(site), make_subscriber(site)
    carts.move(source.pk, target.pk)
    assert not Cart.objects.exists()
    carts.follow(site, [updated(who=source.pk)])
    carts.move(source.pk, target.pk)
    assert row(target).items == [MITT]
    assert Cart.objects.count() == 1


@pytest.mark.django_db
def test_carts_are_kept_as_long_as_events(settings: Settings) -> None:
    settings.EVENT_RETENTION_DAYS = 30
    site = make_site()
    for days in (29, 31):
        person = make_subscriber(site, external_id=f"C-{days}")
        at = NOON - timedelta(days=days)
        Cart.objects.create(subscriber=person, site=site, updated_at=at)
    assert carts.keep(NOON) == 1
    assert Cart.objects.get().subscriber.external_id == "C-29"
