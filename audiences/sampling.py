"""Some of the people of an audience: at random, or one after the other in the order of their ids.

People are found in ranges of ids, each wider than the last, so that finding a few does not cost
what counting all of them costs: conditions read only what belongs to a range.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from accounts.models import Site
from audiences import counting
from audiences.counting import ACTIVE, TooLong
from audiences.rules import Rule

ALL = 2**128
# The first range: of a million people it has about 250.
FIRST = ALL // 4096
WIDER = 8


def members(
    site: Site,
    rule: Rule,
    after: UUID | None,
    limit: int,
    now: datetime | None = None,
    milliseconds: int = 0,
) -> list[UUID]:
    """The next `limit` people of an audience, by id: those with a device that it reaches.

    `after`: the last of those before, None for the first. Give the same `now` for all pages.
    Each of its few statements has so many milliseconds, else TooLong; 0: no limit. RuleError.
    """
    found: list[UUID] = []
    start = 0 if after is None else after.int + 1
    asked = _Asked(site, rule, now or timezone.now(), milliseconds, "")
    _fill(found, limit, asked, start, ALL)
    return found


def everybody(site: Site, rule: Rule, size: int = 1_000) -> Iterator[list[UUID]]:
    """All members in pages, as of when it begins; memory stays flat. RuleError at once."""
    now, after = timezone.now(), None
    while page := members(site, rule, after, size, now):
        yield page
        after = page[-1]


def at_random(site: Site, rule: Rule, most: int, *, name: str = "") -> tuple[list[UUID], bool]:
    """Up to `most` members, each as likely as any other, and whether time ran out before that.

    From a random id on, and round. RuleError, Ended.
    """
    found: list[UUID] = []
    asked = _Asked(site, rule, timezone.now(), settings.AUDIENCE_TIMEOUT_MS, name)
    start = secrets.randbelow(ALL)
    try:
        _fill(found, most, asked, start, ALL)
        _fill(found, most, asked, 0, start)
    except TooLong:
        return found, True
    return found, False


@dataclass(frozen=True)
class _Asked:
    """What is asked of each range, in at most so many milliseconds (0: no limit)."""

    site: Site
    rule: Rule
    now: datetime
    milliseconds: int
    name: str

    def within(self, first: int, end: int, most: int) -> list[UUID]:
        """The first members whose ids are from one number to before another."""
        ids = (UUID(int=first), UUID(int=end) if end < ALL else None)
        devices = counting.matching(self.site, self.rule, self.now, ids).filter(ACTIVE)
        people = devices.order_by("subscriber_id").values_list("subscriber_id", flat=True)
        with counting.at_most(self.milliseconds, self.name):
            return list(people.distinct()[:most])


def _fill(found: list[UUID], most: int, asked: _Asked, first: int, end: int) -> None:
    """Add members of a range of ids to those found until there are `most`."""
    width = FIRST
    while first < end and len(found) < most:
        stop = min(first + width, end)
        some = asked.within(first, stop, most - len(found))
        found += some
        # As wide as the rest needs if it goes on like this, and a fifth more.
        needed = (most - len(found)) * width * 6 // (5 * len(some)) if some else ALL
        first, width = stop, max(min(width * WIDER, needed), 1)
