"""audiences.rules: JSON in, a tree out, and nothing that is not understood."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiences import compiling, rules
from audiences.catalogue import FIELDS, Scope, describe
from audiences.models import everyone
from audiences.rules import Condition, Group, Match, Reference, Rule, RuleError
from subscribers.models import Subscription
from tests.audiences import rule_strategies
from tests.factories import make_site, make_subscriber, make_subscription

Json = dict[str, Any]
MOMENT = rule_strategies.Moment(datetime(2026, 3, 1, tzinfo=UTC), ZoneInfo("Europe/Oslo"))
any_rule = rule_strategies.rules(MOMENT)
KEYS = ("version", "all", "any", "none", "field", "op", "values", "name", "audience", "x")
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([1, 2]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=12,
)
VIP: Json = {"field": "tag", "op": "any_of", "values": ["vip"]}


def rule_1(field: str, op: str, *values: str) -> Json:
    return {"version": 1, "all": [{"field": field, "op": op, "values": list(values)}]}


def test_reads_the_default_as_everyone() -> None:
    assert rules.parse(everyone()) == rules.EVERYONE
    assert rules.EVERYONE.everyone
    assert rules.EVERYONE.as_json() == everyone()


def test_reads_a_tree() -> None:
    one = "6f1b0d5e-0000-4000-8000-000000000001"
    document = {
        "version": 2,
        "any": [VIP, {"none": [{"audience": one.upper()}, {"all": [VIP, VIP]}]}],
    }
    rule = rules.parse(document)
    vip = Condition("tag", "any_of", {"values": ["vip"]})
    assert rule == Rule(
        Group(
            Match.ANY,
            (
                vip,
                Group(
                    Match.NONE,
                    (Reference(rule.references[0]), Group(Match.ALL, (vip, vip))),
                ),
            ),
        )
    )
    assert [str(found) for found in rule.references] == [one]
    assert not rule.everyone
    assert list(rule.root.leaves()) == [vip, Reference(rule.references[0]), vip, vip]


@given(any_rule)
def test_a_rule_survives_its_json(document: Json) -> None:
    rule = rules.parse(document)
    assert rules.parse(rule.as_json()) == rule
    assert rules.parse(rule.as_json(), written_out=True) == rule
    assert rule.everyone == (document == everyone())


@given(any_json)
def test_what_is_not_a_rule_raises_and_never_means_everyone(document: Any) -> None:
    try:
        rule = rules.parse(document)
    except RuleError as error:
        assert error.sentence
    else:
        assert rule.everyone == (list(document.values()).count([]) == 1)


@given(any_json)
def test_what_is_no_condition_raises(item: Any) -> None:
    try:
        found = rules.condition(item, "here")
    except RuleError as error:
        assert error.path.startswith("here")
    else:
        assert found.as_json().keys() == item.keys()


@given(any_rule.filter(lambda rule: bool(rule.get("all"))), st.data())
def test_one_unknown_word_in_a_rule_raises(document: Json, data: st.DataObject) -> None:
    node = data.draw(st.sampled_from(document["all"]))
    changes: list[tuple[Json, Json]] = [
        (node, {"field": "vip"}),
        (node, {"extra": 1}),
        (document, {"version": 3}),
        (document, {"any": []}),
    ]
    if "op" in node:
        changes += [(node, {"op": "allof"}), (node, {"audience": rule_strategies.AUDIENCES[0]})]
    where, change = data.draw(st.sampled_from(changes))
    where.update(change)
    with pytest.raises(RuleError):
        rules.parse(document)


@settings(max_examples=3)
@given(st.data())
def test_all_parameters_of_every_operator_are_needed(data: st.DataObject) -> None:
    known = rule_strategies.conditions(MOMENT)
    for field in FIELDS.values():
        for op in field.ops:
            item = {"field": field.key, "op": op, **data.draw(known[field.key][op])}
            for name, param in field.params_of(op).items():
                with pytest.raises(RuleError) as caught:
                    rules.condition(item | {name: None}, "all.0")
                assert caught.value.path.startswith(f"all.0.{name}")
                if param.required:
                    with pytest.raises(RuleError) as caught:
                        rules.condition({k: v for k, v in item.items() if k != name}, "all.0")
                    assert caught.value.path == f"all.0.{name}"


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (None, ""),
        ([], ""),
        ({}, "version"),
        ({"version": 1}, ""),
        ({"version": True, "all": []}, "version"),
        ({"version": 1.0, "all": []}, "version"),
        ({"version": 2, "all": {}}, "all"),
        ({"version": 2, "all": [VIP] * 101}, "all"),
        ({"version": 2, "all": ["vip"]}, "all.0"),
        ({"version": 2, "all": [VIP, {"any": [VIP, VIP | {"op": "is"}]}]}, "all.1.any.1.op"),
        ({"version": 2, "all": [{"any": [VIP, {"none": []}]}]}, "all.0.any.1.none"),
        ({"version": 2, "all": [{"any": None}]}, "all.0.any"),
        ({"version": 2, "all": [{"audience": "friends"}]}, "all.0.audience"),
        # What version 1 did not know.
        (rule_1("country", "any_of", "NO"), "all.0"),
        (rule_1("tag", "all_of", "vip"), "all.0"),
        ({"version": 1, "all": [{"any": [VIP]}]}, "all.0"),
        ({"version": 1, "any": [VIP]}, "all.0"),
        ({"version": 1, "all": {"field": "tag"}}, "all.0"),
        (rule_1("tag", "any_of"), "all.0.values"),
        (rule_1("tag", "any_of", "vip", " "), "all.0.values.1"),
    ],
)
def test_says_where_it_fails(document: Any, path: str) -> None:
    with pytest.raises(RuleError) as caught:
        rules.parse(document)
    assert caught.value.path == path
    assert str(caught.value).startswith(path)


def test_what_is_written_out_may_be_larger_but_not_empty() -> None:
    large: Json = {"version": 2, "all": [{"all": []}, *[VIP] * 200]}
    with pytest.raises(RuleError):
        rules.parse(large)
    assert len(rules.parse(large, written_out=True).root.nodes) == 201
    for match in ("any", "none"):
        with pytest.raises(RuleError) as caught:
            rules.parse({"version": 2, "all": [{match: []}]}, written_out=True)
        assert caught.value.path == f"all.0.{match}"


def test_the_catalogue_describes_itself() -> None:
    described = {field["field"]: field for field in describe()}
    assert described.keys() == FIELDS.keys()
    for field in described.values():
        assert field["label"] and field["group"] and field["ops"]
    assert described["event"]["params"][0] == {"name": "name", "kind": "event", "required": True}
    assert described["bucket"]["ops"][0]["op"] == "between"


# What asks for nothing must not mean everybody, nor what nobody has.

NOBODY: Json = {"field": "country", "op": "any_of", "values": ["XX"]}
ANYBODY: Json = {"field": "event", "op": "at_least", "name": "x", "count": 0}
NEVER: Json = {"field": "event", "op": "at_least", "name": "no such event", "count": 1}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("document", "whom"),
    [
        ({"all": []}, 2),
        ({"all": [ANYBODY]}, 2),
        ({"any": [ANYBODY]}, 2),
        ({"any": [VIP, ANYBODY]}, 2),
        ({"any": [ANYBODY, NOBODY]}, 2),
        ({"none": [ANYBODY]}, 0),
        ({"none": [VIP, ANYBODY]}, 0),
        ({"all": [VIP, ANYBODY]}, 1),
        ({"all": [{"none": [ANYBODY]}]}, 0),
        ({"none": [{"none": [ANYBODY]}]}, 2),
        ({"any": [VIP, {"none": [ANYBODY]}]}, 1),
        ({"all": [VIP, {"all": [ANYBODY]}]}, 1),
        ({"all": [NOBODY]}, 0),
        ({"any": [NOBODY, VIP]}, 1),
        ({"none": [NOBODY]}, 2),
        ({"none": [NOBODY, VIP]}, 1),
        ({"none": [{"none": [NOBODY]}]}, 0),
        ({"all": [NEVER]}, 0),
        ({"none": [NEVER]}, 2),
        ({"any": [NEVER, {"none": [ANYBODY]}, NOBODY]}, 0),
        ({"all": [NEVER | {"op": "at_most", "count": 0}]}, 2),
        ({"all": [NEVER | {"op": "at_most", "count": 100_000}]}, 2),
        ({"all": [{"field": "received", "op": "did"}]}, 0),
        ({"all": [{"field": "ignored", "op": "did_not"}]}, 2),
    ],
)
def test_what_asks_for_nothing(document: Json, whom: int) -> None:
    site = make_site()
    make_subscription(site, subscriber=make_subscriber(site, tags=["vip"]))
    make_subscription(site)
    scope = Scope(site, datetime.now(UTC))
    asked = compiling.compile(rules.parse({"version": 2, **document}), scope)
    assert Subscription.objects.filter(asked, site=site).count() == whom


@pytest.mark.parametrize("field", ["tag", "topic"])
@pytest.mark.parametrize("op", ["any_of", "all_of", "none_of"])
def test_a_tag_is_as_long_as_tags_are(field: str, op: str) -> None:
    """A longer one would be cut where SQL compares it, and be another tag."""
    assert rules.condition({"field": field, "op": op, "values": ["v" * 64]})
    with pytest.raises(RuleError) as caught:
        rules.condition({"field": field, "op": op, "values": ["v", "v" * 65]})
    assert caught.value.path == "values.1"
