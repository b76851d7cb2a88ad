"""What is wrong with a text, before anybody gets it: each fault with its line and column."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.expressions.filtered import Filter
from liquid.builtin.tags.for_tag import ForNode
from liquid.exceptions import LiquidError
from liquid.static_analysis import Variable as Named
from liquid.template import BoundTemplate

from campaigns.personal import faults, language, scanning, variables
from campaigns.personal.faults import Aborted, Fault
from campaigns.personal.filters import SIGNATURES
from campaigns.personal.language import Parsed
from campaigns.personal.scanning import meant
from campaigns.personal.variables import Known


def check(source: str, known: Known | None = None, *, utm: bool = False) -> list[Fault]:
    """All faults of a text, in their order; none for a text without Liquid.

    `known` says which attributes and properties the site has (variables.known); None: any will do.
    `utm`: for a parameter of addresses, in which only what does not differ from person to person
    can be named.
    """
    if not scanning.has_liquid(source):
        return []
    try:
        parsed = language.parse(source)
    except scanning.Unreadable as error:
        return [error.fault]
    found = [*_names(parsed, known, utm=utm), *_filters(parsed)]
    return sorted(found) or list(_trial(parsed))


def _trial(parsed: Parsed) -> Iterator[Fault]:
    """What fails for somebody of whom nothing is known: a division, a break outside of a loop."""
    try:
        parsed.render({})
    except Aborted:
        return
    except LiquidError as error:
        yield language.fault_of(error, parsed.source)
    except language.FAILURES:
        yield faults.at(parsed.source, 0, _("This can't be filled in."))


def _names(parsed: Parsed, known: Known | None, *, utm: bool) -> Iterator[Fault]:
    found = parsed.template.analyze(include_partials=False)
    for named in (one for ones in found.globals.values() for one in ones):
        if sentence := _wrong(named, known, utm=utm):
            yield faults.at(parsed.source, named.span.index, sentence)
    items = _items(parsed.template)
    own = set(found.locals)
    for named in (one for ones in found.variables.values() for one in ones):
        name, *rest = map(str, named.segments)
        if name in items - own and rest and rest[0] not in variables.ITEM:
            sentence = _unknown(f"{name}.{rest[0]}") + meant(rest[0], variables.ITEM)
            yield faults.at(parsed.source, named.span.index, sentence)


def _items(template: BoundTemplate) -> set[str]:
    """The names under which loops go through what is in the cart, and through nothing else."""
    loops = [node.expression for node in language.nodes(template) if isinstance(node, ForNode)]
    of_cart = {loop.identifier for loop in loops if str(loop.iterable) == "cart.items"}
    return of_cart - {loop.identifier for loop in loops if str(loop.iterable) != "cart.items"}


def _wrong(named: Named, known: Known | None, *, utm: bool) -> str:
    """What is wrong with a name, "" if nothing."""
    if any(isinstance(part, list) for part in named.segments):
        return _("Write the name out: no brackets around another name.")
    root, *rest = map(str, named.segments)
    roots = variables.UTM_ROOTS if utm else tuple(variables.FIELDS)
    if utm and root in variables.FIELDS and root not in roots:
        return _("Parameters of addresses can name the campaign, the site, variant and language.")
    if root not in roots:
        wanted = [one.name for one in variables.VARIABLES if one.path[1] == root and not rest]
        if wanted and not utm:
            return _unknown(root) + " " + _("Did you mean %(name)s?") % {"name": wanted[0]}
        return _unknown(root) + meant(root, roots)
    if root in variables.UTM:
        return _unknown(f"{root}.{rest[0]}") if rest else ""
    if not rest:
        return "" if root in variables.WHOLES else _say_which(root)
    if rest[0] in variables.OF_LISTS and rest[0] not in (known or Known()).fields(root):
        return _unknown(f"{root}.{rest[0]}")
    return _wrong_field(root, rest, known)


def _wrong_field(root: str, rest: list[str], known: Known | None) -> str:
    anything = known is None and root in {"subscriber", "product"}
    fields = (known or Known()).fields(root)
    if rest[0] not in fields and not anything:
        return _unknown(f"{root}.{rest[0]}") + meant(rest[0], fields)
    if root == "cart" and rest[0] in {"items", "first_item"}:
        inner = [part for part in rest[1:] if part not in variables.OF_LISTS]
        inner = [part for part in inner if not part.lstrip("-").isdigit()]
        if inner and inner[0] not in variables.ITEM:
            return _unknown(".".join((root, *rest))) + meant(inner[0], variables.ITEM)
    return ""


def _unknown(name: str) -> str:
    return _("There is no %(name)s.") % {"name": name}


def _say_which(root: str) -> str:
    first = next(one.name for one in variables.VARIABLES if one.path[0] == root)
    return _("Say what of it, such as %(name)s.") % {"name": first}


def _filters(parsed: Parsed) -> Iterator[Fault]:
    for expression in language.expressions(parsed.template):
        if not isinstance(expression, FilteredExpression):
            continue
        left = expression.left
        if isinstance(left, Path) and len(left.path) == 1 and left.path[0] in variables.WHOLES:
            sentence = _say_which(str(left.path[0]))
            yield faults.at(parsed.source, left.token.start_index, sentence)
        for one in expression.filters or ():
            if sentence := _wrong_filter(one):
                yield faults.at(parsed.source, one.token.start_index, sentence)


def _wrong_filter(used: Filter) -> str:
    if used.name not in SIGNATURES:
        unknown = _("There is no filter %(name)s.") % {"name": used.name}
        return unknown + meant(used.name, SIGNATURES)
    taken = [
        one
        for one in inspect.signature(SIGNATURES[used.name]).parameters.values()
        if one.kind is one.POSITIONAL_OR_KEYWORD
    ][1:]
    named = {name for one in used.args if isinstance(name := getattr(one, "name", None), str)}
    if named - ({"allow_false"} if used.name == "default" else set()):
        return _("%(name)s takes no named values.") % {"name": used.name}
    given = len(used.args) - len(named)
    least = sum(one.default is one.empty for one in taken)
    if least <= given <= len(taken):
        return ""
    if not taken:
        return _("%(name)s takes no value.") % {"name": used.name}
    return ngettext(
        "%(name)s takes %(most)d value after a colon.",
        "%(name)s takes %(most)d values after a colon.",
        len(taken),
    ) % {"name": used.name, "most": len(taken)}
