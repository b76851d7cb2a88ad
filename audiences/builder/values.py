"""What people type for values, and what the rule keeps: "Norway, Sweden" and ["NO", "SE"]."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audiences import countries, languages
from audiences.catalogue import devices
from audiences.shapes import RuleError
from subscribers.models import Channel

# A value with a comma or a space at its end stands in double quotes, as in CSV.
_VALUE = re.compile(r'\s*(?:"((?:[^"]|"")*)"(?=\s*(?:,|$))|([^,]*))\s*(?:,|$)')
_GROUPED = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?")
UNITS = {
    "minutes": (1, gettext_lazy("minutes")),
    "hours": (60, gettext_lazy("hours")),
    "days": (1440, gettext_lazy("days")),
}


def split(text: str) -> list[str]:
    """The values in a line of text."""
    found = []
    for match in _VALUE.finditer(text.replace("\n", ",").replace("\r", ",")):
        quoted, plain = match.groups()
        value = plain.strip() if quoted is None else quoted.replace('""', '"')
        if value.strip():
            found.append(value)
    return found


def joined(values: Iterable[str]) -> str:
    """What `split` takes apart again."""
    return ", ".join(_quoted(value) for value in values)


def _quoted(value: str) -> str:
    if value != value.strip() or "," in value or value.startswith('"'):
        return '"' + value.replace('"', '""') + '"'
    return value


def _channel(text: str) -> str:
    known = dict(Channel.choices)
    named = {str(label).casefold(): value for value, label in known.items()}
    return text if text in known else named.get(text.casefold(), "")


# By field: what a value is called, what a person means, and what to say of neither.
_NAMED: Mapping[str, tuple[Callable[[str], str], Callable[[str], str], Any]] = {
    "language": (
        languages.label,
        languages.code,
        gettext_lazy("“%(text)s” is no language that we know. Write its name or code, such as nb."),
    ),
    "country": (
        countries.label,
        countries.code,
        gettext_lazy("“%(text)s” is no country that we know. Write its name or code, such as NO."),
    ),
    "channel": (
        devices.channel_label,
        _channel,
        gettext_lazy("“%(text)s” is no channel that we know."),
    ),
}


def by_name(field: str) -> bool:
    """Whether its values are shown under other names than the rule keeps."""
    return field in _NAMED


def shown(field: str, values: Iterable[str]) -> str:
    """The values of a rule as a line of text."""
    label = _NAMED[field][0] if field in _NAMED else str
    return joined(label(value) for value in values)


def meant(field: str, text: str) -> list[str]:
    """The values that a line of text means. RuleError for a name that nobody knows."""
    values = split(text)
    if field not in _NAMED:
        return values
    _label, code, unknown = _NAMED[field]
    found = []
    for value in values:
        if not code(value):
            raise RuleError("values", str(unknown) % {"text": value[:60]})
        found.append(code(value))
    return found


def number(text: str) -> int | float | str:
    """The number that is written, or the text itself, which a rule then refuses."""
    text = text.strip().replace("\u00a0", "").replace("\u202f", "").replace(" ", "")
    text = text.replace(",", "") if _GROUPED.fullmatch(text) else text.replace(",", ".")
    for reading in (int, float):
        try:
            return reading(text)
        except ValueError:
            continue
    return text


def minutes(text: str, unit: str) -> Any:
    """So many minutes, hours or days, in minutes."""
    count = number(text)
    if isinstance(count, str):
        return count
    size, _label = UNITS.get(unit, UNITS["minutes"])
    whole = count * size
    return int(whole) if abs(whole) < 1e15 and whole == int(whole) else whole


def in_unit(count: int) -> tuple[str, str]:
    """Minutes in the largest unit that divides them: ("2", "hours") for 120."""
    for unit in ("days", "hours"):
        size, _label = UNITS[unit]
        if count and count % size == 0:
            return str(count // size), unit
    return str(count), "minutes"


def percent(text: str) -> int:
    """Ten-thousandths for a percentage. RuleError."""
    share = number(text.strip().rstrip("%"))
    if isinstance(share, str) or not 0.01 <= share <= 100:
        raise RuleError("percent", _("A percentage from 0.01 to 100."))
    return round(share * 100)
