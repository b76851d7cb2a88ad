"""The text of an RRULE, part by part. Every function raises ValueError with a sentence."""

import re
from datetime import datetime, time

from django.utils.translation import gettext as _

LONGEST = 300
MOST_TIMES = 1000
WIDEST_INTERVAL = 366
NAMES = ("FREQ", "INTERVAL", "BYMONTH", "BYMONTHDAY", "BYDAY", "COUNT", "UNTIL")
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
END_OF_DAY = time(23, 59, 59)
_DAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL = re.compile(r"[12][0-9]{7}(T[0-9]{6})?")
_NUMBER = re.compile(r"[+-]?[0-9]{1,4}")


def parts(text: str) -> dict[str, str]:
    """The parts of a rule by name, in capitals: known ones, each once."""
    if len(text) > LONGEST:
        raise ValueError(
            _("A rule has at most %(longest)d characters, this one has %(length)d.")
            % {"longest": LONGEST, "length": len(text)}
        )
    found: dict[str, str] = {}
    for part in text.strip().upper().removeprefix("RRULE:").split(";"):
        name, equals, value = part.partition("=")
        if name.startswith("DTSTART"):
            raise ValueError(_("Leave DTSTART out: a series begins at the scheduled time."))
        if not equals:
            raise ValueError(_("Write a rule such as FREQ=WEEKLY;BYDAY=MO,TH;COUNT=12."))
        if name not in NAMES:
            raise ValueError(
                _("A rule cannot say %(name)s. It can say %(names)s.")
                % {"name": name[:20], "names": ", ".join(NAMES)}
            )
        if name in found:
            raise ValueError(_("The rule says %(name)s twice.") % {"name": name})
        found[name] = value
    return found


def number(name: str, text: str, most: int) -> int:
    """A number from 1 to `most`."""
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= most:
        raise ValueError(
            _("%(name)s is a number from 1 to %(most)d.") % {"name": name, "most": most}
        )
    return int(text)


def numbers(name: str, text: str, most: int, *, backwards: bool = False) -> tuple[int, ...]:
    """Numbers from 1 to `most`, in order; then those from the end, if that makes sense."""
    found = {int(said) if _NUMBER.fullmatch(said) else 0 for said in text.split(",")}
    if any(not 1 <= (abs(one) if backwards else one) <= most for one in found):
        form = (
            _("%(name)s takes numbers from 1 to %(most)d, or from -1 to -%(most)d from the end.")
            if backwards
            else _("%(name)s takes numbers from 1 to %(most)d.")
        )
        raise ValueError(form % {"name": name, "most": most})
    return tuple(sorted(found, key=lambda one: (one < 0, one)))


def weekdays(text: str, most: int) -> tuple[tuple[int, int], ...]:
    """(position or 0, weekday from 0 for Monday); `most`: the highest position, 0 for none."""
    found = set()
    for said in text.split(","):
        day = _DAY.fullmatch(said)
        if not day:
            raise ValueError(_("BYDAY takes days such as MO, TH or -1FR."))
        position = int(day[1] or 0)
        if abs(position) > most or (day[1] and not position):
            raise ValueError(
                _("BYDAY takes positions from 1 to %(most)d or -1 to -%(most)d here.")
                % {"most": most}
                if most
                else _("Days have a position, as in -1FR, only in months and years.")
            )
        found.add((position, WEEKDAYS.index(day[2])))
    return tuple(sorted(found, key=lambda one: (one[1], one[0])))


def until(text: str) -> datetime:
    """The last wall time; the end of the day for a date."""
    try:
        if not _UNTIL.fullmatch(text):
            raise ValueError
        wall = datetime.fromisoformat(text)
    except ValueError:
        sentence = _("Write UNTIL as a date such as 20261231, in the zone of the schedule.")
        raise ValueError(sentence) from None
    return wall if "T" in text else datetime.combine(wall, END_OF_DAY)
