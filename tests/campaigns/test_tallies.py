"""Answers by push service: sums, bins and quantiles."""

import pytest

from campaigns import tallies


def test_an_answer_is_counted_with_its_latency() -> None:
    tally = tallies.empty()
    tallies.note(tally, "accepted", 5.0)
    tallies.note(tally, "accepted", 5.1)
    tallies.note(tally, "gone", 60_000)
    tallies.note(tally, "unknown", None)
    assert (tally["accepted"], tally["gone"], tally["unknown"], tally["refused"]) == (2, 1, 1, 0)
    assert tally["ms"][:2] == [1, 1]
    assert tally["ms"][-1] == 1
    assert sum(tally["ms"]) == 3


def test_tallies_add_up_by_origin() -> None:
    one, other = tallies.empty(), tallies.empty()
    tallies.note(one, "accepted", 1)
    tallies.note(other, "waits", 1)
    summed = tallies.total([{"https://a": one}, {"https://a": other, "https://b": other}])
    assert summed["https://a"]["accepted"] == 1
    assert summed["https://a"]["waits"] == summed["https://b"]["waits"] == 1
    assert summed["https://a"]["ms"][0] == 2
    assert one["ms"][0] == 1, "what is added from stays as it was"


@pytest.mark.parametrize(
    ("latencies", "q", "expected"),
    [
        ([], 0.5, None),
        ([8, 8, 8, 8], 0.5, 7.5),
        ([8, 8, 8, 8], 1.0, 10.0),
        ([3, 3, 90, 90], 0.5, 5.0),
        ([9_000], 0.95, 5_000.0),
        ([3, 9_000], 0.95, 5_000.0),
    ],
)
def test_quantiles(latencies: list[float], q: float, expected: float | None) -> None:
    tally = tallies.empty()
    for latency in latencies:
        tallies.note(tally, "accepted", latency)
    assert tallies.quantile(tally["ms"], q) == expected
