"""What can be done with a value between "|" and "}}".

Our own, since python-liquid's are not bounded: `replace` alone makes a gigabyte of three texts. A
missing value stays missing through all of them but `default` and `size`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime, time
from functools import wraps
from typing import Any
from urllib.parse import quote

from django.utils import translation
from django.utils.dateformat import format as formatted
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from liquid.exceptions import FilterError

from campaigns.personal.missing import Missing
from campaigns.personal.values import MOST_ITEMS, shown

MOST_TEXT = 2_000  # characters
MOST_NUMBER = 10**15
LONGEST_PATTERN = 60

Filter = Callable[..., Any]


class Encoded(str):
    """A text that is percent-encoded already."""

    __slots__ = ()


def number_in(text: str) -> int | float | None:
    """A number that a text is: "250", "-1.5"; None where it is none."""
    if len(text) > 40 or not re.fullmatch(r"\s*-?[0-9]+(\.[0-9]+)?\s*", text, re.ASCII):
        return None
    return float(text) if "." in text else int(text)


def number(value: Any) -> int | float:
    """A value as a number; 0 for what is none, as in Liquid elsewhere."""
    if isinstance(value, str):
        return number_in(value) or 0
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    return 0


def whole(value: Any) -> int:
    return int(number(value))


def items(value: Any) -> list[Any]:
    if isinstance(value, range | tuple | list):
        return list(value)
    return [] if value is None or value == "" else [value]


def _failed(sentence: str) -> FilterError:
    return FilterError(sentence, token=None)


def bounded(function: Filter) -> Filter:
    """What it gives is of a bounded size, and a missing value stays missing.

    Lists need no bound: none is longer than what it is made of, and `split` has its own.
    """

    @wraps(function)
    def run(value: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(value, Missing):
            return value
        made = function(value, *args, **kwargs)
        if isinstance(made, str) and len(made) > MOST_TEXT:
            raise _failed(_("This makes a text too long."))
        if isinstance(made, int | float) and not -MOST_NUMBER <= made <= MOST_NUMBER:
            raise _failed(_("This makes a number too large."))
        return made

    return run


# Texts


def replace(value: Any, old: Any, new: Any = "", *, times: int = -1) -> str:
    text, gone, put = shown(value), shown(old), shown(new)
    found = text.count(gone) if times < 0 else times
    if len(text) + found * len(put) > MOST_TEXT:
        raise _failed(_("This makes a text too long."))
    return text.replace(gone, put, times)


def truncate(value: Any, length: Any = 50, ending: Any = "…") -> str:
    text, ending, most = shown(value), shown(ending), max(0, whole(length))
    return text if len(text) <= most else text[: max(0, most - len(ending))].rstrip() + ending


def truncatewords(value: Any, words: Any = 15, ending: Any = "…") -> str:
    parts, most = shown(value).split(), max(1, whole(words))
    return " ".join(parts) if len(parts) <= most else " ".join(parts[:most]) + shown(ending)


def sliced(value: Any, start: Any, length: Any = 1) -> Any:
    held = value if isinstance(value, list) else shown(value)
    first = whole(start)
    first = max(0, first + len(held)) if first < 0 else first
    return held[first : first + max(0, whole(length))]


def split(value: Any, by: Any) -> list[str]:
    text, by = shown(value), shown(by)
    return text.split(by, MOST_ITEMS) if by else list(text[:MOST_ITEMS])


def join(value: Any, by: Any = ", ") -> str:
    parts: list[str] = [shown(item) for item in items(value)]
    between: str = shown(by)
    if sum(map(len, parts)) + len(between) * len(parts) > MOST_TEXT:
        raise _failed(_("This makes a text too long."))
    return between.join(parts)


# Lists


def ordered(value: Any) -> list[Any]:
    numbers = all(isinstance(item, int | float) for item in items(value))
    return sorted(items(value), key=None if numbers else lambda item: shown(item).casefold())


def unique(value: Any) -> list[Any]:
    kept: list[Any] = []
    kept.extend(item for item in items(value) if item not in kept)
    return kept


def mapped(value: Any, name: Any) -> list[Any]:
    return [item.get(shown(name)) for item in items(value) if isinstance(item, dict)]


def where(value: Any, name: Any, wanted: Any = None) -> list[Any]:
    named = [(item.get(shown(name)), item) for item in items(value) if isinstance(item, dict)]
    return [item for held, item in named if (held == wanted if wanted is not None else held)]


# Numbers


def divided_by(value: Any, by: Any) -> int | float:
    left, right = number(value), number(by)
    if not right:
        raise _failed(_("This divides by 0."))
    both_whole = isinstance(left, int) and isinstance(right, int)
    return left // right if both_whole else left / right


def modulo(value: Any, by: Any) -> int | float:
    if not number(by):
        raise _failed(_("This divides by 0."))
    return number(value) % number(by)


def rounded(value: Any, digits: Any = 0) -> int | float:
    return round(number(value), whole(digits)) if 0 < whole(digits) < 10 else round(number(value))


# Others


def default(value: Any, otherwise: Any = "", *, allow_false: bool = False) -> Any:
    """What is said in place of a missing value, of nothing and of false."""
    if isinstance(value, Missing):
        value.note()
        return otherwise
    nothing = value is None or value in ("", []) or (value is False and not allow_false)
    return otherwise if nothing else value


def size(value: Any) -> int:
    return len(value) if isinstance(value, str | list | dict | range) else 0


# Parts of a date as Liquid writes them and as Django does, which knows the names in many languages.
_PARTS = {
    **{"%d": "d", "%e": "j", "%-d": "j", "%m": "m", "%-m": "n", "%b": "M", "%B": "F", "%Y": "Y"},
    **{"%y": "y", "%H": "H", "%-H": "G", "%I": "h", "%-I": "g", "%M": "i", "%S": "s", "%p": "A"},
    **{"%a": "D", "%A": "l", "%j": "z", "%Z": "T"},
}


def shown_date(value: Any, pattern: Any = "%e %B %Y", *, context: Any = None) -> str:
    """A moment in the words of the text's language; what is no date stays as it is."""
    moment = _moment(value)
    if moment is None:
        return shown(value)
    pattern = shown(pattern)
    if len(pattern) > LONGEST_PATTERN:
        raise _failed(_("This pattern of a date is too long."))
    with translation.override(getattr(context, "language", "en")):
        return "".join(
            _part(part, moment) for part in re.findall(r"%-?.|[^%]+|%", pattern, re.DOTALL)
        )


