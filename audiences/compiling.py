"""A rule as one Q over Subscription."""

from __future__ import annotations

from functools import reduce
from operator import and_, or_

from django.db.models import Q

from audiences import references
from audiences.catalogue import Scope
from audiences.rules import Condition, Group, Match, Node, Reference, Rule

EVERYBODY = Q()
# A Q without conditions means everybody, whatever stands around it: nobody must be said.
NOBODY = Q(pk__in=[])


def compile(rule: Rule, scope: Scope) -> Q:  # noqa: A001 - compiling.compile, as in re.compile
    """The rule as a Q over Subscription; it does not ask for the state or the site.

    Audiences that it names are looked up. RuleError if one is not there or leads in a circle.
    """
    return node_q(references.resolve(rule, scope.site).root, scope)


def node_q(node: Node, scope: Scope) -> Q:
    """What one node of a rule without references asks; True or False of every device."""
    if isinstance(node, Condition):
        return node.about.asks(node.op, node.args, scope)
    if isinstance(node, Reference):
        raise TypeError("references are resolved first")
    return _group_q(node, scope)


def _group_q(group: Group, scope: Scope) -> Q:
    asked = [node_q(node, scope) for node in group.nodes]
    if group.match is Match.ALL:
        return reduce(and_, asked, EVERYBODY)
    if not all(asked):
        # One of them holds for everybody.
        return EVERYBODY if group.match is Match.ANY else NOBODY
    either = reduce(or_, asked)
    return either if group.match is Match.ANY else ~either
