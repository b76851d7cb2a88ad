"""How values are read and compared in the plain-Python evaluator.

Nothing (None) makes each comparison False, except those that are complements of others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

Json = Mapping[str, Any]


def compared(number: Decimal | None, op: str, args: Json) -> bool:
    if op == "not_equals":
        return not compared(number, "equals", args)
    if number is None:
        return False
    if op == "between":
        return exact(args["low"]) <= number <= exact(args["high"])
    other = exact(args["value"])
    answers: Mapping[str, bool] = {
        "equals": number == other,
        "more_than": number > other,
        "at_least": number >= other,
        "less_than": number < other,
        "at_most": number <= other,
    }
    return answers[op]


def exact(number: float) -> Decimal:
    """The number that somebody wrote: 0.1 is a tenth."""
    return Decimal(repr(number))


def worded(text: str | None, op: str, values: list[str]) -> bool:
    if op == "none_of":
        return not worded(text, "any_of", values)
    if text is None:
        return False
    if op == "any_of":
        return text in values
    if op == "contains":
        return any(folded(value) in folded(text) for value in values)
    assert op == "starts_with"
    return any(folded(text).startswith(folded(value)) for value in values)


def folded(text: str) -> str:
    """Capitals and small letters are the same; no letter becomes two."""
    return "".join(letter.upper() if len(letter.upper()) == 1 else letter for letter in text)


def listed(values: Iterable[str], op: str, wanted: list[str]) -> bool:
    shared = set(values) & set(wanted)
    if op == "none_of":
        return not shared
    return shared == set(wanted) if op == "all_of" else bool(shared)


def dated(day: date | None, op: str, args: Json, today: date) -> bool:
    """A day of the site's calendar."""
    if day is None:
        return False
    if op in ("within_last", "more_than_ago", "days_ago", "within_next"):
        ago = (today - day).days
        near: Mapping[str, bool] = {
            "within_last": 0 <= ago <= args["days"],
            "more_than_ago": ago > args["days"],
            "days_ago": ago == args["days"],
            "within_next": 0 <= -ago <= args["days"],
        }
        return near[op]
    if op == "anniversary":
        born = (day.month, day.day)
        if born == (2, 29) and not leap(today.year):
            born = (2, 28)
        return born == (today.month, today.day)
    if op == "between":
        return date.fromisoformat(args["from"]) <= day <= date.fromisoformat(args["to"])
    other = date.fromisoformat(args["date"])
    return {"on": day == other, "before": day < other, "after": day > other}[op]


def leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


# What a JSON value is when it is read as one kind; None where it is none of that kind.


def as_text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return format(Decimal(json.dumps(value)), "f")
    return None


def as_number(value: Any) -> Decimal | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(json.dumps(value))
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,9})?", value):
        return Decimal(value)
    return None


def as_boolean(value: Any) -> bool | None:
    return {"true": True, "false": False}.get(as_text(value) or "")


def as_date(value: Any) -> date | None:
    if not isinstance(value, str) or not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(\Z|[T ])", value):
        return None
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None


def as_list(value: Any) -> list[Any] | None:
    return value if isinstance(value, list) else None


READERS: Mapping[str, Callable[[Any], Any]] = {
    "text": as_text,
    "number": as_number,
    "boolean": as_boolean,
    "date": as_date,
    "list": as_list,
}
