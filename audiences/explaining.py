"""Why a person is in an audience, or is not: each condition, what is known, and whether it holds.

Whether a condition holds is asked of PostgreSQL with the very expressions that count and send, all
of them in one query for a person's devices; only groups are put together here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db.models import BooleanField, Case, Q, Value, When
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Site
from audiences import compiling, references, sentences
from audiences.catalogue import Names, Scope
from audiences.catalogue.behaviour import shown_event
from audiences.catalogue.devices import DEVICE
from audiences.models import Audience
from audiences.rules import Condition, Group, Match, Node, Reference, Rule, RuleError, parse
from subscribers.models import Subscriber, Subscription

# Of a person with more devices, those seen last.
MOST_DEVICES = 20
# Values are looked up for so many conditions; each may be a query.
MOST_KNOWN = 60
# A sentence gives so many reasons.
MOST_REASONS = 3
LONGEST = 200
# Of a site with more named audiences, so many are looked at for one person.
MOST_AUDIENCES, MOST_AT_ONCE = 100, 25


@dataclass(frozen=True)
class Seen:
    """A condition as one device has it."""

    device: Subscription
    holds: bool
    value: str


@dataclass(frozen=True)
class Step:
    """A node of a rule and whether it holds, on the device that the explanation is about."""

    # Of the rule as it was given; what stands in an audience that it names has that one's path.
    path: str
    holds: bool
    # Of a group; None for a condition.
    match: Match | None = None
    steps: tuple[Step, ...] = ()
    # Of a group that is an audience of its own.
    name: str = ""
    # Of a condition: "who have the tag vip", and what is known, "" for nothing.
    clause: str = ""
    value: str = ""
    field: str = ""
    # What the value is of: an event, an attribute, a field.
    about: str = ""
    # Where it differs from device to device.
    devices: tuple[Seen, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """`device` is the one that comes closest to matching; None for a person without any."""

    person: Subscriber
    root: Step
    device: Subscription | None
    # A device matches; and one that does is active.
    matches: bool
    reachable: bool
    reasons: tuple[str, ...]

    @property
    def sentence(self) -> str:
        name = self.person.label
        if self.matches and self.reachable:
            return _("%(name)s is in this audience.") % {"name": name}
        if self.matches:
            return _(
                "%(name)s matches, but no message reaches them: the devices that match have left "
                "or are gone."
            ) % {"name": name}
        if self.device is None:
            return _("%(name)s is not in this audience, because they have no device.") % {
                "name": name
            }
        reasons = _("%(first)s, and %(second)s")
        text = self.reasons[0] if self.reasons else ""
        for reason in self.reasons[1:]:
            text = reasons % {"first": text, "second": reason}
        return _("%(name)s is not in this audience, because %(reasons)s.") % {
            "name": name,
            "reasons": text,
        }


def explain(site: Site, rule: Rule, person: Subscriber, now: datetime | None = None) -> Explanation:
    """Each step of a rule for one person of the site. RuleError."""
    return explain_all(site, rule, [person], now)[0]


def explain_all(
    site: Site, rule: Rule, people: Sequence[Subscriber], now: datetime | None = None
) -> list[Explanation]:
    """The same for several people, with one query for whether conditions hold. RuleError."""
    scope = Scope(site, now or timezone.now(), only=tuple(person.pk for person in people))
    tree = _Tree(rule, scope)
    devices = tree.devices()
    return [_explained(tree, person, devices.get(person.pk, [])) for person in people]


class _Tree:
    """A rule written out, with each condition's number."""

    def __init__(self, rule: Rule, scope: Scope) -> None:
        self.scope = scope
        self.resolved = references.resolve(rule, scope.site)
        names = references.names(rule, scope.site)
        self.names: Names = {**names, **references.names(self.resolved, scope.site)}
        self.rule = rule
        self.conditions = [
            leaf for leaf in self.resolved.root.leaves() if isinstance(leaf, Condition)
        ]
        self.numbers = {id(leaf): at for at, leaf in enumerate(self.conditions)}

    def devices(self) -> dict[UUID, list[Subscription]]:
        """The people's devices by person, the active and latest first, with what holds."""
        assert isinstance(self.scope.only, tuple)  # noqa: S101 - explain_all made it
        found = Subscription.objects.filter(
            site=self.scope.site, subscriber_id__in=self.scope.only
        ).annotate(
            **{
                f"holds_{at}": _truth(compiling.node_q(leaf, self.scope))
                for at, leaf in enumerate(self.conditions)
            },
        )
        by_person: dict[UUID, list[Subscription]] = {}
        for device in found.select_related("subscriber").order_by("-last_seen_at", "-pk"):
            by_person.setdefault(device.subscriber_id, []).append(device)
        return by_person

    def holds(self, node: Node, device: Subscription | None) -> bool:
        if isinstance(node, Condition):
            return bool(getattr(device, f"holds_{self.numbers[id(node)]}", False))
        assert isinstance(node, Group)  # noqa: S101 - references are resolved
        if node.match is Match.ALL:
            return all(self.holds(one, device) for one in node.nodes)
        either = any(self.holds(one, device) for one in node.nodes)
        return either if node.match is Match.ANY else not either

    def score(self, device: Subscription) -> tuple[bool, bool, int]:
        """How close a device comes: it matches, is active, and meets so many conditions."""
        met = sum(bool(getattr(device, f"holds_{at}")) for at in range(len(self.conditions)))
        active = device.state == Subscription.State.ACTIVE
        return self.holds(self.resolved.root, device), active, met


