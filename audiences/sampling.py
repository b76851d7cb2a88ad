"""Some of the people of an audience: at random, or one after the other in the order of their ids.

People are found in ranges of ids, each wider than the last, so that finding a few does not cost
what counting all of them costs: conditions read only what belongs to a range.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
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
    site: Site, rule: Rule, after: UUID | None, limit: int, now: datetime | None = None
) -> list[UUID]:
    """The next `limit` people of an audience, by id: those with a device that it reaches.

    `after`: the last of those before, None for the first. Give the same `now` for all pages.
    RuleError.
    """
    start, now = (0 if after is None else after.int + 1), now or timezone.now()
    found: list[UUID] = []
    for first, end in _ranges(start):
        if first < start or len(found) >= limit:
            break
        found += _within(site, rule, first, end, limit - len(found), now)
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
    start, now = secrets.randbelow(ALL), timezone.now()
    found: list[UUID] = []
    try:
        for first, end in _ranges(start):
            with counting.at_most(settings.AUDIENCE_TIMEOUT_MS, name):
                found += _within(site, rule, first, end, most - len(found), now)
            if len(found) >= most:
                break
    except TooLong:
        return found, True
    return found, False


def _ranges(start: int) -> Iterator[tuple[int, int]]:
    """From a number to the end of all ids, and from their beginning to the number."""
    width = FIRST
    for first, end in ((start, ALL), (0, start)):
        while first < end:
            stop = min(first + width, end)
            yield first, stop
            first, width = stop, width * WIDER


def _within(site: Site, rule: Rule, first: int, end: int, most: int, now: datetime) -> list[UUID]:
    """The first members whose ids are from one number to before another."""
    ids = (UUID(int=first), UUID(int=end) if end < ALL else None)
    devices = counting.matching(site, rule, now, ids).filter(ACTIVE)
    people = devices.order_by("subscriber_id").values_list("subscriber_id", flat=True)
    return list(people.distinct()[:most])
