from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Site
from audiences import rules
from audiences.catalogue import FIELDS, Op
from audiences.models import everyone
from audiences.rules import Condition, Rule, RuleError
from subscribers.models import Subscription
from tests.factories import make_site, make_subscriber, make_subscription

letters = st.characters(codec="utf-8", exclude_characters="\0")
conditions = st.sampled_from(sorted(FIELDS)).flatmap(
    lambda field: st.builds(
        Condition,
        field=st.just(field),
        op=st.sampled_from(Op),
        values=st.lists(
            st.text(letters, min_size=1, max_size=12).filter(str.strip),
            min_size=1,
            max_size=3,
            unique=True,
        ).map(tuple),
    )
)
any_rule = st.lists(conditions, max_size=3).map(lambda items: Rule(tuple(items)))
json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["version", "all", "field", "op", "values", "x"]), inner)
    ),
    max_leaves=12,
)


def rule_of(field: str, op: str, *values: str) -> dict[str, Any]:
    return {"version": 1, "all": [{"field": field, "op": op, "values": list(values)}]}


def test_parses_the_default_as_everyone() -> None:
    assert rules.parse(everyone()) == rules.EVERYONE


@given(any_rule)
def test_a_rule_survives_its_json(rule: Rule) -> None:
    assert rules.parse(rule.as_json()) == rule


@given(any_rule)
def test_every_rule_has_a_sentence_that_names_its_values(rule: Rule) -> None:
    sentence = rules.sentence(rule)
    assert sentence.endswith(".")
    for item in rule.conditions:
        for value in item.values:
            assert item.about.shown(value) in sentence


@given(any_rule)
def test_every_rule_compiles_to_a_statement(rule: Rule) -> None:
    query = Subscription.objects.filter(rules.compile(rule)).query
    sql, parameters = query.get_compiler(connection=connection).as_sql()
    assert len(parameters) >= sum(item.field != "tag" for item in rule.conditions)
    assert sql


@given(json)
def test_what_is_not_a_rule_raises_and_never_means_everyone(document: Any) -> None:
    try:
        rule = rules.parse(document)
    except RuleError as error:
        assert error.sentence
    else:
        # Only what round-trips to itself is understood.
        assert set(document) == {"version", "all"}
        assert len(rule.conditions) == len(document["all"])


@given(any_rule.filter(lambda rule: bool(rule.conditions)), st.data())
def test_one_unknown_word_in_a_rule_raises(rule: Rule, data: st.DataObject) -> None:
    document = rule.as_json()
    item = data.draw(st.sampled_from(document["all"]))
    where, change = data.draw(
        st.sampled_from(
            [
                (item, {"field": "vip"}),
                (item, {"op": "all_of"}),
                (item, {"values": []}),
                (item, {"extra": 1}),
                (document, {"version": 2}),
                (document, {"any": []}),
            ]
        )
    )
    where.update(change)
    with pytest.raises(RuleError):
        rules.parse(document)


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (None, ""),
        ([], ""),
        ({}, ""),
        ({"version": 1}, ""),
        ({"version": True, "all": []}, "version"),
        ({"version": 1.0, "all": []}, "version"),
        ({"version": 1, "all": {}}, "all"),
        ({"version": 1, "all": [{}] * 21}, "all"),
        ({"version": 1, "all": ["vip"]}, "all.0"),
        (rule_of("country", "any_of", "NO"), "all.0.field"),
        (rule_of("tag", "contains", "vip"), "all.0.op"),
        (rule_of("tag", "any_of"), "all.0.values"),
        (rule_of("tag", "any_of", *map(str, range(51))), "all.0.values"),
        (rule_of("tag", "any_of", "vip", " "), "all.0.values.1"),
        (rule_of("tag", "any_of", "v\0"), "all.0.values.0"),
        (rule_of("tag", "any_of", "\ud83d"), "all.0.values.0"),
        (rule_of("tag", "any_of", "v" * 65), "all.0.values.0"),
        ({"version": 1, "all": [{"field": [], "op": "any_of", "values": ["a"]}]}, "all.0.field"),
        ({"version": 1, "all": [{"field": "tag", "op": {}, "values": ["a"]}]}, "all.0.op"),
        (
            {"version": 1, "all": [{"field": "tag", "op": "any_of", "values": "vip"}]},
            "all.0.values",
        ),
        (
            {"version": 1, "all": [{"field": "tag", "op": "any_of", "values": [1]}]},
            "all.0.values.0",
        ),
    ],
)
def test_says_where_it_fails(document: Any, path: str) -> None:
    with pytest.raises(RuleError) as caught:
        rules.parse(document)
    assert caught.value.path == path
    assert str(caught.value).startswith(path)


