"""Time zones: their names, and from a wall time in one to an instant."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones


@cache
def names() -> frozenset[str]:
    """Every IANA name that this machine has rules for."""
    return frozenset(available_timezones())


def known(name: str) -> bool:
    """Whether there are rules for a zone of that name: what people's devices report may be new."""
    return name in names()


@cache
def zone(name: str) -> ZoneInfo:
    """The rules of a zone. ZoneInfoNotFoundError, a KeyError, on an unknown name.

    ZoneInfo keeps only the eight zones that were used last, and a plan needs them all.
    """
    if not known(name):
        raise ZoneInfoNotFoundError(f"No time zone found with key {name}")
    return ZoneInfo(name)


def forget() -> None:
    """Read all rules anew when they are needed: the machine's may have been updated since."""
    names.cache_clear()
    zone.cache_clear()
    ZoneInfo.clear_cache()


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The UTC instant of a naive wall time.

    In a fold (the hour that comes twice) the first; in a gap (the hour that a clock change leaves
    out) the first instant after it.
    """
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    # In the gap, fold=0 reads the wall time with the offset from before the change; the change
    # itself is where that offset ends: within a day before (Samoa once left out a whole day).
    return change(moment - timedelta(hours=26), moment, zone)


def change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first instant (to the second) at which the zone has its offset of `after`."""
    target = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == target:
            after = middle
        else:
            before = middle
    return after.replace(microsecond=0)
