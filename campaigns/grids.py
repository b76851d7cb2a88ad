"""A site's calendar as pages show it: the weeks of a month, the hours of a week, one day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Site
from accounts.templatetags.beckon import STATES, number
from campaigns import calendar, scheduling
from campaigns.calendar import Calendar, Entry
from campaigns.clashes import Clash, Kind

DAY, WEEK = timedelta(days=1), timedelta(days=7)
# Of one day or hour so many entries are shown, then how many more there are.
SHOWN_A_DAY, SHOWN_AN_HOUR, SHOWN_TRACES = 3, 3, 2
# Where weeks begin on Sunday (6) or Saturday (5), by language: CLDR's supplemental week data.
SUNDAY = {"en-us", "en-ca", "es-mx", "pt-br", "he", "hi", "ja", "ko", "th", "zh-hant"}
SATURDAY = {"ar", "fa"}


@dataclass(frozen=True)
class Card:
    """An entry on the site's clock."""

    entry: Entry
    local: datetime
    site: UUID

    @property
    def page(self) -> str:
        """The campaign itself."""
        return reverse("campaigns:report", args=[self.site, self.entry.campaign])

    @property
    def address(self) -> str:
        """What it clashes with, and moving it."""
        return reverse("campaigns:calendar_entry", args=[self.site, self.entry.campaign])

    @property
    def occurrence(self) -> str:
        """As forms and addresses name it; "" for what does not repeat."""
        found = self.entry.occurrence
        return found.isoformat() if found else ""

    @property
    def icon(self) -> str:
        """The icon's name; "" for the dot of what runs."""
        return STATES[self.state][1]

    @property
    def word(self) -> str:
        return str(STATES[self.state][2])

    @property
    def facts(self) -> str:
        """What a card says below the name."""
        own = _("each person’s own time") if self.entry.own_time else ""
        repeats = _("repeats") if self.entry.occurrence else ""
        return " · ".join(filter(None, (self.reach, own, repeats)))

    @property
    def long(self) -> str:
        return date_format(self.local, "D j M H:i")

    @property
    def state(self) -> str:
        return self.entry.state

    @property
    def clock(self) -> str:
        return date_format(self.local, "H:i")

    @property
    def movable(self) -> bool:
        return self.entry.coming and self.entry.wall is not None

    @property
    def worst(self) -> Clash | None:
        return self.entry.clashes[0] if self.entry.clashes else None

    @property
    def reach(self) -> str:
        """ "about 41,220 people"; of what was sent "41,150 devices"; "" if nobody counted it."""
        expected = self.entry.expected
        if expected.people == 0:
            return _("nobody as of now")
        if expected.people is not None:
            words = ngettext("about %(count)s person", "about %(count)s people", expected.people)
            return words % {"count": number(expected.people)}
        if expected.devices is None:
            return ""
        count = expected.devices
        if expected.estimate:
            words = ngettext("about %(count)s device", "about %(count)s devices", count)
        else:
            words = ngettext("%(count)s device", "%(count)s devices", count)
        return words % {"count": number(count)}


@dataclass(frozen=True)
class Trace:
    """Where an entry at each person's own time also reaches, on the day before or after."""

    card: Card
    words: str


@dataclass(frozen=True)
class Hour:
    hour: int
    cards: tuple[Card, ...] = ()
    # The clock leaves this hour out on that day, or shows it twice.
    gap: bool = False
    twice: bool = False

    @property
    def shown(self) -> tuple[Card, ...]:
        return self.cards[:SHOWN_AN_HOUR]

    @property
    def more(self) -> int:
        return max(len(self.cards) - SHOWN_AN_HOUR, 0)

    @property
    def label(self) -> str:
        return f"{self.hour:02}:00"


@dataclass(frozen=True)
class Day:
    date: date
    cards: tuple[Card, ...]
    today: bool = False
    past: bool = False
    # Of another month than the one that is shown.
    outside: bool = False
    traces: tuple[Trace, ...] = ()
    hours: tuple[Hour, ...] = ()

    @property
    def shown(self) -> tuple[Card, ...]:
        return self.cards[:SHOWN_A_DAY]

    @property
    def more(self) -> int:
        return max(len(self.cards) - SHOWN_A_DAY, 0)

    @property
    def over(self) -> str:
        """Why what goes to everyone on that day is more than the caps allow; "" if it is not."""
        clashes = (
            clash for card in self.cards if card.entry.everyone for clash in card.entry.clashes
        )
        return next((clash.sentence for clash in clashes if clash.kind is Kind.CAP), "")


@dataclass(frozen=True)
class Grid:
    """What a page shows: `kind` and `at` are its address, as are those before and after it."""

    kind: str
    at: str
    title: str
    before: str
    after: str
    days: tuple[Day, ...]
    calendar: Calendar

    @cached_property
    def empty(self) -> bool:
        return not any(day.cards or day.traces for day in self.days if not day.outside)

    @property
    def over(self) -> bool:
        return all(day.past for day in self.days if not day.outside)

    @property
    def now(self) -> str:
        """The address of the same view of today."""
        today = timezone.localdate(timezone=self.calendar.site.zone)
        forms = {"month": f"{today:%Y-%m}", "week": iso_week(today)}
        return forms.get(self.kind, today.isoformat())