def _part(part: str, moment: datetime) -> str:
    if part == "%%" or not part.startswith("%"):
        return part[:1] if part == "%%" else part
    if part not in _PARTS:
        raise _failed(_("Dates have no part %(part)s.") % {"part": part})
    return str(formatted(moment, _PARTS[part]))


def _moment(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        day: date | None = parse_date(value)
        return datetime.combine(day, time()) if day else parse_datetime(value)  # noqa: DTZ011
    except ValueError:
        return None


shown_date.with_context = True  # type: ignore[attr-defined]

# Each as it may be written: what it takes is read from its signature (checking).
SIGNATURES: dict[str, Filter] = {
    "default": default,
    "append": lambda value, more: shown(value) + shown(more),
    "prepend": lambda value, more: shown(more) + shown(value),
    "capitalize": lambda value: shown(value).capitalize(),
    "downcase": lambda value: shown(value).lower(),
    "upcase": lambda value: shown(value).upper(),
    "strip": lambda value: shown(value).strip(),
    "lstrip": lambda value: shown(value).lstrip(),
    "rstrip": lambda value: shown(value).rstrip(),
    "replace": lambda value, old, new="": replace(value, old, new),
    "replace_first": lambda value, old, new="": replace(value, old, new, times=1),
    "remove": lambda value, old: replace(value, old),
    "remove_first": lambda value, old: replace(value, old, times=1),
    "truncate": truncate,
    "truncatewords": truncatewords,
    "slice": sliced,
    "split": split,
    "url_encode": lambda value: Encoded(quote(shown(value), safe="")),
    "join": join,
    "first": lambda value: next(iter(items(value)), None),
    "last": lambda value: next(reversed(items(value)), None),
    "size": size,
    "sort": ordered,
    "reverse": lambda value: items(value)[::-1],
    "uniq": unique,
    "map": mapped,
    "where": where,
    "plus": lambda value, more: number(value) + number(more),
    "minus": lambda value, less: number(value) - number(less),
    "times": lambda value, by: number(value) * number(by),
    "divided_by": divided_by,
    "modulo": modulo,
    "abs": lambda value: abs(number(value)),
    "round": rounded,
    "ceil": lambda value: math.ceil(number(value)),
    "floor": lambda value: math.floor(number(value)),
    "at_least": lambda value, least: max(number(value), number(least)),
    "at_most": lambda value, most: min(number(value), number(most)),
    "date": shown_date,
}
FILTERS: dict[str, Filter] = {
    name: function if name in {"default", "size"} else bounded(function)
    for name, function in SIGNATURES.items()
}
