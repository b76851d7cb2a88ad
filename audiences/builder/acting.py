"""What the buttons of the builder do to the tree. An action that makes no sense does nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from audiences.builder.inputs import rows
from audiences.builder.tree import DEEPEST, MOST_READ, Draft, Item
from audiences.rules import MOST_NODES, Match
from audiences.shapes import MOST_PROPERTIES


def act(draft: Draft, asked: str) -> None:
    """Do what a button asks, such as "add n0", "up n3" or "place n3 n5 0"; focus says where to.

    "draw" only draws the form anew: a subject or an operator was changed.
    """
    draft.everyone = False
    verb, *words = asked.split(" ")
    item = draft.find(words[0]) if words else None
    if verb == "leave":
        _leave(draft)
    elif verb in ACTIONS and item is not None:
        ACTIONS[verb](draft, item, words[1:])


def _full(draft: Draft) -> bool:
    return len(list(draft.walk())) > min(MOST_NODES, MOST_READ)


def _leave(draft: Draft) -> None:
    if not _full(draft):
        panel = Item(draft.new_id(), group=True, match=Match.ANY)
        draft.panels.append(panel)
        _add(draft, panel, [])


def _add(draft: Draft, group: Item, _words: list[str]) -> None:
    if group.group and not _full(draft):
        item = Item(draft.new_id())
        group.items.append(item)
        draft.focus = f"{item.id}-subject"


def _group(draft: Draft, group: Item, _words: list[str]) -> None:
    """A group in a group, with a condition to begin with."""
    if group.group and not _full(draft) and draft.depth_of(group) < DEEPEST:
        item = Item(draft.new_id(), group=True, match=Match.ANY)
        group.items.append(item)
        _add(draft, item, [])


def _remove(draft: Draft, item: Item, _words: list[str]) -> None:
    """With all that is in it. Focus goes to the one before, else to the group's button."""
    parent = draft.parent_of(item)
    siblings = draft.panels if parent is None else parent.items
    if item is draft.panels[0]:
        return
    at = _index(siblings, item)
    del siblings[at]
    if parent is None:
        draft.focus = f"{siblings[at - 1].id}-add"
    elif at:
        draft.focus = _entry(siblings[at - 1])
    else:
        draft.focus = _entry(siblings[0]) if siblings else f"{parent.id}-add"


def _entry(item: Item) -> str:
    return f"{item.id}-add" if item.group else f"{item.id}-subject"


def _index(siblings: list[Item], item: Item) -> int:
    return next(at for at, one in enumerate(siblings) if one is item)


def _up(draft: Draft, item: Item, _words: list[str]) -> None:
    _shift(draft, item, -1)


def _down(draft: Draft, item: Item, _words: list[str]) -> None:
    _shift(draft, item, 1)


def _shift(draft: Draft, item: Item, step: int) -> None:
    """One place on among its siblings; at the end of a panel, into the next panel."""
    parent = draft.parent_of(item)
    siblings = draft.panels[1:] if parent is None else parent.items
    if item is draft.panels[0]:
        return
    to = _index(siblings, item) + step
    if parent is None:
        if 0 <= to < len(siblings):
            draft.panels.remove(item)
            draft.panels.insert(1 + to, item)
    elif 0 <= to < len(siblings):
        _place(draft, item, parent, to)
    elif draft.parent_of(parent) is None:
        panel = _index(draft.panels, parent) + step
        if 0 <= panel < len(draft.panels):
            other = draft.panels[panel]
            _place(draft, item, other, len(other.items) if step < 0 else 0)
    draft.focus = draft.focus or f"{item.id}-move"


def _into(draft: Draft, item: Item, _words: list[str]) -> None:
    """Into the group before it, else into the one after it."""
    parent, group = draft.parent_of(item), group_beside(draft, item)
    if parent is not None and group is not None:
        before = _index(parent.items, group) < _index(parent.items, item)
        _place(draft, item, group, len(group.items) if before else 0)


def group_beside(draft: Draft, item: Item) -> Item | None:
    """The group that "into" means."""
    parent = draft.parent_of(item)
    if parent is None:
        return None
    at = _index(parent.items, item)
    beside = [*parent.items[max(at - 1, 0) : at], *parent.items[at + 1 : at + 2]]
    return next((one for one in beside if one.group), None)


def _out(draft: Draft, item: Item, _words: list[str]) -> None:
    """Behind the group that it is in."""
    parent = draft.parent_of(item)
    above = None if parent is None else draft.parent_of(parent)
    if parent is not None and above is not None:
        _place(draft, item, above, _index(above.items, parent) + 1)


def _dragged(draft: Draft, item: Item, words: list[str]) -> None:
    group = draft.find(words[0]) if words else None
    at = words[1] if len(words) > 1 else ""
    if group is not None and at.isascii() and at.isdecimal() and len(at) < 5:
        _place(draft, item, group, int(at))


def _place(draft: Draft, item: Item, group: Item, at: int) -> None:
    """Make it the child number `at` of a group, counted without itself."""
    parent = draft.parent_of(item)
    inside = any(one is group for one in item.walk())
    if parent is None or inside or not group.group:
        return
    if draft.depth_of(group) + item.height > DEEPEST:
        return
    del parent.items[_index(parent.items, item)]
    group.items.insert(min(at, len(group.items)), item)
    draft.focus = f"{item.id}-move"


def _property(draft: Draft, item: Item, _words: list[str]) -> None:
    """One more condition on a property of the event."""
    used = rows(item.typed)
    if not item.group and len(used) < MOST_PROPERTIES:
        row = next(row for row in range(MOST_PROPERTIES) if row not in used)
        item.typed |= {f"where-{row}-op": ["any_of"], f"where-{row}-property": [""]}
        draft.focus = f"{item.id}-where-{row}-property"


def _no_property(draft: Draft, item: Item, words: list[str]) -> None:
    gone = f"where-{words[0] if words else ''}-"
    if any(name.startswith(gone) for name in item.typed):
        kept = {name: said for name, said in item.typed.items() if not name.startswith(gone)}
        item.typed = kept
        left = rows(kept)
        draft.focus = f"{item.id}-where-{left[-1]}-property" if left else f"{item.id}-property-add"


def _draw(draft: Draft, item: Item, words: list[str]) -> None:
    """Nothing changes its place; focus stays where it was."""
    draft.focus = f"{item.id}-{words[0]}" if words else ""


ACTIONS: Mapping[str, Callable[[Draft, Item, list[str]], None]] = {
    "add": _add,
    "group": _group,
    "remove": _remove,
    "up": _up,
    "down": _down,
    "into": _into,
    "out": _out,
    "place": _dragged,
    "property": _property,
    "noproperty": _no_property,
    "draw": _draw,
}
