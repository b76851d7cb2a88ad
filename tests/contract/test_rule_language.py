"""docs/audiences.md describes rules as the code understands them."""

from __future__ import annotations

import json
import re
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from audiences import catalogue, rules

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "audiences.md"
TEXT = DOCUMENT.read_text()


def written(params: list[dict[str, Any]]) -> str:
    """Parameters by name, optional ones in brackets."""
    names = [f"`{one['name']}`" if one["required"] else f"[`{one['name']}`]" for one in params]
    return ", ".join(names)


def row(field: dict[str, Any]) -> str:
    """The line of the table that a field has."""
    parts = []
    for params, ops in groupby(field["ops"], key=lambda op: written(op["params"])):
        names = ", ".join(f"`{op['op']}`" for op in ops)
        parts.append(f"{names}: {params}" if params else names)
    cells = [f"`{field['field']}`", field["label"], written(field["params"]), "; ".join(parts)]
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def test_every_field_is_a_row_of_the_table_in_order() -> None:
    wanted = [row(field) for field in catalogue.describe()]
    table = re.search(r"^\| field \|.*\n\|[-|]+\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    assert table is not None
    assert table[1].splitlines() == wanted, "The table is to be:\n" + "\n".join(wanted)


def test_every_parameter_is_described() -> None:
    described = {
        name
        for line in re.findall(
            r"^\| (`[^|]*) \|", TEXT.partition("### Parameters")[2], re.MULTILINE
        )
        for name in re.findall(r"`(\w+)`", line)
    }
    used = {
        param["name"]
        for field in catalogue.describe()
        for part in (field, *field["ops"])
        for param in part["params"]
    }
    assert used <= described, f"Say what these take: {used - described}"


@pytest.mark.parametrize("example", re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL))
def test_every_example_is_a_rule(example: str) -> None:
    rule = json.loads(example)
    assert rules.parse(rule).as_json() == rule