def first_weekday(language: str) -> int:
    """The day on which weeks begin, 0 for Monday."""
    known = language.lower().replace("_", "-")
    return 6 if known in SUNDAY else 5 if known in SATURDAY else 0


def month(site: Site, first: date) -> Grid:
    """The weeks that a month is in, from its first day."""
    end = (first + timedelta(days=31)).replace(day=1)
    begin = first - timedelta(days=(first.weekday() - first_weekday(site.language)) % 7)
    until = end + timedelta(days=(begin - end).days % 7)
    found = calendar.of(site, begin, until)
    before = (first - DAY).replace(day=1)
    return Grid(
        "month",
        f"{first:%Y-%m}",
        date_format(first, "F Y"),
        f"{before:%Y-%m}",
        f"{end:%Y-%m}",
        tuple(_days(found, outside=lambda day: day.month != first.month)),
        found,
    )


def week(site: Site, monday: date) -> Grid:
    """The week of a Monday, hour by hour, from the day on which weeks begin there."""
    begin = monday - timedelta(days=-first_weekday(site.language) % 7)
    found = calendar.of(site, begin, begin + WEEK)
    number_, last = monday.isocalendar().week, begin + WEEK - DAY
    title = _("Week %(number)d, %(first)s to %(last)s") % {
        "number": number_,
        "first": date_format(begin, "j M"),
        "last": date_format(last, "j M Y"),
    }
    days = tuple(_with_hours(day, site) for day in _days(found))
    return Grid(
        "week",
        iso_week(monday),
        title,
        iso_week(monday - WEEK),
        iso_week(monday + WEEK),
        days,
        found,
    )


def day(site: Site, asked: date) -> Grid:
    """All of one day."""
    found = calendar.of(site, asked, asked + DAY)
    title = date_format(asked, "l j F Y")
    before, after = (asked - DAY).isoformat(), (asked + DAY).isoformat()
    return Grid("day", asked.isoformat(), title, before, after, tuple(_days(found)), found)


def iso_week(monday: date) -> str:
    year, number_, _day = monday.isocalendar()
    return f"{year}-W{number_:02}"


def card(site: Site, entry: Entry) -> Card:
    return Card(entry, entry.at.astimezone(site.zone), site.pk)


def _days(found: Calendar, outside: Callable[[date], bool] = lambda day: False) -> Iterator[Day]:
    site = found.site
    today = timezone.localdate(timezone=site.zone)
    traces = _traces(found)
    for offset in range((found.end - found.first).days):
        one = found.first + timedelta(days=offset)
        cards = tuple(card(site, entry) for entry in found.by_day.get(one, ()))
        yield Day(
            one,
            cards,
            one == today,
            one < today,
            outside(one),
            tuple(traces.get(one, ())[:SHOWN_TRACES]),
        )


def _traces(found: Calendar) -> dict[date, list[Trace]]:
    """The days before and after that of what goes out at each person's own time."""
    zone, traces = found.site.zone, dict[date, list[Trace]]()
    for entry in found.entries:
        if not entry.own_time or not entry.coming or entry.ends is None:
            continue
        one = card(found.site, entry)
        first, last = entry.starts.astimezone(zone), entry.ends.astimezone(zone)
        if first.date() < one.local.date():
            words = _("from %(time)s") % {"time": date_format(first, "H:i")}
            traces.setdefault(first.date(), []).append(Trace(one, words))
        if last.date() > one.local.date():
            words = _("until %(time)s") % {"time": date_format(last, "H:i")}
            traces.setdefault(last.date(), []).append(Trace(one, words))
    return traces


def _with_hours(one: Day, site: Site) -> Day:
    by_hour: dict[int, list[Card]] = {}
    for shown in one.cards:
        by_hour.setdefault(shown.local.hour, []).append(shown)
    odd = _changes(one.date, site)
    hours = tuple(
        Hour(hour, tuple(by_hour.get(hour, ())), odd.get(hour) == "gap", odd.get(hour) == "fold")
        for hour in range(24)
    )
    return replace(one, hours=hours)


def _changes(one: date, site: Site) -> dict[int, str]:
    """The hours of a day that a clock change leaves out ("gap") or brings twice ("fold")."""
    midnights = (datetime.combine(when, time.min, site.zone) for when in (one, one + DAY))
    if len({moment.utcoffset() for moment in midnights}) == 1:
        return {}
    found = {}
    for hour in range(24):
        notes = {
            scheduling.note(datetime.combine(one, time(hour, minute)), site.time_zone)
            for minute in (0, 59)
        }
        if len(notes) == 1 and (note := notes.pop()):
            found[hour] = note
    return found
