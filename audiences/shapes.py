"""The parameters of conditions: what each may hold, checked, with the place of what is wrong."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

MOST_VALUES = 200
MOST_DAYS = 3_660
MOST_HOURS = 24 * 366
MOST_MINUTES = 60 * 24 * 366
LARGEST = 10**15
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
MOST_PROPERTIES = 5
_VERSION = re.compile(r"[0-9]{1,9}([.][0-9]{1,9}){0,5}")


class RuleError(ValueError):
    """A rule that can't be understood: where (such as "all.0.op"), and a sentence for people."""

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(f"{path}: {sentence}" if path else sentence)
        self.path = path
        self.sentence = sentence


@dataclass(frozen=True)
class Param:
    """One parameter: `kind` says to a form what to ask for, `check` (value, path) reads it.

    `check` returns the value as the rule keeps it, JSON again, or raises RuleError.
    """

    kind: str
    check: Callable[[Any, str], Any]
    required: bool = True


def exactly(item: Any, params: Mapping[str, Param], path: str) -> dict[str, Any]:
    """The object's values, checked: no key missing and none that would be overlooked."""
    if not isinstance(item, dict):
        raise RuleError(path, _("This must be an object."))
    for key in item:
        if key not in params:
            known = ", ".join(params)
            raise RuleError(
                joined(path, shown(key)), _("Unknown. Known are: %(known)s.") % {"known": known}
            )
    for key, param in params.items():
        if param.required and key not in item:
            raise RuleError(joined(path, key), _("This is missing."))
    return {
        key: param.check(item[key], joined(path, key))
        for key, param in params.items()
        if key in item
    }


def shown(key: str) -> str:
    """A key that nobody knows, in short, and as something that an answer can carry."""
    return key[:40].encode("utf-8", "replace").decode()


def joined(path: str, step: str | int) -> str:
    """The path of a part of what is at `path`."""
    return f"{path}.{step}" if path else str(step)


def storable(text: str) -> bool:
    """PostgreSQL takes neither NUL nor half a surrogate pair, which JSON can carry."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def text(longest: int) -> Callable[[Any, str], str]:
    """A text that is not empty."""

    def check(value: Any, path: str) -> str:
        if not isinstance(value, str) or not value.strip() or not storable(value[: longest + 1]):
            raise RuleError(path, _("A value must be a text that is not empty."))
        if len(value) > longest:
            raise RuleError(path, _("A value has at most %(most)d characters.") % {"most": longest})
        return value

    return check


def many(
    one: Callable[[Any, str], Any], most: int = MOST_VALUES
) -> Callable[[Any, str], list[Any]]:
    """A list of at least one, each only once."""

    def check(values: Any, path: str) -> list[Any]:
        if not isinstance(values, list) or not values:
            raise RuleError(path, _("Name at least one value."))
        if len(values) > most:
            raise RuleError(path, _("At most %(most)d values.") % {"most": most})
        return list(dict.fromkeys(one(value, joined(path, at)) for at, value in enumerate(values)))

    return check


def number(value: Any, path: str) -> int | float:
    """A finite number of at most fifteen digits before the point."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RuleError(path, _("This must be a number."))
    # The bound first: isfinite fails on a whole number that no float holds.
    if abs(value) >= LARGEST or not math.isfinite(value):
        raise RuleError(path, _("This number is too large."))
    return value


def whole(low: int, high: int) -> Callable[[Any, str], int]:
    """A whole number within bounds."""

    def check(value: Any, path: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            bounds = {"low": low, "high": high}
            raise RuleError(path, _("A whole number from %(low)d to %(high)d.") % bounds)
        return value

    return check


def day(value: Any, path: str) -> str:
    """A day of the calendar, "2026-11-27"."""
    try:
        found = date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        found = None
    # Weeks and more are read, too; a day has one spelling.
    if found is None or str(found) != value or not FIRST_DAY <= found <= LAST_DAY:
        raise RuleError(path, _("A day between 1900 and 2199, written as 2026-11-27."))
    return str(value)


def version(value: Any, path: str) -> str:
    """Of an app: up to six numbers with points between them."""
    if not isinstance(value, str) or not _VERSION.fullmatch(value.strip()):
        raise RuleError(path, _("A version, such as 4.12.0: numbers with points between them."))
    return value.strip()


def one_id(value: Any, path: str) -> str:
    """A UUID, in its usual spelling."""
    try:
        return (
            str(uuid.UUID(value)) if isinstance(value, str) and len(value) <= 40 else _no_id(path)
        )
    except ValueError:
        return _no_id(path)


def _no_id(path: str) -> str:
    raise RuleError(path, _("This must be an id."))


def span(value: Any, path: str) -> dict[str, str]:
    """Two days, the first not after the last."""
    found = exactly(value, {"from": Param("day", day), "to": Param("day", day)}, path)
    if found["from"] > found["to"]:
        raise RuleError(path, _("The first day is after the last."))
    return found


WINDOW = {
    "hours": Param("whole", whole(1, MOST_HOURS), required=False),
    "days": Param("whole", whole(1, MOST_DAYS), required=False),
    "from": Param("day", day, required=False),
    "to": Param("day", day, required=False),
}


def window(value: Any, path: str) -> dict[str, Any]:
    """{"hours": n}, {"days": n}, or {"from": day, "to": day} of which one may be left out."""
    found = exactly(value, WINDOW, path)
    if set(found) not in ({"hours"}, {"days"}, {"from"}, {"to"}, {"from", "to"}):
        raise RuleError(path, _("Name hours, or days, or the days from and to."))
    if len(found) == 2 and found["from"] > found["to"]:
        raise RuleError(path, _("The first day is after the last."))
    return found


VALUES = {"values": Param("texts", many(text(200)))}
VALUE = {"value": Param("number", number)}
PROPERTY_OPS: Mapping[str, Mapping[str, Param]] = {
    "any_of": VALUES,
    "none_of": VALUES,
    "contains": VALUES,
    "equals": VALUE,
    "more_than": VALUE,
    "at_least": VALUE,
    "less_than": VALUE,
    "at_most": VALUE,
}


def where(value: Any, path: str) -> list[dict[str, Any]]:
    """Conditions on an event's properties, all of which must hold."""
    if not isinstance(value, list) or len(value) > MOST_PROPERTIES:
        raise RuleError(
            path, _("A list of at most %(most)d conditions.") % {"most": MOST_PROPERTIES}
        )
    return [_property(item, joined(path, at)) for at, item in enumerate(value)]


def _property(item: Any, path: str) -> dict[str, Any]:
    op = chosen(item, "op", PROPERTY_OPS, path)
    params = {
        "property": Param("property", text(64)),
        "op": Param("op", text(20)),
        **PROPERTY_OPS[op],
    }
    return exactly(item, params, path)


def chosen(item: Any, key: str, known: Mapping[str, Any], path: str) -> str:
    """The value of a key that must be one of those known."""
    if not isinstance(item, dict):
        raise RuleError(path, _("This must be an object."))
    value = item.get(key)
    if not isinstance(value, str) or value not in known:
        sentence = _("Unknown %(key)s. Known are: %(known)s.")
        raise RuleError(joined(path, key), sentence % {"key": _(key), "known": ", ".join(known)})
    return value
