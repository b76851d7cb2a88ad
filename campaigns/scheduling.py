"""Wall time in a named zone to an instant (push-reference section 3.6)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from django.utils.translation import gettext as _


def instant(wall: datetime, zone: str) -> datetime:
    """The UTC instant of a naive wall time.

    In a fold (the hour that comes twice) the first; in a gap (the hour that a clock change leaves
    out) the first instant after it. ZoneInfoNotFoundError on an unknown zone.
    """
    local = wall.replace(tzinfo=ZoneInfo(zone), fold=0)
    moment = local.astimezone(UTC)
    if moment.astimezone(local.tzinfo).replace(tzinfo=None) == wall:
        return moment
    # In the gap, fold=0 reads the wall time with the offset from before the change; the change
    # itself is where that offset ends: within a day before (Samoa once left out a whole day).
    return _transition(moment - timedelta(hours=26), moment, ZoneInfo(zone))


def _transition(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first instant (to the second) at which the zone has its offset of `after`."""
    target = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == target:
            after = middle
        else:
            before = middle
    return after.replace(microsecond=0)


def note(wall: datetime, zone: str) -> str:
    """ "gap" or "fold" where the clock changes at that wall time, else ""."""
    tz = ZoneInfo(zone)
    first, second = (wall.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return ""
    round_trip = first.astimezone(tz).replace(tzinfo=None)
    return "fold" if round_trip == wall else "gap"


def parse_wall(text: str, zone: str) -> datetime:
    """A naive wall time from ISO 8601; ValueError with a sentence for it or for the zone."""
    if zone not in available_timezones():
        raise ValueError(
            _("%(zone)s is no time zone. Use an IANA name such as Europe/Oslo.") % {"zone": zone}
        )
    try:
        wall = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(_("Write the time as 2026-11-26T18:00.")) from None
    if wall.tzinfo is not None:
        raise ValueError(_("Write the wall time without an offset, and the zone beside it."))
    return wall
