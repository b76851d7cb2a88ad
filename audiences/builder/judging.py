"""What rule a draft is: all of it, or what is finished of it; and what is amiss at which input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import Site
from audiences import references, rules
from audiences.builder import inputs, subjects
from audiences.builder.tree import PICKS, Draft, Item, as_json
from audiences.models import Audience
from audiences.rules import EVERYONE, Rule, RuleError


@dataclass(frozen=True)
class Problem:
    """What is wrong with a node: beside which of its inputs ("" for a group), and what to do."""

    item: str
    input: str
    sentence: str

    @property
    def target(self) -> str:
        """The id of what a link leads to."""
        if self.item in PICKS:
            return f"id_{self.item}"
        return f"{self.item}-{self.input}" if self.input else f"{self.item}-add"


@dataclass(frozen=True)
class Judgement:
    """`rule` is what is finished; with no problem it is all of the draft."""

    rule: Rule = EVERYONE
    problems: tuple[Problem, ...] = ()
    # The node at each path of `rule`'s JSON.
    places: Mapping[str, str] = field(default_factory=dict)

    @property
    def valid(self) -> bool:
        return not self.problems


def judge(draft: Draft, site: Site, *, saving: Audience | None = None) -> Judgement:
    """`saving`: the audience that is to have this rule."""
    if draft.everyone:
        return Judgement()
    problems = [problem for item in draft.walk() for problem in _of_item(draft, item)]
    amiss = {problem.item for problem in problems}
    fine = {item.id for item in draft.walk() if not item.group and item.id not in amiss}
    json, places = as_json(draft, only=fine if problems else None)
    try:
        rule = rules.parse(json)
        references.check(rule, site, saving=saving)
    except RuleError as error:
        return _refused(draft, site, json, places, error, problems)
    return Judgement(rule, tuple(problems), places)


def _refused(
    draft: Draft,
    site: Site,
    json: dict[str, Any],
    places: dict[str, str],
    error: RuleError,
    problems: list[Problem],
) -> Judgement:
    """What each part alone allows, the whole does not: too many, too deep, or in a circle."""
    problem = locate(draft, places, error)
    others = {one.item for one in problems} | {problem.item}
    fine = {item.id for item in draft.walk() if not item.group and item.id not in others}
    json, left = as_json(draft, only=fine)
    try:
        rule = rules.parse(json)
        references.check(rule, site)
    except RuleError:
        return Judgement(EVERYONE, (*problems, problem))
    return Judgement(rule, (*problems, problem), left)


def locate(draft: Draft, places: Mapping[str, str], error: RuleError) -> Problem:
    """The node and the input that an error of the whole rule is about."""
    path = error.path
    while path and path not in places:
        path = path.rpartition(".")[0]
    if places.get(path) in PICKS:
        return Problem(places[path], "", error.sentence)
    item = draft.find(places.get(path, "")) or draft.panels[0]
    rest = error.path[len(path) :].strip(".").split(".")
    if item.group:
        return Problem(item.id, "", error.sentence)
    if item.subject == subjects.AUDIENCE:
        return Problem(item.id, "audience", error.sentence)
    return Problem(item.id, inputs.input_at(item, rest), error.sentence)


def _of_item(draft: Draft, item: Item) -> list[Problem]:
    if item.group:
        if item.items or item is draft.panels[0]:
            return []
        sentence = _("This group is empty. Add a condition, or remove the group.")
        return [Problem(item.id, "", sentence)]
    if subjects.subject(item.subject) is None:
        sentence = _("Choose what this condition is about, or remove it.")
        return [Problem(item.id, "subject", sentence)]
    node: dict[str, Any] = {}
    try:
        node = inputs.as_json(item)
        if item.subject == subjects.AUDIENCE:
            return _of_audience(item)
        rules.condition(node)
    except RuleError as error:
        return [_of_input(item, node, error)]
    return []


def _of_audience(item: Item) -> list[Problem]:
    if inputs.first(item.typed, "audience"):
        return []
    return [Problem(item.id, "audience", _("Choose an audience, or remove the condition."))]


def _of_input(item: Item, node: dict[str, Any], error: RuleError) -> Problem:
    """Beside the input; of what is only missing, in words for a form."""
    path = error.path.split(".")
    sentence = error.sentence
    if node and path[0] not in node:
        many = path[0] in ("values", "campaigns")
        sentence = _("Name at least one value.") if many else _("Fill this in.")
    return Problem(item.id, inputs.input_at(item, path), sentence)
