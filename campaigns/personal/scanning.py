"""A text in its pieces, before Liquid's own parser sees it.

One pass, in time that grows with the length: the parser's expressions take quadratic time on long
runs of braces, so it is only given texts in which each brace is closed soon. And this knows where
a brace was left open, which the parser says of the end of the text.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext as _

from campaigns.personal import faults
from campaigns.personal.faults import Fault

MOST_SOURCE = 2_000  # characters
MOST_EXPRESSION = 300  # characters between braces
MOST_PIECES = 100  # pairs of braces

DEEPEST = 8  # blocks within each other

TAGS = (
    *("if", "elsif", "else", "endif", "unless", "endunless", "case", "when", "endcase"),
    *("for", "endfor", "break", "continue", "assign", "capture", "endcapture"),
    *("comment", "endcomment", "raw", "endraw", "abort"),
)

_BLOCKS = frozenset(("if", "unless", "case", "for", "capture", "comment"))
# In which blocks the others may stand; nearest first, but a loop's may be further out.
_WITHIN = {
    "elsif": ("if", "unless"),
    "else": ("if", "unless", "case", "for"),
    "when": ("case",),
    "break": ("for",),
    "continue": ("for",),
}
_OPENS = re.compile(r"\{\{|\{%")
_NAME = re.compile(r"-?\s*([\w#]*)")
_ENDRAW = re.compile(r"\{%-?\s*endraw\s*-?%\}")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of plain text, a `{{ … }}` or a `{% … %}`; `text` of those is what is inside."""

    kind: Literal["text", "output", "tag"]
    start: int
    text: str

    @property
    def name(self) -> str:
        """Of a tag."""
        found = _NAME.match(self.text)
        return found.group(1) if found else ""


class Unreadable(ValueError):
    """A text that must not be given to the parser."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.sentence)
        self.fault = fault


def has_liquid(source: str) -> bool:
    """Whether there is anything to fill in or to decide."""
    return "{{" in source or "{%" in source


def scan(source: str) -> list[Piece]:
    """The pieces in their order. Unreadable for what can't be parsed, or would take too long."""
    if len(source) > MOST_SOURCE:
        sentence = _("At most %(most)d characters; these are %(are)d.")
        raise _unreadable(source, 0, sentence % {"most": MOST_SOURCE, "are": len(source)})
    pieces: list[Piece] = []
    place, braces, blocks = 0, 0, _Blocks(source)
    while opened := _OPENS.search(source, place):
        if opened.start() > place:
            pieces.append(Piece("text", place, source[place : opened.start()]))
        braces += 1
        if braces > MOST_PIECES:
            sentence = _("At most %(most)d pairs of braces.")
            raise _unreadable(source, opened.start(), sentence % {"most": MOST_PIECES})
        piece = _braced(source, opened.start(), opened.group())
        pieces.append(piece)
        place = opened.start() + len(piece.text) + 4
        if piece.kind == "tag":
            blocks.pass_by(piece)
            if piece.name == "raw":
                raw = _raw(source, opened.start(), place)
                pieces.append(Piece("text", place, source[place : raw.start()]))
                place = raw.end()
    if place < len(source):
        pieces.append(Piece("text", place, source[place:]))
    blocks.close()
    return pieces


class _Blocks:
    """Those that are open, the innermost last."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._open: list[Piece] = []

    def pass_by(self, piece: Piece) -> None:
        """Unreadable for a tag that there is not, or not here."""
        name, names = piece.name, [one.name for one in self._open]
        if "comment" in names and name not in {"comment", "endcomment"}:
            return
        _know(self._source, piece)
        if name in _BLOCKS:
            if len(names) == DEEPEST:
                sentence = _("At most %(most)d blocks within each other.")
                raise _unreadable(self._source, piece.start, sentence % {"most": DEEPEST})
            self._open.append(piece)
        elif name in _WITHIN:
            near = names if name in {"break", "continue"} else names[-1:]
            if not set(near) & set(_WITHIN[name]):
                sentence = _("%(tag)s stands only within %(block)s.")
                tags = {"tag": _tag(name), "block": _tag(_WITHIN[name][0])}
                raise _unreadable(self._source, piece.start, sentence % tags)
        elif name.startswith("end"):
            self._end(piece)

    def _end(self, piece: Piece) -> None:
        wanted = piece.name.removeprefix("end")
        if self._open and self._open[-1].name == wanted:
            self._open.pop()
            return
        if wanted in {one.name for one in self._open}:
            self.close()
        sentence = _("This %(tag)s closes nothing.") % {"tag": _tag(piece.name)}
        raise _unreadable(self._source, piece.start, sentence)

    def close(self) -> None:
        """Unreadable for a block that is still open."""
        if self._open:
            left = self._open[-1]
            tags = {"opening": _tag(left.name), "closing": _tag(f"end{left.name}")}
            raise _unreadable(self._source, left.start, _not_closed() % tags)


def _tag(name: str) -> str:
    return f"{{% {name} %}}"


def _not_closed() -> str:
    return _("This %(opening)s is not closed: write %(closing)s after it.")


def _braced(source: str, start: int, opening: str) -> Piece:
    closing = "}}" if opening == "{{" else "%}"
    end = source.find(closing, start + 2)
    again = _OPENS.search(source, start + 2)
    if end < 0 or (again and again.start() < end):
        tags = {"opening": opening, "closing": closing}
        raise _unreadable(source, start, _not_closed() % tags)
    if end - start > MOST_EXPRESSION:
        sentence = _("At most %(most)d characters between braces.")
        raise _unreadable(source, start, sentence % {"most": MOST_EXPRESSION})
    inner = source[start + 2 : end]
    if opening == "{{" and not inner.strip("- \t\r\n"):
        raise _unreadable(source, start, _("Nothing is between these braces."))
    return Piece("output" if opening == "{{" else "tag", start, inner)


def _know(source: str, piece: Piece) -> None:
    """Unreadable for a tag that there is not."""
    if piece.name in TAGS:
        return
    if not piece.name:
        sentence = _("Here must be the name of a tag, such as if.")
    else:
        sentence = _("There is no tag %(name)s.") % {"name": piece.name}
        sentence += meant(piece.name, TAGS)
    found = _NAME.match(piece.text)
    raise _unreadable(source, piece.start + 2 + (found.start(1) if found else 0), sentence)


def _raw(source: str, start: int, place: int) -> re.Match[str]:
    found = _ENDRAW.search(source, place)
    if found is None:
        tags = {"opening": _tag("raw"), "closing": _tag("endraw")}
        raise _unreadable(source, start, _not_closed() % tags)
    return found


def _unreadable(source: str, index: int, sentence: str) -> Unreadable:
    return Unreadable(faults.at(source, index, sentence))


def meant(name: str, known: Collection[str]) -> str:
    """ " Did you mean if?", or "" where nothing is near."""
    near = difflib.get_close_matches(name[:64], sorted(known), n=1, cutoff=0.6)
    return " " + _("Did you mean %(name)s?") % {"name": near[0]} if near else ""
