"""What a rule means, in plain Python over plain objects: slow, and easy to check by eye.

Written from the language, not from the SQL. Property tests hold both against each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import takewhile
from uuid import UUID

from audiences import countries
from tests.audiences.comparisons import (
    READERS,
    Json,
    as_number,
    as_text,
    compared,
    dated,
    listed,
    worded,
)


@dataclass(frozen=True)
class Person:
    id: UUID
    created_at: datetime
    last_seen_at: datetime
    external_id: str = ""
    tags: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    attributes: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Device:
    person: Person
    created_at: datetime
    active: bool = True
    language: str = ""
    time_zone: str = ""
    channel: str = "web"
    browser: str = ""
    platform: str = ""
    app_version: str = ""


@dataclass(frozen=True)
class Happening:
    """An event."""

    person: UUID
    name: str
    at: datetime
    properties: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Basket:
    """A cart."""

    updated_at: datetime
    open: bool = True
    items: tuple[Json, ...] = ()
    value: Decimal | None = None


@dataclass(frozen=True)
class Sent:
    """What became of a campaign's message to one device (by its number) of a person."""

    device: int
    person: UUID
    campaign: str
    sent_at: datetime
    accepted: bool = True
    clicked_at: datetime | None = None
    dismissed_at: datetime | None = None


@dataclass(frozen=True)
class World:
    """All that is known at a site beside its people; lists and rules by id, carts by person."""

    events: tuple[Happening, ...] = ()
    carts: Mapping[UUID, Basket] = field(default_factory=dict)
    lists: Mapping[str, frozenset[UUID]] = field(default_factory=dict)
    audiences: Mapping[str, Json] = field(default_factory=dict)
    sent: tuple[Sent, ...] = ()


def as_version(text: str) -> list[int]:
    """The numbers at the beginning, without zeros at the end."""
    numbers: list[int] = []
    while digits := "".join(takewhile("0123456789".__contains__, text[:9])):
        numbers.append(int(digits))
        text = text.removeprefix(digits)
        if not text.startswith("."):
            break
        text = text[1:]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return numbers


def holds(
    rule: Json, device: Device, person: Person, world: World, now: datetime, zone: tzinfo
) -> bool:
    """Whether a rule holds for a device of a person, as of now, at a site in a zone."""
    return _Asking(device, person, world, now, zone).group(rule)


