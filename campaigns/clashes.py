"""Campaigns that reach the same people too often: beyond a cap, or closer than the minimum gap.

Rules are compared, not people: two clash if they have the same rule or one of them goes to
everyone. That is always right where it says so; audiences that overlap in part are not found.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Site
from campaigns import policies
from campaigns.expecting import EVERYONE
from campaigns.models import Campaign, Cap

if TYPE_CHECKING:
    from campaigns.calendar import Entry

# So many of the others are named.
NAMED = 3


class Kind(StrEnum):
    # The cap leaves people out.
    CAP = "cap"
    # The minimum gap leaves people out.
    GAP = "gap"
    # The same people within a cap's days, with room for both.
    SAME = "same"


@dataclass(frozen=True)
class Clash:
    """What is amiss with an entry, and the newest of the others before it (at least one)."""

    kind: Kind
    entry: Entry
    before: tuple[Entry, ...]
    # The cap, and how many messages the same people would get in its days.
    cap: Cap | None = None
    number: int = 0
    gap: timedelta = timedelta()

    @property
    def others(self) -> tuple[UUID, ...]:
        return tuple(other.campaign for other in self.before)

    @property
    def word(self) -> str:
        words = {Kind.CAP: _("Over the cap"), Kind.GAP: _("Too close"), Kind.SAME: _("Same people")}
        return words[self.kind]

    @property
    def severe(self) -> bool:
        """Whether somebody is left out for it."""
        return self.kind is not Kind.SAME

    @property
    def sentence(self) -> str:
        """Put together when it is read: a month has thousands."""
        if self.cap is None:
            return _gap_sentence(self.entry, self.before[0], self.gap)
        return _cap_sentence(self.cap, self.number, self.before)


@dataclass(frozen=True)
class Limits:
    """A site's caps and its minimum gap."""

    caps: tuple[Cap, ...] = ()
    gap: timedelta | None = None

    @classmethod
    def of(cls, site: Site) -> Limits:
        minutes = policies.of(site).gap_minutes
        return cls(tuple(site.caps.all()), timedelta(minutes=minutes) if minutes else None)

    @property
    def reach(self) -> timedelta:
        """How far back what was sent still matters."""
        days = max((cap.days for cap in self.caps), default=0)
        return max(timedelta(days=days), self.gap or timedelta())


def mark(entries: Sequence[Entry], limits: Limits) -> list[Entry]:
    """The entries, in order of time, with the clashes of those that are still to come."""
    found: dict[str, list[Clash]] = {}
    for cap in limits.caps:
        for entry, clash in _by_cap(entries, cap):
            found.setdefault(entry.id, []).append(clash)
    if limits.gap:
        for entry, clash in _by_gap(entries, limits.gap):
            found.setdefault(entry.id, []).append(clash)
    return [
        replace(one, clashes=_worst(found[one.id])) if one.id in found else one for one in entries
    ]


def _worst(clashes: Iterable[Clash]) -> tuple[Clash, ...]:
    """One of each kind; that there is room is not said where there is none."""
    kinds = {clash.kind: clash for clash in reversed(list(clashes))}
    if kinds.keys() - {Kind.SAME}:
        kinds.pop(Kind.SAME, None)
    return tuple(kinds[kind] for kind in Kind if kind in kinds)


def _windows(
    entries: Iterable[Entry], span: timedelta, topic: str = ""
) -> Iterator[tuple[Entry, deque[Entry], Counter[str]]]:
    """Each entry that is held back, with those before it within the span, and how many per rule."""
    within: deque[Entry] = deque()
    counts: Counter[str] = Counter()
    for entry in entries:
        if topic and entry.topic != topic:
            continue
        while within and within[0].at <= entry.at - span:
            counts[key := within.popleft().key] -= 1
            if not counts[key]:
                del counts[key]
        if entry.coming and entry.capped:
            yield entry, within, counts
        if entry.counted and entry.state != Campaign.State.CANCELLED:
            within.append(entry)
            counts[entry.key] += 1


def _before(entry: Entry, counts: Counter[str]) -> int:
    """How many messages somebody in this entry's audience has had, at least."""
    if entry.everyone:
        others = (count for key, count in counts.items() if key != EVERYONE)
        return counts[EVERYONE] + max(others, default=0)
    return counts[EVERYONE] + counts[entry.key]


def _others(entry: Entry, within: Iterable[Entry]) -> tuple[Entry, ...]:
    """The newest before it with people of its audience."""
    found: list[Entry] = []
    for other in within:
        if other.key == entry.key or other.everyone or entry.everyone:
            found.append(other)
        if len(found) == NAMED:
            break
    return tuple(found)


def _by_cap(entries: Iterable[Entry], cap: Cap) -> Iterator[tuple[Entry, Clash]]:
    for entry, within, counts in _windows(entries, timedelta(days=cap.days), cap.topic):
        number = _before(entry, counts) + 1
        if number == 1:
            continue
        kind = Kind.CAP if number > cap.most else Kind.SAME
        yield entry, Clash(kind, entry, _others(entry, reversed(within)), cap, number)


def _cap_sentence(cap: Cap, number: int, others: Sequence[Entry]) -> str:
    values = {
        "number": number,
        "most": cap.most,
        "days": ngettext("%(count)d day", "%(count)d days", cap.days) % {"count": cap.days},
        "others": _names(others),
        "topic": cap.topic,
    }
    if number <= cap.most:
        return (
            _("The same people also get %(others)s: %(number)d of %(most)d in %(days)s.") % values
        )
    if cap.topic:
        sentence = _(
            "With %(others)s the same people would get %(number)d about “%(topic)s” in "
            "%(days)s. The cap is %(most)d: who is over it is skipped."
        )
    else:
        sentence = _(
            "With %(others)s the same people would get %(number)d in %(days)s. The cap is "
            "%(most)d: who is over it is skipped."
        )
    return sentence % values


def _by_gap(entries: Iterable[Entry], gap: timedelta) -> Iterator[tuple[Entry, Clash]]:
    for entry, within, counts in _windows(entries, gap):
        if not _before(entry, counts):
            continue
        yield entry, Clash(Kind.GAP, entry, _others(entry, reversed(within))[:1], gap=gap)


def _gap_sentence(entry: Entry, other: Entry, gap: timedelta) -> str:
    sentence = _(
        "The same people get %(others)s only %(after)s before. The minimum gap is %(gap)s: "
        "who is within it is skipped."
    )
    return sentence % {
        "others": _names([other]),
        "after": _minutes(int((entry.at - other.at).total_seconds() // 60)),
        "gap": _minutes(int(gap.total_seconds() // 60)),
    }


def _minutes(count: int) -> str:
    if count and count % 60 == 0:
        return ngettext("%(count)d hour", "%(count)d hours", count // 60) % {"count": count // 60}
    return ngettext("%(count)d minute", "%(count)d minutes", count) % {"count": count}


def _names(entries: Sequence[Entry]) -> str:
    names = list(dict.fromkeys(f"“{entry.name}”" for entry in entries))
    if len(names) < 2:
        return "".join(names)
    return _("%(first)s and %(last)s") % {"first": ", ".join(names[:-1]), "last": names[-1]}
