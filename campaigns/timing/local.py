"""A wall time on each person's own clock: when that is, and what if it has passed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from campaigns.timing import zones as rules
from campaigns.timing.zones import known

__all__ = ["Late", "Moment", "earliest", "known", "moment", "moments"]

Late = Literal["send", "next_day", "skip"]


@dataclass(frozen=True)
class Moment:
    """When people of a zone are sent (None: never), in UTC, and by which rule."""

    at: datetime | None
    code: Literal["send", "late_send", "next_day", "zone_past"]


def moment(wall: datetime, zone: str, began: datetime, late: str) -> Moment:
    """When the clocks of a zone show a naive wall time, for a run that began then.

    Where that was before `began` (aware), `late` says what happens: "send" at once, at the same
    time of the first "next_day" that is not over too, or "skip". ZoneInfoNotFoundError, a
    KeyError, for an unknown zone (ask `known`), ValueError for another `late`.
    """
    tz = rules.zone(zone)
    at = rules.instant(wall, tz)
    if at >= began:
        return Moment(at, "send")
    if late == "send":
        return Moment(began.astimezone(UTC), "late_send")
    if late == "next_day":
        return Moment(_next_day(wall, tz, began), "next_day")
    if late == "skip":
        return Moment(None, "zone_past")
    raise ValueError(f"late is send, next_day or skip, not {late!r}")


def _next_day(wall: datetime, tz: ZoneInfo, began: datetime) -> datetime:
    # From the day before, as clocks may be put back over midnight; never day by day from a wall
    # time long ago.
    day = max(wall.date() + timedelta(days=1), began.astimezone(tz).date() - timedelta(days=1))
    while (at := rules.instant(_on(day, wall), tz)) < began:
        day += timedelta(days=1)
    return at


def _on(day: date, wall: datetime) -> datetime:
    return datetime.combine(day, wall.time())


def moments(wall: datetime, zones: Iterable[str], began: datetime, late: str) -> dict[str, Moment]:
    """`moment` for many zones. All of the world's take a few milliseconds."""
    return {zone: moment(wall, zone, began, late) for zone in zones}


def earliest(wall: datetime, zones: Iterable[str] | None = None) -> datetime:
    """When the first clock shows a naive wall time, of `zones` or anywhere. UTC."""
    among = rules.names() if zones is None else zones
    return min(rules.instant(wall, rules.zone(zone)) for zone in among)
