"""A rule in plain English: "People who have the tag vip, and either use Firefox or …"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.models import Site
from audiences import references
from audiences.catalogue import Clause
from audiences.rules import Condition, Group, Match, Node, Reference, Rule, parse

_PART = re.compile(r"\{(\w+)\}")
# A sentence names so many values of a condition, then how many more there are.
MOST_NAMED = 8


class _Plain:
    def text(self, words: str) -> str:
        return words

    def value(self, words: str) -> str:
        return words

    def logic(self, words: str) -> str:
        return words


class _Html(_Plain):
    """The logic in <b>, values in <em>; everything escaped."""

    def text(self, words: str) -> str:
        return escape(words)

    def value(self, words: str) -> str:
        return format_html("<em>{}</em>", words)

    def logic(self, words: str) -> str:
        return format_html("<b>{}</b>", words)


def sentence(
    rule: Rule | dict[str, Any], site: Site, names: Mapping[str, str] | None = None
) -> str:
    """The rule in words. RuleError for JSON that is no rule.

    `names`: of `references.names_of`, where many sentences are written at once.
    """
    return _Writing(_Plain(), rule, site, names).rule()


def sentence_html(rule: Rule | dict[str, Any], site: Site) -> SafeString:
    """The same words with the logic in <b> and the values in <em>."""
    return SafeString(_Writing(_Html(), rule, site).rule())  # each part was escaped


def clause(condition: Condition, names: Mapping[str, str]) -> str:
    """One condition in plain words, without "People"."""
    return _Writing(_Plain(), Rule(Group(Match.ALL, (condition,))), None, names).node(condition)


def clause_html(node: Node, names: Mapping[str, str]) -> SafeString:
    """One node in words, values in <em>, without "People"."""
    return SafeString(_Writing(_Html(), Rule(Group(Match.ALL, (node,))), None, names).node(node))


class _Writing:
    def __init__(
        self,
        style: _Plain,
        rule: Rule | dict[str, Any],
        site: Site | None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.style = style
        self.tree = rule if isinstance(rule, Rule) else parse(rule)
        if names is None:
            names = references.names(self.tree, site) if site is not None else {}
        self.names = names

    def rule(self) -> str:
        root = self.tree.root
        if not root.nodes:
            everyone = self.style.value(_("Everyone"))
            return self.filled(_("{everyone} who gave permission."), everyone=everyone)
        if root.match is Match.NONE:
            return self.left_out(_("Everyone {but} those {clauses}."), root)
        if root.match is Match.ANY:
            return self.filled(_("People {clauses}."), clauses=self.listed(root.nodes, _("or")))
        kept = [node for node in root.nodes if not is_none(node)]
        without = [node for node in root.nodes if is_none(node)]
        if not kept:
            first, *without = without
            parts = [self.left_out(_("Everyone {but} those {clauses}."), first)]
        else:
            clauses = self.listed(tuple(kept), _("and"))
            parts = [self.filled(_("People {clauses}."), clauses=clauses)]
        parts += [self.left_out(_("{Not} those {clauses}."), group) for group in without]
        return " ".join(parts)

    def left_out(self, template: str, group: Node) -> str:
        assert isinstance(group, Group)  # noqa: S101 - is_none said so
        words = {"but": self.style.logic(_("but")), "Not": self.style.logic(_("Not"))}
        return self.filled(template, clauses=self.listed(group.nodes, _("or")), **words)

    def listed(self, nodes: tuple[Node, ...], word: str) -> str:
        """The nodes with "and" or "or" between them."""
        between = f"{self.style.text(', ')}{self.style.logic(word)} "
        return between.join(self.node(node) for node in nodes)

    def node(self, node: Node) -> str:
        if isinstance(node, Condition):
            return self.written(node.about.says(node.op, node.args, self.names))
        if isinstance(node, Reference):
            name = self.names.get(str(node.audience))
            if name is None:
                return self.written(Clause(_("who are in an audience that is gone")))
            return self.written(Clause(_("who are in the audience {name}"), {"name": (name,)}))
        if len(node.nodes) == 1 and node.match is not Match.NONE:
            return self.node(node.nodes[0])
        if node.match is Match.NONE:
            clauses = self.listed(node.nodes, _("or"))
            return self.filled(
                _("{not_} ({clauses})"), not_=self.style.logic(_("not")), clauses=clauses
            )
        word = _("or") if node.match is Match.ANY else _("and")
        between = f" {self.style.logic(word)} "
        clauses = between.join(self.node(one) for one in node.nodes)
        if node.match is Match.ANY and all(not isinstance(one, Group) for one in node.nodes):
            return self.filled(_("either {clauses}"), clauses=clauses)
        return self.filled("({clauses})", clauses=clauses)

    def written(self, clause: Clause) -> str:
        parts = {name: self.values(values) for name, values in clause.parts.items()}
        return self.filled(clause.text, not_=self.style.logic(_("not")), **parts)

    def values(self, values: tuple[str, ...]) -> str:
        named = [self.style.value(value) for value in values[:MOST_NAMED]]
        if len(values) > MOST_NAMED:
            more = _("%(n)d more") % {"n": len(values) - MOST_NAMED}
            named.append(self.style.value(more))
        return self.style.text(_(" or ")).join(named)

    def filled(self, template: str, **parts: str) -> str:
        """The template with its parts; nothing in a part is read as a template."""
        pieces = _PART.split(template)
        return "".join(
            parts.get(piece, piece) if at % 2 else self.style.text(piece)
            for at, piece in enumerate(pieces)
        )


def is_none(node: Node) -> bool:
    """Whether it leaves people out."""
    return isinstance(node, Group) and node.match is Match.NONE
