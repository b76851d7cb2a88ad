"""Series of wall times: the part of RRULE (RFC 5545 section 3.3.10) that campaigns need.

Days, weeks, months and years, so at most one occurrence a day, at the time of the series' start.
Whether a day is one of them is said by the day alone. That keeps the cost in bounds for any rule,
where iterators over RRULEs walk on until the year 9999 for one that never occurs.
"""

from __future__ import annotations

import calendar
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from django.utils.translation import gettext as _

from campaigns.timing import reading, wording

# How far ahead occurrences are looked for: a leap day comes on every weekday within 40 years.
HORIZON = timedelta(days=40 * 366)
# By when any rule has had an occurrence that ever has one.
BEGINNING = datetime(2000, 1, 1)  # noqa: DTZ001 - wall times have no zone

Every = Literal["day", "week", "month", "year"]
FREQUENCIES: dict[Every, str] = {
    "day": "DAILY",
    "week": "WEEKLY",
    "month": "MONTHLY",
    "year": "YEARLY",
}


@dataclass(frozen=True)
class Parts:
    """What a form asks. `ordinal` (1 to 5 or -1) is that of the one weekday of a month."""

    every: Every
    interval: int = 1
    days: tuple[str, ...] = ()
    ordinal: int | None = None
    monthday: int | None = None
    until: date | None = None
    count: int | None = None


