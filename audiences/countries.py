"""Countries, and the time zones by which browsers give away which one they are in.

Codes are ISO 3166-1 alpha-2. zone.tab of tzdata says which country a zone lies in; Unicode's data
(by Babel) knows the names that tzdata gave up and browsers still report, such as Asia/Calcutta.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from importlib.resources import files
from zoneinfo import available_timezones

from babel.core import Locale, get_global

# Zones of everywhere and nowhere: Unicode files some of them under one of their countries.
_NOWHERE = frozenset(
    ("CET", "EET", "EST", "HST", "MET", "MST", "WET", "EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT")
)
_SHORT = {"uk": "GB", "great britain": "GB", "usa": "US", "czech republic": "CZ", "turkey": "TR"}


def country_of(zone: str) -> str:
    """The country that a zone lies in: "NO" for "Europe/Oslo"; "" if in none, or unknown."""
    return _countries().get(zone, "")


def zones_of(code: str) -> tuple[str, ...]:
    """All names of a country's zones, also old ones; none for an unknown country."""
    return _zones().get(code, ())


def label(code: str) -> str:
    """The English name: "Norway" for "NO"; the code itself when unknown."""
    return _names().get(code, code)


def code(text: str) -> str:
    """The country that a person means by "no", "NO" or "norway"; "" if none."""
    text = text.strip()
    if text.upper() in _names():
        return text.upper()
    return _codes_by_name().get(text.casefold(), "")


@cache
def _countries() -> dict[str, str]:
    by_zone, alias = get_global("zone_territories"), get_global("zone_aliases")
    known = {zone: by_zone.get(alias.get(zone, zone)) for zone in _all_zones()}
    known |= _of_tzdata()
    return {
        zone: country
        for zone, country in known.items()
        if country in _names() and zone not in _NOWHERE
    }


def _all_zones() -> set[str]:
    return available_timezones() | set(get_global("zone_aliases"))


def _of_tzdata() -> dict[str, str]:
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    return {row[2]: row[0] for row in rows}


@cache
def _zones() -> dict[str, tuple[str, ...]]:
    found = defaultdict(list)
    for zone, country in sorted(_countries().items()):
        found[country].append(zone)
    return {country: tuple(zones) for country, zones in found.items()}


@cache
def _names() -> dict[str, str]:
    """Of every country that has a zone: Unicode's list has regions and organisations too."""
    names = Locale("en").territories
    return {code: names[code] for code in set(_of_tzdata().values()) if code in names}


@cache
def _codes_by_name() -> dict[str, str]:
    return _SHORT | {name.casefold(): code for code, name in _names().items()}
