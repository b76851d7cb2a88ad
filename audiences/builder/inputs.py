"""A condition as it is typed: inputs for its operator's parameters, read and filled.

Names of inputs: those of the parameters, but for a few that take several: `minutes` with
`minutes_unit`, `within` (ever, hours, days, dates) with `within_n`, `within_from`, `within_to`,
`where-0-property`, `where-0-op`, `where-0-value`, and a random share's `percent` and `start`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from audiences.builder import subjects, values
from audiences.catalogue import FIELDS, Field, Op
from audiences.rules import Condition, Reference
from audiences.shapes import MOST_PROPERTIES, PROPERTY_OPS, Param

if TYPE_CHECKING:
    from audiences.builder.tree import Item

Typed = dict[str, list[str]]
# What stands in inputs when their operator is first chosen.
BEGINNING = {"count": "1", "minutes_unit": "hours", "percent": "10", "salt": "share", "days": "30"}
# What belongs to one subject only: a tag is no browser.
OF_SUBJECT = ("values", "value", "low", "high", "property", "where-", "audience", "campaigns")


def first(typed: Typed, name: str) -> str:
    return (typed.get(name) or [""])[0]


def fill(item: Item, typed: Typed, drawn: str) -> None:
    """Note what a form says of a condition.

    `drawn`: the "op subject" that its inputs were drawn for, "" for these same ones. What was typed
    for another subject goes; what was typed for another operator stays, as one may go back to it.
    """
    item.subject, item.op = first(typed, "subject"), first(typed, "op")
    item.typed = {name: said for name, said in typed.items() if name not in ("subject", "op")}
    op, _space, subject = drawn.partition(" ")
    if drawn and item.subject != subject:
        kept = item.typed.items()
        item.typed = {name: said for name, said in kept if not name.startswith(OF_SUBJECT)}
    settle(item)
    if drawn and item.op != op:
        begin(item)


def begin(item: Item) -> None:
    """Put something usual where nothing was ever typed."""
    names = ("percent", "salt") if item.op.startswith("bucket.") else params(item)
    for name in names:
        for one in (name, f"{name}_unit"):
            if one in BEGINNING:
                item.typed.setdefault(one, [BEGINNING[one]])


def settle(item: Item) -> None:
    """Where the subject has no such operator: the one of the same name, else its first."""
    about = subjects.subject(item.subject)
    if about is None:
        item.op = ""
        return
    known = [key for key, _label in about.ops]
    if item.op not in known:
        alike = item.op.partition(".")[2]
        same = (key for key in known if alike and key.endswith(f".{alike}"))
        item.op = next(same, known[0])


def about(item: Item) -> tuple[Field, Op] | None:
    """The field and the operator of a condition; None: not chosen, or a reference."""
    key, _dot, op = item.op.partition(".")
    if key not in FIELDS or op not in FIELDS[key].ops:
        return None
    return FIELDS[key], FIELDS[key].ops[op]


def params(item: Item) -> dict[str, Param]:
    """What its operator takes, in the order of the form: its own, then the field's."""
    found = about(item)
    if found is None:
        return {}
    field, op = found
    every = {**op.params, **field.params}
    if "property" in every:
        every = {"property": every["property"], **every}
    return {name: param for name, param in every.items() if name != "name"}


# From the form to the rule.


def as_json(item: Item) -> dict[str, Any]:
    """The condition's JSON, as far as it was typed. RuleError for a name that nobody knows."""
    if item.subject == subjects.AUDIENCE:
        node = {"audience": first(item.typed, "audience")}
        return {"none": [node]} if item.op.endswith(".is_not_in") else node
    found = about(item)
    if found is None:
        return {}
    field, _op = found
    node = {"field": field.key, "op": item.op.partition(".")[2]}
    if name := item.subject.partition(":")[2]:
        node["name"] = name
    if field.key == "bucket":
        return node | _share(item.typed)
    for name, param in params(item).items():
        read = READERS.get(param.kind, _text)
        value = read(field.key, name, item.typed)
        if value is not None:
            node[name] = value
    return node


def _text(_field: str, name: str, typed: Typed) -> Any:
    return first(typed, name).strip() or None


def _texts(field: str, name: str, typed: Typed) -> Any:
    return values.meant(field, first(typed, name)) or None


def _ids(_field: str, name: str, typed: Typed) -> Any:
    return [value for value in typed.get(name, []) if value] or None


def _number(_field: str, name: str, typed: Typed) -> Any:
    return values.number(first(typed, name)) if first(typed, name).strip() else None


