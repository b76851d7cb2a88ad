"""Rules that name other audiences: written out, circles refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.models import Site
from audiences.models import Audience
from audiences.rules import Condition, Group, Node, Reference, Rule, RuleError, parse
from audiences.shapes import joined

# Written out, a rule may be larger than one that a person writes; but not without end.
MOST_CONDITIONS = 500
# An audience that names one that names one …: each is nested in the statement.
MOST_STEPS = 10


def resolve(rule: Rule, site: Site) -> Rule:
    """The rule with each audience that it names written out as a group.

    RuleError when one is not there, when they lead in a circle (the sentence names the way), when
    they name each other deeper than MOST_STEPS, or when all of it is larger than MOST_CONDITIONS.
    """
    if not rule.references:
        return rule
    found = _Resolving(site)
    return Rule(found.group(rule.root, ()))


class _Resolving:
    def __init__(self, site: Site, *, strict: bool = False) -> None:
        self.site = site
        # Whether lists and campaigns that are named must be there, too.
        self.strict = strict
        # Ids that were found, by the parameter that names them.
        self.there: dict[str, set[str]] = {}
        self.conditions = 0
        self.rules: dict[UUID, tuple[str, Rule]] = {}

    def group(self, group: Group, way: tuple[UUID, ...]) -> Group:
        return Group(group.match, tuple(self.node(node, way) for node in group.nodes))

    def node(self, node: Node, way: tuple[UUID, ...]) -> Node:
        if isinstance(node, Group):
            return self.group(node, way)
        if isinstance(node, Reference):
            return self.named(node.audience, way)
        self.grow()
        if self.strict:
            self.find(node)
        return node

    def find(self, condition: Condition) -> None:
        """Who is not on a list that is gone is everybody: that must not be meant by accident."""
        ask = condition.about.names
        for key in ("values", "campaigns") if ask else ():
            there = self.there.setdefault(key, set())
            ids = set(condition.args.get(key, ())) - there
            if ask and ids and ids - ask(self.site, ids).keys():
                sentence = _("A list or campaign that this names is not there any more.")
                raise RuleError(key, sentence)
            there |= ids

    def grow(self) -> None:
        self.conditions += 1
        if self.conditions > MOST_CONDITIONS:
            sentence = _("With the audiences that it names, this is more than %(most)d conditions.")
            raise RuleError("", sentence % {"most": MOST_CONDITIONS})

    def named(self, audience: UUID, way: tuple[UUID, ...]) -> Group:
        if audience in way:
            names = [self.rules[one][0] for one in (*way[way.index(audience) :], audience)]
            raise RuleError(
                "", _("These audiences lead in a circle: %(way)s.") % {"way": " → ".join(names)}
            )
        if len(way) >= MOST_STEPS:
            sentence = _("Audiences name each other at most %(most)d deep.")
            raise RuleError("", sentence % {"most": MOST_STEPS})
        if audience not in self.rules:
            found = Audience.objects.filter(site=self.site, pk=audience).exclude(name="").first()
            if found is None:
                raise RuleError("", _("An audience that this names is not there any more."))
            self.rules[audience] = (found.name, parse(found.rule))
        self.grow()
        return self.group(self.rules[audience][1].root, (*way, audience))


def check(rule: Rule, site: Site, *, saving: Audience | None = None) -> None:
    """Refuse a rule that names what is not there or leads in a circle; RuleError with the place.

    `saving`: the audience that is about to have this rule, which must not lead to itself.
    """
    resolving = _Resolving(site, strict=True)
    way: tuple[UUID, ...] = ()
    if saving is not None and not saving._state.adding:
        resolving.rules[saving.pk] = (saving.name, rule)
        way = (saving.pk,)
    for path, node in places(rule.root):
        try:
            resolving.node(node, way)
        except RuleError as error:
            inside = error.path if isinstance(node, Condition) else ""
            raise RuleError(joined(path, inside) if inside else path, error.sentence) from None


def places(group: Group, path: str = "") -> Iterable[tuple[str, Condition | Reference]]:
    """Each condition and reference below, with its path."""
    path = f"{path}.{group.match.value}" if path else group.match.value
    for at, node in enumerate(group.nodes):
        if isinstance(node, Group):
            yield from places(node, f"{path}.{at}")
        else:
            yield f"{path}.{at}", node


def names(rule: Rule, site: Site) -> Mapping[str, str]:
    """What the audiences, lists and campaigns that a rule names are called, by id."""
    return names_of([rule], site)


def names_of(rules: Iterable[Rule], site: Site) -> Mapping[str, str]:
    """The same for many rules, each kind of name asked for once."""
    audiences: set[UUID] = set()
    others: dict[Callable[[Site, Iterable[str]], Mapping[str, str]], set[str]] = {}
    for leaf in chain.from_iterable(rule.root.leaves() for rule in rules):
        if isinstance(leaf, Reference):
            audiences.add(leaf.audience)
        elif leaf.about.names is not None:
            ids = others.setdefault(leaf.about.names, set())
            ids.update(leaf.args.get("values", ()), leaf.args.get("campaigns", ()))
    found: dict[str, str] = {}
    if audiences:
        named = Audience.objects.filter(site=site, pk__in=audiences).values_list("pk", "name")
        found = {str(pk): name for pk, name in named}
    for ask, ids in others.items():
        found |= ask(site, ids)
    return found
