"""Why a person gets no more messages just then: what holds their places, and when one is free."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns import capping
from campaigns.capping import Limits, Person
from campaigns.models import Campaign, Cap

# The ledger's reasons that this module explains.
CODES = ("capped", "min_gap", "place_held")


@dataclass(frozen=True)
class Holder:
    """A message that takes a place, or that will."""

    campaign: UUID
    name: str
    at: datetime
    held: bool

    def words(self, zone: ZoneInfo) -> str:
        """ "Back in stock (Sun 22)"; "a place held for Black week (Fri 27)"."""
        values = {"name": self.name, "day": date_format(timezone.localtime(self.at, zone), "D j")}
        if self.held:
            return _("a place held for %(name)s (%(day)s)") % values
        return _("%(name)s (%(day)s)") % values


@dataclass(frozen=True)
class Full:
    """A cap or the gap that stops a message. `cap` None: the gap. `free_at` None: not foreseen."""

    code: str
    cap: Cap | None
    gap: timedelta | None
    holders: tuple[Holder, ...]
    free_at: datetime | None

    def sentence(self, zone: ZoneInfo) -> str:
        """ "The cap of 3 in 7 days is full: … The next place is free on Sunday 29 Nov at 10:15."

        Days and times are those of `zone`.
        """
        held = get_text_list([one.words(zone) for one in self.holders], _("and"))
        text = f"{self._rule()}: {held}." if held else f"{self._rule()}."
        if self.free_at is None:
            return text
        local = timezone.localtime(self.free_at, zone)
        words = _("The next place is free on %(day)s at %(time)s.")
        times = {"day": date_format(local, "l j M"), "time": date_format(local, "H:i")}
        return f"{text} {words % times}"

    def _rule(self) -> str:
        if self.cap is not None:
            return _cap_words(self.cap)
        if self.code == "place_held":
            return _("It would be too close to the next message, at least %(gap)s lie between") % {
                "gap": span_words(self.gap or timedelta())
            }
        return _("It would be too soon after the last message, at least %(gap)s lie between") % {
            "gap": span_words(self.gap or timedelta())
        }


def _cap_words(cap: Cap) -> str:
    values = {"most": cap.most, "days": cap.days, "topic": cap.topic}
    if cap.topic:
        words = ngettext(
            "The cap of %(most)d of “%(topic)s” in a day is full",
            "The cap of %(most)d of “%(topic)s” in %(days)d days is full",
            cap.days,
        )
    else:
        words = ngettext(
            "The cap of %(most)d in a day is full",
            "The cap of %(most)d in %(days)d days is full",
            cap.days,
        )
    return words % values


def span_words(span: timedelta) -> str:
    """ "90 minutes", "4 hours"."""
    minutes = round(span.total_seconds() / 60)
    if minutes % 60:
        return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}
    hours = minutes // 60
    return ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}


def explain(limits: Limits, person: Person, at: datetime, names: dict[UUID, str]) -> Full | None:
    """What stops one more message to a person at a moment; None: nothing does.

    `names`: of campaigns, by id (`names_of`).
    """
    code = capping.full(limits, person, at)
    if not code:
        return None
    cap = next((one for one in limits.caps if capping.over(one, person, at)), None)
    holders = _of_cap(cap, person, at) if cap else _of_gap(limits, person, at)
    shown = tuple(
        Holder(campaign, names.get(campaign, _("A campaign that is gone")), then, held)
        for campaign, then, held in sorted(holders, key=lambda one: one[1])
    )
    return Full(code, cap, limits.gap, shown, free(limits, person, at))


Found = tuple[UUID, datetime, bool]


def _of_cap(cap: Cap, person: Person, at: datetime) -> list[Found]:
    """The messages that fill a cap: those that count just then, and those that places are held for
    until it lets go."""
    span = timedelta(days=cap.days)
    taken = [(one, place) for one, place in person.taken.items() if cap.topic in ("", place.topic)]
    held = [(one, place) for one, place in person.held.items() if cap.topic in ("", place.topic)]
    return [(one, place.at, False) for one, place in taken if place.at > at - span] + [
        (one, place.at, True) for one, place in held if place.at < at + span
    ]


def _of_gap(limits: Limits, person: Person, at: datetime) -> list[Found]:
    gap = limits.gap or timedelta()
    near = [(one, p.at, False) for one, p in person.taken.items() if p.at > at - gap]
    return near or [(one, p.at, True) for one, p in person.held.items() if p.at < at + gap]


def free(limits: Limits, person: Person, at: datetime) -> datetime | None:
    """The first moment after `at` when one more would not be too many, if nothing else is sent but
    what places are held for."""
    spans = [timedelta(days=cap.days) for cap in limits.caps]
    spans += [limits.gap] if limits.gap else []
    places = [*person.taken.values(), *person.held.values()]
    moments = {place.at + span for place in places for span in spans}
    for then in sorted(one for one in moments if one > at):
        if not capping.full(limits, at_moment(person, then), then):
            return then
    return None


def at_moment(person: Person, then: datetime) -> Person:
    """A person with the places that are held until then taken."""
    came = {one: place for one, place in person.held.items() if place.at <= then}
    held = {one: place for one, place in person.held.items() if place.at > then}
    return Person(person.taken | came, held)


def names_of(people: Iterable[Person]) -> dict[UUID, str]:
    """The names of the campaigns that take their places."""
    ids = {one for person in people for one in (*person.taken, *person.held)}
    return dict(Campaign.objects.filter(pk__in=ids).values_list("pk", "name"))
