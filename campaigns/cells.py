"""A message as a table: a variant for each row, a language for each column. One cell is written at
a time; what a cell of another language leaves empty is read in the site's own.

Nothing here reads or writes the database, and nothing is checked: campaigns.content does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

from campaigns.models import Message

LETTERS = "ABCD"
MOST_VARIANTS = len(LETTERS)
# What each variant has of its own, and what of it each language may say in its own way.
VARIED = (
    *("title", "body", "url", "icon", "image", "badge", "actions"),
    *("translations", "overrides"),
)
TRANSLATED = ("title", "body", "url", "image", "actions")
# What a system may be told instead (campaigns.models.Message.overrides).
OVERRIDDEN = ("title", "body", "url", "image")


@dataclass(frozen=True)
class Cell:
    """Variant 0 is A; language "" is the site's own."""

    variant: int = 0
    language: str = ""

    @property
    def letter(self) -> str:
        return LETTERS[self.variant]

    def __str__(self) -> str:
        """As an address or a button has it: "B", "B-nb"."""
        return f"{self.letter}-{self.language}" if self.language else self.letter


FIRST = Cell()


def parse(text: str, message: Message) -> Cell:
    """The cell that a text names ("B-nb"), or as much of it as this message has."""
    letter, _, language = text.partition("-")
    number = LETTERS.find(letter) if len(letter) == 1 else 0
    number = number if 0 <= number < count(message) else 0
    return Cell(number, language if language in languages(message) else "")


def count(message: Message) -> int:
    """How many variants there are; one without a test."""
    return 1 + len(message.variants)


def rows(message: Message) -> list[dict[str, Any]]:
    """Each variant with its weight, A first. Not copies."""
    first = {name: getattr(message, name) for name in (*VARIED, "weight")}
    return [first, *message.variants]


def languages(message: Message) -> list[str]:
    """The languages that it was translated to, in the order of their tags."""
    return sorted({tag for row in rows(message) for tag in row.get("translations") or {}})


def shares(message: Message) -> list[float]:
    """Percent of the people that each variant gets."""
    weights = [row["weight"] for row in rows(message)] if message.variants else [100]
    return [100 * weight / (sum(weights) or 1) for weight in weights]


def content(message: Message, cell: Cell) -> dict[str, Any]:
    """What is written in a cell: the fields of VARIED, or those of TRANSLATED that it has."""
    row = rows(message)[cell.variant]
    if not cell.language:
        return {name: row.get(name, "") for name in VARIED}
    said: dict[str, Any] = (row.get("translations") or {}).get(cell.language) or {}
    return said


def complete(message: Message, cell: Cell) -> bool:
    """Whether a language says all of the words by itself."""
    base = content(message, Cell(cell.variant))
    said = content(message, cell)
    return all(said.get(name) for name in ("title", "body") if base[name]) and bool(said)


def missing(message: Message) -> list[Cell]:
    """The cells that are read in the site's own language, in part or as a whole."""
    cells = [Cell(row, tag) for row in range(count(message)) for tag in languages(message)]
    return [cell for cell in cells if not complete(message, cell)]


# Changes: each gives the fields of a message as they are afterwards.


def written(message: Message, cell: Cell, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Some of a cell's fields changed. A translation keeps no empty ones."""
    if not cell.language:
        return _in_row(message, cell.variant, fields)
    all_of_it = dict(content(message, Cell(cell.variant))["translations"] or {})
    said = {**(all_of_it.get(cell.language) or {}), **fields}
    all_of_it[cell.language] = {name: value for name, value in said.items() if value}
    return _in_row(message, cell.variant, {"translations": all_of_it})


def _in_row(message: Message, variant: int, fields: Mapping[str, Any]) -> dict[str, Any]:
    if not variant:
        return dict(fields)
    others = [dict(row) for row in message.variants]
    others[variant - 1] |= fields
    return {"variants": others}


def weighed(message: Message, weights: Sequence[int]) -> dict[str, Any]:
    """Other weights, A's first; as many as there are variants."""
    others = [
        {**row, "weight": weight} for row, weight in zip(message.variants, weights[1:], strict=True)
    ]
    return {"weight": weights[0], "variants": others}


def even(count: int) -> list[int]:
    """Whole percents that are 100 together: 34, 33, 33."""
    return [100 // count + (number < 100 % count) for number in range(count)]


def with_variant(message: Message) -> dict[str, Any]:
    """One variant more, which says what A says; all get the same share. ValueError if too many."""
    if count(message) >= MOST_VARIANTS:
        raise ValueError("There are four already.")
    added = {**content(message, FIRST), "weight": 0}
    return _shared([*rows(message), added])


def without_variant(message: Message, variant: int) -> dict[str, Any]:
    """One less; those after it move up, and all get the same share. ValueError for the last one."""
    left = rows(message)
    if len(left) < 2 or not 0 <= variant < len(left):
        raise ValueError("There is no such variant to remove.")
    return _shared(left[:variant] + left[variant + 1 :])


def _shared(left: list[dict[str, Any]]) -> dict[str, Any]:
    weighed = [{**row, "weight": weight} for row, weight in zip(left, even(len(left)), strict=True)]
    first = weighed[0] | ({"weight": 50} if len(weighed) == 1 else {})
    return {**first, "variants": weighed[1:]}


def with_language(message: Message, language: str) -> dict[str, Any]:
    """A language more in every variant, with nothing in it yet."""

    def added(row: Mapping[str, Any]) -> dict[str, Any]:
        return {language: {}, **(row.get("translations") or {})}

    return _translated(message, added)


def without_language(message: Message, language: str) -> dict[str, Any]:
    """The same without what it says in a language."""

    def left(row: Mapping[str, Any]) -> dict[str, Any]:
        said = row.get("translations") or {}
        return {tag: texts for tag, texts in said.items() if tag != language}

    return _translated(message, left)


def _translated(message: Message, translate: Any) -> dict[str, Any]:
    first, *others = rows(message)
    return {
        "translations": translate(first),
        "variants": [{**row, "translations": translate(row)} for row in others],
    }


def applied(message: Message, fields: Mapping[str, Any]) -> Message:
    """A copy with other values in some of its fields, never to be stored."""
    made = copy(message)
    for name, value in fields.items():
        setattr(made, name, value)
    return made
