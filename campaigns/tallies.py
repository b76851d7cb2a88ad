"""Answers summed up by push service: counts, and a histogram of how long they took.

A tally is plain JSON, kept on each batch in the same transaction as its counters, so that what the
report says of the push services adds up to what it says of the run:
`{origin: {"accepted": n, "refused": n, "gone": n, "unknown": n, "waits": n, "ms": [n, ...]}}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import accumulate, pairwise
from typing import Any

# Upper ends of the histogram's bins in milliseconds; one more bin holds what took longer.
BOUNDS_MS = (5, 10, 20, 35, 50, 75, 100, 150, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000)
BINS = len(BOUNDS_MS) + 1
COUNTS = ("accepted", "refused", "gone", "unknown", "waits")

Tally = dict[str, Any]


def empty() -> Tally:
    return {**dict.fromkeys(COUNTS, 0), "ms": [0] * BINS}


def bin_of(milliseconds: float) -> int:
    """The bin of the histogram that a latency belongs to."""
    return next((i for i, end in enumerate(BOUNDS_MS) if milliseconds <= end), BINS - 1)


def note(tally: Tally, count: str, milliseconds: float | None) -> None:
    """Add one answer. Without a latency (no answer came) only its count."""
    tally[count] += 1
    if milliseconds is not None:
        tally["ms"][bin_of(milliseconds)] += 1


def merge(into: dict[str, Tally], more: Mapping[str, Tally]) -> None:
    """Add the tallies of `more` to those of `into`."""
    for origin, tally in more.items():
        mine = into.setdefault(origin, empty())
        for name in COUNTS:
            mine[name] += tally[name]
        mine["ms"] = [a + b for a, b in zip(mine["ms"], tally["ms"], strict=True)]


def total(several: Iterable[Mapping[str, Tally]]) -> dict[str, Tally]:
    """The sum of several tallies."""
    summed: dict[str, Tally] = {}
    for one in several:
        merge(summed, one)
    return summed


def quantile(bins: list[int], q: float) -> float | None:
    """Milliseconds below which the share `q` of the answers lies; None without answers.

    Interpolated within a bin; what lies in the last, open bin is given as its lower end.
    """
    wanted = q * sum(bins)
    if not wanted:
        return None
    edges = (0, *BOUNDS_MS)
    below = 0
    for (low, high), upto in zip(pairwise(edges), accumulate(bins), strict=False):
        if upto >= wanted:
            return low + (high - low) * (wanted - below) / (upto - below)
        below = upto
    return float(BOUNDS_MS[-1])