def test_sentences() -> None:
    assert rules.sentence(everyone()) == "Everyone who gave permission."
    assert rules.sentence(
        {
            "version": 1,
            "all": [
                {"field": "tag", "op": "any_of", "values": ["vip", "sale"]},
                {"field": "language", "op": "any_of", "values": ["nb", "tlh"]},
                {"field": "browser", "op": "none_of", "values": ["Firefox"]},
            ],
        }
    ) == (
        "People who have the tag vip or sale, and whose browser is set to Norwegian Bokmål or tlh, "
        "and who do not use Firefox."
    )


def test_the_sentence_marks_logic_and_values_and_escapes_them() -> None:
    html = rules.sentence_html(
        {
            "version": 1,
            "all": [
                {"field": "tag", "op": "none_of", "values": ["<b>"]},
                {"field": "browser", "op": "any_of", "values": ["Chrome"]},
            ],
        }
    )
    assert html == (
        "People who do <b>not</b> have the tag <em>&lt;b&gt;</em>, <b>and</b> "
        "who use <em>Chrome</em>."
    )


@pytest.fixture
def site(db: None) -> Site:
    """Ada has two devices, one of them gone; Bo and Cy have one each; Dee is somebody else's."""
    site = make_site()
    ada = make_subscriber(site, tags=["vip", "sale"])
    make_subscription(site, subscriber=ada, language="en-GB", browser="Chrome")
    make_subscription(site, subscriber=ada, language="en", browser="Firefox")
    make_subscription(site, subscriber=ada, state=Subscription.State.GONE)
    make_subscription(site, subscriber=make_subscriber(site, tags=["sale"]), language="nb-NO")
    make_subscription(site, subscriber=make_subscriber(site), language="", browser="")
    make_subscription(make_site(name="Another"), browser="Chrome")
    return site


@pytest.mark.parametrize(
    ("rule", "people", "devices"),
    [
        (everyone(), 3, 4),
        (rule_of("tag", "any_of", "vip"), 1, 2),
        (rule_of("tag", "any_of", "vip", "sale"), 2, 3),
        (rule_of("tag", "none_of", "vip"), 2, 2),
        (rule_of("tag", "none_of", "vip", "sale"), 1, 1),
        (rule_of("tag", "any_of", "VIP"), 0, 0),
        (rule_of("language", "any_of", "en"), 1, 2),
        (rule_of("language", "any_of", "EN-gb"), 1, 1),
        (rule_of("language", "any_of", "e"), 0, 0),
        (rule_of("language", "any_of", "n%"), 0, 0),
        (rule_of("language", "none_of", "en", "nb"), 1, 1),
        (rule_of("browser", "any_of", "Chrome"), 1, 1),
        (rule_of("browser", "none_of", "Firefox"), 2, 2),
    ],
)
def test_counts_people_and_devices(
    site: Site, rule: dict[str, Any], people: int, devices: int
) -> None:
    assert rules.count(site, rule) == (people, devices)


def test_all_conditions_must_hold(site: Site) -> None:
    rule = rule_of("tag", "any_of", "sale")
    rule["all"] += rule_of("browser", "none_of", "Firefox")["all"]
    assert rules.count(site, rule) == (1, 1)


def test_any_of_and_none_of_split_everyone(site: Site) -> None:
    for field, values in (("tag", ["sale"]), ("language", ["en"]), ("browser", ["Chrome", ""])):
        values = [value for value in values if value]
        with_it = rules.count(site, rule_of(field, "any_of", *values))[1]
        without = rules.count(site, rule_of(field, "none_of", *values))[1]
        assert with_it + without == 4
