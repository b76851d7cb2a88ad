"""What the ledger says, against the log of whoever was sent to."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.sink import Accepted

if TYPE_CHECKING:
    from campaigns.models import Run

AT_ONCE = 50_000


@dataclass(frozen=True)
class Books:
    """How many there are of each, in the ledger of a run and in the sink's log."""

    audience: int
    ledger: dict[str, int]
    counters: dict[str, int]
    log: int
    # All of these must be 0.
    accepted_twice: int
    accepted_not_in_log: int
    in_log_neither_accepted_nor_unknown: int
    in_log_of_nobody: int
    # What a kill can leave unknown at most.
    unknown_bound: int

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"audience {self.audience:,}; in the sink's log {self.log:,}"
        states = ", ".join(f"{name} {count:,}" for name, count in self.ledger.items())
        yield f"ledger: {states}"
        yield f"accepted twice: {self.accepted_twice}"
        yield f"accepted, but not in the log: {self.accepted_not_in_log}"
        strange = self.in_log_neither_accepted_nor_unknown
        yield f"in the log, but neither accepted nor unknown: {strange}"
        yield f"in the log, but of nobody in the run: {self.in_log_of_nobody}"
        yield f"unknown: {self.ledger.get('unknown', 0)}, at most {self.unknown_bound}"

    def check(self) -> None:
        """An error unless the guarantee was held."""
        assert self.accepted_twice == 0, "somebody was accepted twice"
        assert self.accepted_not_in_log == 0, "the ledger claims what nobody accepted"
        assert self.in_log_neither_accepted_nor_unknown == 0, "an acceptance was lost"
        assert self.in_log_of_nobody == 0, "somebody outside the run was sent to"
        assert sum(self.ledger.values()) == self.audience, "the ledger does not add up"
        assert {name: n for name, n in self.counters.items() if n} == self.ledger, (
            "the counters of the batches differ from the ledger"
        )
        assert self.ledger.get("unknown", 0) <= self.unknown_bound, "more unknown than can be"


def compare(run: Run, log: Sequence[Accepted], *, workers: int) -> Books:
    """Read all of a finished run's ledger and the log of its sink."""
    from django.conf import settings

    from campaigns import reports
    from campaigns.models import Delivery

    seen = Counter(record.topic for record in log)
    states: Counter[str] = Counter()
    missing = strange = 0
    known = 0
    for subscription_id, number in rows(run):
        state = Delivery.State(number)
        states[state.name.lower()] += 1
        in_log = seen.get(topic(run, subscription_id), 0) > 0
        known += in_log
        if state == Delivery.State.ACCEPTED:
            missing += not in_log
        elif state != Delivery.State.UNKNOWN:
            strange += in_log
    counts = reports.run_counts(run)
    names = [state.name.lower() for state in Delivery.State if state.name.lower() in counts]
    return Books(
        audience=counts["audience"],
        ledger=dict(states.most_common()),
        counters={name: counts[name] for name in names},
        log=len(log),
        accepted_twice=len(log) - len(seen),
        accepted_not_in_log=missing,
        in_log_neither_accepted_nor_unknown=strange,
        in_log_of_nobody=len(seen) - known,
        unknown_bound=settings.SEND_IN_FLIGHT * workers,
    )


def rows(run: Run) -> Iterator[tuple[int, int]]:
    """(subscription, state) of every row of a run, by keyset."""
    from campaigns.models import Delivery

    after = 0
    whole = Delivery.objects.filter(month=run.month, run_id=run.pk).order_by("subscription_id")
    columns = whole.values_list("subscription_id", "state")
    while page := list(columns.filter(subscription_id__gt=after)[:AT_ONCE]):
        yield from page
        after = page[-1][0]


def topic(run: Run, subscription_id: int) -> bytes:
    """The name by which the sink knows a delivery."""
    from campaigns import tokens

    return base64.urlsafe_b64decode(tokens.topic(run.pk, subscription_id))