@dataclass(frozen=True)
class Recurrence:
    """A rule, as `parse` and `of` make it."""

    freq: str
    interval: int = 1
    months: tuple[int, ...] = ()
    # From the end if negative.
    monthdays: tuple[int, ...] = ()
    # (position in the month or year, or 0 for every one, and weekday from 0 for Monday).
    weekdays: tuple[tuple[int, int], ...] = ()
    count: int | None = None
    until: datetime | None = None

    @classmethod
    def parse(cls, text: str) -> Recurrence:
        """The rule that an RRULE says. ValueError with a sentence for people."""
        said = reading.parts(text)
        freq = said.get("FREQ", "")
        if freq not in FREQUENCIES.values():
            raise ValueError(_("FREQ is DAILY, WEEKLY, MONTHLY or YEARLY."))
        if "COUNT" in said and "UNTIL" in said:
            raise ValueError(_("A series ends by COUNT or by UNTIL, not by both."))
        if freq == "WEEKLY" and "BYMONTHDAY" in said:
            raise ValueError(_("Weeks have no days of the month: use FREQ=MONTHLY."))
        by_year = freq == "YEARLY" and "BYMONTH" not in said
        positions = 0 if freq in ("DAILY", "WEEKLY") else 53 if by_year else 5
        rule = cls(
            freq,
            reading.number("INTERVAL", said.get("INTERVAL", "1"), reading.WIDEST_INTERVAL),
            reading.numbers("BYMONTH", said["BYMONTH"], 12) if "BYMONTH" in said else (),
            reading.numbers("BYMONTHDAY", said["BYMONTHDAY"], 31, backwards=True)
            if "BYMONTHDAY" in said
            else (),
            reading.weekdays(said["BYDAY"], positions) if "BYDAY" in said else (),
            reading.number("COUNT", said["COUNT"], reading.MOST_TIMES) if "COUNT" in said else None,
            reading.until(said["UNTIL"]) if "UNTIL" in said else None,
        )
        endless = replace(rule, interval=1, count=None, until=None)
        if not endless.occurrences(BEGINNING, most=1):
            raise ValueError(_("No day of any year fits this rule."))
        return rule

    @classmethod
    def of(
        cls,
        every: Every,
        interval: int = 1,
        days: Collection[str] = (),
        ordinal: int | None = None,
        monthday: int | None = None,
        until: date | None = None,
        count: int | None = None,
    ) -> Recurrence:
        """The rule of a form's fields, see Parts. ValueError with a sentence, as by `parse`."""
        position = "" if ordinal is None else ordinal
        said = {
            "FREQ": FREQUENCIES[every],
            "INTERVAL": interval,
            "BYMONTHDAY": monthday,
            "BYDAY": ",".join(f"{position}{day}" for day in days) or None,
            "COUNT": count,
            "UNTIL": f"{until:%Y%m%d}" if until else None,
        }
        return cls.parse(
            ";".join(f"{name}={value}" for name, value in said.items() if value is not None)
        )

    def parts(self) -> Parts | None:
        """The form's fields; None for a rule that says more than they can."""
        positions = {position for position, _weekday in self.weekdays}
        parts = Parts(
            next(every for every, freq in FREQUENCIES.items() if freq == self.freq),
            self.interval,
            tuple(reading.WEEKDAYS[weekday] for _position, weekday in self.weekdays),
            next(iter(positions)) or None if positions else None,
            self.monthdays[0] if self.monthdays else None,
            self.until.date() if self.until else None,
            self.count,
        )
        shown = {
            "day": not self.weekdays and not self.monthdays,
            "week": True,
            "month": not self.weekdays or (parts.ordinal is not None and not self.monthdays),
            "year": not self.weekdays and not self.monthdays,
        }
        if self.months or not shown[parts.every] or Recurrence.of(**asdict(parts)) != self:
            return None
        return parts

    @property
    def text(self) -> str:
        """The rule as an RRULE, in one spelling for rules that are the same."""
        said = [f"FREQ={self.freq}"]
        if self.interval > 1:
            said.append(f"INTERVAL={self.interval}")
        for name, numbers in (("BYMONTH", self.months), ("BYMONTHDAY", self.monthdays)):
            if numbers:
                said.append(f"{name}={','.join(map(str, numbers))}")
        if self.weekdays:
            days = (f"{at or ''}{reading.WEEKDAYS[day]}" for at, day in self.weekdays)
            said.append(f"BYDAY={','.join(days)}")
        if self.count:
            said.append(f"COUNT={self.count}")
        if self.until:
            whole = self.until.time() == reading.END_OF_DAY
            said.append(f"UNTIL={self.until:{'%Y%m%d' if whole else '%Y%m%dT%H%M%S'}}")
        return ";".join(said)

    def sentence(self, start: datetime) -> str:
        """ "On the last Friday of every month at 18:00, 12 times": for a series from then."""
        return wording.sentence(self._from(start), start)

    def check(self, start: datetime, exceptions: Collection[date] = ()) -> None:
        """ValueError with a sentence where nothing is left of a series from then on."""
        if self.occurrences(start, None, exceptions, 1):
            return
        if self.until and self.until < start:
            raise ValueError(_("The series ends before it begins."))
        if self.occurrences(start, most=1):
            raise ValueError(_("The days that are left out are all that the series has."))
        raise ValueError(_("No day within 40 years of the start fits this rule."))

    def occurrences(
        self,
        start: datetime,
        after: datetime | None = None,
        exceptions: Collection[date] = (),
        most: int = 10,
    ) -> list[datetime]:
        """Wall times of a series from `start` on, in order: after `after`, but for exceptions.

        All naive. The start is one only if the rule says so. COUNT counts the exceptions, as RFC
        5545 does: leaving a day out adds none at the end. [] where the 40 years after `after`, or
        after the start for a rule with COUNT, hold none.
        """
        found: list[datetime] = []
        for wall in self._walls(start, start if after is None or self.count else max(start, after)):
            if (after is None or wall > after) and wall.date() not in exceptions:
                found.append(wall)
                if len(found) == most:
                    break
        return found

    def _walls(self, start: datetime, first: datetime) -> Iterator[datetime]:
        """All wall times from the day of `first` on; with COUNT, `first` has to be the start."""
        rule, clock = self._from(start), start.time()
        last = min(first.toordinal() + HORIZON.days, date.max.toordinal())
        count = 0
        for ordinal in range(first.toordinal(), last + 1):
            day = date.fromordinal(ordinal)
            if not rule._falls_on(day, start):
                continue
            wall = datetime.combine(day, clock)
            count += 1
            if (self.until and wall > self.until) or (self.count and count > self.count):
                return
            yield wall

    def _from(self, start: datetime) -> Recurrence:
        """The rule with what it takes from the start: which day of the week, month or year."""
        if self.monthdays or self.weekdays or self.freq == "DAILY":
            return self
        if self.freq == "WEEKLY":
            return replace(self, weekdays=((0, start.weekday()),))
        months = self.months or ((start.month,) if self.freq == "YEARLY" else ())
        return replace(self, months=months, monthdays=(start.day,))

    def _falls_on(self, day: date, start: date) -> bool:
        return (
            (not self.months or day.month in self.months)
            and (self._period(day) - self._period(start)) % self.interval == 0
            and (not self.monthdays or self._by_monthday(day))
            and (not self.weekdays or self._by_weekday(day))
        )

    def _period(self, day: date) -> int:
        """The number of the day, week, month or year that it is in."""
        if self.freq == "DAILY":
            return day.toordinal()
        if self.freq == "WEEKLY":  # From Monday, as in RFC 5545 without WKST; so was 1 January 1.
            return (day.toordinal() - 1) // 7
        return day.year * 12 + day.month if self.freq == "MONTHLY" else day.year

    def _by_monthday(self, day: date) -> bool:
        from_end = day.day - calendar.monthrange(day.year, day.month)[1] - 1
        return day.day in self.monthdays or from_end in self.monthdays

    def _by_weekday(self, day: date) -> bool:
        weekday = day.weekday()
        if (0, weekday) in self.weekdays:
            return True
        if not any(weekday == one for _position, one in self.weekdays):
            return False
        if self.freq == "YEARLY" and not self.months:
            nth, length = day.timetuple().tm_yday, 365 + calendar.isleap(day.year)
        else:
            nth, length = day.day, calendar.monthrange(day.year, day.month)[1]
        positions = ((nth - 1) // 7 + 1, -((length - nth) // 7 + 1))
        return any((position, weekday) in self.weekdays for position in positions)
