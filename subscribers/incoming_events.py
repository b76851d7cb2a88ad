"""What a shop reports of people, turned into checked events or refused with field and sentence.

Nothing in here touches the database. The shape is in docs/web-developer.md.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from subscribers.carts import check_cart
from subscribers.incoming import Refused, check_external_id, storable
from subscribers.models import event_number
from subscribers.partitions import oldest_kept

MAX_PROPERTIES = 4096  # bytes of an event's, as JSON
MAX_PROPERTY_COUNT = 50
MAX_KEY = 64  # characters of a property's name
MAX_ID = 64
AHEAD = timedelta(hours=1)  # a clock may be wrong by so much
# A list of objects of plain values: the items of a cart.
MAX_DEPTH = 2
_NAME = re.compile(r"[a-z][a-z0-9_.:-]{0,63}", re.ASCII)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_FIELDS = frozenset({"name", "subscriber", "external_id", "at", "id", "properties"})


@dataclass(frozen=True)
class IncomingEvent:
    """Something that a person did. The person is named by one of the two, not by both."""

    name: str
    at: datetime  # in UTC
    # The same number, name, person and moment again is the same event.
    number: int
    subscriber_id: uuid.UUID | None = None
    external_id: str = ""
    properties: dict[str, Any] = field(default_factory=dict, repr=False)


def read_event(data: object, now: datetime) -> IncomingEvent:
    """One event of a request that came at `now`. Raises `Refused` with the path of a field."""
    if not isinstance(data, dict):
        raise Refused("type", "An event must be an object.")
    try:
        fine = storable(data)
    except RecursionError:
        fine = False
    if not fine:
        raise Refused("characters", "A text or number in it can't be stored.")
    if unknown := sorted(set(data) - _FIELDS):
        raise Refused("unknown", "This field is unknown.", field=unknown[0][:MAX_KEY])
    name = _name(data.get("name"))
    subscriber_id, external_id = _who(data)
    return IncomingEvent(
        name=name,
        at=_at(data.get("at"), now),
        number=_number(name, data.get("id")),
        subscriber_id=subscriber_id,
        external_id=external_id,
        properties=_properties(name, data.get("properties")),
    )


def _name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise Refused(
            "name",
            "A name has 1 to 64 characters: small letters a to z, digits and _ . : -, "
            "and begins with a letter.",
            field="name",
        )
    return value


def _who(data: Mapping[str, object]) -> tuple[uuid.UUID | None, str]:
    subscriber, external_id = data.get("subscriber"), data.get("external_id")
    if (subscriber is None) == (external_id is None):
        sentence = "Name the person by “subscriber” or by “external_id”, one of the two."
        raise Refused("who", sentence, field="external_id")
    if isinstance(external_id, str):
        return None, check_external_id(external_id)
    if external_id is not None:
        raise Refused("type", "The external id must be a text.", field="external_id")
    try:
        return uuid.UUID(subscriber if isinstance(subscriber, str) else ""), ""
    except ValueError:
        raise Refused("uuid", "“subscriber” must be a UUID.", field="subscriber") from None


def _at(value: object, now: datetime) -> datetime:
    """The moment in UTC; the server's own when none is given."""
    if value is None:
        return now.astimezone(UTC)
    at = _moment(value)
    if at > now + AHEAD:
        raise Refused("future", "This moment has not come yet.", field="at")
    if at < (oldest := oldest_kept(now)):
        sentence = f"Events from before {oldest:%Y-%m-%d} are not kept."
        raise Refused("old", sentence, field="at")
    return at.astimezone(UTC)


def _moment(value: object) -> datetime:
    try:
        at = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        at = None
    if at is None or at.utcoffset() is None:
        sentence = "A moment is written as ISO 8601 with its zone, like 2026-11-22T20:15:00Z."
        raise Refused("at", sentence, field="at")
    return at


def _number(name: str, value: object) -> int:
    """63 bits: of the sender's id if there is one, so that a repetition is known, else random.

    The name is in it, so that two events of one moment under one id have two numbers.
    """
    if value is None:
        return event_number()
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_ID:
        raise Refused("id", f"The id must be a text of 1 to {MAX_ID} characters.", field="id")
    digest = hashlib.sha256(f"{name}\n{value}".encode()).digest()
    return int.from_bytes(digest[:8]) >> 1


def _properties(name: str, value: object) -> dict[str, Any]:
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise Refused("type", "Properties must be an object.", field="properties")
    if len(value) > MAX_PROPERTY_COUNT:
        sentence = f"An event has at most {MAX_PROPERTY_COUNT} properties."
        raise Refused("too_many", sentence, field="properties")
    _check_values(value, "properties", MAX_DEPTH)
    if len(json.dumps(value, ensure_ascii=False).encode()) > MAX_PROPERTIES:
        sentence = f"An event's properties may have {MAX_PROPERTIES:,} bytes together."
        raise Refused("too_large", sentence, field="properties")
    check_cart(name, value)
    return value


def _check_values(value: dict[str, object] | list[object], at: str, depth: int) -> None:
    """Plain values, and lists and objects of them, so deep."""
    named = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in named:
        if isinstance(key, str) and (not 1 <= len(key) <= MAX_KEY or _UNPRINTABLE.search(key)):
            sentence = f"A property's name has 1 to {MAX_KEY} printable characters."
            raise Refused("property", sentence, field=at)
        if not isinstance(item, dict | list):
            continue
        if not depth:
            sentence = "Here must be a text, a number, true, false or null."
            raise Refused("property", sentence, field=f"{at}.{key}")
        _check_values(item, f"{at}.{key}", depth - 1)