def _truth(asked: Q) -> Case | Value:
    """Whether a device is what is asked, as a column."""
    if not asked:
        return Value(value=True)
    yes, no = Value(value=True), Value(value=False)
    return Case(When(asked, then=yes), default=no, output_field=BooleanField())


def _explained(tree: _Tree, person: Subscriber, devices: list[Subscription]) -> Explanation:
    closest = max(devices, key=tree.score, default=None)
    shown = sorted(devices[:MOST_DEVICES], key=lambda device: device is not closest)
    root = _Telling(tree, person, closest, shown).group(tree.rule.root, tree.resolved.root, "")
    if closest is None:
        root = replace(root, holds=False)
    matching = [device for device in devices if tree.holds(tree.resolved.root, device)]
    return Explanation(
        person=person,
        root=root,
        device=closest,
        matches=bool(matching),
        reachable=any(device.state == Subscription.State.ACTIVE for device in matching),
        reasons=tuple(_reasons(tree, root))[:MOST_REASONS],
    )


class _Telling:
    """The steps of one person."""

    def __init__(
        self,
        tree: _Tree,
        person: Subscriber,
        closest: Subscription | None,
        devices: list[Subscription],
    ) -> None:
        self.tree = tree
        # Without a device, what is known of the person is still told.
        self.device = closest or Subscription(site=tree.scope.site, subscriber=person)
        self.closest = closest
        self.devices = devices
        self.told = 0

    def group(self, given: Group, resolved: Group, path: str, name: str = "") -> Step:
        """A group as it was given beside the same with references written out."""
        path = f"{path}.{resolved.match}" if path else str(resolved.match)
        steps = tuple(
            self.node(one, out, f"{path}.{at}")
            for at, (one, out) in enumerate(zip(given.nodes, resolved.nodes, strict=True))
        )
        holds = self.tree.holds(resolved, self.closest)
        return Step(path, holds, match=resolved.match, steps=steps, name=name)

    def node(self, given: Node, resolved: Node, path: str) -> Step:
        if isinstance(resolved, Condition):
            return self.condition(resolved, path)
        assert isinstance(resolved, Group)  # noqa: S101 - references are resolved
        if isinstance(given, Reference):
            name = self.tree.names.get(str(given.audience), "")
            step = self.group(resolved, resolved, path, name)
            return replace(step, path=path)
        assert isinstance(given, Group)  # noqa: S101 - a group stays a group
        return self.group(given, resolved, path)

    def condition(self, node: Condition, path: str) -> Step:
        holds = self.tree.holds(node, self.closest)
        self.told += 1
        value = self.value(node, self.device)
        differ = any(self.tree.holds(node, one) != holds for one in self.devices)
        return Step(
            path,
            holds,
            clause=sentences.clause(node, self.tree.names),
            value=value,
            field=node.field,
            about=shown_event(node.args["name"]) if "name" in node.args else str(node.about.label),
            devices=tuple(
                Seen(one, self.tree.holds(node, one), self.value(node, one))
                for one in (self.devices if differ else ())
            ),
        )

    def value(self, node: Condition, device: Subscription) -> str:
        nowhere = device._state.adding and node.about.group == DEVICE
        if self.told > MOST_KNOWN or nowhere:
            return ""
        return str(node.about.knows(node.args, device, self.tree.scope))[:LONGEST]


