"""How fast it goes, from samples that whoever looks carries along."""

import pytest

from campaigns import pace


def test_pace_carries_two_samples() -> None:
    first = pace.measure("", 100.0, {7: 10})
    assert (first.carry, dict(first.speeds)) == ("100.00;7=10", {})
    second = pace.measure(first.carry, 104.0, {7: 50})
    assert dict(second.speeds) == {}
    third = pace.measure(second.carry, 106.0, {7: 70})
    assert dict(third.speeds) == {7: 10.0}
    assert third.carry == "100.00;7=10~106.00;7=70"
    fourth = pace.measure(third.carry, 111.0, {7: 70, 8: 3})
    assert dict(fourth.speeds) == {7: pytest.approx(60 / 11)}
    assert fourth.carry == "106.00;7=70~111.00;7=70;8=3"
    assert dict(pace.measure(fourth.carry, 600.0, {7: 80}).speeds) == {}


@pytest.mark.parametrize("carried", ["nan;1=2", "x", "1;2", "1;a=b", "inf;7=0", "~", "99;7=999"])
def test_pace_ignores_samples_that_are_none(carried: str) -> None:
    assert dict(pace.measure(carried, 105.0, {7: 10}).speeds) == {}


@pytest.mark.parametrize(
    ("speed", "pending", "words"),
    [
        (60.0, 63_153, "60 a second, about 18 minutes left"),
        (0.05, 9, "3 a minute, about 3 minutes left"),
        (100.0, 1_000_000, "100 a second, about 3 hours left"),
        (0.0, 10, "nothing sent in the last seconds"),
        (5.0, 0, ""),
    ],
)
def test_pace_in_words(speed: float, pending: int, words: str) -> None:
    measured = pace.Pace("", {7: speed})
    assert measured.words(7, pending) == words
    assert measured.words(8, pending) == ""
    assert (measured.left(7, pending) in words) and measured.left(8, pending) == ""


@pytest.mark.parametrize(
    ("seconds", "words"), [(38, "38 s"), (1_260, "21 min"), (12_000, "3 h 20 min")]
)
def test_how_long_it_took(seconds: int, words: str) -> None:
    assert pace.took(seconds) == words
