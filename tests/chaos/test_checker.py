"""The checker itself: it says nothing of a good run, and finds every planted fault."""

from dataclasses import replace

import pytest

from tests.chaos.checker import FINAL, Evidence, check

GOOD = Evidence(
    audience=frozenset({"anna", "bjorn", "carl", "dina", "eva"}),
    ledger=(
        ("anna", "accepted"),
        ("bjorn", "gone"),
        ("carl", "unknown"),
        ("dina", "unknown"),
        ("eva", "skipped"),
    ),
    counts={"audience": 5, "pending": 0, "accepted": 1, "gone": 1, "unknown": 2, "skipped": 1},
    log=("anna", "carl"),
    bound=1,
    lost=1,
)


def changed(name: str, state: str) -> tuple[tuple[str, str], ...]:
    """The good ledger with another state for one."""
    return tuple((row, state if row == name else old) for row, old in GOOD.ledger)


def counted(**changes: int) -> dict[str, int]:
    return {**GOOD.counts, **changes}


def test_a_good_run_has_no_violations() -> None:
    assert check(GOOD) == []


def test_sent_again_by_a_person_is_no_violation() -> None:
    again = replace(GOOD, log=("anna", "carl", "carl"), resends={"carl": 1})
    assert check(again) == []


PLANTED = [
    ("I1", {"log": ("anna", "carl", "anna")}, "anna was accepted 2 times, allowed are 1"),
    (
        "I1",
        {"log": ("anna", "carl", "carl", "carl"), "resends": {"carl": 1}},
        "carl was accepted 3",
    ),
    ("I2", {"ledger": (*GOOD.ledger, ("anna", "accepted"))}, "more than once: anna"),
    ("I2", {"ledger": GOOD.ledger[:-1]}, "not on the ledger: eva"),
    ("I2", {"ledger": (*GOOD.ledger, ("gregor", "gone"))}, "not in the audience: gregor"),
    ("I2", {"ledger": changed("eva", "planned")}, "not ended: eva planned"),
    ("I2", {"ledger": changed("eva", "sending")}, "not ended: eva sending"),
    ("I2", {"counts": counted(gone=0, refused=1)}, "1 are gone, the batches say 0"),
    ("I2", {"counts": counted(audience=6)}, "add up to 5"),
    ("I2", {"counts": counted(pending=1)}, "add up to 5"),
    ("I3", {"log": ("carl",)}, "never accepted: anna"),
    ("I4", {"log": ("anna", "carl", "bjorn")}, "bjorn was accepted, and is gone"),
    ("I4", {"log": ("anna", "carl", "eva")}, "eva was accepted, and is skipped"),
    ("I4", {"log": ("anna", "carl", "zoe")}, "zoe was accepted, and is not there"),
    ("I5", {"bound": 0}, "2 are unknown"),
    ("I5", {"lost": 0}, "2 are unknown"),
]


@pytest.mark.parametrize(("invariant", "plant", "words"), PLANTED)
def test_each_planted_fault_is_found(invariant: str, plant: dict[str, object], words: str) -> None:
    found = check(replace(GOOD, **plant))  # type: ignore[arg-type]
    assert any(v.invariant == invariant and words in v.text for v in found), found


@pytest.mark.parametrize("state", sorted(FINAL - {"accepted", "unknown"}))
def test_no_other_state_may_hide_an_acceptance(state: str) -> None:
    """Whatever a row is called: once the push service accepted it, only two states are true."""
    hidden = replace(
        GOOD,
        ledger=changed("carl", state),
        counts=counted(unknown=1, **{state: GOOD.counts.get(state, 0) + 1}),
    )
    assert [v.invariant for v in check(hidden)] == ["I4"]


def test_many_names_are_cut() -> None:
    nobody = replace(GOOD, ledger=(), counts={}, log=(), audience=frozenset("abcde"))
    assert [v.text for v in check(nobody)] == ["not on the ledger: a, b, c and 2 more"]
