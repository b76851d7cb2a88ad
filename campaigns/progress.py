"""How far a run's batches are: who sends them, what waits and until when, what lies parked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import accumulate
from typing import Any

from django.conf import settings
from django.db import connection

from audiences import bounded
from campaigns.models import Batch, Run

# So many rows of the ledger are looked at for what waits, and for so many milliseconds.
MOST_ROWS = 200_000
PATIENCE_MS = 1_000
# More batches are not leased at once in one run.
MOST_LEASED = 200

# Within the range of each batch, by the ledger's key: the run's other rows are never read.
AHEAD = """
SELECT coalesce(sum(rows.sending), 0), coalesce(sum(rows.waiting), 0),
    coalesce(sum(rows.retries), 0), coalesce(sum(rows.held), 0), min(rows.first), max(rows.last)
FROM campaigns_batch AS b CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE d.state = 1) AS sending,
        count(*) FILTER (WHERE d.state = 0 AND d.not_before > %(now)s) AS waiting,
        count(*) FILTER (WHERE d.state = 0 AND d.not_before > %(now)s AND d.attempts > 0)
            AS retries,
        count(*) FILTER (WHERE d.state = 0 AND d.not_before > %(now)s AND d.attempts = 0
            AND d.reason <> 'service_waits') AS held,
        min(d.not_before) FILTER (WHERE d.state = 0 AND d.not_before > %(now)s) AS first,
        max(d.not_before) FILTER (WHERE d.state = 0 AND d.not_before > %(now)s) AS last
    FROM campaigns_delivery AS d
    WHERE d.month = %(month)s AND d.run_id = %(run)s
        AND d.subscription_id BETWEEN b.first AND b.last AND d.state < 2
) AS rows WHERE b.id = ANY(%(batches)s)
"""

# The same for what is held now: only a leased batch has rows on their way.
HELD = """
SELECT coalesce(sum(rows.sending), 0)
FROM (
    SELECT first, last FROM campaigns_batch
    WHERE run_id = %(run)s AND leased_until IS NOT NULL LIMIT %(most)s
) AS b CROSS JOIN LATERAL (
    SELECT count(*) AS sending FROM campaigns_delivery AS d
    WHERE d.month = %(month)s AND d.run_id = %(run)s
        AND d.subscription_id BETWEEN b.first AND b.last AND d.state = 1
) AS rows
"""


class Step(StrEnum):
    """Where a batch is. QUIET: leased, but its sender has given no sign for a while."""

    PARKED = "parked"
    QUIET = "quiet"
    SENDING = "sending"
    WAITING = "waiting"
    READY = "ready"
    DONE = "done"


@dataclass(frozen=True)
class Piece:
    """A batch by its number in the run, from 1; `at`: when it goes on, where that is known."""

    number: int
    step: Step
    batch: Batch
    at: datetime | None

    @property
    def touched(self) -> bool:
        """Whether somebody has begun with it and something of it is left."""
        return bool(self.batch.token and self.batch.pending)


def step_of(batch: Batch, now: datetime) -> Step:
    """Where a batch is, from its own columns."""
    if batch.parked_at:
        return Step.PARKED
    if batch.leased_until:
        # A lease is renewed with every window: half of it without a window is unusual.
        silent = batch.leased_until - now < timedelta(seconds=settings.SEND_LEASE_SECONDS) / 2
        return Step.QUIET if silent else Step.SENDING
    if batch.due_at is None:
        return Step.DONE
    return Step.WAITING if batch.due_at > now else Step.READY


@dataclass(frozen=True)
class Batches:
    """A run's batches in the order of their devices."""

    pieces: Sequence[Piece]
    counts: Counter[Step]

    @property
    def recovered(self) -> int:
        """How often one was taken over from a sender that had stopped."""
        return sum(piece.batch.recoveries for piece in self.pieces)

    @property
    def parked(self) -> list[Piece]:
        return [piece for piece in self.pieces if piece.step is Step.PARKED]

    @property
    def done(self) -> list[Piece]:
        return [piece for piece in self.pieces if piece.step is Step.DONE]

    @property
    def quiet(self) -> list[Piece]:
        return [piece for piece in self.pieces if piece.step is Step.QUIET]

    @property
    def waiting_until(self) -> datetime | None:
        """When the first of those that wait goes on."""
        ends = [piece.at for piece in self.pieces if piece.step is Step.WAITING and piece.at]
        return min(ends, default=None)

    @property
    def unfinished(self) -> list[Piece]:
        """All but the done, in the order of Step: what a person looks for."""
        order = list(Step)
        left = [piece for piece in self.pieces if piece.step is not Step.DONE]
        return sorted(left, key=lambda piece: order.index(piece.step))


COLUMNS = (
    *("run_id", "token", "leased_until", "due_at", "parked_at", "recoveries", "error"),
    *("audience", "pending", "accepted", "unknown", "first", "last"),
)


def batches(run: Run, now: datetime) -> Batches:
    """The batches of a run: one query, a thousand rows for a million recipients."""
    found = Batch.objects.filter(run=run).only(*COLUMNS).order_by("first")
    pieces = []
    for number, batch in enumerate(found, 1):
        step = step_of(batch, now)
        at = batch.leased_until if step in (Step.SENDING, Step.QUIET) else batch.due_at
        pieces.append(Piece(number, step, batch, at))
    return Batches(pieces, Counter(piece.step for piece in pieces))


@dataclass(frozen=True)
class Ahead:
    """What a run's senders hold, and what waits: `retries` of the `waiting` were tried before, and
    `held` have a later moment of their own (their clock, quiet hours, the winner).

    Without `complete` there may be more: only some batches were looked at.
    """

    sending: int = 0
    waiting: int = 0
    retries: int = 0
    held: int = 0
    first: datetime | None = None
    last: datetime | None = None
    complete: bool = True

    @property
    def deferred(self) -> int:
        """Those that were not tried yet: their push service let no more through."""
        return self.waiting - self.retries - self.held


def ahead(run: Run, found: Batches, now: datetime) -> Ahead | None:
    """What waits, read from the rows of batches in which something was begun and is left.

    None if that takes too long. In a storm of waits these are all batches: then some are read.
    """
    touched = [piece.batch for piece in found.unfinished if piece.touched]
    if not touched:
        return Ahead()
    upto = accumulate(batch.audience for batch in touched)
    looked_at = [b.pk for b, rows in zip(touched, upto, strict=True) if rows <= MOST_ROWS]
    given: dict[str, Any] = {
        "now": now,
        "month": run.month,
        "run": run.pk,
        "batches": looked_at,
    }
    try:
        with bounded.at_most(PATIENCE_MS), connection.cursor() as cursor:
            cursor.execute(AHEAD, given)
            *counts, first, last = cursor.fetchone()
        sending, waiting, retries, held = map(int, counts)
        complete = len(looked_at) == len(touched)
        return Ahead(sending, waiting, retries, held, first, last, complete)
    except bounded.TooLong:
        return None


def on_their_way(run: Run) -> int:
    """Deliveries that senders hold now: if all of these were killed, they would become unknown."""
    with connection.cursor() as cursor:
        cursor.execute(HELD, {"month": run.month, "run": run.pk, "most": MOST_LEASED})
        return int(cursor.fetchone()[0])