def _minutes(_field: str, name: str, typed: Typed) -> Any:
    text = first(typed, name)
    return values.minutes(text, first(typed, f"{name}_unit")) if text.strip() else None


def _window(_field: str, name: str, typed: Typed) -> Any:
    mode = first(typed, name)
    if mode in ("hours", "days"):
        return {mode: values.number(first(typed, f"{name}_n"))}
    if mode == "dates":
        ends = {end: first(typed, f"{name}_{end}") for end in ("from", "to")}
        return {end: day for end, day in ends.items() if day}
    return None


def _where(_field: str, name: str, typed: Typed) -> Any:
    found = []
    for row in rows(typed):
        op = first(typed, f"{name}-{row}-op")
        text = first(typed, f"{name}-{row}-value")
        item: dict[str, Any] = {"property": first(typed, f"{name}-{row}-property").strip()}
        item["op"] = op
        if "values" in PROPERTY_OPS.get(op, {}):
            item["values"] = values.split(text)
        else:
            item["value"] = values.number(text)
        found.append(item)
    return found or None


READERS: Mapping[str, Callable[[str, str, Typed], Any]] = {
    "texts": _texts,
    "ids": _ids,
    "campaigns": _ids,
    "number": _number,
    "whole": _number,
    "days": _number,
    "minutes": _minutes,
    "window": _window,
    "where": _where,
}


def _share(typed: Typed) -> dict[str, Any]:
    start = first(typed, "start")
    low = int(start) if start.isascii() and start.isdecimal() and len(start) < 6 else 0
    high = low + values.percent(first(typed, "percent")) - 1
    found: dict[str, Any] = {"low": low, "high": high}
    return found | ({"salt": salt} if (salt := first(typed, "salt").strip()) else {})


def rows(typed: Typed) -> list[int]:
    """The numbers of the conditions on properties."""
    return [row for row in range(MOST_PROPERTIES) if f"where-{row}-op" in typed]


def input_at(item: Item, path: list[str]) -> str:
    """The input that a place within the condition is about, such as "where-0-value"."""
    name, *rest = path or [""]
    if item.op.startswith("bucket.") and name in ("low", "high"):
        return "percent"
    if name == "where" and len(rest) > 1:
        row = rows(item.typed)[int(rest[0])]
        return f"where-{row}-{'value' if rest[1] == 'values' else rest[1]}"
    if name == "within":
        mode = first(item.typed, "within")
        part = rest[0] if rest and rest[0] in ("from", "to") else "from"
        return f"within_{part if mode == 'dates' else 'n'}"
    if name in ("", "field", "name"):
        return "subject"
    return name


# From the rule to the form.


def of_condition(item: Item, condition: Condition) -> None:
    args = condition.args
    item.subject = subjects.key_of(condition.field, args.get("name", ""))
    item.op = f"{condition.field}.{condition.op}"
    for name, value in args.items():
        if name != "name":
            item.typed |= _typed(condition.field, name, value)
    if condition.field == "bucket":
        low, high = args["low"], args["high"]
        share = [f"{(high - low + 1) / 100:g}"]
        item.typed = {"percent": share, "start": [str(low)], "salt": [args["salt"]]}


def of_reference(item: Item, reference: Reference, *, inside: bool = True) -> None:
    item.subject = subjects.AUDIENCE
    item.op = f"{subjects.AUDIENCE}.{'is_in' if inside else 'is_not_in'}"
    item.typed = {"audience": [str(reference.audience)]}


def _typed(field: str, name: str, value: Any) -> Typed:
    if name == "values" and FIELDS[field].names is None:
        return {name: [values.shown(field, value)]}
    if name in ("values", "campaigns"):
        return {name: list(value)}
    if name == "minutes":
        count, unit = values.in_unit(value)
        return {name: [count], f"{name}_unit": [unit]}
    if name == "within":
        mode = next((key for key in ("hours", "days") if key in value), "dates")
        parts = {"n" if key == mode else key: str(said) for key, said in value.items()}
        return {name: [mode], **{f"{name}_{key}": [said] for key, said in parts.items()}}
    if name == "where":
        found: Typed = {}
        for row, item in enumerate(value):
            text = values.joined(item["values"]) if "values" in item else str(item["value"])
            for key, said in (("property", item["property"]), ("op", item["op"]), ("value", text)):
                found[f"where-{row}-{key}"] = [said]
        return found
    return {name: [str(value)]}
