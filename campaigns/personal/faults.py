"""What can be wrong with a text: for its author at save, and for one person when it is sent."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_CODE = 80
ABORTED = "aborted:"
LONGEST_REASON = LONGEST_CODE - len(ABORTED)


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """A sentence about a place in a text. Lines and columns count from 1."""

    line: int
    column: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column} {self.sentence}"


class Aborted(Exception):
    """This person gets nothing. `code` is for the ledger, at most LONGEST_CODE characters:

    "aborted:<the author's reason>", "no_title", "bad_address", "too_large", "render_failed".
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code[:LONGEST_CODE]


def at(source: str, index: int, sentence: str) -> Fault:
    """A fault at an index of a text."""
    before = source[: max(0, min(index, len(source)))]
    return Fault(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1, sentence)
