"""The rule of an audience: versioned JSON in, a tree of dataclasses out.

Version 2: {"version": 2, "all": [node, …]}. A node is a group {"all"|"any"|"none": [node, …]}, an
audience {"audience": id}, or a condition {"field": …, "op": …, …} of audiences.catalogue. No node
at all means everybody. Anything unknown raises: a rule that is not understood must never mean
everybody. Version 1 is a flat "all" of three fields, and is read as version 2.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from audiences import shapes
from audiences.catalogue import FIELDS, Args, Field
from audiences.shapes import Param, RuleError, joined

__all__ = [
    "EVERYONE",
    "Condition",
    "Group",
    "Match",
    "Node",
    "Reference",
    "Rule",
    "RuleError",
    "parse",
]

VERSION = 2
MOST_NODES = 100
DEEPEST = 8


class Match(StrEnum):
    """How a group joins what is in it."""

    ALL = "all"
    ANY = "any"
    NONE = "none"


@dataclass(frozen=True)
class Condition:
    field: str
    op: str
    args: Args = dataclasses.field(default_factory=dict)

    @property
    def about(self) -> Field:
        return FIELDS[self.field]

    def as_json(self) -> dict[str, Any]:
        return {"field": self.field, "op": self.op, **self.args}


@dataclass(frozen=True)
class Reference:
    """Those of a named audience."""

    audience: UUID

    def as_json(self) -> dict[str, Any]:
        return {"audience": str(self.audience)}


@dataclass(frozen=True)
class Group:
    match: Match
    nodes: tuple[Node, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {self.match.value: [node.as_json() for node in self.nodes]}

    def leaves(self) -> Iterator[Condition | Reference]:
        """Every condition and reference below, in reading order."""
        for node in self.nodes:
            if isinstance(node, Group):
                yield from node.leaves()
            else:
                yield node


Node = Group | Reference | Condition


@dataclass(frozen=True)
class Rule:
    root: Group = Group(Match.ALL)

    def as_json(self) -> dict[str, Any]:
        """What `parse` understands."""
        return {"version": VERSION, **self.root.as_json()}

    @property
    def everyone(self) -> bool:
        """Whether it asks for nothing."""
        return not self.root.nodes

    @property
    def references(self) -> tuple[UUID, ...]:
        """The audiences that it names, each once."""
        found = (leaf.audience for leaf in self.root.leaves() if isinstance(leaf, Reference))
        return tuple(dict.fromkeys(found))


EVERYONE = Rule()


def parse(rule: Any, *, written_out: bool = False) -> Rule:
    """A rule from its JSON; RuleError for anything unknown, missing, empty, too long or too deep.

    `written_out`: of a run that has begun, with the audiences that it named in their places; it may
    be larger than what a person writes.
    """
    if not isinstance(rule, dict):
        raise RuleError("", _("A rule must be an object."))
    version = rule.get("version")
    if type(version) is not int or version not in (1, VERSION):
        raise RuleError("version", _("Only rules of version 1 and 2 are understood."))
    body = {key: value for key, value in rule.items() if key != "version"}
    if set(body) not in ({"all"}, {"any"}, {"none"}):
        raise RuleError("", _("A rule has a version and one of: all, any, none."))
    if version == 1:
        _refuse_later(body)
    (match,) = body
    if body[match] == [] and match == "all":
        return EVERYONE
    return Rule(_Reading(written_out=written_out).group(body, "", 1))


def _refuse_later(body: dict[str, Any]) -> None:
    """Version 1 knew no groups and three fields."""
    for at, item in enumerate(body["all"] if isinstance(body.get("all"), list) else [None]):
        known = isinstance(item, dict) and item.get("field") in ("tag", "language", "browser")
        if not known or item.get("op") not in ("any_of", "none_of"):
            raise RuleError(joined("all", at), _("Version 1 has no such condition. Use version 2."))


class _Reading:
    """One reading of a tree: counts its nodes."""

    def __init__(self, *, written_out: bool) -> None:
        self.nodes = 0
        self.written_out = written_out

    def group(self, item: dict[str, Any], path: str, depth: int) -> Group:
        (match,) = item
        path = joined(path, match)
        items = item[match]
        if not isinstance(items, list):
            raise RuleError(path, _("This must be a list of conditions."))
        # Written out, an audience of everybody is a group of nothing.
        if not items and not (self.written_out and match == "all"):
            raise RuleError(path, _("This group is empty. Add a condition, or remove the group."))
        if depth > DEEPEST and not self.written_out:
            raise RuleError(path, _("Groups are at most %(most)d deep.") % {"most": DEEPEST})
        self.nodes += len(items)
        if self.nodes > MOST_NODES and not self.written_out:
            raise RuleError(path, _("At most %(most)d conditions.") % {"most": MOST_NODES})
        nodes = (self.node(one, joined(path, at), depth) for at, one in enumerate(items))
        return Group(Match(match), tuple(nodes))

    def node(self, item: Any, path: str, depth: int) -> Node:
        if isinstance(item, dict) and len(item) == 1 and set(item) <= {"all", "any", "none"}:
            return self.group(item, path, depth + 1)
        if isinstance(item, dict) and "audience" in item:
            found = shapes.exactly(item, {"audience": Param("audience", shapes.one_id)}, path)
            return Reference(UUID(found["audience"]))
        return condition(item, path)


def condition(item: Any, path: str = "") -> Condition:
    """One condition from its JSON; RuleError."""
    key = shapes.chosen(item, "field", FIELDS, path)
    about = FIELDS[key]
    op = shapes.chosen(item, "op", about.ops, path)
    rest = {name: value for name, value in item.items() if name not in ("field", "op")}
    args = shapes.exactly(rest, about.params_of(op), path)
    if "low" in args and args["low"] > args["high"]:
        raise RuleError(joined(path, "low"), _("The first number is larger than the second."))
    if op == "between" and args.get("from", "") > args.get("to", "9"):
        raise RuleError(joined(path, "from"), _("The first day is after the last."))
    return Condition(key, op, args)
