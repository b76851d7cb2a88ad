"""The cart of a person, as it follows from events: `cart_updated` and `purchase`.

Events may come late and in any order: what is older than the cart changes nothing.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.models import Site
from subscribers import partitions
from subscribers.incoming import Refused
from subscribers.models import Cart

UPDATED, BOUGHT = "cart_updated", "purchase"
NAMES = frozenset({UPDATED, BOUGHT})
MAX_KEY = 64
MAX_PRODUCT = 128
MOST = Decimal("999999999999.99")  # a cart's value; no column holds more
# Before anything that is taken in: any event is newer.
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)


@dataclass(frozen=True)
class Change:
    """An event that may change a person's cart. Its properties are as `check_cart` lets them by."""

    subscriber_id: UUID
    name: str
    at: datetime
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class Contents:
    """What a row of `Cart` says of one cart."""

    key: str = ""
    state: str = Cart.State.EMPTY
    items: tuple[Mapping[str, Any], ...] = ()
    value: Decimal | None = None
    currency: str = ""
    opened_at: datetime = NEVER
    updated_at: datetime = NEVER


def check_cart(name: str, properties: Mapping[str, Any]) -> None:
    """Refuse properties of an event about a cart from which no cart can be made."""
    if name not in NAMES:
        return
    _key(properties)
    if name == BOUGHT:
        return
    items = properties.get("items")
    if not isinstance(items, list):
        sentence = "The items of a cart must be a list; an empty one empties it."
        raise Refused("items", sentence, field="properties.items")
    _value(properties, _items(items))
    _currency(properties)


def applied(cart: Contents, change: Change) -> Contents:
    """The cart after an event; the same one if the event is older or about another cart."""
    key = _key(change.properties)
    same = not key or not cart.key or key == cart.key
    # What came in one request without times has one moment, in the order of the request.
    if change.at < cart.updated_at or (change.name == BOUGHT and not same):
        return cart
    if change.name == BOUGHT:
        opened = change.at if cart.updated_at == NEVER else cart.opened_at
        return replace(
            cart,
            key=cart.key or key,
            state=Cart.State.BOUGHT,
            opened_at=opened,
            updated_at=change.at,
        )
    items = _items(change.properties["items"])
    goes_on = cart.state == Cart.State.OPEN and same
    return Contents(
        key=key or (cart.key if goes_on else ""),
        state=Cart.State.OPEN if items else Cart.State.EMPTY,
        items=items,
        value=_value(change.properties, items),
        currency=_currency(change.properties),
        opened_at=cart.opened_at if goes_on else change.at,
        updated_at=change.at,
    )


def follow(site: Site, changes: Iterable[Change]) -> None:
    """Let the carts follow events. Within a transaction in which the people can't be erased.

    Rows are made first and then locked, both in the order of people: whoever does the same at once
    waits, sees what we have written, and nobody waits in circles.
    """
    of_people: dict[UUID, list[Change]] = {}
    for change in sorted(changes, key=lambda one: one.at):
        of_people.setdefault(change.subscriber_id, []).append(change)
    if not of_people:
        return
    people = sorted(of_people)
    with connection.cursor() as cursor:
        cursor.execute(_MAKE, [site.pk, NEVER, NEVER, people])
    held = Cart.objects.filter(pk__in=people).order_by("pk").select_for_update()
    changed = []
    for row in held:
        before = after = _contents(row)
        for change in of_people[row.pk]:
            after = applied(after, change)
        if after != before:
            changed.append((row.pk, after))
    _write(changed)


_MAKE = """
INSERT INTO subscribers_cart
    (subscriber_id, site_id, key, state, items, value, currency, opened_at, updated_at)
SELECT person, %s, '', 'empty', '[]', NULL, '', %s, %s FROM unnest(%s::uuid[]) person ORDER BY 1
ON CONFLICT DO NOTHING
"""
_WRITE = """
UPDATE subscribers_cart AS cart SET key = new.key, state = new.state, items = new.items,
    value = new.value, currency = new.currency, opened_at = new.opened, updated_at = new.updated
FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::jsonb[], %s::numeric[], %s::text[],
    %s::timestamptz[], %s::timestamptz[])
    AS new (person, key, state, items, value, currency, opened, updated)
WHERE cart.subscriber_id = new.person
"""


