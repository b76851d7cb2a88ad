"""The draft of a rule: panels of groups and conditions, with what was typed, finished or not.

The first panel is those who match, further ones are those to leave out: in the rule, "none" groups
within the outer "all". A form names its nodes by hidden inputs in reading order,
`node` = "id parent kind op subject": kind is c (condition), g (group) or o (panel to leave out);
operator and subject are those that the inputs of a condition were drawn for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from audiences.builder import inputs
from audiences.builder.inputs import Typed
from audiences.rules import Condition, Group, Match, Node, Reference, Rule
from audiences.sentences import is_none

ROOT = "n0"
PICKS = ("send", "leave")
# The outermost panel may be wrapped once more in the rule: together within rules.DEEPEST.
DEEPEST = 7
# What a form may bring, to be refused with a sentence: no more than that is even read.
MOST_READ = 200
DEEPEST_READ = 12
_ID = re.compile(r"n[0-9]{1,5}")


@dataclass
class Item:
    """A condition, or a group (a panel is one too)."""

    id: str
    group: bool = False
    match: Match = Match.ALL
    items: list[Item] = field(default_factory=list)
    # Of a condition: what it is about, how it compares, and what was typed.
    subject: str = ""
    op: str = ""
    typed: Typed = field(default_factory=dict)

    def walk(self) -> Iterator[Item]:
        yield self
        for item in self.items:
            yield from item.walk()

    @property
    def height(self) -> int:
        """How many groups deep it is: 0 for a condition."""
        return 1 + max((item.height for item in self.items), default=0) if self.group else 0


@dataclass
class Draft:
    panels: list[Item] = field(default_factory=lambda: [Item(ROOT, group=True)])
    # Whole audiences by id, of a form that asks for them apart: to send to any, and to leave out.
    send: list[str] = field(default_factory=list)
    leave: list[str] = field(default_factory=list)
    # Everybody is meant, whatever conditions the form still has.
    everyone: bool = False
    # The id of what a person goes on with after an action.
    focus: str = ""

    def walk(self) -> Iterator[Item]:
        for panel in self.panels:
            yield from panel.walk()

    def find(self, id_: str) -> Item | None:
        return next((item for item in self.walk() if item.id == id_), None)

    def parent_of(self, item: Item) -> Item | None:
        """The group that an item is in; None for a panel."""
        return next((one for one in self.walk() if any(x is item for x in one.items)), None)

    def depth_of(self, item: Item) -> int:
        """1 for a panel."""
        parent = self.parent_of(item)
        return 1 if parent is None else 1 + self.depth_of(parent)

    def new_id(self) -> str:
        return f"n{1 + max(int(item.id[1:]) for item in self.walk())}"

    @property
    def empty(self) -> bool:
        """Without anything that a person chose, finished or not."""
        return not (self.send or self.leave or self.panels[0].items or self.panels[1:])


def read(data: QueryDict) -> Draft:
    """The draft that a form sends. Whatever it says, the tree is well-formed."""
    draft = Draft(everyone=data.get("who") == "everyone")
    draft.send, draft.leave = ([id_ for id_ in data.getlist(key) if id_][:50] for key in PICKS)
    items, depths = {ROOT: draft.panels[0]}, {ROOT: 1}
    draft.panels[0].match = _match(data, ROOT)
    typed = _typed_by_node(data)
    for line in data.getlist("node")[:MOST_READ]:
        id_, _space, rest = line.partition(" ")
        parent, _space, rest = rest.partition(" ")
        kind, _space, drawn = rest.partition(" ")
        if id_ in items or not _ID.fullmatch(id_):
            continue
        item = Item(id_, group=kind != "c")
        if item.group:
            item.match = _match(data, id_)
        else:
            inputs.fill(item, typed.get(id_, {}), drawn)
        if kind == "o":
            draft.panels.append(item)
            depths[id_] = 1
        else:
            above = parent if parent in items and items[parent].group else ROOT
            above = above if depths[above] < DEEPEST_READ else ROOT
            items[above].items.append(item)
            depths[id_] = depths[above] + 1
        items[id_] = item
    return draft


def _match(data: QueryDict, id_: str) -> Match:
    asked = data.get(f"{id_}-match", "")
    return Match(asked) if asked in set(Match) else Match.ALL


def _typed_by_node(data: QueryDict) -> dict[str, Typed]:
    """What was typed, by node and name: "n3-days" is n3's "days"."""
    found: dict[str, Typed] = {}
    for key, values in data.lists():
        id_, dash, name = key.partition("-")
        if dash and id_[:1] == "n":
            found.setdefault(id_, {})[name] = [str(value) for value in values]
    return found


