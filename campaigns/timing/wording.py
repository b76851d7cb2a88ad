"""A series in words: "Every Monday and Thursday at 09:00, until 31 Dec 2026"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from django.utils.dates import MONTHS, WEEKDAYS
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

if TYPE_CHECKING:
    from campaigns.timing.recurrence import Recurrence

# Beyond it a month may have no such day.
SHORTEST_MONTH = 28
POSITIONS = {
    1: gettext_lazy("the first %(day)s"),
    2: gettext_lazy("the second %(day)s"),
    3: gettext_lazy("the third %(day)s"),
    4: gettext_lazy("the fourth %(day)s"),
    5: gettext_lazy("the fifth %(day)s"),
    -1: gettext_lazy("the last %(day)s"),
    -2: gettext_lazy("the last but one %(day)s"),
}


def sentence(rule: Recurrence, start: datetime) -> str:
    """What a rule says, with what it takes from the start (Recurrence.sentence) filled in."""
    said = _("%(days)s at %(time)s") % {
        "days": _days(rule),
        "time": time_format(start.time(), "H:i"),
    }
    if rule.until:
        early = rule.until.time() < start.time()
        last = rule.until.date() - timedelta(days=early)
        said = _("%(series)s, until %(day)s") % {
            "series": said,
            "day": date_format(last, "j M Y"),
        }
    if rule.count:
        said = ngettext("%(series)s, once", "%(series)s, %(count)d times", rule.count) % {
            "series": said,
            "count": rule.count,
        }
    return said


def _days(rule: Recurrence) -> str:
    if rule.freq == "WEEKLY" and rule.interval == 1 and not rule.months:
        if len(rule.weekdays) == 7:
            return _("Every day")
        return _("Every %(days)s") % {"days": _weekdays(rule)}
    if rule.freq == "MONTHLY" and rule.interval == 1 and not rule.months:
        return _("On %(days)s of every month") % {"days": _dates(rule)}
    if rule.freq == "YEARLY" and _one_date(rule):
        day = date_format(date(2000, rule.months[0], rule.monthdays[0]), "j F")
        return _("%(every)s on %(days)s") % {"every": _every(rule), "days": day}
    said = _every(rule)
    if rule.months:
        months = _joined([str(MONTHS[month]) for month in rule.months])
        said = _("%(every)s in %(months)s") % {"every": said, "months": months}
    if rule.monthdays or rule.weekdays:
        said = _("%(every)s on %(days)s") % {"every": said, "days": _dates(rule)}
    return said


def _one_date(rule: Recurrence) -> bool:
    one = len(rule.months) == len(rule.monthdays) == 1 and not rule.weekdays
    return one and 0 < rule.monthdays[0] <= SHORTEST_MONTH + (rule.months != (2,)) * 3


def _every(rule: Recurrence) -> str:
    n = rule.interval
    if rule.freq == "DAILY":
        return ngettext("Every day", "Every %(n)d days", n) % {"n": n}
    if rule.freq == "WEEKLY":
        return ngettext("Every week", "Every %(n)d weeks", n) % {"n": n}
    if rule.freq == "MONTHLY":
        return ngettext("Every month", "Every %(n)d months", n) % {"n": n}
    return ngettext("Every year", "Every %(n)d years", n) % {"n": n}


def _dates(rule: Recurrence) -> str:
    if not rule.monthdays:
        return _weekdays(rule)
    days = _joined([_monthday(day) for day in rule.monthdays])
    if any(day > SHORTEST_MONTH for day in rule.monthdays):
        days = _("%(days)s (where there is one)") % {"days": days}
    if rule.weekdays:
        days = _("%(weekdays)s if that is %(days)s") % {"weekdays": _weekdays(rule), "days": days}
    return days


def _monthday(day: int) -> str:
    if day == -1:
        return _("the last day")
    if day < 0:
        return _("day %(day)d from the end") % {"day": -day}
    return _("day %(day)d") % {"day": day}


def _weekdays(rule: Recurrence) -> str:
    return _joined([_weekday(rule, position, day) for position, day in rule.weekdays])


def _weekday(rule: Recurrence, position: int, weekday: int) -> str:
    day = str(WEEKDAYS[weekday])
    if position in POSITIONS:
        return str(POSITIONS[position]) % {"day": day}
    if position > 0:
        return _("%(day)s number %(n)d") % {"day": day, "n": position}
    if position < 0:
        return _("%(day)s number %(n)d from the end") % {"day": day, "n": -position}
    return day if rule.freq in ("DAILY", "WEEKLY") else _("every %(day)s") % {"day": day}


def _joined(items: Sequence[str]) -> str:
    if len(items) == 1:
        return items[0]
    return _("%(most)s and %(last)s") % {"most": ", ".join(items[:-1]), "last": items[-1]}
