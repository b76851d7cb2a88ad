"""What the builder's template draws: each node with its choices, its inputs and its errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.models import Site
from audiences import references, sentences
from audiences.builder import choices, inputs, subjects, values
from audiences.builder.acting import group_beside
from audiences.builder.choices import Choice
from audiences.builder.inputs import first
from audiences.builder.judging import Judgement
from audiences.builder.subjects import Subjects
from audiences.builder.tree import DEEPEST, Draft, Item
from audiences.builder.words import (
    LABELS,
    NOTHING,
    PROPERTY_WORDS,
    UNITS,
    WINDOWS,
    WITHOUT,
)
from audiences.rules import Node
from audiences.shapes import MOST_PROPERTIES, PROPERTY_OPS, Param


@dataclass
class Input:
    """One input: its kind says to the template which."""

    id: str
    name: str
    kind: str
    label: str
    value: str = ""
    unit: str = ""
    choices: tuple[Choice, ...] = ()
    chosen: tuple[str, ...] = ()
    # Of texts: what to ask the suggestions for.
    about: Mapping[str, str] = field(default_factory=dict)
    by_name: bool = False
    error: str = ""
    parts: tuple[Input, ...] = ()
    row: int = 0
    # A change of it changes which inputs there are.
    draws: str = ""

    @property
    def nothing(self) -> str:
        return str(NOTHING.get(self.kind, ""))

    @property
    def without(self) -> str:
        return str(WITHOUT.get(self.kind, ""))

    @property
    def others(self) -> list[str]:
        """Chosen, but not among the choices: gone, or too many to list."""
        known = {value for value, _name in self.choices}
        return [value for value in self.chosen if value and value not in known]

    @property
    def picked(self) -> str:
        """What a closed list of ticks says."""
        names = [name for value, name in self.choices if value in self.chosen]
        return ", ".join(names)


@dataclass
class ShownItem:
    """A node as the template draws it."""

    item: Item
    number: int = 0
    depth: int = 1
    parent: str = ""
    kind: str = "c"
    error: str = ""
    op_error: str = ""
    items: list[ShownItem] = field(default_factory=list)
    subjects: SafeString = SafeString("")
    ops: tuple[Choice, ...] = ()
    inputs: tuple[Input, ...] = ()
    more: tuple[Input, ...] = ()
    carried: tuple[Choice, ...] = ()
    words: SafeString = SafeString("")
    into: bool = False
    may_group: bool = False
    # Of an event: one more condition on a property may be added.
    properties: bool = False

    @property
    def id(self) -> str:
        return self.item.id

    @property
    def token(self) -> str:
        """What the form says of it, see audiences.builder.tree."""
        if self.item.group:
            return f"{self.id} {self.parent} {self.kind}"
        return f"{self.id} {self.parent} c {self.item.op} {self.item.subject}"


@dataclass
class Shown:
    """`errors` are shown after a refused save only."""

    panels: list[ShownItem]
    judgement: Judgement
    sentence: SafeString
    focus: str
    # (label, target, sentence)
    errors: list[tuple[str, str, str]]

    @property
    def rule_json(self) -> str:
        return json.dumps(self.judgement.rule.as_json())

    @property
    def places_json(self) -> str:
        """The node at each path of the rule."""
        return json.dumps(dict(self.judgement.places))

    @property
    def amiss(self) -> str:
        """The inputs that something is wrong with."""
        return " ".join(problem.target for problem in self.judgement.problems)

    @property
    def unfinished(self) -> int:
        """How many conditions and groups the sentence and the figures leave out."""
        return len({problem.item for problem in self.judgement.problems})

    @property
    def empty(self) -> bool:
        return not any(panel.items for panel in self.panels) and len(self.panels) == 1


def show(draft: Draft, site: Site, judgement: Judgement, *, checked: bool = False) -> Shown:
    """`checked`: a save was refused, so the errors stand beside their inputs."""
    return _Showing(draft, site, judgement, checked=checked).all()


def say(site: Site, judgement: Judgement) -> Shown:
    """Only what it means in words: asked for at every pause in typing."""
    return Shown([], judgement, sentences.sentence_html(judgement.rule, site), "", [])


class _Showing:
    def __init__(self, draft: Draft, site: Site, judgement: Judgement, *, checked: bool) -> None:
        self.draft, self.site, self.judgement = draft, site, judgement
        self.wrong = {
            (problem.item, problem.input): problem.sentence
            for problem in (judgement.problems if checked else ())
        }
        self.number = 0
        self.labels = {"send": _("Send to"), "leave": _("Leave out")}

    def all(self) -> Shown:
        panels = [
            self.item(panel, "", 1, "o" if at else "g")
            for at, panel in enumerate(self.draft.panels)
        ]
        errors = [
            (self.labels.get(problem.item, ""), problem.target, problem.sentence)
            for problem in (self.judgement.problems if self.wrong else ())
        ]
        sentence = sentences.sentence_html(self.judgement.rule, self.site)
        return Shown(panels, self.judgement, sentence, self.draft.focus, errors)

    def item(self, item: Item, parent: str, depth: int, kind: str) -> ShownItem:
        shown = ShownItem(item, depth=depth, parent=parent, kind=kind)
        shown.into = group_beside(self.draft, item) is not None
        if item.group:
            shown.error = self.wrong.get((item.id, ""), "")
            shown.may_group = depth < DEEPEST
            self.labels[item.id] = _("Group")
            shown.items = [
                self.item(one, item.id, depth + 1, "g" if one.group else "c") for one in item.items
            ]
            return shown
        self.number += 1
        shown.number = self.number
        self.labels[item.id] = _("Condition %(number)d") % {"number": self.number}
        self.condition(shown)
        return shown

    def condition(self, shown: ShownItem) -> None:
        item = shown.item
        about = subjects.subject(item.subject)
        shown.error = self.wrong.get((item.id, "subject"), "")
        shown.subjects = self.options(item.subject)
        shown.ops = tuple(about.ops) if about else ()
        shown.op_error = self.wrong.get((item.id, "op"), "")
        drawn = [self.input(item, name, param) for name, param in _params(item)]
        shown.more = tuple(one for one in drawn if one.kind in ("window", "where"))
        shown.inputs = tuple(one for one in drawn if one not in shown.more)
        rows = len(inputs.rows(item.typed))
        shown.properties = any(one.kind == "where" for one in drawn) and rows < MOST_PROPERTIES
        names = {one.name for one in drawn} | {p.name for one in drawn for p in one.parts}
        shown.carried = tuple(
            (f"{item.id}-{name}", value)
            for name, said in item.typed.items()
            for value in said
            if f"{item.id}-{name}" not in names and value
        )
        shown.words = self.words(item)

    def words(self, item: Item) -> SafeString:
        """The condition as a phone shows it while it is closed."""
        node = self.nodes.get(item.id)
        return SafeString("") if node is None else sentences.clause_html(node, self.names)

    @cached_property
    def names(self) -> Mapping[str, str]:
        return references.names(self.judgement.rule, self.site)

    @cached_property
    def nodes(self) -> dict[str, Node]:
        """The finished conditions, as the rule has them."""
        places = self.judgement.places
        return {
            places[path]: node
            for path, node in references.places(self.judgement.rule.root)
            if path in places
        }

    @cached_property
    def groups(self) -> list[tuple[str, list[tuple[str, SafeString]]]]:
        """The choices of what a condition is about, drawn once for all conditions."""
        return [
            (group, [(one.key, _option(one.key, one.label)) for one in found])
            for group, found in Subjects(self.site).groups.items()
        ]

    def options(self, chosen: str) -> SafeString:
        known = any(key == chosen for _group, found in self.groups for key, _html in found)
        about = subjects.subject(chosen)
        first_label = about.label if about and not known else _("Choose…")
        head = _option(chosen if not known else "", first_label, selected=not known)
        return head + format_html_join(
            "",
            '<optgroup label="{}">{}</optgroup>',
            (
                (group, SafeString("".join(_selected(key, html, chosen) for key, html in found)))
                for group, found in self.groups
            ),
        )

    def input(self, item: Item, name: str, param: Param) -> Input:
        typed, kind = item.typed, param.kind
        one = Input(f"{item.id}-{name}", f"{item.id}-{name}", kind, str(LABELS.get(name, name)))
        one.value = first(typed, name)
        one.unit = str(UNITS.get(name, ""))
        one.error = self.wrong.get((item.id, name), "")
        if kind in ("texts", "property"):
            one.about, one.by_name = _asked(item, name), values.by_name(item.subject)
        elif kind in ("ids", "campaigns", "audience"):
            one.choices = self.choices(kind)
            one.chosen = tuple(typed.get(name, ()))
        elif kind == "minutes":
            unit = self.part(item, f"{name}_unit", "select", _("Unit"))
            unit.choices = tuple((key, str(label)) for key, (_n, label) in values.UNITS.items())
            one.parts = (unit,)
        elif kind == "window":
            one.draws = name
            one.choices = tuple((key, str(label)) for key, label in WINDOWS)
            one.parts = self.window(item, name, one.value)
        elif kind == "where":
            one.parts = tuple(self.row(item, name, row) for row in inputs.rows(typed))
        return one

    def part(self, item: Item, name: str, kind: str, label: str) -> Input:
        id_ = f"{item.id}-{name}"
        error = self.wrong.get((item.id, name), "")
        return Input(id_, id_, kind, label, value=first(item.typed, name), error=error)

    def window(self, item: Item, name: str, mode: str) -> tuple[Input, ...]:
        if mode == "dates":
            return (
                self.part(item, f"{name}_from", "day", _("First day")),
                self.part(item, f"{name}_to", "day", _("Last day")),
            )
        if mode not in ("days", "hours"):
            return ()
        count = self.part(item, f"{name}_n", "whole", _("Days") if mode == "days" else _("Hours"))
        count.unit = _("days") if mode == "days" else _("hours")
        return (count,)

    def row(self, item: Item, name: str, row: int) -> Input:
        prefix = f"{name}-{row}"
        of = self.part(item, f"{prefix}-property", "property", _("Property"))
        of.about = _asked(item, "property")
        op = self.part(item, f"{prefix}-op", "select", _("Comparison"))
        op.choices = tuple((key, str(label)) for key, label in PROPERTY_WORDS.items())
        op.draws = f"{prefix}-op"
        many = "values" in PROPERTY_OPS.get(op.value, {})
        value = self.part(item, f"{prefix}-value", "texts" if many else "number", _("Values"))
        event = item.subject.partition(":")[2]
        value.about = {"field": "event_value", "name": event, "from": of.id}
        return Input(f"{item.id}-{prefix}", "", "row", "", parts=(of, op, value), row=row)

    def choices(self, kind: str) -> tuple[Choice, ...]:
        found = self._choices.get(kind)
        if found is None:
            found = self._choices[kind] = choices.of(kind, self.site)
        return found

    @cached_property
    def _choices(self) -> dict[str, tuple[Choice, ...]]:
        return {}


def picks(draft: Draft, site: Site) -> list[Input]:
    """Whole audiences to send to, and to leave out: ticks of a form that asks for them apart."""
    named = choices.of("audience", site)
    labels = {"send": _("Send to"), "leave": _("Leave out")}
    return [
        Input(f"id_{key}", key, key, label, choices=named, chosen=tuple(getattr(draft, key)))
        for key, label in labels.items()
    ]


def _params(item: Item) -> list[tuple[str, Param]]:
    """What is asked for, in order."""
    if item.subject == subjects.AUDIENCE:
        return [("audience", Param("audience", lambda value, _path: value))]
    if item.op.startswith("bucket."):
        kinds = (("percent", "percent"), ("salt", "salt"))
        return [(name, Param(kind, lambda value, _path: value)) for name, kind in kinds]
    return list(inputs.params(item).items())


def _asked(item: Item, name: str) -> Mapping[str, str]:
    """The field and name whose values are suggested; nothing where there are none."""
    key, _colon, of = item.subject.partition(":")
    if name == "property":
        return {"field": "event_property", "name": of}
    return {"field": key, "name": of}


def _option(value: str, label: str, *, selected: bool = False) -> SafeString:
    return format_html(
        '<option value="{}"{}>{}</option>',
        value,
        SafeString(" selected") if selected else "",
        label,
    )


def _selected(key: str, html: SafeString, chosen: str) -> str:
    return html.replace("<option", "<option selected", 1) if key == chosen else html