def of_rule(rule: Rule, *, picks: bool = False) -> Draft:
    """The draft that shows a rule; `picks`: with whole audiences apart, as far as it has them."""
    draft = Draft()
    main = draft.panels[0]
    root = rule.root
    if root.match is Match.NONE:
        root = Group(Match.ALL, (root,))
    nodes = root.nodes
    if picks and root.match is Match.ALL:
        draft.send, nodes = _picked(nodes, Match.ANY)
        draft.leave, nodes = _picked(nodes, Match.NONE)
    without = [node for node in nodes if is_none(node)] if root.match is Match.ALL else []
    kept = tuple(node for node in nodes if node not in without)
    main.match = root.match
    apart = without or draft.send or draft.leave
    if apart and len(kept) == 1 and isinstance(kept[0], Group) and kept[0].match is Match.ANY:
        main.match, kept = Match.ANY, kept[0].nodes
    for node in kept:
        _add(draft, main, node)
    for group in without:
        assert isinstance(group, Group)  # noqa: S101 - is_none said so
        panel = Item(draft.new_id(), group=True, match=Match.ANY)
        draft.panels.append(panel)
        nodes = group.nodes
        if len(nodes) == 1 and isinstance(nodes[0], Group) and nodes[0].match is Match.ALL:
            panel.match, nodes = Match.ALL, nodes[0].nodes
        for node in nodes:
            _add(draft, panel, node)
    return draft


def _picked(nodes: tuple[Node, ...], match: Match) -> tuple[list[str], tuple[Node, ...]]:
    """The ids of the first node that is audiences alone, and the other nodes."""
    for node in nodes:
        group = node.nodes if isinstance(node, Group) and node.match is match else ()
        if match is Match.ANY and isinstance(node, Reference):
            group = (node,)
        ids = [str(one.audience) for one in group if isinstance(one, Reference)]
        if ids and len(ids) == len(group):
            return ids, tuple(other for other in nodes if other is not node)
    return [], nodes


def _add(draft: Draft, group: Item, node: Node) -> None:
    item = Item(draft.new_id())
    group.items.append(item)
    if isinstance(node, Condition):
        inputs.of_condition(item, node)
    elif isinstance(node, Reference):
        inputs.of_reference(item, node)
    elif node.match is Match.NONE and len(node.nodes) == 1 and isinstance(node.nodes[0], Reference):
        inputs.of_reference(item, node.nodes[0], inside=False)
    else:
        item.group, item.match = True, node.match
        for one in node.nodes:
            _add(draft, item, one)


def as_json(draft: Draft, *, only: set[str] | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    """The rule's JSON, finished or not, and which node is at which path.

    `only`: with these conditions alone, and without groups that are empty then.
    """
    return _Writing(only).rule(draft)


class _Writing:
    def __init__(self, only: set[str] | None) -> None:
        self.only = only
        self.places: dict[str, str] = {}

    def rule(self, draft: Draft) -> tuple[dict[str, Any], dict[str, str]]:
        main, *out = [panel for panel in draft.panels if panel.id == ROOT or self.wanted(panel)]
        rule: dict[str, Any] = {"version": 2, "all": []}
        if draft.everyone:
            return rule, self.places
        if not out and not draft.send and not draft.leave and main.match is not Match.ALL:
            nodes = self.nodes(main, main.match.value, [])
            return ({"version": 2, main.match.value: nodes} if nodes else rule), self.places
        nodes = rule["all"]
        self.pick("send", draft.send, nodes)
        if main.match is Match.ALL:
            self.nodes(main, "all", nodes)
        elif self.wanted(main) and main.items:
            path = f"all.{len(nodes)}.{main.match.value}"
            nodes.append({main.match.value: self.nodes(main, path, [])})
        self.pick("leave", draft.leave, nodes)
        for panel in out:
            path = f"all.{len(nodes)}.none"
            self.places[path] = panel.id
            if panel.match is Match.ALL and len(panel.items) > 1:
                nodes.append({"none": [{"all": self.nodes(panel, f"{path}.0.all", [])}]})
            else:
                nodes.append({"none": self.nodes(panel, path, [])})
        return rule, self.places

    def pick(self, name: str, ids: list[str], nodes: list[Any]) -> None:
        """Whole audiences, to send to any of them or to leave them out."""
        if ids:
            self.places[f"all.{len(nodes)}"] = name
            match = "any" if name == "send" else "none"
            picked = [{"audience": id_} for id_ in ids]
            nodes.append(picked[0] if match == "any" and len(ids) == 1 else {match: picked})

    def wanted(self, item: Item) -> bool:
        return self.only is None or any(one.id in self.only for one in item.walk())

    def nodes(self, group: Item, path: str, nodes: list[Any]) -> list[Any]:
        """Append the group's nodes to those that are at the path already."""
        self.places.setdefault(path, group.id)
        for item in group.items:
            if not self.wanted(item):
                continue
            here = f"{path}.{len(nodes)}"
            self.places[here] = item.id
            if item.group:
                match = item.match.value
                nodes.append({match: self.nodes(item, f"{here}.{match}", [])})
            else:
                nodes.append(inputs.as_json(item))
        return nodes
