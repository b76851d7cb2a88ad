"""How many people read something else than was written: another language, or a default.

Each figure is one bounded statement; where that takes too long, it is an estimate of fewer people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Site
from audiences import counting, rules, sampling
from audiences.counting import ACTIVE, TooLong
from audiences.rules import Rule
from campaigns.models import Message
from campaigns.personal.choosing import choose
from campaigns.personal.rendering import Renderer
from campaigns.personal.variables import VARIABLES, VIEWED

# Of what the texts name, so many are counted, each for so long.
MOST_COUNTED = 4
MILLISECONDS = 400


@dataclass(frozen=True)
class Lacking:
    """So many people have no such thing; `rule` finds one of them."""

    name: str
    people: int
    about: bool
    rule: dict[str, Any]

    @property
    def label(self) -> str:
        """ "first name": what people call it."""
        if self.name.startswith("cart."):
            return _("open cart")
        if self.name.startswith("product."):
            return _("product that they looked at")
        named = {one.name: str(one.label) for one in VARIABLES}
        label = named.get(self.name) or self.name.removeprefix("subscriber.")
        return label[:1].lower() + label[1:]


@dataclass(frozen=True)
class Spoken:
    """Devices of an audience by the language that they are set to."""

    devices: Counter[str]
    about: bool

    def reading(self, tags: list[str], own: str) -> Counter[str]:
        """Devices by which of these languages they read, "" for the site's own."""
        found: Counter[str] = Counter()
        for language, devices in self.devices.items():
            found[choose(tags, language, own)] += devices
        return found


def spoken(site: Site, rule: Rule) -> Spoken | None:
    """None when not even an estimate was done in time. RuleError."""

    def measure(share: int) -> tuple[Counter[str], int]:
        devices = counting.matching(site, rule, timezone.now(), counting.sample(share))
        rows = devices.filter(ACTIVE).order_by().values_list("language").annotate(Count("pk"))
        found = Counter({tag: counting.about(number, share) for tag, number in rows})
        return found, share

    try:
        found, share = counting.in_time(
            measure, lambda one: sum(one[0].values()), milliseconds=MILLISECONDS
        )
    except TooLong:
        return None
    return Spoken(found, share > 1)


def lacking(message: Message, site: Site, rule: Rule) -> list[Lacking]:
    """Those variables of the texts that some people do not have, by name. RuleError."""
    found: list[Lacking] = []
    for name in sorted(Renderer(message, site).used):
        asked = condition(name)
        if asked is None or len(found) == MOST_COUNTED:
            continue
        wanted = {"version": rules.VERSION, "all": [*_conditions(rule), asked]}
        try:
            reach = counting.count(site, rules.parse(wanted), milliseconds=MILLISECONDS)
        except TooLong:
            continue
        if reach.people:
            found.append(Lacking(name, reach.people, reach.estimated, wanted))
    return found


def one(message: Message, site: Site, rule: Rule, name: str) -> UUID | None:
    """Somebody who lacks a variable; None if nobody was found in time. RuleError."""
    asked = condition(name) if name in Renderer(message, site).used else None
    if asked is None:
        return None
    wanted = {"version": rules.VERSION, "all": [*_conditions(rule), asked]}
    found, _cut_short = sampling.at_random(site, rules.parse(wanted), 1)
    return found[0] if found else None


def _conditions(rule: Rule) -> list[Any]:
    root = rule.root.as_json()
    return list(root["all"]) if "all" in root else [root]


def condition(name: str) -> dict[str, Any] | None:
    """The condition that holds for those who lack a variable; None if it can't be asked."""
    root, *rest = name.split(".")
    if root == "cart":
        return {"field": "cart_open", "op": "is_false"}
    if root == "product":
        return {"none": [{"field": "event", "op": "at_least", "name": VIEWED, "count": 1}]}
    if root != "subscriber" or not rest:
        return None
    if rest[0] == "external_id":
        return {"field": "identified", "op": "is_false"}
    if rest[0] in KNOWN_OF_ALL:
        return None
    asked = [_unset(one) for one in (("name", "first_name") if rest[0] == "name" else rest[:1])]
    return asked[0] if len(asked) == 1 else {"all": asked}


KNOWN_OF_ALL = frozenset(("tags", "topics", "language", "country", "time_zone", "created_at"))


def _unset(attribute: str) -> dict[str, Any]:
    return {"field": "attribute_text", "name": attribute, "op": "is_not_set"}


def languages_of(spoken: Spoken, besides: Iterable[str]) -> list[tuple[str, int]]:
    """The languages that devices are set to, most frequent first, without some: base tags."""
    without = {tag.split("-")[0].lower() for tag in besides}
    found: Counter[str] = Counter()
    for tag, devices in spoken.devices.items():
        found[tag.split("-")[0].lower()] += devices
    return [(tag, devices) for tag, devices in found.most_common() if tag and tag not in without]
