"""The fields that a rule may speak of: an allow-list that the builder, the API and SQL share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audiences.catalogue import behaviour, carts, devices, profile
from audiences.catalogue.base import Args, Clause, Field, Names, Op, Scope
from audiences.shapes import Param

__all__ = ["FIELDS", "Args", "Clause", "Field", "Names", "Op", "Scope", "describe", "register"]

_modules = (profile, devices, behaviour, carts)
_fields: dict[str, Field] = {field.key: field for one in _modules for field in one.FIELDS}
FIELDS: Mapping[str, Field] = _fields


def register(*fields: Field) -> None:
    """Add fields that an app above this one knows how to ask (AppConfig.ready)."""
    _fields.update({field.key: field for field in fields})


def describe() -> list[dict[str, Any]]:
    """The catalogue as JSON: for each field its operators, and what each parameter takes."""
    return [
        {
            "field": field.key,
            "label": str(field.label),
            "group": str(field.group),
            "help": str(field.help),
            "params": _params(field.params),
            "ops": [
                {"op": key, "label": str(op.label), "params": _params(op.params)}
                for key, op in field.ops.items()
            ],
        }
        for field in FIELDS.values()
    ]


def _params(params: Mapping[str, Param]) -> list[dict[str, Any]]:
    return [
        {"name": name, "kind": param.kind, "required": param.required}
        for name, param in params.items()
    ]
