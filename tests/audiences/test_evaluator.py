"""SQL and the plain-Python evaluator say the same of every device."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.conf import settings as django_settings
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts.models import Site
from audiences import explaining
from audiences.catalogue import FIELDS
from audiences.explaining import Explanation, Step
from audiences.rules import parse
from campaigns import planning, starting
from campaigns.models import Delivery
from campaigns.refusals import Refused
from subscribers.models import Event, EventName, Subscriber, Subscription, event_number
from tests.audiences import rule_strategies as strategies
from tests.audiences.evaluator import holds
from tests.audiences.populating import asked_of_sql, make_partitions, scope_of, store
from tests.audiences.rule_strategies import Json, Population
from tests.factories import make_campaign, make_site

# Each example rolls back what it wrote: the sites and the partitions are made once.
examples = settings(
    max_examples=40,
    # Not shrunk, which would take minutes: what differs is named.
    phases=[Phase.generate],
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)


@pytest.fixture
def sites(db: None) -> tuple[Site, Site]:
    make_partitions()
    return make_site(), make_site(name="Another")


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_every_field_and_operator_has_a_strategy() -> None:
    moment = strategies.Moment(datetime(2026, 3, 1, tzinfo=UTC), ZoneInfo("Europe/Oslo"))
    known = {field: set(ops) for field, ops in strategies.conditions(moment).items()}
    assert known == {field.key: set(field.ops) for field in FIELDS.values()}


@st.composite
def asked(draw: st.DrawFn, rules: int = 12) -> tuple[Population, list[Json]]:
    """A population, and so many rules to ask of it."""
    population = draw(strategies.populations())
    rule = strategies.rules(population.moment)
    return population, draw(st.lists(rule, min_size=rules, max_size=rules))


def expected(population: Population, rule: Json, ids: list[int]) -> set[int]:
    moment = population.moment
    return {
        pk
        for pk, device in zip(ids, population.devices, strict=True)
        if holds(rule, device, device.person, population.world, moment.now, moment.zone)
    }


def differing(
    population: Population, documents: list[Json], ids: list[int], answers: list[set[int]]
) -> list[tuple[Json, list[int]]]:
    """The rules whose answer differs, and the numbers of the devices for which it does."""
    found = []
    for document, answer in zip(documents, answers, strict=True):
        if wrong := expected(population, document, ids) ^ answer:
            found.append((document, [ids.index(pk) for pk in sorted(wrong)]))
    return found


def parts(documents: list[Json]) -> list[Json]:
    """Each condition of the rules as a rule of its own."""
    leaves = [leaf.as_json() for document in documents for leaf in parse(document).root.leaves()]
    return [{"version": 2, "all": [leaf]} for leaf in leaves]


@examples
@given(asked())
def test_sql_says_what_python_says(
    sites: tuple[Site, Site], asked: tuple[Population, list[Json]]
) -> None:
    population, documents = asked
    site, other = sites
    with undone():
        ids = store(site, other, population)
        scope = scope_of(site, population.moment)
        wrong = differing(population, documents, ids, asked_of_sql(site, documents, scope))
        if wrong and (alone := parts([document for document, _devices in wrong])):
            # Whole rules are hard to read: the conditions that differ by themselves, if any do.
            wrong = differing(population, alone, ids, asked_of_sql(site, alone, scope)) or wrong
    assert wrong == []


few = settings(examples, max_examples=12)


@few
@given(asked(rules=5))
def test_asking_of_some_changes_no_answer_for_them(
    sites: tuple[Site, Site], asked: tuple[Population, list[Json]]
) -> None:
    population, documents = asked
    site, other = sites
    with undone():
        ids = store(site, other, population)
        for person in population.people:
            mine = {
                pk
                for pk, device in zip(ids, population.devices, strict=True)
                if device.person == person
            }
            sub_query = Subscription.objects.filter(pk__in=mine).values("subscriber_id")
            for only in ((person.id,), sub_query):
                scope = scope_of(site, population.moment, only)
                answers = asked_of_sql(site, documents, scope)
                alone = [answer & mine for answer in answers]
                expects = [expected(population, one, ids) & mine for one in documents]
                assert alone == expects, (only, documents)


@few
@given(asked(rules=1))
def test_a_run_is_planned_for_whom_python_names(
    sites: tuple[Site, Site],
    monkeypatch: pytest.MonkeyPatch,
    asked: tuple[Population, list[Json]],
) -> None:
    population, (document,) = asked
    site, other = sites
    monkeypatch.setattr(django_settings, "SEND_BATCH", 1)
    monkeypatch.setattr(planning, "BATCHES_PER_CHUNK", 2)
    with undone(), time_machine.travel(population.moment.now, tick=False):
        ids = store(site, other, population)
        campaign = make_campaign(site, rule=document)
        if names_what_is_gone(population, document):
            with pytest.raises(Refused):
                starting.start(campaign)
            return
        run = starting.start(campaign)
        while planning.plan_chunk(run.pk):
            for name in EventName.objects.filter(site=site):
                happen_to_all(name, population)
        planned = Delivery.objects.filter(run=run)
        found = set(planned.values_list("subscription_id", flat=True))
        active = {pk for pk, one in zip(ids, population.devices, strict=True) if one.active}
    assert found == expected(population, document, ids) & active


def names_what_is_gone(population: Population, document: Json) -> bool:
    """Whether the rule, or an audience that it leads to, names a list or campaign that is gone.

    Such a rule is refused before anybody is sent to: its complement would be everybody.
    """
    told = json.dumps(document)
    while len(longer := told + told_by_audiences(population, told)) > len(told):
        told = longer
    return any(gone in told for gone in (strategies.CAMPAIGNS[-1], strategies.LISTS[-1]))


def told_by_audiences(population: Population, told: str) -> str:
    """The rules of the audiences that a text names and whose rules are not in it yet."""
    rules = ((one, json.dumps(rule)) for one, rule in population.world.audiences.items())
    return "".join(rule for one, rule in rules if one in told and rule not in told)


def happen_to_all(name: EventName, population: Population) -> None:
    """After the run began."""
    later = population.moment.now + timedelta(seconds=1)
    Event.objects.bulk_create(
        Event(name=name, subscriber_id=person.id, at=later, number=event_number())
        for person in population.people
    )


@few
@given(asked(rules=2))
def test_explanations_agree(sites: tuple[Site, Site], asked: tuple[Population, list[Json]]) -> None:
    population, documents = asked
    site, other = sites
    with undone():
        ids = store(site, other, population)
        people = list(Subscriber.objects.filter(site=site).order_by("pk"))
        now = population.moment.now
        for document in documents:
            for found in explaining.explain_all(site, parse(document), people, now):
                agrees(found, population, document, ids)


def agrees(found: Explanation, population: Population, document: Json, ids: list[int]) -> None:
    """The explanation of one person with what Python says of each of their devices."""
    devices = dict(zip(ids, population.devices, strict=True))
    mine = {pk for pk, device in devices.items() if device.person.id == found.person.pk}
    matching = expected(population, document, ids) & mine
    assert found.matches == bool(matching)
    assert found.reachable == any(devices[pk].active for pk in matching)
    if found.device is None:
        assert not mine
        return
    assert found.root.holds == (found.device.pk in matching)
    for step, node in steps(found.root, document):
        alone = {"version": 2, "all": [node]}
        whom = expected(population, alone, ids)
        assert step.holds == (found.device.pk in whom), node
        for seen in step.devices:
            assert seen.holds == (seen.device.pk in whom), node


def steps(step: Step, node: Json) -> Iterator[tuple[Step, Json]]:
    """Each step below with the node of the rule that it explains; not within named audiences."""
    match = next((one for one in ("all", "any", "none") if one in node), None)
    for at, inner in enumerate(node[match] if match else ()):
        yield step.steps[at], inner
        yield from steps(step.steps[at], inner)