def _write(changed: list[tuple[UUID, Contents]]) -> None:
    if not changed:
        return
    carts = [cart for _person, cart in changed]
    columns: list[list[Any]] = [
        [person for person, _cart in changed],
        [cart.key for cart in carts],
        [str(cart.state) for cart in carts],
        [json.dumps(list(cart.items)) for cart in carts],
        [cart.value for cart in carts],
        [cart.currency for cart in carts],
        [cart.opened_at for cart in carts],
        [cart.updated_at for cart in carts],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, columns)


def move(source: UUID, target: UUID) -> None:
    """Of two people who turn out to be one, the later cart stays. Both are locked."""
    carts = {row.pk: row for row in Cart.objects.filter(pk__in=[source, target])}
    if source not in carts:
        return
    if target in carts and carts[target].updated_at >= carts[source].updated_at:
        carts[source].delete()
        return
    Cart.objects.filter(pk=target).delete()
    Cart.objects.filter(pk=source).update(subscriber=target)


def _contents(row: Cart) -> Contents:
    return Contents(
        key=row.key,
        state=row.state,
        items=tuple(row.items),
        value=row.value,
        currency=row.currency,
        opened_at=row.opened_at,
        updated_at=row.updated_at,
    )


def _key(properties: Mapping[str, Any]) -> str:
    return _label(properties.get("cart_id"), "properties.cart_id", MAX_KEY) or ""


def _label(value: object, at: str, most: int) -> str | None:
    """A text or whole number as a text; None if there is none."""
    if value is None:
        return None
    text = str(value).strip() if isinstance(value, str | int) else ""
    if isinstance(value, bool) or not 1 <= len(text) <= most:
        raise Refused("cart", f"Here must be a text of 1 to {most} characters.", field=at)
    return text


def _items(items: list[Any]) -> tuple[Mapping[str, Any], ...]:
    return tuple(_item(item, f"properties.items.{n}") for n, item in enumerate(items))


def _item(item: Any, at: str) -> Mapping[str, Any]:
    """As it was sent, with the product as a text, and the numbers that are known of it."""
    if not isinstance(item, dict):
        raise Refused("items", "An item must be an object.", field=at)
    product = _label(item.get("product"), f"{at}.product", MAX_PRODUCT)
    if product is None:
        raise Refused("items", "An item must name its product.", field=f"{at}.product")
    for name in ("name", "category"):
        if not isinstance(item.get(name, ""), str):
            raise Refused("items", "Here must be a text.", field=f"{at}.{name}")
    quantity = _amount(item.get("quantity"), f"{at}.quantity")
    price = _amount(item.get("price"), f"{at}.price")
    numbers = {"quantity": _plain(Decimal(1) if quantity is None else quantity)}
    if price is not None:
        numbers["price"] = _plain(price)
    return {**item, "product": product, **numbers}


def _value(properties: Mapping[str, Any], items: Iterable[Mapping[str, Any]]) -> Decimal | None:
    """What was sent, else the sum of the items; None where no item has a price."""
    value = _amount(properties.get("value"), "properties.value")
    if value is None:
        priced = [item for item in items if item.get("price") is not None]
        parts = [Decimal(str(one["price"])) * Decimal(str(one["quantity"])) for one in priced]
        value = sum(parts, Decimal(0)) if parts else None
    if value is not None and value > MOST:
        raise Refused("cart", "The cart's value is too large.", field="properties.value")
    return None if value is None else value.quantize(Decimal("0.01"), ROUND_HALF_UP)


def keep(now: datetime) -> int:
    """Forget carts that nothing has happened to since before events are kept; how many."""
    old = Cart.objects.filter(updated_at__lt=partitions.oldest_kept(now))
    return old.delete()[0]


def _amount(value: object, at: str) -> Decimal | None:
    """A number of zero or more, also as a text, as many shops write prices."""
    if value is None:
        return None
    if _counts(value):
        value = f"{value:.9f}"
    text = value.strip() if isinstance(value, str) else ""
    if not _DIGITS.fullmatch(text):
        raise Refused("cart", "Here must be a number from 0 to 999,999,999,999.", field=at)
    return Decimal(text)


def _counts(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST


def _plain(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)


def _currency(properties: Mapping[str, Any]) -> str:
    value = properties.get("currency")
    if value is None:
        return ""
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        sentence = "A currency is three letters, like NOK."
        raise Refused("cart", sentence, field="properties.currency")
    return value.upper()
