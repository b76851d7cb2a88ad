"""What texts may be filled with: plain values without anything that could change how they read."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

# Marks that turn the reading direction of what follows: "exe.txt" can be made to read "txt.exe".
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

LONGEST = 500  # characters of one value
MOST_ITEMS = 50  # of a list
DEEPEST = 3


class Amount(float):
    """A sum of money: "399" or "399.50"."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"{self:.0f}" if self.is_integer() else f"{self:.2f}"


def is_invisible(letter: str) -> bool:
    """Control characters, halves of surrogate pairs, and marks that turn the direction."""
    return letter in TURNING or unicodedata.category(letter) in {"Cc", "Cs"}


def line(text: str, longest: int = LONGEST) -> str:
    """As one line that reads as it looks; too long ones end in "…"."""
    if not text.isprintable():
        # Tabs and line breaks part words; the rest of what is taken out parts nothing.
        kept = (c for c in text if c.isspace() or not is_invisible(c))
        text = "".join(kept)
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def lines(text: str, longest: int) -> str:
    """The same for a text of several lines, of which tags may have left many empty."""
    rows = (line(row, longest) for row in text.replace("\r", "\n").split("\n"))
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(rows)).strip()
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def clean(value: Any, depth: int = DEEPEST) -> Any:
    """A value of a person's, of an event or a cart; None for what says nothing.

    Texts are never read as Liquid: they are only ever put in.
    """
    if isinstance(value, str):
        return line(value) or None
    if isinstance(value, bool | int | datetime | Amount):
        return value
    if isinstance(value, float | Decimal):
        number = float(value)
        return (int(number) if number.is_integer() else number) if math.isfinite(number) else None
    if isinstance(value, list | tuple) and depth:
        cleaned = (clean(item, depth - 1) for item in value[:MOST_ITEMS])
        return [item for item in cleaned if item is not None] or None
    if isinstance(value, Mapping) and depth:
        pairs = ((str(name), clean(item, depth - 1)) for name, item in value.items())
        return {name: item for name, item in pairs if item is not None} or None
    return None


def money(value: Any) -> Amount | None:
    """A sum of money; None for what is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    amount = Amount(value)
    return amount if math.isfinite(amount) else None


def shown(value: Any) -> str:
    """As a text says it: lists with commas, days as 2026-12-01, groups of values not at all."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, float) and not isinstance(value, Amount):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    if isinstance(value, list | tuple):
        return ", ".join(filter(None, map(shown, value)))
    if value is None or isinstance(value, dict):
        return ""
    return str(value)
