"""What must hold of a run whatever happened to it (push-reference section 3.5): I1 to I5.

    I1  the push service accepted nothing twice for one recipient, but what a person had sent again
    I2  every recipient is on the ledger once, in one final state, and the sums are the audience
    I3  what we call accepted, the push service accepted
    I4  what it accepted and we don't call accepted is unknown
    I5  what is unknown is no more than the printed bound

The evidence comes from three places that know nothing of each other: the ledger's rows, the
counters of the batches, and the push service's own log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

ACCEPTED, UNKNOWN = "accepted", "unknown"
FINAL = frozenset(
    {*(ACCEPTED, "refused", "gone", "skipped", "holdout", "expired", "cancelled", UNKNOWN)}
)
NAMED = 3


@dataclass(frozen=True)
class Evidence:
    """A run after it has ended. A recipient is named by its token at the push service.

    `ledger`: (recipient, state) of every row; `counts`: the sums of the batches by state, with
    `audience` and `pending`; `log`: whom the push service accepted a message of this run for, in
    its order; `lost`: answers that it kept to itself on purpose; `bound`: how many more may be
    unknown; `resends`: how often a person had it sent again.
    """

    audience: frozenset[str]
    ledger: tuple[tuple[str, str], ...]
    counts: Mapping[str, int]
    log: tuple[str, ...]
    bound: int
    lost: int = 0
    resends: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Violation:
    """One broken invariant (`I1` to `I5`) and what was seen."""

    invariant: str
    text: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.text}"


def check(evidence: Evidence) -> list[Violation]:
    """Everything that is wrong; nothing when all invariants hold."""
    checks = (once, one_end_each, balanced, only_what_was_accepted, none_forgotten, bounded)
    return [violation for check in checks for violation in check(evidence)]


def once(evidence: Evidence) -> Iterable[Violation]:
    for name, times in Counter(evidence.log).items():
        allowed = 1 + evidence.resends.get(name, 0)
        if times > allowed:
            yield Violation("I1", f"{name} was accepted {times} times, allowed are {allowed}")


def one_end_each(evidence: Evidence) -> Iterable[Violation]:
    rows = Counter(name for name, _state in evidence.ledger)
    if twice := [name for name, number in rows.items() if number > 1]:
        yield Violation("I2", f"on the ledger more than once: {some(twice)}")
    if missing := evidence.audience - rows.keys():
        yield Violation("I2", f"not on the ledger: {some(missing)}")
    if strangers := rows.keys() - evidence.audience:
        yield Violation("I2", f"on the ledger, not in the audience: {some(strangers)}")
    if pending := [f"{name} {state}" for name, state in evidence.ledger if state not in FINAL]:
        yield Violation("I2", f"not ended: {some(pending)}")


def balanced(evidence: Evidence) -> Iterable[Violation]:
    rows = Counter(state for _name, state in evidence.ledger)
    for state in sorted(FINAL):
        if rows[state] != evidence.counts.get(state, 0):
            said = evidence.counts.get(state, 0)
            yield Violation("I2", f"{rows[state]} are {state}, the batches say {said}")
    ended = sum(evidence.counts.get(state, 0) for state in FINAL)
    if ended != evidence.counts.get("audience", 0) or evidence.counts.get("pending", 0):
        yield Violation("I2", f"the states add up to {ended}, the counters are {evidence.counts}")


def only_what_was_accepted(evidence: Evidence) -> Iterable[Violation]:
    said = {name for name, state in evidence.ledger if state == ACCEPTED}
    if invented := said - set(evidence.log):
        yield Violation("I3", f"called accepted, never accepted: {some(invented)}")


def none_forgotten(evidence: Evidence) -> Iterable[Violation]:
    states = dict(evidence.ledger)
    for name in sorted(set(evidence.log)):
        if (state := states.get(name, "not there")) not in (ACCEPTED, UNKNOWN):
            yield Violation("I4", f"{name} was accepted, and is {state}")


def bounded(evidence: Evidence) -> Iterable[Violation]:
    unknown = sum(state == UNKNOWN for _name, state in evidence.ledger)
    if unknown > evidence.bound + evidence.lost:
        yield Violation(
            "I5",
            f"{unknown} are unknown: more than {evidence.bound} in flight at the faults, "
            f"and {evidence.lost} whose answers were lost",
        )


def some(names: Iterable[str]) -> str:
    """A few of many, and how many there are."""
    ordered = sorted(names)
    more = f" and {len(ordered) - NAMED} more" if len(ordered) > NAMED else ""
    return ", ".join(ordered[:NAMED]) + more
