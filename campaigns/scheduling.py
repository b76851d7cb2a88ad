"""Wall time in a named zone to an instant."""

from datetime import UTC, datetime

from django.utils.translation import gettext as _

from campaigns.timing import zones

# Far from where datetime ends, so that no zone's offset leads over it.
YEARS = range(2000, 2100)


def instant(wall: datetime, zone: str) -> datetime:
    """The UTC instant of a naive wall time.

    In a fold (the hour that comes twice) the first; in a gap (the hour that a clock change leaves
    out) the first instant after it. ZoneInfoNotFoundError on an unknown zone.
    """
    return zones.instant(wall, zones.zone(zone))


def note(wall: datetime, zone: str) -> str:
    """ "gap" or "fold" where the clock changes at that wall time, else ""."""
    tz = zones.zone(zone)
    first, second = (wall.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return ""
    round_trip = first.astimezone(tz).replace(tzinfo=None)
    return "fold" if round_trip == wall else "gap"


def parse_wall(text: str, zone: str) -> datetime:
    """A naive wall time from ISO 8601; ValueError with a sentence for it or for the zone."""
    if not zones.known(zone):
        raise ValueError(
            _("%(zone)s is no time zone. Use an IANA name such as Europe/Oslo.") % {"zone": zone}
        )
    try:
        wall = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(_("Write the time as 2026-11-26T18:00.")) from None
    if wall.tzinfo is not None:
        raise ValueError(_("Write the wall time without an offset, and the zone beside it."))
    if wall.year not in YEARS:
        raise ValueError(_("Choose a time in the years 2000 to 2099."))
    return wall
