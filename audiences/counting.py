"""How many people a rule holds for, on which devices, and how many of them gave no consent.

One statement, which may take only so long. When it takes longer, the same is asked of some of the
people, and what is said is marked as an estimate. Ids are random (UUID version 4), so those below a
bound are a fair sample, and the primary key serves it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.db.models.expressions import Col
from django.db.models.lookups import GreaterThanOrEqual, LessThan
from django.utils import timezone

from accounts.models import Site
from audiences import bounded, compiling
from audiences.bounded import Ended, TooLong
from audiences.catalogue import Scope
from audiences.platforms import KINDS, Platforms, of_kind
from audiences.rules import Rule
from subscribers.models import Channel, Subscriber, Subscription

__all__ = ["ACTIVE", "Ended", "Ids", "Reach", "TooLong", "count", "exact", "matching"]

# From the first to before the second; None: to the last there is.
Ids = tuple[UUID, UUID | None]
Found = TypeVar("Found")
ACTIVE = Q(state=Subscription.State.ACTIVE)
PLANNED = {
    # Sets of a million ids stay in memory, where they are looked up and not sorted.
    "work_mem": "256MB",
    # With little believed to be in memory, rows are read page by page and not in the order of an
    # index: a year of purchases in 2 s instead of 9 s.
    "effective_cache_size": "8MB",
    # Two processes, each for half of the people (HALVES). Not more, and none for a part of a table:
    # each process would make all the sets of people for itself.
    "max_parallel_workers_per_gather": "2",
    "min_parallel_table_scan_size": "1TB",
    "min_parallel_index_scan_size": "1TB",
    "jit": "off",
}
# People are random ids, so these are two halves of them.
HALVES: tuple[Ids, Ids] = ((UUID(int=0), UUID(int=2**127)), (UUID(int=2**127), None))
# An estimate asks one person in so many; more of them when it found few and there is time.
SHARES = (64, 16)
LAST_SHARE = 1024
ENOUGH = 400


@dataclass(frozen=True)
class Reach:
    """People with a device that can be reached, their devices, and the people without one."""

    people: int = 0
    devices: int = 0
    # Match, but have left or are gone: no campaign reaches them.
    without_consent: int = 0
    platforms: Platforms = field(default_factory=Platforms)
    channels: Mapping[str, int] = field(default_factory=dict)
    # Of one person in so many; 1 is exact, more is an estimate of two digits.
    share: int = 1
    # Seconds.
    took: float = 0.0

    @property
    def estimated(self) -> bool:
        return self.share > 1


def matching(
    site: Site, rule: Rule, now: datetime | None = None, ids: Ids | None = None
) -> QuerySet[Subscription]:
    """The devices of a site that a rule holds for, whatever their state. RuleError.

    `ids`: only of people whose ids are among them.
    """
    scope = Scope(site, now or timezone.now(), ids=ids)
    return scope.among(of_site(site, compiling.compile(rule, scope), ids))


def of_site(site: Site, asked: Q, ids: Ids | None = None) -> QuerySet[Subscription]:
    """The devices of a site for which this holds."""
    devices = Subscription.objects.filter(asked, site=site)
    people = Subscriber._meta.db_table
    if people in devices.query.alias_map:
        # The same people; but PostgreSQL need not read the others to join them.
        devices = devices.filter(subscriber__site=site)
        if ids is not None:
            person, (first, end) = Col(people, Subscriber._meta.pk), ids
            devices = devices.filter(GreaterThanOrEqual(person, first))
            devices = devices if end is None else devices.filter(LessThan(person, end))
    return devices


def count(site: Site, rule: Rule, *, name: str = "", milliseconds: int | None = None) -> Reach:
    """The reach of a rule now: exact, or estimated when that takes too long.

    RuleError; TooLong when not even an estimate was done in time. `name`: what the statement is
    called, for `bounded.end`; Ended when that came.
    """
    measure = partial(_count, site, rule)
    return in_time(measure, lambda found: found.people, name, milliseconds)


def exact(site: Site, rule: Rule) -> Reach:
    """The reach of a rule now, in one statement. RuleError, TooLong."""
    with at_most(settings.AUDIENCE_TIMEOUT_MS):
        return _count(site, rule, 1)


def in_time(
    measure: Callable[[int], Found],
    size: Callable[[Found], int],
    name: str = "",
    milliseconds: int | None = None,
) -> Found:
    """What `measure` finds of one person in so many: of all if that is done in time, else of fewer.

    `size`: of what was found, as scaled to everybody. TooLong, Ended.
    """
    limit = milliseconds or settings.AUDIENCE_TIMEOUT_MS
    try:
        with at_most(limit, name):
            return measure(1)
    except TooLong:
        return estimated(measure, size, name, max(limit // 3, 1))


def estimated(
    measure: Callable[[int], Found], size: Callable[[Found], int], name: str, milliseconds: int
) -> Found:
    """The same of some of the people, as many as there is time for. TooLong, Ended."""
    found: Found | None = None
    for share in SHARES:
        try:
            with at_most(milliseconds, name):
                found = measure(share)
        except TooLong:
            break
        if size(found) >= ENOUGH * share:
            break
    if found is not None:
        return found
    with at_most(milliseconds, name):
        return measure(LAST_SHARE)


def _count(site: Site, rule: Rule, share: int) -> Reach:
    began, now = monotonic(), timezone.now()
    parts = HALVES if share == 1 else (sample(share),)
    reach = _reach([matching(site, rule, now, ids) for ids in parts])
    return replace(scaled(reach, share), took=monotonic() - began)


def at_most(milliseconds: int, name: str = "") -> AbstractContextManager[None]:
    """The limits and the plans of statements about audiences; TooLong, Ended."""
    named = {"application_name": name} if name else {}
    return bounded.at_most(milliseconds, **PLANNED, **named)


def _reach(parts: Iterable[QuerySet[Subscription]]) -> Reach:
    """People and devices of these parts together, in one statement."""
    kinds = {f"kind_{kind}": ACTIVE & of_kind(kind) for kind in KINDS[:-1]}
    channels = {f"channel_{key}": ACTIVE & Q(channel=key) for key in _channels()[1:]}
    columns = {"active": ACTIVE, **kinds, **channels}
    found = _sums(
        [
            devices.values("subscriber_id").annotate(
                **{key: Count("pk", filter=asked) for key, asked in columns.items()}
            )
            for devices in parts
        ],
        {
            "people": "count(*) FILTER (WHERE active > 0)",
            "without_consent": "count(*) FILTER (WHERE active = 0)",
            # Sums of 64-bit numbers are sums of decimals, which take longer.
            **{f"sum_{key}": f"sum({key}::integer)" for key in columns},
        },
    )
    # The last of each is what remains.
    of_kinds = [found[f"sum_{key}"] for key in kinds]
    of_channels = [found[f"sum_{key}"] for key in channels]
    total = found["sum_active"]
    return Reach(
        people=found["people"],
        devices=total,
        without_consent=found["without_consent"],
        platforms=Platforms(**dict(zip(KINDS, [*of_kinds, total - sum(of_kinds)], strict=True))),
        channels=dict(zip(_channels(), [total - sum(of_channels), *of_channels], strict=True)),
    )


def _sums(parts: Iterable[QuerySet[Any, Any]], figures: Mapping[str, str]) -> dict[str, int]:
    """Figures (SQL by name) of each part, added up. PostgreSQL may ask several at once."""
    wanted = ", ".join(f"{sql} AS {name}" for name, sql in figures.items())
    selects: list[str] = []
    values: list[Any] = []
    for rows in parts:
        with suppress(EmptyResultSet):
            sql, params = rows.query.sql_with_params()
            selects.append(f"SELECT {wanted} FROM ({sql}) AS people")  # noqa: S608 - SQL of ours
            values += params
    if not selects:
        return dict.fromkeys(figures, 0)
    totals = ", ".join(f"sum({name})" for name in figures)
    with connection.cursor() as cursor:
        statement = f"SELECT {totals} FROM ({' UNION ALL '.join(selects)}) AS parts"  # noqa: S608
        cursor.execute(statement, values)
        return {name: int(sum_ or 0) for name, sum_ in zip(figures, cursor.fetchone(), strict=True)}


def _channels() -> list[str]:
    return list(Channel.values)


def sample(share: int) -> Ids | None:
    """The ids among which one person in so many is; None for everybody."""
    return (UUID(int=0), UUID(int=2**128 // share)) if share > 1 else None


def scaled(reach: Reach, share: int) -> Reach:
    """What a sample says of everybody, in two digits."""
    if share == 1:
        return reach
    kinds = {kind: about(getattr(reach.platforms, kind), share) for kind in KINDS}
    return Reach(
        people=about(reach.people, share),
        devices=about(reach.devices, share),
        without_consent=about(reach.without_consent, share),
        platforms=Platforms(**kinds),
        channels={key: about(devices, share) for key, devices in reach.channels.items()},
        share=share,
    )


def about(found: int, share: int) -> int:
    """So many found in a sample, of everybody, with two digits that count."""
    number = found * share
    return number if share == 1 else round(number, 2 - len(str(number)))
