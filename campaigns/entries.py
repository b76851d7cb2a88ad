"""The ledger as people read it: filtered, by page, each row with its device and in words."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from audiences import bounded
from campaigns import pace, reasons
from campaigns.models import Delivery, Run
from campaigns.reports import OUTCOMES
from subscribers import people
from subscribers.models import Subscription

State = Delivery.State

# A page of the ledger may take so long, in milliseconds; so may the list of its reasons.
PATIENCE_MS = 4_000
REASONS_MS = 1_500
# Where that is not enough, the reasons are those of so many rows.
SAMPLE = 20_000
# A search that finds more devices is joined with the ledger, not read beforehand.
FEW_DEVICES = 1_000
_UUID_PREFIX = re.compile(r"[0-9a-f-]{4,36}")

# What the ledger can be filtered by: states as the report names them, and what devices reported.
FILTERS: dict[str, Q] = {
    name: Q(state=Delivery.State[name.upper()]) for name in OUTCOMES if name != "pending"
} | {
    "pending": Q(state__in=(State.PLANNED, State.SENDING)),
    "displayed": Q(displayed_at__isnull=False),
    "clicked": Q(clicked_at__isnull=False),
    "dismissed": Q(dismissed_at__isnull=False),
}

REASONS = """
SELECT state, reason, count(*) FROM (
    SELECT state, reason FROM campaigns_delivery
    WHERE month = %(month)s AND run_id = %(run)s AND state <> 0 {limit}
) AS rows GROUP BY state, reason
"""


@dataclass(frozen=True)
class Wanted:
    """Which rows: of one FILTERS key, of one reason's code, of devices that a text finds."""

    state: str = ""
    reason: str = ""
    text: str = ""

    def __bool__(self) -> bool:
        return bool(self.state or self.reason or self.text)


EVERYTHING = Wanted()


def rows(run: Run, wanted: Wanted = EVERYTHING) -> QuerySet[Delivery]:
    """The rows of a run that are wanted; none for a state that does not exist."""
    found = Delivery.objects.filter(month=run.month, run_id=run.pk)
    if wanted.state:
        found = found.filter(FILTERS[wanted.state]) if wanted.state in FILTERS else found.none()
    if wanted.reason:
        found = found.filter(reason=wanted.reason)
    if not wanted.text:
        return found
    devices = _devices(run, wanted.text)
    few = list(devices[: FEW_DEVICES + 1])
    return found.filter(subscription_id__in=few if len(few) <= FEW_DEVICES else devices)


def _devices(run: Run, text: str) -> QuerySet[Any, Any]:
    """Ids of the devices of people whom the search of people finds, or with such a public id."""
    site = run.campaign.site
    found = people.search(site, text=text).values("pk")
    devices = Subscription.objects.filter(site=site)
    match = devices.filter(subscriber__in=found).values_list("pk", flat=True)
    lower = text.lower()
    if not _UUID_PREFIX.fullmatch(lower) or len(digits := lower.replace("-", "")) > 32:
        return match
    first, last = uuid.UUID(digits.ljust(32, "0")), uuid.UUID(digits.ljust(32, "f"))
    named = devices.filter(public_id__gte=first, public_id__lte=last)
    # Each side of the union has an index, an OR over both would have none.
    return match.union(named.values_list("pk", flat=True))


@dataclass(frozen=True)
class Entry:
    """One row of the ledger with its device; None where that was erased since."""

    delivery: Delivery
    device: Subscription | None

    @property
    def key(self) -> str:
        """The state as bars and tables name it."""
        return state_key(self.delivery.state)

    @property
    def at(self) -> datetime | None:
        return self.delivery.settled_at or self.delivery.sent_at

    @property
    def words(self) -> str:
        """ "201 in 96 ms", "410: the device left; its subscription is closed"."""
        row = self.delivery
        plain = row.reason in ("", str(row.status_code))
        if row.state == State.ACCEPTED and plain and row.took_ms is not None:
            said = {"status": row.status_code, "time": pace.milliseconds(row.took_ms)}
            words = _("%(status)s in %(time)s") % said
        else:
            words = reasons.words(row.state, row.reason, row.status_code)
        return (
            _("%(what)s, sent again on a person's word") % {"what": words}
            if row.resends
            else (words)
        )

    @property
    def again_at(self) -> datetime | None:
        """When it is tried again, or has its turn."""
        row = self.delivery
        return row.not_before if row.state == State.PLANNED else None

    @property
    def said(self) -> list[tuple[str, datetime]]:
        """What the device has reported, in the order of its life."""
        row = self.delivery
        reported = (
            (_("displayed"), row.displayed_at),
            (_("clicked"), row.clicked_at),
            (_("dismissed"), row.dismissed_at),
        )
        return [(word, at) for word, at in reported if at]


