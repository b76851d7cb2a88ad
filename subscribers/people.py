"""Finding people: search, state, and pages by keyset.

Each way to search has an index (see `Subscriber.Meta`); counting stops at a bound.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, Lower
from django.utils.dateparse import parse_datetime

from accounts.models import Site
from subscribers.models import Subscriber, Subscription

PAGE = 50
COUNT_BOUND = 10_000
MAX_QUERY = 100
MIN_ID_PREFIX = 4
STATES = tuple(Subscription.State.values)
_ID = re.compile(r"[0-9a-f-]+")
State = Subscription.State


@dataclass(frozen=True)
class Cursor:
    """Where a page begins: after (older) or before (newer) a person in the list's order."""

    created_at: datetime
    pk: uuid.UUID
    newer: bool = False

    def __str__(self) -> str:
        return f"{'newer' if self.newer else 'older'}~{self.created_at.isoformat()}~{self.pk}"

    @staticmethod
    def parse(text: str) -> Cursor | None:
        """None for what is no cursor: the list begins at its beginning."""
        direction, _, rest = text.partition("~")
        moment, _, pk = rest.partition("~")
        try:
            created_at = parse_datetime(moment)
            if created_at is None or created_at.tzinfo is None or direction not in DIRECTIONS:
                return None
            return Cursor(created_at, uuid.UUID(pk), direction == "newer")
        except (ValueError, OverflowError):
            return None


DIRECTIONS = ("newer", "older")
# Reachable with one active device, has left only when none can be told anything.
BEST_FIRST = (State.ACTIVE, State.INBOX, State.UNSUBSCRIBED, State.GONE)


@dataclass(frozen=True)
class Page:
    """People, newest first, with the cursors of the pages beside them ('' for none)."""

    people: list[Subscriber]
    newer: str
    older: str


def search(site: Site, *, text: str = "", state: str = "") -> QuerySet[Subscriber]:
    """People of a site by state and by text: the beginning of a name, an external id or an id, or a
    whole tag. An unknown state finds nobody.
    """
    people = Subscriber.objects.filter(site=site)
    if state:
        people = people.filter(_in_state(state))
    text = " ".join(text[:MAX_QUERY].replace("\x00", "").split())
    if text:
        people = people.annotate(
            lower_id=Lower("external_id"),
            lower_name=Lower(name_expression()),
        ).filter(_matches(text))
    return people


def name_expression() -> Coalesce:
    """The attribute that a page shows as a person's name."""
    return Coalesce(
        KeyTextTransform("name", "attributes"), KeyTextTransform("first_name", "attributes")
    )


def _matches(text: str) -> Q:
    lower = text.lower()
    match = Q(tags__contains=[text]) | Q(lower_name__startswith=lower)
    # The condition repeats that of the index, or it would not be used.
    match |= ~Q(external_id="") & Q(lower_id__startswith=lower)
    digits = lower.replace("-", "")
    if _ID.fullmatch(lower) and MIN_ID_PREFIX <= len(digits) <= 32:
        first = uuid.UUID(digits.ljust(32, "0"))
        last = uuid.UUID(digits.ljust(32, "f"))
        match |= Q(pk__gte=first, pk__lte=last)
    return match


def _in_state(state: str) -> Q:
    """A person is in the best state of their devices: BEST_FIRST."""
    if state not in BEST_FIRST:
        return Q(pk__in=[])
    best = Q(_has(state))
    for better in BEST_FIRST[: BEST_FIRST.index(State(state))]:
        best &= ~Q(_has(better))
    return best


def _has(state: str) -> Exists:
    return Exists(Subscription.objects.filter(subscriber=OuterRef("pk"), state=state))


def count(people: QuerySet[Subscriber]) -> int:
    """How many, at most COUNT_BOUND + 1: a list of a million is not counted to be looked at."""
    return people[: COUNT_BOUND + 1].count()


def few(people: QuerySet[Subscriber], found: int) -> QuerySet[Subscriber]:
    """The same people, of whom `found` were counted: where they are not many, found by the indexes
    of the search and then put in order, and not by going through everybody, the newest first.
    """
    if found > COUNT_BOUND:
        return people
    # A bound that they do not reach, as PostgreSQL would otherwise choose for itself.
    return Subscriber.objects.filter(pk__in=people.values("pk")[: 2 * COUNT_BOUND])


def page(people: QuerySet[Subscriber], cursor: Cursor | None, *, size: int = PAGE) -> Page:
    """One page with the devices loaded; one row more than a page says whether there is another."""
    newest_first = (F("created_at").desc(), F("id").asc())
    oldest_first = (F("created_at").asc(), F("id").desc())
    backwards = cursor is not None and cursor.newer
    if cursor:
        people = people.filter(_beyond(cursor))
    ordered = people.order_by(*(oldest_first if backwards else newest_first))
    rows = list(ordered.prefetch_related("subscriptions")[: size + 1])
    more, rows = len(rows) > size, rows[:size]
    if backwards:
        rows.reverse()
    has_newer = more if backwards else cursor is not None
    has_older = True if backwards else more
    return Page(
        people=rows,
        newer=_cursor(rows[0], newer=True) if rows and has_newer else "",
        older=_cursor(rows[-1], newer=False) if rows and has_older else "",
    )


def _beyond(cursor: Cursor) -> Q:
    if cursor.newer:
        same = Q(created_at=cursor.created_at, id__lt=cursor.pk)
        return Q(created_at__gt=cursor.created_at) | same
    same = Q(created_at=cursor.created_at, id__gt=cursor.pk)
    return Q(created_at__lt=cursor.created_at) | same


def _cursor(person: Subscriber, *, newer: bool) -> str:
    return str(Cursor(person.created_at, person.pk, newer))