def _reasons(tree: _Tree, step: Step) -> Iterable[str]:
    """Why a step does not hold, each such as "it is for people who have the tag vip"."""
    if step.holds:
        return
    if step.match is None:
        yield _("it is for people %(clause)s") % {"clause": step.clause}
    elif step.name:
        yield _("it is for people who are in the audience %(name)s") % {"name": step.name}
    elif step.match is Match.NONE:
        for one in step.steps:
            if one.holds:
                yield _("it leaves out people %(clause)s") % {"clause": _words(one)}
    elif step.match is Match.ALL:
        for one in step.steps:
            yield from _reasons(tree, one)
    else:
        yield _("it is for people %(clause)s") % {"clause": _words(step)}


def _words(step: Step) -> str:
    """What a step asks, in one line."""
    if step.name:
        return _("who are in the audience %(name)s") % {"name": step.name}
    if step.match is None:
        return step.clause
    word = _(" and ") if step.match is Match.ALL else _(" or ")
    inner = word.join(_words(one) for one in step.steps)
    return _("not (%(clauses)s)") % {"clauses": inner} if step.match is Match.NONE else inner


def telling(explanation: Explanation) -> str:
    """The value, else the clause, that says most about why somebody matches; "" for everybody.

    What held in an "any" group says more than what everybody in the audience has in common.
    """
    steps = list(_positive(explanation.root, in_any=False))
    if not steps:
        return ""
    _any, step = max(steps, key=lambda found: (found[0], bool(found[1].value)))
    return f"{step.about}: {step.value}" if step.value else step.clause


def _positive(step: Step, *, in_any: bool) -> Iterable[tuple[bool, Step]]:
    """The conditions that hold, outside of what leaves people out."""
    if not step.holds or step.match is Match.NONE:
        return
    if step.match is None:
        yield in_any, step
    for one in step.steps:
        yield from _positive(one, in_any=in_any or step.match is Match.ANY)


def audiences_of(site: Site, person: Subscriber, now: datetime | None = None) -> list[Audience]:
    """The named audiences, of the first MOST_AUDIENCES by name, that a person is in and reached by.

    Asked in a query for each MOST_AT_ONCE of them; one whose rule is broken has nobody.
    """
    scope = Scope(site, now or timezone.now(), only=(person.pk,))
    named = Audience.objects.filter(site=site).exclude(name="").order_by(Lower("name"))
    asked: list[tuple[Audience, Q]] = []
    for audience in named[:MOST_AUDIENCES]:
        with contextlib.suppress(RuleError):
            asked.append((audience, compiling.compile(parse(audience.rule), scope)))
    found = []
    for first in range(0, len(asked), MOST_AT_ONCE):
        some = asked[first : first + MOST_AT_ONCE]
        devices = Subscription.objects.filter(site=site, subscriber=person).active()
        truths = {f"in_{at}": _truth(q) for at, (_audience, q) in enumerate(some)}
        rows = list(devices.annotate(**truths).values_list(*truths))
        found += [audience for at, (audience, _q) in enumerate(some) if any(r[at] for r in rows)]
    return found