@dataclass(frozen=True)
class _Asking:
    """One device, asked."""

    device: Device
    person: Person
    world: World
    now: datetime
    zone: tzinfo

    @property
    def today(self) -> date:
        return self.day(self.now)

    def day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def group(self, item: Json) -> bool:
        if "all" in item:
            return all(self.node(one) for one in item["all"])
        if "any" in item:
            return any(self.node(one) for one in item["any"])
        return not any(self.node(one) for one in item["none"])

    def node(self, item: Json) -> bool:
        if "audience" in item:
            return self.group(self.world.audiences[item["audience"]])
        if "field" not in item:
            return self.group(item)
        field, op = item["field"], item["op"]
        if field.startswith("attribute_"):
            return self.attribute(field.removeprefix("attribute_"), op, item)
        if field in ("received", "clicked", "dismissed", "ignored"):
            return self.engaged(field, item) is (op == "did")
        asked: bool = getattr(self, f"ask_{field}")(op, item)
        return asked

    def attribute(self, kind: str, op: str, item: Json) -> bool:
        value = READERS[kind](self.person.attributes.get(item["name"]))
        if op in ("is_set", "is_not_set"):
            return (value is not None) is (op == "is_set")
        if kind == "boolean":
            return value is (op == "is_true")
        if kind == "date":
            return dated(value, op, item, self.today)
        if kind == "number":
            return compared(value, op, item)
        if kind == "text":
            return worded(value, op, item["values"])
        return listed([one for one in value or () if isinstance(one, str)], op, item["values"])

    # Fields of the person.

    def ask_tag(self, op: str, item: Json) -> bool:
        return listed(self.person.tags, op, item["values"])

    def ask_topic(self, op: str, item: Json) -> bool:
        return listed(self.person.topics, op, item["values"])

    def ask_identified(self, op: str, _item: Json) -> bool:
        return bool(self.person.external_id) is (op == "is_true")

    def ask_first_seen(self, op: str, item: Json) -> bool:
        return self.moment(self.person.created_at, op, item)

    def ask_last_seen(self, op: str, item: Json) -> bool:
        return self.moment(self.person.last_seen_at, op, item)

    def ask_list(self, op: str, item: Json) -> bool:
        on = any(self.person.id in self.world.lists.get(one, ()) for one in item["values"])
        return on is (op == "any_of")

    def ask_bucket(self, _op: str, item: Json) -> bool:
        text = f"{item['salt']}:{self.person.id}"
        digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
        return bool(item["low"] <= int.from_bytes(digest[:4], "big") % 10_000 <= item["high"])

    # Fields of the device.

    def ask_language(self, op: str, item: Json) -> bool:
        """RFC 4647 section 3.3.1: a range is a tag, or the beginning of one up to a hyphen."""
        tag = self.device.language.lower()
        ranges = [value.lower() for value in item["values"]]
        return any(tag == one or tag.startswith(f"{one}-") for one in ranges) is (op == "any_of")

    def ask_country(self, op: str, item: Json) -> bool:
        return worded(countries.country_of(self.device.time_zone) or None, op, item["values"])

    def ask_time_zone(self, op: str, item: Json) -> bool:
        return worded(self.device.time_zone, op, item["values"])

    def ask_channel(self, op: str, item: Json) -> bool:
        return worded(self.device.channel, op, item["values"])

    def ask_browser(self, op: str, item: Json) -> bool:
        return worded(self.device.browser, op, item["values"])

    def ask_platform(self, op: str, item: Json) -> bool:
        return worded(self.device.platform, op, item["values"])

    def ask_app_version(self, op: str, item: Json) -> bool:
        known = self.device.app_version
        if "values" in item:
            return worded(known, op, item["values"])
        if not known[:1] or known[0] not in "0123456789":
            return False
        older = as_version(known) < as_version(item["version"])
        return older is (op == "less_than")

    def ask_subscribed_at(self, op: str, item: Json) -> bool:
        return self.moment(self.device.created_at, op, item)

    def moment(self, moment: datetime | None, op: str, item: Json) -> bool:
        if moment is None:
            return False
        if op == "within_last":
            # What has come since `now` has come.
            moment = min(moment, self.now)
        return dated(self.day(moment), op, item, self.today)

    # What the person did.

    def happened(self, item: Json) -> list[Happening]:
        return [
            one
            for one in self.world.events
            if one.person == self.person.id
            and one.name == item["name"]
            and self.within(one.at, item.get("within", {}))
            and all(self.has(one, asked) for asked in item.get("where", ()))
        ]

    def within(self, moment: datetime, window: Json) -> bool:
        if moment > self.now:
            return False
        if "hours" in window:
            return moment >= self.now - timedelta(hours=window["hours"])
        if "days" in window:
            return bool((self.today - self.day(moment)).days <= window["days"])
        day = self.day(moment).isoformat()
        return bool(window.get("from", "0") <= day <= window.get("to", "9"))

    def has(self, event: Happening, asked: Json) -> bool:
        value = event.properties.get(asked["property"])
        if "values" in asked:
            return worded(as_text(value), asked["op"], asked["values"])
        return compared(as_number(value), asked["op"], asked)

    def ask_event(self, op: str, item: Json) -> bool:
        times = len(self.happened(item))
        return bool(times >= item["count"] if op == "at_least" else times <= item["count"])

    def ask_event_first(self, op: str, item: Json) -> bool:
        return self.moment(min((one.at for one in self.happened(item)), default=None), op, item)

    def ask_event_last(self, op: str, item: Json) -> bool:
        return self.moment(max((one.at for one in self.happened(item)), default=None), op, item)

    def numbers(self, item: Json) -> list[Decimal]:
        read = [as_number(one.properties.get(item["property"])) for one in self.happened(item)]
        return [number for number in read if number is not None]

    def ask_event_sum(self, op: str, item: Json) -> bool:
        return compared(sum(self.numbers(item), Decimal(0)), op, item)

    def ask_event_average(self, op: str, item: Json) -> bool:
        numbers = self.numbers(item)
        return compared(sum(numbers, Decimal(0)) / len(numbers) if numbers else None, op, item)

    @property
    def cart(self) -> Basket | None:
        found = self.world.carts.get(self.person.id)
        return found if found is not None and found.open else None

    def ask_cart_open(self, op: str, _item: Json) -> bool:
        return (self.cart is not None) is (op == "is_true")

    def ask_cart_value(self, op: str, item: Json) -> bool:
        return compared(self.cart.value if self.cart else None, op, item)

    def ask_cart_idle(self, op: str, item: Json) -> bool:
        if self.cart is None:
            return False
        idle = self.now - self.cart.updated_at >= timedelta(minutes=item["minutes"])
        return idle is (op == "at_least")

    def ask_cart_product(self, op: str, item: Json) -> bool:
        items = self.cart.items if self.cart else ()
        names = [one.get(key) for one in items for key in ("product", "name")]
        wanted = "contains" if op == "contains" else "any_of"
        found = any(worded(as_text(name), wanted, item["values"]) for name in names)
        return found is not (op == "none_of")

    # What the person made of campaigns.

    def engaged(self, field: str, item: Json) -> bool:
        mine = [
            one
            for one in self.world.sent
            if one.person == self.person.id
            and one.campaign in item.get("campaigns", [one.campaign])
        ]
        window = item.get("within", {})

        def known(moment: datetime | None) -> bool:
            return moment is not None and self.within(moment, window)

        def by_now(moment: datetime | None) -> bool:
            return moment is not None and moment <= self.now

        if field == "clicked":
            return any(known(one.clicked_at) for one in mine)
        if field == "dismissed":
            return any(known(one.dismissed_at) for one in mine)
        mine = [one for one in mine if known(one.sent_at)]
        received = any(one.accepted for one in mine)
        if field == "received":
            return received
        return received and not any(
            by_now(one.clicked_at) or by_now(one.dismissed_at) for one in mine
        )
