"""The rule of an audience: JSON in, dataclasses, then one Q, one sentence, one count.

Version 1: {"version": 1, "all": [{"field": "tag", "op": "any_of", "values": ["vip"]}]}. All
conditions hold; an empty list means everyone whose subscription is active. Anything unknown
raises: a rule that is not understood must never mean everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.models import Site
from audiences.catalogue import FIELDS, Field, Op
from subscribers.models import Subscription

VERSION = 1
MOST_CONDITIONS = 20
MOST_VALUES = 50


class RuleError(ValueError):
    """A rule that can't be understood: where (such as "all.0.op"), and a sentence for people."""

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(f"{path}: {sentence}" if path else sentence)
        self.path = path
        self.sentence = sentence


@dataclass(frozen=True)
class Condition:
    field: str
    op: Op
    values: tuple[str, ...]

    @property
    def about(self) -> Field:
        return FIELDS[self.field]


@dataclass(frozen=True)
class Rule:
    """Every condition must hold; none: everyone."""

    conditions: tuple[Condition, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """What `parse` understands."""
        return {
            "version": VERSION,
            "all": [
                {"field": item.field, "op": item.op.value, "values": list(item.values)}
                for item in self.conditions
            ],
        }


EVERYONE = Rule()


def parse(rule: Any) -> Rule:
    """A rule from its JSON; RuleError for anything unknown, missing, empty or too long."""
    _exactly(rule, {"version", "all"}, "")
    if type(rule["version"]) is not int or rule["version"] != VERSION:
        raise RuleError("version", _("Only rules of version 1 are understood."))
    items = rule["all"]
    if not isinstance(items, list):
        raise RuleError("all", _("This must be a list of conditions."))
    if len(items) > MOST_CONDITIONS:
        raise RuleError("all", _("At most %(most)d conditions.") % {"most": MOST_CONDITIONS})
    return Rule(tuple(_condition(item, f"all.{at}") for at, item in enumerate(items)))


def compile(rule: Rule | dict[str, Any]) -> Q:  # noqa: A001 - rules.compile, as in re.compile
    """The rule as a Q over Subscription; it does not ask for the state or the site."""
    asked = Q()
    for item in _parsed(rule).conditions:
        held = item.about.matches(item.values)
        asked &= ~held if item.op is Op.NONE_OF else held
    return asked


def sentence(rule: Rule | dict[str, Any]) -> str:
    """The rule in plain words: "People who have the tag vip or sale, and who use Firefox."."""
    return _written(_parsed(rule), value=str, word=str, fill=_fill, join=_join)


def sentence_html(rule: Rule | dict[str, Any]) -> SafeString:
    """The same words with the logic in <b> and the values in <em>."""
    return SafeString(
        _written(
            _parsed(rule),
            value=lambda text: format_html("<em>{}</em>", text),
            word=lambda text: format_html("<b>{}</b>", text),
            fill=lambda template, **parts: format_html(conditional_escape(template), **parts),
            join=lambda between, parts: format_html_join(between, "{}", ((p,) for p in parts)),
        )
    )


def count(site: Site, rule: Rule | dict[str, Any]) -> tuple[int, int]:
    """(people, devices) that the rule holds for now."""
    found = (
        Subscription.objects.active()
        .filter(compile(rule), site=site)
        .aggregate(people=Count("subscriber", distinct=True), devices=Count("pk"))
    )
    return found["people"], found["devices"]


def _parsed(rule: Rule | dict[str, Any]) -> Rule:
    return rule if isinstance(rule, Rule) else parse(rule)


def _condition(item: Any, path: str) -> Condition:
    _exactly(item, {"field", "op", "values"}, path)
    if not isinstance(item["field"], str) or item["field"] not in FIELDS:
        raise RuleError(
            f"{path}.field",
            _("Unknown field. Known are: %(known)s.") % {"known": ", ".join(FIELDS)},
        )
    if not isinstance(item["op"], str) or item["op"] not in set(Op):
        raise RuleError(
            f"{path}.op", _("Unknown operator. Known are: %(known)s.") % {"known": ", ".join(Op)}
        )
    values = _values(item["values"], FIELDS[item["field"]].longest, f"{path}.values")
    return Condition(field=item["field"], op=Op(item["op"]), values=values)


def _values(values: Any, longest: int, path: str) -> tuple[str, ...]:
    if not isinstance(values, list) or not values:
        raise RuleError(path, _("Name at least one value."))
    if len(values) > MOST_VALUES:
        raise RuleError(path, _("At most %(most)d values.") % {"most": MOST_VALUES})
    for at, value in enumerate(values):
        if not isinstance(value, str) or not value.strip() or not _storable(value):
            raise RuleError(f"{path}.{at}", _("A value must be a text that is not empty."))
        if len(value) > longest:
            raise RuleError(
                f"{path}.{at}", _("A value has at most %(most)d characters.") % {"most": longest}
            )
    return tuple(dict.fromkeys(values))


def _storable(text: str) -> bool:
    """PostgreSQL takes neither NUL nor half a surrogate pair, which JSON can carry."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _exactly(item: Any, keys: set[str], path: str) -> None:
    """No key missing and none that we would ignore."""
    if not isinstance(item, dict) or set(item) != keys:
        raise RuleError(
            path, _("This must have exactly: %(keys)s.") % {"keys": ", ".join(sorted(keys))}
        )


def _fill(template: str, **parts: str) -> str:
    return template.format(**parts)


def _join(between: str, parts: Iterable[str]) -> str:
    return between.join(parts)


def _written(
    rule: Rule,
    *,
    value: Callable[[str], str],
    word: Callable[[str], str],
    fill: Callable[..., str],
    join: Callable[[str, Iterable[str]], str],
) -> str:
    """The sentence, with each value and each word of logic passed through a function."""
    if not rule.conditions:
        return fill(_("{everyone} who gave permission."), everyone=value(_("Everyone")))
    clauses = []
    for item in rule.conditions:
        shown = join(_(" or "), [value(item.about.shown(text)) for text in item.values])
        clause = str(item.about.says[item.op])
        clauses.append(fill(clause, values=shown, not_=word(_("not"))))
    between = fill(_(", {and_} "), and_=word(_("and")))
    return fill(_("People {clauses}."), clauses=join(between, clauses))
