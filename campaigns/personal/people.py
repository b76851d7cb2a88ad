"""What texts can say of people: read for a window or a chunk in a fixed number of statements."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
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
from subscribers.models import Channel, EventName

MOST_CART_ITEMS = 20


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
    # Of push services: what apps are told is not what browsers are.
    channel: str = Channel.WEB.value


# Columns by name, and the tables that they are in besides the first.
_DEVICE = {
    "id": "device.id",
    "subscriber_id": "device.subscriber_id",
    "language": "device.language",
    "platform": "device.platform",
    "time_zone": "device.time_zone",
    "channel": "device.channel",
}
_FROM = """FROM subscribers_subscription device
JOIN subscribers_subscriber person ON person.id = device.subscriber_id"""
# Of the person, where texts name them.
_PERSON = ("external_id", "tags", "topics", "created_at")
_CART = {
    "cart_items": "cart.items::text",
    "cart_value": "cart.value",
    "cart_currency": "cart.currency",
    "cart_updated_at": "cart.updated_at",
}
_OPEN = """LEFT JOIN subscribers_cart cart
    ON cart.subscriber_id = person.id AND cart.state = 'open'"""
_PRODUCT = {"viewed": "viewed.properties::text"}
# The key of events ends in the moment, so this reads one row of the newest month that has any.
_VIEWED = """LEFT JOIN LATERAL (
    SELECT properties FROM subscribers_event
    WHERE name_id = %(event)s AND subscriber_id = person.id AND at <= %(now)s
    ORDER BY at DESC, number DESC LIMIT 1
) viewed ON true"""
Row = Mapping[str, Any]


def readers(
    site: Site, subscription_ids: Iterable[int], needs: Needs, now: datetime
) -> dict[int, Reader]:
    """The readers of these devices as of `now`, by id; those that are gone are left out.

    One statement for any number of them, two with `needs.product`.
    """
    ids = list(subscription_ids)
    if not ids:
        return {}
    columns, tables = dict(_DEVICE), [_FROM]
    columns |= {f"person_{one}": f"person.{one}" for one in _PERSON if one in needs.fields}
    names = {f"name_{n}": name for n, name in enumerate(sorted(_attributes(needs.fields)))}
    columns |= {
        f"a {name}": f"(person.attributes -> %({key})s)::text" for key, name in names.items()
    }
    if needs.cart:
        columns |= _CART
        tables.append(_OPEN)
    asked: dict[str, Any] = {**names, "ids": ids, "site": site.pk, "now": now}
    if needs.product:
        columns |= _PRODUCT
        tables.append(_VIEWED)
        asked["event"] = _event(site)
    statement = (
        f"SELECT {', '.join(columns.values())} {' '.join(tables)}"  # noqa: S608 - see above
        " WHERE device.id = ANY(%(ids)s) AND device.site_id = %(site)s"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, asked)
        rows = (dict(zip(columns, row, strict=True)) for row in cursor.fetchall())
        return {row["id"]: _reader(row, list(names.values()), needs, site) for row in rows}


def _event(site: Site) -> int:
    """The number of the event, 0 if there never was one."""
    named = EventName.objects.filter(site=site, name=VIEWED)
    return named.values_list("pk", flat=True).first() or 0


def _attributes(fields: frozenset[str]) -> frozenset[str]:
    wanted = fields - {"created_at"}
    return wanted | {"first_name"} if "name" in wanted else wanted


def _reader(row: Row, names: list[str], needs: Needs, site: Site) -> Reader:
    context: dict[str, Any] = {}
    if needs.fields:
        context["subscriber"] = _subscriber(row, names, needs.fields, site)
    if needs.cart and row["cart_items"] is not None:
        at = row["cart_updated_at"].astimezone(_zone(row["time_zone"], site.time_zone))
        held = json.loads(row["cart_items"])
        context["cart"] = cart(held, row["cart_value"], row["cart_currency"], at)
    if needs.product and row["viewed"] and (seen := product(json.loads(row["viewed"]))):
        context["product"] = seen
    device = row["id"], row["subscriber_id"], row["language"], row["platform"], row["time_zone"]
    return Reader(*device, context, row["channel"])


def _subscriber(row: Row, names: list[str], fields: frozenset[str], site: Site) -> dict[str, Any]:
    attributes = {
        name: value
        for name in names
        if (text := row[f"a {name}"]) is not None and (value := clean(json.loads(text))) is not None
    }
    held = {name: attributes[name] for name in fields & attributes.keys()}
    if "name" in fields and "name" not in held and "first_name" in attributes:
        held["name"] = attributes["first_name"]
    zone = row["time_zone"]
    own = {"language": row["language"], "time_zone": zone, "country": _country(zone)}
    own |= {name: row.get(f"person_{name}") for name in _PERSON if name != "created_at"}
    held |= {name: value for name in own.keys() & fields if (value := clean(own[name]))}
    if "created_at" in fields:
        held["created_at"] = row["person_created_at"].astimezone(_zone(zone, site.time_zone))
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
