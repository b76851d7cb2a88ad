"""A message as a table of variants and languages."""

from typing import Any

import pytest

from campaigns import cells
from campaigns.cells import FIRST, Cell
from campaigns.models import Message


def message(**fields: Any) -> Message:
    return Message(**{"title": "Mitts", "body": "Warm", "url": "https://shop.example/", **fields})


def after(before: Message, fields: dict[str, Any]) -> Message:
    return cells.applied(before, fields)


def test_a_cell_is_written_and_read_alone() -> None:
    two = after(message(), cells.with_variant(message()))
    two = after(two, cells.with_language(two, "nb"))
    done = after(two, cells.written(two, Cell(1, "nb"), {"title": "Votter", "body": ""}))
    assert cells.content(done, Cell(1, "nb")) == {"title": "Votter"}
    assert cells.content(done, Cell(0, "nb")) == {}
    assert cells.content(done, Cell(1))["title"] == "Mitts"
    # What it was made of stays as it was.
    assert cells.content(two, Cell(1, "nb")) == {} and cells.count(message()) == 1


@pytest.mark.parametrize(
    ("said", "complete"),
    [
        ({"title": "Votter", "body": "Varme"}, True),
        ({"title": "Votter"}, False),
        ({}, False),
    ],
)
def test_a_language_is_complete_with_all_words(said: dict[str, str], complete: bool) -> None:
    one = message(translations={"nb": said})
    assert cells.complete(one, Cell(0, "nb")) is complete
    assert cells.missing(one) == ([] if complete else [Cell(0, "nb")])
    wordless = message(body="", translations={"nb": {"title": "Votter"}})
    assert cells.complete(wordless, Cell(0, "nb"))


def test_variants_share_evenly_and_move_up() -> None:
    one = message()
    three = after(one, cells.with_variant(one))
    three = after(three, cells.with_variant(three))
    assert [row["weight"] for row in cells.rows(three)] == [34, 33, 33]
    three = after(three, cells.written(three, Cell(1), {"title": "B"}))
    two = after(three, cells.without_variant(three, 0))
    assert [(row["title"], row["weight"]) for row in cells.rows(two)] == [("B", 50), ("Mitts", 50)]
    weighed = after(two, cells.weighed(two, [80, 20]))
    assert cells.shares(weighed) == [80, 20]
    last = after(two, cells.without_variant(two, 1))
    assert cells.count(last) == 1 and cells.shares(last) == [100]
    with pytest.raises(ValueError, match="no such variant"):
        cells.without_variant(last, 0)


def test_there_are_four_variants_at_most() -> None:
    four = message(variants=[{**cells.content(message(), FIRST), "weight": 25}] * 3)
    with pytest.raises(ValueError, match="four"):
        cells.with_variant(four)


def test_a_language_comes_to_all_variants_and_leaves_them() -> None:
    two = after(message(), cells.with_variant(message()))
    two = after(two, cells.with_language(two, "pt-BR"))
    assert [row["translations"] for row in cells.rows(two)] == [{"pt-BR": {}}] * 2
    assert cells.languages(two) == ["pt-BR"]
    none = after(two, cells.without_language(two, "pt-BR"))
    assert cells.languages(none) == []


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("B-nb", Cell(1, "nb")),
        ("B", Cell(1)),
        ("A-sv", FIRST),
        ("D", FIRST),
        ("", FIRST),
        ("AB", FIRST),
        ("-nb", Cell(0, "nb")),
    ],
)
def test_a_name_of_a_cell_is_what_there_is_of_it(text: str, cell: Cell) -> None:
    two = after(message(), cells.with_variant(message()))
    two = after(two, cells.with_language(two, "nb"))
    assert cells.parse(text, two) == cell
    assert cells.parse(str(cell), two) == cell
