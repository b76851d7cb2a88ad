"""The builder's draft: a rule to a form and back, and what buttons do to it."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Role, Site
from audiences import builder, rules, saving
from audiences.builder import Draft, values
from audiences.builder.acting import ACTIONS
from audiences.builder.tree import DEEPEST, as_json
from audiences.models import StaticList
from audiences.rules import MOST_NODES
from campaigns import starting
from tests.audiences.rule_forms import rule_form
from tests.factories import make_campaign, make_member, make_site, make_subscription

TAG: dict[str, Any] = {"field": "tag", "op": "any_of", "values": ["vip"]}
ID = "0190d3ad-0000-7000-8000-000000000000"
EVENT: dict[str, Any] = {"field": "event", "op": "at_least", "name": "purchase", "count": 2}

CONDITIONS: list[dict[str, Any]] = [
    TAG,
    {"field": "tag", "op": "all_of", "values": ["a, b", 'c"d', " e ", '"f"']},
    {"field": "language", "op": "none_of", "values": ["nb", "en-gb", "tlh"]},
    {"field": "country", "op": "any_of", "values": ["NO", "SE"]},
    {"field": "channel", "op": "any_of", "values": ["web", "apns"]},
    {"field": "app_version", "op": "less_than", "version": "4.12"},
    {"field": "attribute_number", "op": "between", "name": "price", "low": -1.5, "high": 10},
    {"field": "attribute_text", "op": "is_not_set", "name": "with space: and colon"},
    {"field": "attribute_date", "op": "between", "name": "b"}
    | {"from": "1990-01-01", "to": "1999-12-31"},
    {"field": "last_seen", "op": "on", "date": "2026-11-27"},
    {"field": "last_seen", "op": "within_last", "days": 0},
    {"field": "identified", "op": "is_true"},
    {"field": "list", "op": "any_of", "values": [ID]},
    {"field": "bucket", "op": "between", "low": 500, "high": 1249, "salt": "spring"},
    {"field": "cart_idle", "op": "at_least", "minutes": 120},
    {"field": "cart_idle", "op": "less_than", "minutes": 61},
    {"field": "cart_value", "op": "more_than", "value": 1e-7},
    {"field": "clicked", "op": "did_not", "campaigns": [ID], "within": {"days": 90}},
    {**EVENT, "within": {"hours": 3}},
    {**EVENT, "within": {"from": "2026-01-01"}},
    {
        **EVENT,
        "within": {"from": "2026-01-01", "to": "2026-02-01"},
        "where": [
            {"property": "category", "op": "any_of", "values": ["Gloves", "a, b"]},
            {"property": "price", "op": "at_least", "value": 12.5},
        ],
    },
    {"field": "event_last", "op": "within_last", "name": "purchase", "days": 60},
    {
        "field": "event_sum",
        "op": "more_than",
        "name": "purchase",
        "property": "value",
        "value": 100,
        "within": {"days": 90},
    },
]  # fmt: skip


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


def draft_of(json: dict[str, Any]) -> Draft:
    return builder.of_rule(rules.parse(json))


def sent(draft: Draft) -> QueryDict:
    """What a browser sends of a draft, without the page around it."""
    data = QueryDict(mutable=True)
    for panel in draft.panels:
        for item in panel.walk():
            parent = draft.parent_of(item)
            kind = "c" if not item.group else "o" if parent is None else "g"
            if item is not draft.panels[0]:
                above = parent.id if parent else ""
                drawn = f" {item.op} {item.subject}" if kind == "c" else ""
                data.appendlist("node", f"{item.id} {above} {kind}{drawn}")
            if item.group:
                data[f"{item.id}-match"] = item.match.value
            else:
                typed = {"subject": [item.subject], "op": [item.op], **item.typed}
                for name, texts in typed.items():
                    data.setlist(f"{item.id}-{name}", texts)
    return data


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda one: f"{one['field']}.{one['op']}")
def test_a_condition_comes_back_from_its_form(condition: dict[str, Any]) -> None:
    rule = {"version": 2, "all": [condition]}
    read = builder.read(sent(draft_of(rule)))
    assert rules.parse(as_json(read)[0]) == rules.parse(rule)


@pytest.mark.parametrize(
    "rule",
    [
        {"all": []},
        {"any": [TAG, EVENT]},
        {"all": [TAG, {"any": [TAG, {"all": [TAG, {"none": [EVENT]}]}]}]},
        {"all": [TAG, {"none": [TAG, EVENT]}, {"none": [{"all": [TAG, EVENT]}]}]},
        {"all": [{"any": [TAG, EVENT]}, {"none": [TAG]}]},
        {"all": [{"none": [TAG]}]},
    ],
)
def test_a_tree_comes_back_from_its_form(rule: dict[str, Any], site: Site) -> None:
    json = {"version": 2, **rule}
    read = builder.read(sent(draft_of(json)))
    assert builder.judge(read, site).rule.as_json() == json


def test_none_at_the_top_is_a_panel_to_leave_out(site: Site) -> None:
    draft = draft_of({"version": 2, "none": [TAG, EVENT]})
    assert len(draft.panels) == 2 and not draft.panels[0].items
    judged = builder.judge(draft, site)
    assert judged.rule.as_json() == {"version": 2, "all": [{"none": [TAG, EVENT]}]}


def test_whole_audiences_come_back_as_picks_or_as_conditions(site: Site) -> None:
    named = str(saving.create(site, "A", {"version": 2, "all": [TAG]}, by=None).pk)
    inner = {"any": [TAG, {"none": [{"audience": named}]}]}
    json = {"version": 2, "all": [{"audience": named}, inner, {"none": [{"audience": named}]}]}
    conditions = draft_of(json)
    assert builder.judge(builder.read(sent(conditions)), site).rule.as_json() == json
    picked = builder.of_rule(rules.parse(json), picks=True)
    assert (picked.send, picked.leave, picked.panels[0].match) == ([named], [named], "any")
    assert picked.panels[0].items[1].op == "audience.is_not_in"


# What one types


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (" , ,", []),
        ("a, b", ["a", "b"]),
        ('"a, b", c', ["a, b", "c"]),
        ('say "hi"', ['say "hi"']),
        ('"a""b"', ['a"b']),
        ('"a', ['"a']),
        ("a\nb", ["a", "b"]),
    ],
)
def test_values_stand_between_commas(text: str, found: list[str]) -> None:
    assert values.split(text) == found


@given(st.lists(st.text(min_size=1, max_size=9).filter(lambda text: bool(text.strip()))))
def test_values_are_taken_apart_as_they_were_joined(texts: list[str]) -> None:
    texts = [text for text in texts if not {"\n", "\r"} & set(text)]
    assert values.split(values.joined(texts)) == texts


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), ("1,200", 1200), ("1,200.5", 1200.5), ("1 200", 1200), ("12,5", 12.5), ("x", "x")],
)
def test_numbers_are_read_as_people_write_them(text: str, number: float | str) -> None:
    assert values.number(text) == number


@pytest.mark.parametrize(
    ("subject", "op", "typed", "place", "sentence"),
    [
        ("tag", "any_of", {"values": ""}, "values", "Name at least one value."),
        ("tag", "any_of", {"values": "x" * 201}, "values", "characters"),
        ("country", "any_of", {"values": "Atlantis"}, "values", "“Atlantis” is no country"),
        ("language", "any_of", {"values": "Klingonish"}, "values", "no language"),
        ("channel", "any_of", {"values": "pigeon"}, "values", "no channel"),
        ("app_version", "at_least", {"version": "four"}, "version", "A version, such as"),
        ("list", "any_of", {"values": ""}, "values", "Name at least one value."),
        ("attribute_number:price", "at_least", {"value": "lots"}, "value", "must be a number"),
        ("attribute_number:price", "at_least", {"value": ""}, "value", "Fill this in."),
        ("attribute_number:p", "between", {"low": "9", "high": "1"}, "low", "larger than"),
        ("last_seen", "within_last", {"days": "1.5"}, "days", "A whole number from 0"),
        ("last_seen", "on", {"date": "soon"}, "date", "A day between 1900 and 2199"),
        ("cart_idle", "at_least", {"minutes": "x"}, "minutes", "A whole number"),
        ("bucket", "between", {"percent": "0", "salt": "a"}, "percent", "A percentage"),
        ("bucket", "between", {"percent": "5", "salt": ""}, "salt", "Fill this in."),
        ("event:p", "at_least", {"within": "days"}, "within_n", "A whole number"),
        (
            "event:p",
            "at_least",
            {"within": "dates", "within_from": "2026-02-01", "within_to": "2026-01-01"},
            "within_from",
            "The first day is after the last.",
        ),
        (
            "event:p",
            "at_least",
            {"where-0-op": "more_than", "where-0-property": "a", "where-0-value": "b"},
            "where-0-value",
            "must be a number",
        ),
        (
            "event:p",
            "at_least",
            {"where-1-op": "any_of", "where-1-property": "a", "where-1-value": ""},
            "where-1-value",
            "Name at least one value.",
        ),
        ("audience", "is_in", {"audience": ""}, "audience", "Choose an audience"),
        ("audience", "is_in", {"audience": ID}, "audience", "not there any more"),
        ("audience", "is_in", {"audience": "x"}, "audience", "must be an id"),
        ("", "", {}, "subject", "Choose what this condition is about"),
        ("nothing", "any_of", {"values": "x"}, "subject", "Choose what this condition is about"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_input(
    site: Site, subject: str, op: str, typed: dict[str, str], place: str, sentence: str
) -> None:
    data = QueryDict(mutable=True)
    form = rule_form(("tag", "any_of", "fine"), (subject, op, ""), n2_count="1")
    for key, value in form.items():
        data.setlist(key, value if isinstance(value, list) else [value])
    for name, text in typed.items():
        data[f"n2-{name}"] = text
    judged = builder.judge(builder.read(data), site)
    (problem,) = judged.problems
    assert (problem.item, problem.input) == ("n2", place)
    assert sentence in problem.sentence
    # What is finished is still said and counted.
    assert [leaf.as_json() for leaf in judged.rule.root.leaves()] == [{**TAG, "values": ["fine"]}]


def test_an_empty_group_and_too_many_are_refused_at_the_group(site: Site) -> None:
    draft = draft_of({"version": 2, "all": [TAG, {"any": [TAG]}]})
    builder.act(draft, "remove n3")
    (problem,) = builder.judge(draft, site).problems
    assert (problem.item, problem.target) == ("n2", "n2-add")
    draft = draft_of({"version": 2, "all": [TAG] * MOST_NODES})
    extra = builder.read(sent(draft))
    extra.panels[0].items.append(draft.panels[0].items[0])
    (problem,) = builder.judge(extra, site).problems
    assert problem.item == "n0" and "At most 100" in problem.sentence


# Actions


def test_another_subject_asks_anew_and_another_operator_keeps_what_was_typed() -> None:
    data = QueryDict(mutable=True)
    for key, value in rule_form(("event:p", "at_least", "")).items():
        data.setlist(key, value if isinstance(value, list) else [value])
    data["n1-count"], data["n1-op"] = "7", "event_last.within_last"
    (item,) = builder.read(data).panels[0].items
    assert item.typed["count"] == ["7"] and item.typed["days"] == ["30"]
    data["n1-subject"], data["n1-values"] = "tag", "left over"
    (item,) = builder.read(data).panels[0].items
    assert item.op == "tag.any_of" and "values" not in item.typed


def test_conditions_move_by_steps_and_into_groups() -> None:
    second = {**TAG, "values": ["b"]}
    draft = draft_of({"version": 2, "all": [TAG, second, {"any": [EVENT]}, {"none": [EVENT]}]})

    def order() -> list[list[str]]:
        return [[item.id for item in panel.walk()] for panel in draft.panels]

    assert order() == [["n0", "n1", "n2", "n3", "n4"], ["n5", "n6"]]
    builder.act(draft, "down n1")
    assert order()[0] == ["n0", "n2", "n1", "n3", "n4"]
    builder.act(draft, "into n1")
    assert order()[0] == ["n0", "n2", "n3", "n1", "n4"]
    builder.act(draft, "out n1")
    assert order()[0] == ["n0", "n2", "n3", "n4", "n1"]
    assert draft.focus == "n1-move"
    builder.act(draft, "down n1")
    assert order() == [["n0", "n2", "n3", "n4"], ["n5", "n1", "n6"]]
    builder.act(draft, "up n1")
    builder.act(draft, "place n2 n5 1")
    assert order() == [["n0", "n3", "n4", "n1"], ["n5", "n6", "n2"]]
    # A group can't be put into itself, and the outermost stays.
    before = order()
    for nonsense in (
        "place n3 n3 0",
        "up n0",
        "remove n0",
        "out n3",
        "into n9",
        "place n2 n6 0",
        "",
    ):
        builder.act(draft, nonsense)
    assert order() == before


def test_focus_goes_into_what_was_added_and_before_what_was_removed() -> None:
    draft = draft_of({"version": 2, "all": [TAG, TAG]})
    builder.act(draft, "add n0")
    assert draft.focus == "n3-subject"
    builder.act(draft, "remove n3")
    assert draft.focus == "n2-subject"
    builder.act(draft, "leave")
    assert draft.focus == "n4-subject"
    builder.act(draft, "remove n3")
    assert draft.focus == "n0-add"


def test_properties_are_added_and_removed() -> None:
    draft = draft_of({"version": 2, "all": [EVENT]})
    for _ in range(7):
        builder.act(draft, "property n1")
    (item,) = draft.panels[0].items
    assert len([name for name in item.typed if name.endswith("-op")]) == 5
    builder.act(draft, "noproperty n1 2")
    assert "where-2-op" not in item.typed and draft.focus == "n1-where-4-property"
    builder.act(draft, "property n1")
    assert "where-2-op" in item.typed


WORDS = st.sampled_from([*ACTIONS, "leave", "nonsense"])
NODES = st.integers(0, 14).map(lambda number: f"n{number}")
ASKED = st.builds(
    lambda verb, *words: " ".join([verb, *words]),
    WORDS,
    NODES,
    st.one_of(NODES, st.just("1")),
    st.sampled_from(["0", "1", "99", "-1", "x"]),
)


@given(st.lists(ASKED, max_size=25))
def test_whatever_buttons_do_the_tree_stays_whole_and_nothing_is_lost(asked: list[str]) -> None:
    third = {**TAG, "values": ["c"]}
    draft = draft_of(
        {"version": 2, "all": [TAG, {"any": [EVENT, {"all": [third]}]}, {"none": [TAG, EVENT]}]}
    )
    for action in asked:
        known = {item.id: (item.subject, item.op, dict(item.typed)) for item in draft.walk()}
        gone = {one.id for one in _removed(draft, action)}
        builder.act(draft, action)
        ids = [item.id for item in draft.walk()]
        assert len(ids) == len(set(ids)) and draft.panels[0].id == "n0"
        assert set(known) - gone <= set(ids)
        assert max(draft.depth_of(item) for item in draft.walk() if item.group) <= DEEPEST
        again = builder.read(sent(draft))
        assert _shape(again) == _shape(draft)
        for item in again.walk():
            if item.id in known and "property" not in action:
                assert (item.subject, item.op, item.typed) == known[item.id]


def _removed(draft: Draft, action: str) -> list[Any]:
    verb, *words = action.split(" ")
    item = draft.find(words[0]) if verb == "remove" else None
    return list(item.walk()) if item is not None and item.id != "n0" else []


def _shape(draft: Draft) -> Any:
    def of(item: Any) -> Any:
        return (item.id, item.match, item.subject, item.op, [of(one) for one in item.items])

    return [of(panel) for panel in draft.panels]


@given(
    st.dictionaries(
        st.sampled_from(["node", "n1-subject", "n1-op", "n1-values", "n2-match", "who", "send"]),
        st.lists(st.text(max_size=12) | st.sampled_from(["n1 n0 c", "n2 n0 g", "n1 n2 c"])),
    )
)
def test_whatever_a_form_says_it_is_read(said: dict[str, list[str]]) -> None:
    data = QueryDict(mutable=True)
    for key, texts in said.items():
        data.setlist(key, texts)
    draft = builder.read(data)
    assert draft.panels[0].id == "n0"
    assert as_json(draft, only=set())[0]["version"] == 2


def test_a_hostile_form_is_cut_short() -> None:
    data = QueryDict(mutable=True)
    data.setlist("node", [f"n{number} n{number - 1} g" for number in range(1, 5_000)])
    draft = builder.read(data)
    assert len(list(draft.walk())) <= 201
    assert max(draft.depth_of(item) for item in draft.walk()) <= 13


# What is drawn


def test_choices_are_by_name(site: Site, client: Client) -> None:
    client.force_login(make_member(site, Role.MARKETER))
    make_subscription(site)
    begun, draft = make_campaign(site, name="Winter layers"), make_campaign(site, name="Not yet")
    starting.start(begun)
    address = reverse("audiences:builder", args=[site.pk])
    data = rule_form(("clicked", "did", ""), n1_campaigns=[str(begun.pk), ID]) | {"do": "draw"}
    page = client.post(address, data).content.decode()
    assert f'value="{begun.pk}" checked' in page
    assert ">Winter layers</label>" in page and str(draft.pk) not in page
    assert f'value="{ID}" checked' in page  # what is gone is not dropped unseen
    uploaded = StaticList.objects.create(site=site, name="Trade fair")
    page = client.post(address, rule_form(("list", "any_of", "")) | {"do": "draw"}).content.decode()
    assert f'value="{uploaded.pk}"' in page and ">Trade fair</label>" in page
