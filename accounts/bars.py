"""The outcomes of a run as parts that add up, in the one order that every bar and table keeps."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# Where a message can end. "later" occurs in a dry run only.
ORDER = (
    "accepted",
    "later",
    "skipped",
    "holdout",
    "gone",
    "refused",
    "unknown",
    "expired",
    "cancelled",
    "pending",
)

LABELS: dict[str, Promise] = {
    "accepted": _("Accepted"),
    "later": _("Later"),
    "skipped": _("Skipped"),
    "holdout": _("Control group"),
    "gone": _("Gone"),
    "refused": _("Refused"),
    "unknown": _("Unknown"),
    "expired": _("Expired"),
    "cancelled": _("Cancelled"),
    "pending": _("Still to send"),
}

# The narrowest segment in per cent of the bar, so that 37 of 186,440 can still be seen.
NARROWEST = 0.5


@dataclass(frozen=True)
class Part:
    """One part of a whole: a key of ORDER, words (empty: the usual ones), how many, a link."""

    key: str
    label: str | Promise = ""
    count: int = 0
    href: str = ""

    @property
    def words(self) -> str:
        return str(self.label or LABELS[self.key])


@dataclass(frozen=True)
class Segment:
    """A part with its place on the bar, both in per cent."""

    part: Part
    start: float
    width: float

    @property
    def end(self) -> float:
        return self.start + self.width


def in_order(parts: Iterable[Part | tuple[Any, ...]]) -> list[Part]:
    """Parts (or tuples of the same fields) in the fixed order; ValueError for an unknown key."""
    known = [part if isinstance(part, Part) else Part(*part) for part in parts]
    for part in known:
        if part.key not in ORDER:
            raise ValueError(f"{part.key!r} is no outcome; one of {', '.join(ORDER)}.")
        if part.count < 0:
            raise ValueError(f"{part.key} is {part.count}; a part can't be negative.")
    return sorted(known, key=lambda part: ORDER.index(part.key))


def segments(parts: Sequence[Part], whole: int = 0) -> list[Segment]:
    """Places on a bar for the parts that are not zero.

    Small parts get NARROWEST, the others give it up in proportion. A whole that is greater than
    the sum leaves the rest of the bar empty.
    """
    shown = [part for part in parts if part.count]
    whole = max(whole, sum(part.count for part in shown))
    raw = [part.count * 100 / whole for part in shown]
    small = sum(width < NARROWEST for width in raw)
    large = sum(width for width in raw if width >= NARROWEST)
    spare = sum(raw) - small * NARROWEST
    scale = spare / large if large else 1
    placed, start = [], 0.0
    for part, width in zip(shown, raw, strict=True):
        drawn = NARROWEST if width < NARROWEST else width * scale
        placed.append(Segment(part, start, drawn))
        start += drawn
    return placed
