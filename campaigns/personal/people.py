"""What texts can say of people: read for a window or a chunk in a fixed number of statements."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from accounts.models import Site
from audiences import countries
from campaigns.personal import values
from campaigns.personal.values import clean
from campaigns.personal.variables import VARIABLES, VIEWED
from subscribers.models import EventName

MOST_CART_ITEMS = 20
# What "subscriber" has of its own; all else are attributes, and so are these where it has none.
_OWN = frozenset(("external_id", "tags", "topics", "language", "country", "time_zone"))


@dataclass(frozen=True)
class Needs:
    """What must be loaded of people. False: nothing, all get the same."""

    device: bool = False
    # Of `subscriber`: attributes and others, by name.
    fields: frozenset[str] = frozenset()
    cart: bool = False
    product: bool = False

    def __bool__(self) -> bool:
        return bool(self.device or self.fields or self.cart or self.product)

    @classmethod
    def of(cls, names: Iterable[tuple[str, ...]], *, device: bool = False) -> Needs:
        """What texts need that name these."""
        used = set(names)
        roots = {name[0] for name in used}
        fields = {name[1] for name in used if name[0] == "subscriber" and len(name) > 1}
        return cls(device, frozenset(fields), "cart" in roots, "product" in roots)


@dataclass(frozen=True, slots=True)
class Reader:
    """A device and its person, as texts see them."""

    subscription_id: int
    subscriber_id: UUID
    language: str = ""
    # As the device says it: "Android", "iPadOS".
    platform: str = ""
    time_zone: str = ""
    # "subscriber", and "cart" and "product" where there is one; only what was needed.
    context: Mapping[str, Any] = field(default_factory=dict)


_DEVICE = (
    "device.id, device.subscriber_id, device.language, device.platform, device.time_zone",
    "FROM subscribers_subscription device"
    " JOIN subscribers_subscriber person ON person.id = device.subscriber_id",
)
_PERSON = "person.external_id, person.tags, person.topics, person.created_at"
_CART = (
    "cart.items::text, cart.value, cart.currency, cart.updated_at",
    "LEFT JOIN subscribers_cart cart ON cart.subscriber_id = person.id AND cart.state = 'open'",
)
# The key of events ends in the moment, so this reads one row of the newest month that has any.
_VIEWED = (
    "viewed.properties::text",
    """LEFT JOIN LATERAL (
        SELECT properties FROM subscribers_event
        WHERE name_id = %(event)s AND subscriber_id = person.id AND at <= %(now)s
        ORDER BY at DESC, number DESC LIMIT 1
    ) viewed ON true""",
)


def readers(
    site: Site, subscription_ids: Iterable[int], needs: Needs, now: datetime
) -> dict[int, Reader]:
    """The readers of these devices as of `now`, by id; those that are gone are left out.

    One statement for any number of them, two with `needs.product`.
    """
    ids = list(subscription_ids)
    if not ids:
        return {}
    names = sorted(_attributes(needs.fields))
    columns, tables = [_DEVICE[0], _PERSON], [_DEVICE[1]]
    columns += [f"(person.attributes -> %(name_{n})s)::text" for n in range(len(names))]
    asked: dict[str, Any] = {"ids": ids, "site": site.pk, "now": now}
    asked |= {f"name_{n}": name for n, name in enumerate(names)}
    for wanted, (column, table) in ((needs.cart, _CART), (needs.product, _VIEWED)):
        if wanted:
            columns.append(column)
            tables.append(table)
    if needs.product:
        asked["event"] = _event(site)
    statement = (
        f"SELECT {', '.join(columns)} {' '.join(tables)}"  # noqa: S608 - all of it stands above
        " WHERE device.id = ANY(%(ids)s) AND device.site_id = %(site)s"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, asked)
        return {row[0]: _reader(row, names, needs, site) for row in cursor.fetchall()}


def _event(site: Site) -> int:
    """The number of the event, 0 if there never was one."""
    named = EventName.objects.filter(site=site, name=VIEWED)
    return named.values_list("pk", flat=True).first() or 0


def _attributes(fields: frozenset[str]) -> frozenset[str]:
    wanted = fields - {"created_at"}
    return wanted | {"first_name"} if "name" in wanted else wanted


def _reader(row: Sequence[Any], names: list[str], needs: Needs, site: Site) -> Reader:
    device, left = row[:5], list(row[9 + len(names) :])
    context: dict[str, Any] = {}
    if needs.fields:
        attributes = {
            name: clean(json.loads(text))
            for name, text in zip(names, row[9 : 9 + len(names)], strict=True)
            if text is not None
        }
        context["subscriber"] = _subscriber(needs.fields, attributes, device, row[5:9], site)
    zone = _zone(device[4], site.time_zone)
    if needs.cart:
        items, value, currency, updated_at = left[:4]
        del left[:4]
        if items is not None:
            context["cart"] = cart(json.loads(items), value, currency, updated_at.astimezone(zone))
    if needs.product and left[0] is not None and (seen := product(json.loads(left[0]))):
        context["product"] = seen
    subscription_id, subscriber_id, language, platform, zone_name = device
    return Reader(subscription_id, subscriber_id, language, platform, zone_name, context)


def _subscriber(
    fields: frozenset[str],
    attributes: Mapping[str, Any],
    device: Sequence[Any],
    person: Sequence[Any],
    site: Site,
) -> dict[str, Any]:
    external_id, tags, topics, created_at = person
    own = {"external_id": external_id, "tags": tags, "topics": topics}
    own |= {"language": device[2], "time_zone": device[4]}
    held = {name: attributes[name] for name in fields if attributes.get(name) is not None}
    if "name" in fields and "name" not in held and "first_name" in attributes:
        held["name"] = attributes["first_name"]
    for name in fields & _OWN:
        value = _country(device[4]) if name == "country" else clean(own[name])
        if value:
            held[name] = value
    if "created_at" in fields:
        held["created_at"] = created_at.astimezone(_zone(device[4], site.time_zone))
    return held


def cart(items: list[Any], value: Any, currency: str, updated_at: datetime) -> dict[str, Any]:
    """What `cart` has of an open one."""
    held = [_goods(item) for item in items[:MOST_CART_ITEMS] if isinstance(item, dict)]
    count = sum(one["quantity"] for one in held if isinstance(one.get("quantity"), int | float))
    first = {"first_item": held[0]} if held else {}
    worth = {"value": values.money(value), "currency": clean(currency), "items": held}
    worth |= {"count": count or len(held), "updated_at": updated_at}
    return {name: one for name, one in worth.items() if one is not None} | first


def product(properties: Any) -> dict[str, Any]:
    """What `product` has of one that was looked at."""
    return _goods(properties) if isinstance(properties, dict) else {}


def _goods(properties: Mapping[str, Any]) -> dict[str, Any]:
    held: dict[str, Any] = clean(properties) or {}
    for name in ("price", "value"):
        if (amount := values.money(properties.get(name))) is not None:
            held[name] = amount
    return held


@lru_cache(maxsize=1024)
def _country(zone: str) -> str:
    code = countries.country_of(zone)
    return countries.label(code) if code else ""


@lru_cache(maxsize=1024)
def _zone(name: str, otherwise: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or otherwise)
    except (ValueError, LookupError, OSError):
        return ZoneInfo(otherwise)


def example(site: Site) -> Reader:
    """Somebody who has all that texts can name, for previews without a person."""
    context: dict[str, Any] = {}
    for one in VARIABLES:
        level = context
        for name in one.path[:-1]:
            level = level.setdefault(name, {})
        level[one.path[-1]] = _example(one.name, one.example, site)
    context["cart"]["items"] = [context["cart"]["first_item"]]
    personal = {root: context[root] for root in ("subscriber", "cart", "product")}
    return Reader(0, UUID(int=0), site.language, "", site.time_zone, personal)


def _example(name: str, value: Any, site: Site) -> Any:
    if name.endswith("_at"):
        return datetime.fromisoformat(value)
    if name.endswith((".price", ".value")):
        return values.money(value)
    if name.endswith(".url"):
        return f"{site.origins[0]}/frost-mitt" if site.origins else None
    return clean(value)