def state_of(name: str) -> State:
    """A state by the name that filters have for it; what was not sent for what is no state."""
    return State.__members__.get(name.upper(), State.PLANNED)


def state_key(state: int) -> str:
    """A state as bars and tables name it: what is being sent is still to send."""
    return State(state).name.lower() if state > State.SENDING else "pending"


@dataclass(frozen=True)
class Page:
    """Rows, oldest devices first, and where the pages beside begin (0 for none).

    `too_long`: the database was not done in time, and nothing is known.
    """

    entries: list[Entry] = field(default_factory=list)
    previous: int = 0
    next: int = 0
    too_long: bool = False


def page(
    run: Run, wanted: Wanted = EVERYTHING, *, after: int = 0, before: int = 0, size: int = 25
) -> Page:
    """A page by keyset on the subscription: what comes `after` that id, or just `before` it.

    By device and not by time: only that order has an index, which a million rows need.
    """
    found = rows(run, wanted)
    if before:
        descending = found.filter(subscription_id__lt=before).order_by("-subscription_id")
        listed = list(descending[: size + 1])
        more_before, more_after = len(listed) > size, True
        listed = listed[:size][::-1]
    else:
        ascending = found.filter(subscription_id__gt=after).order_by("subscription_id")
        listed = list(ascending[: size + 1])
        more_before, more_after = bool(after), len(listed) > size
        listed = listed[:size]
    if not listed:
        return Page()
    return Page(
        with_devices(listed),
        previous=listed[0].subscription_id if more_before else 0,
        next=listed[-1].subscription_id if more_after else 0,
    )


def with_devices(listed: Sequence[Delivery]) -> list[Entry]:
    """Rows with their devices and people, in one more query."""
    devices = Subscription.objects.select_related("subscriber").defer("endpoint", "p256dh", "auth")
    found = devices.in_bulk([row.subscription_id for row in listed])
    return [Entry(row, found.get(row.subscription_id)) for row in listed]


@dataclass(frozen=True)
class Reason:
    """Why rows ended in a state, how many, and in words."""

    state: str
    code: str
    words: str
    count: int


@dataclass(frozen=True)
class Reasons:
    """Those that occur in a run, in the order of the states; of all rows, or of some."""

    found: list[Reason]
    complete: bool


def reasons_of(run: Run) -> Reasons:
    """What the ledger can be narrowed down to. No index knows: it reads the run's rows."""
    given: dict[str, Any] = {"month": run.month, "run": run.pk}
    try:
        with bounded.at_most(REASONS_MS), connection.cursor() as cursor:
            cursor.execute(REASONS.format(limit=""), given)
            return Reasons(_reasons(cursor.fetchall()), complete=True)
    except bounded.TooLong:
        with connection.cursor() as cursor:
            cursor.execute(REASONS.format(limit=f"LIMIT {SAMPLE}"), given)
            return Reasons(_reasons(cursor.fetchall()), complete=False)


def _reasons(found: Iterable[tuple[int, str, int]]) -> list[Reason]:
    named = [
        Reason(state_key(state), code, reason_words(state, code), count)
        for state, code, count in found
        if code
    ]
    return sorted(named, key=lambda one: (OUTCOMES.index(one.state), -one.count, one.code))


def reason_words(state: int, code: str) -> str:
    """A reason's code in words, for a list."""
    status = int(code) if code.isascii() and code.isdecimal() else None
    return reasons.words(state, code, status)


def of_devices(
    devices: Sequence[int], *, before: tuple[int, int] | None = None, size: int = 10
) -> list[Delivery]:
    """What was sent to some devices, newest runs first; one more than `size` if there are more.

    `before` is (run, subscription) of the last row of the page before.
    """
    found = Delivery.objects.filter(subscription_id__in=devices)
    if before:
        run, device = before
        found = found.filter(Q(run_id__lt=run) | Q(run_id=run, subscription_id__gt=device))
    return list(found.order_by("-run_id", "subscription_id")[: size + 1])
