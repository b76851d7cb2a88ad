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

TAGS = (
    *("if", "elsif", "else", "endif", "unless", "endunless", "case", "when", "endcase"),
    *("for", "endfor", "break", "continue", "assign", "capture", "endcapture"),
    *("comment", "endcomment", "raw", "endraw", "abort"),
)

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
    place, braces, comments = 0, 0, 0
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
            comments += {"comment": 1, "endcomment": -1}.get(piece.name, 0)
            if not comments:
                _know(source, piece)
            if piece.name == "raw":
                raw = _raw(source, opened.start(), place)
                pieces.append(Piece("text", place, source[place : raw.start()]))
                place = raw.end()
    if place < len(source):
        pieces.append(Piece("text", place, source[place:]))
    return pieces


def _braced(source: str, start: int, opening: str) -> Piece:
    closing = "}}" if opening == "{{" else "%}"
    end = source.find(closing, start + 2)
    again = _OPENS.search(source, start + 2)
    if end < 0 or (again and again.start() < end):
        sentence = _("This %(opening)s is not closed: write %(closing)s after it.")
        raise _unreadable(source, start, sentence % {"opening": opening, "closing": closing})
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
        sentence = _("This %(opening)s is not closed: write %(closing)s after it.")
        tags = {"opening": "{% raw %}", "closing": "{% endraw %}"}
        raise _unreadable(source, start, sentence % tags)
    return found


def _unreadable(source: str, index: int, sentence: str) -> Unreadable:
    return Unreadable(faults.at(source, index, sentence))


def meant(name: str, known: Collection[str]) -> str:
    """ " Did you mean if?", or "" where nothing is near."""
    near = difflib.get_close_matches(name[:64], sorted(known), n=1, cutoff=0.6)
    return " " + _("Did you mean %(name)s?") % {"name": near[0]} if near else ""
