"""Each operator by example: whom it holds for, by SQL and by the plain-Python evaluator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from audiences.catalogue import FIELDS
from tests.audiences.evaluator import Basket, Device, Happening, Person, Sent, World, holds
from tests.audiences.populating import asked_of_sql, make_partitions, scope_of, store
from tests.audiences.rule_strategies import CAMPAIGNS, LISTS, PEOPLE, Moment, Population
from tests.factories import make_site

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ANN = Person(
    id=PEOPLE[0],
    created_at=NOW.replace(year=2025),
    last_seen_at=NOW - HOUR,
    external_id="ann",
    tags=("vip", "sale"),
    topics=("news", "drops"),
    attributes={
        "plan": "Gold",
        "points": 120,
        "agrees": True,
        "born": "1990-03-15",
        "likes": ["boots", "tents"],
    },
)
BO = Person(
    id=PEOPLE[1],
    created_at=NOW - 5 * DAY,
    last_seen_at=NOW - 5 * DAY,
    tags=("sale",),
    topics=("news",),
    attributes={
        "plan": "silver, old",
        "points": "12.5",
        "agrees": False,
        "born": "2026-03-20T10:00",
        "likes": ["tents"],
    },
)
# Knows nothing that can be read as what is asked.
CY = Person(
    id=PEOPLE[2],
    created_at=NOW - 42 * DAY,
    last_seen_at=NOW - 42 * DAY,
    attributes={"plan": [], "points": "many", "agrees": "maybe", "born": "soon", "likes": "boots"},
)
DEVICES = {
    "A": Device(ANN, ANN.created_at, True, "en-GB", "Europe/Oslo", "web", "Chrome", "Android"),
    "a": Device(ANN, NOW - DAY, False, "nb", "Asia/Calcutta", "web", "Firefox", "macOS"),
    "B": Device(BO, BO.created_at, True, "nb-NO", "UTC", "fcm", "Firefox", "Windows", "4.12.0"),
    "C": Device(CY, CY.created_at),
}
WORLD = World(
    events=(
        Happening(ANN.id, "purchase", NOW - 2 * HOUR, {"value": 100, "kind": "boots"}),
        Happening(ANN.id, "purchase", NOW - 14 * DAY, {"value": "60.5", "kind": "Tall Boots"}),
        Happening(BO.id, "purchase", NOW - 23 * DAY, {"value": "free"}),
        Happening(BO.id, 'view % of "it"', NOW - HOUR / 2, {"value": 7}),
        Happening(CY.id, "purchase", NOW + HOUR, {"value": 1_000}),
    ),
    carts={
        ANN.id: Basket(
            NOW - 3 * HOUR,
            items=({"product": "SKU-1", "name": "Frost Mitt"}, {"product": "7"}),
            value=Decimal(80),
        ),
        BO.id: Basket(NOW - 3 * HOUR, open=False, items=({"product": "7"},), value=Decimal(5)),
    },
    lists={LISTS[0]: frozenset([ANN.id]), LISTS[1]: frozenset([BO.id])},
    sent=(
        Sent(0, ANN.id, CAMPAIGNS[0], NOW - 2 * DAY, clicked_at=NOW - DAY),
        # Clicks in an hour: not yet.
        Sent(2, BO.id, CAMPAIGNS[0], NOW - 2 * DAY, clicked_at=NOW + HOUR),
        Sent(1, ANN.id, CAMPAIGNS[1], NOW - 20 * DAY, accepted=False),
        Sent(2, BO.id, CAMPAIGNS[1], NOW - 20 * DAY, dismissed_at=NOW - 19 * DAY),
    ),
)
POPULATION = Population(
    Moment(NOW, ZoneInfo("Europe/Oslo")), (ANN, BO, CY), tuple(DEVICES.values()), WORLD
)

Example = tuple[str, dict[str, Any], str]


def values(*them: str) -> dict[str, Any]:
    return {"values": list(them)}


EXAMPLES: dict[str, list[Example]] = {
    "tag": [
        ("any_of", values("vip", "new"), "Aa"),
        ("any_of", values("VIP"), ""),
        ("all_of", values("vip", "sale"), "Aa"),
        ("all_of", values("sale"), "AaB"),
        ("none_of", values("vip", "new"), "BC"),
    ],
    "topic": [
        ("any_of", values("drops"), "Aa"),
        ("all_of", values("news", "drops"), "Aa"),
        ("none_of", values("news"), "C"),
    ],
    "language": [
        ("any_of", values("nb"), "aB"),
        ("any_of", values("EN-gb"), "A"),
        ("any_of", values("n", "n%", "e_-GB"), ""),
        ("none_of", values("nb"), "AC"),
    ],
    "country": [
        ("any_of", values("NO", "DE"), "A"),
        ("any_of", values("XX"), ""),
        ("none_of", values("XX"), "AaBC"),
        ("none_of", values("IN"), "ABC"),
    ],
    "time_zone": [
        ("any_of", values("UTC", "Europe/Oslo"), "AB"),
        ("none_of", values("UTC"), "AaC"),
    ],
    "channel": [
        ("any_of", values("web"), "AaC"),
        ("any_of", values("fcm", "apns"), "B"),
        ("none_of", values("web"), "B"),
    ],
    "app_version": [
        ("any_of", values("4.12.0"), "B"),
        ("any_of", values("4.12"), ""),
        ("none_of", values("4.12.0"), "AaC"),
        ("at_least", {"version": "4.12"}, "B"),
        ("at_least", {"version": "4.9.99.0"}, "B"),
        ("at_least", {"version": "4.12.1"}, ""),
        ("less_than", {"version": "4.12.0.0"}, ""),
        ("less_than", {"version": "10"}, "B"),
    ],
    "browser": [
        ("any_of", values("Firefox"), "aB"),
        ("any_of", values("firefox"), ""),
        ("none_of", values("Firefox", "Safari"), "AC"),
    ],
    "platform": [("any_of", values("Android"), "A"), ("none_of", values("Android"), "aBC")],
    "identified": [("is_true", {}, "Aa"), ("is_false", {}, "BC")],
    "first_seen": [
        ("within_last", {"days": 4}, ""),
        ("within_last", {"days": 5}, "B"),
        ("more_than_ago", {"days": 41}, "AaC"),
        ("more_than_ago", {"days": 42}, "Aa"),
        ("days_ago", {"days": 5}, "B"),
        ("on", {"date": "2026-03-10"}, "B"),
        ("before", {"date": "2026-03-10"}, "AaC"),
        ("after", {"date": "2026-02-01"}, "B"),
        ("between", {"from": "2025-03-15", "to": "2026-02-01"}, "AaC"),
        ("anniversary", {}, "Aa"),
    ],
    "last_seen": [
        ("within_last", {"days": 0}, "Aa"),
        ("more_than_ago", {"days": 4}, "BC"),
        ("days_ago", {"days": 0}, "Aa"),
        ("on", {"date": "2026-03-15"}, "Aa"),
        ("before", {"date": "2026-03-15"}, "BC"),
        ("after", {"date": "2026-03-14"}, "Aa"),
        ("between", {"from": "2026-03-10", "to": "2026-03-10"}, "B"),
    ],
    "subscribed_at": [
        ("within_last", {"days": 1}, "a"),
        ("more_than_ago", {"days": 4}, "ABC"),
        ("days_ago", {"days": 1}, "a"),
        ("on", {"date": "2026-03-14"}, "a"),
        ("before", {"date": "2026-03-10"}, "AC"),
        ("after", {"date": "2026-03-09"}, "aB"),
        ("between", {"from": "2026-03-01", "to": "2026-03-31"}, "aB"),
        ("anniversary", {}, "A"),
    ],
    "attribute_text": [
        ("any_of", {"name": "plan", **values("Gold", "gold")}, "Aa"),
        ("any_of", {"name": "points", **values("120")}, "Aa"),
        ("none_of", {"name": "plan", **values("Gold")}, "BC"),
        ("contains", {"name": "plan", **values("OLD")}, "AaB"),
        ("contains", {"name": "plan", **values("%", "_")}, ""),
        ("starts_with", {"name": "plan", **values("g")}, "Aa"),
        ("is_set", {"name": "plan"}, "AaB"),
        ("is_not_set", {"name": "plan"}, "C"),
    ],
    "attribute_number": [
        ("equals", {"name": "points", "value": 12.5}, "B"),
        ("not_equals", {"name": "points", "value": 12.5}, "AaC"),
        ("more_than", {"name": "points", "value": 12.5}, "Aa"),
        ("at_least", {"name": "points", "value": 12.5}, "AaB"),
        ("less_than", {"name": "points", "value": 120}, "B"),
        ("at_most", {"name": "points", "value": 120}, "AaB"),
        ("between", {"name": "points", "low": -1, "high": 13}, "B"),
        ("is_set", {"name": "points"}, "AaB"),
        ("is_not_set", {"name": "points"}, "C"),
    ],
    "attribute_boolean": [
        ("is_true", {"name": "agrees"}, "Aa"),
        ("is_false", {"name": "agrees"}, "B"),
        ("is_set", {"name": "agrees"}, "AaB"),
        ("is_not_set", {"name": "agrees"}, "C"),
    ],
    "attribute_date": [
        ("within_last", {"name": "born", "days": 3_660}, ""),
        ("within_next", {"name": "born", "days": 5}, "B"),
        ("within_next", {"name": "born", "days": 4}, ""),
        ("more_than_ago", {"name": "born", "days": 3_660}, "Aa"),
        ("days_ago", {"name": "born", "days": 0}, ""),
        ("on", {"name": "born", "date": "2026-03-20"}, "B"),
        ("before", {"name": "born", "date": "2026-03-20"}, "Aa"),
        ("after", {"name": "born", "date": "1990-03-15"}, "B"),
        ("between", {"name": "born", "from": "1990-03-15", "to": "2026-03-20"}, "AaB"),
        ("anniversary", {"name": "born"}, "Aa"),
        ("is_set", {"name": "born"}, "AaB"),
        ("is_not_set", {"name": "born"}, "C"),
    ],
    "attribute_list": [
        ("any_of", {"name": "likes", **values("boots", "x")}, "Aa"),
        ("all_of", {"name": "likes", **values("tents")}, "AaB"),
        ("all_of", {"name": "likes", **values("boots", "tents")}, "Aa"),
        ("none_of", {"name": "likes", **values("boots")}, "BC"),
        ("is_set", {"name": "likes"}, "AaB"),
        ("is_not_set", {"name": "likes"}, "C"),
    ],
    "list": [
        ("any_of", values(LISTS[0]), "Aa"),
        ("any_of", values(LISTS[0], LISTS[1]), "AaB"),
        ("any_of", values(LISTS[2]), ""),
        ("none_of", values(LISTS[0], LISTS[2]), "BC"),
    ],
    "bucket": [
        ("between", {"low": 0, "high": 9_999, "salt": "a"}, "AaBC"),
        ("between", {"low": 1_730, "high": 1_730, "salt": "a"}, "Aa"),
    ],
    "event": [
        ("at_least", {"name": "purchase", "count": 1}, "AaB"),
        ("at_least", {"name": "purchase", "count": 2}, "Aa"),
        ("at_least", {"name": "purchase", "count": 0}, "AaBC"),
        ("at_least", {"name": "never done", "count": 1}, ""),
        ("at_most", {"name": "never done", "count": 0}, "AaBC"),
        ("at_most", {"name": "purchase", "count": 1}, "BC"),
        ("at_most", {"name": "purchase", "count": 0}, "C"),
        ("at_least", {"name": "purchase", "count": 1, "within": {"hours": 2}}, "Aa"),
        ("at_least", {"name": "purchase", "count": 1, "within": {"hours": 1}}, ""),
        ("at_least", {"name": "purchase", "count": 1, "within": {"days": 23}}, "AaB"),
        ("at_least", {"name": "purchase", "count": 1, "within": {"to": "2026-02-20"}}, "B"),
        (
            "at_least",
            {
                "name": "purchase",
                "count": 1,
                "where": [
                    {"property": "value", "op": "at_least", "value": 60.5},
                    {"property": "kind", "op": "contains", "values": ["TALL"]},
                ],
            },
            "Aa",
        ),
        (
            "at_least",
            {
                "name": "purchase",
                "count": 1,
                "where": [{"property": "kind", "op": "none_of", "values": ["boots"]}],
            },
            "AaB",
        ),
    ],
    "event_first": [
        ("within_last", {"name": "purchase", "days": 14}, "Aa"),
        ("more_than_ago", {"name": "purchase", "days": 22}, "B"),
        ("days_ago", {"name": "purchase", "days": 0}, ""),
        ("days_ago", {"name": "purchase", "days": 14}, "Aa"),
        ("on", {"name": "purchase", "date": "2026-03-01"}, "Aa"),
        ("before", {"name": "purchase", "date": "2026-03-01"}, "B"),
        ("after", {"name": "purchase", "date": "2026-02-20"}, "Aa"),
        ("between", {"name": "purchase", "from": "2026-02-20", "to": "2026-03-01"}, "AaB"),
    ],
    "event_last": [
        ("within_last", {"name": "purchase", "days": 0}, "Aa"),
        ("more_than_ago", {"name": "purchase", "days": 0}, "B"),
        ("days_ago", {"name": "purchase", "days": 14}, ""),
        ("days_ago", {"name": "purchase", "days": 0}, "Aa"),
        ("on", {"name": "purchase", "date": "2026-03-15"}, "Aa"),
        ("before", {"name": "purchase", "date": "2026-03-15"}, "B"),
        ("after", {"name": "purchase", "date": "2026-03-01"}, "Aa"),
        ("between", {"name": "purchase", "from": "2026-03-01", "to": "2026-03-14"}, ""),
        ("between", {"name": "purchase", "from": "2026-02-20", "to": "2026-02-20"}, "B"),
    ],
    "event_sum": [
        ("equals", {"name": "purchase", "property": "value", "value": 160.5}, "Aa"),
        ("equals", {"name": "purchase", "property": "value", "value": 0}, "BC"),
        ("not_equals", {"name": "purchase", "property": "value", "value": 0}, "Aa"),
        ("more_than", {"name": "purchase", "property": "value", "value": 160}, "Aa"),
        ("at_least", {"name": "purchase", "property": "value", "value": 0.5}, "Aa"),
        ("less_than", {"name": "purchase", "property": "value", "value": 1}, "BC"),
        ("at_most", {"name": "purchase", "property": "value", "value": 0}, "BC"),
        ("between", {"name": "purchase", "property": "value", "low": -1, "high": 0}, "BC"),
    ],
    "event_average": [
        ("equals", {"name": "purchase", "property": "value", "value": 80.25}, "Aa"),
        ("not_equals", {"name": "purchase", "property": "value", "value": 80.25}, "BC"),
        ("more_than", {"name": "purchase", "property": "value", "value": 80}, "Aa"),
        ("at_least", {"name": "purchase", "property": "value", "value": 0}, "Aa"),
        ("less_than", {"name": "purchase", "property": "value", "value": 100}, "Aa"),
        ("at_most", {"name": "purchase", "property": "value", "value": 80}, ""),
        ("at_most", {"name": "purchase", "property": "value", "value": 81}, "Aa"),
        ("between", {"name": "purchase", "property": "value", "low": 80, "high": 81}, "Aa"),
    ],
    "cart_open": [("is_true", {}, "Aa"), ("is_false", {}, "BC")],
    "cart_value": [
        ("equals", {"value": 80}, "Aa"),
        ("not_equals", {"value": 80}, "BC"),
        ("more_than", {"value": 79.9}, "Aa"),
        ("at_least", {"value": 80}, "Aa"),
        ("less_than", {"value": 80}, ""),
        ("less_than", {"value": 81}, "Aa"),
        ("at_most", {"value": 80}, "Aa"),
        ("between", {"low": 80, "high": 80}, "Aa"),
    ],
    "cart_idle": [
        ("at_least", {"minutes": 180}, "Aa"),
        ("at_least", {"minutes": 181}, ""),
        ("less_than", {"minutes": 180}, ""),
        ("less_than", {"minutes": 181}, "Aa"),
    ],
    "cart_product": [
        ("any_of", values("7"), "Aa"),
        ("any_of", values("frost mitt"), ""),
        ("none_of", values("Frost Mitt"), "BC"),
        ("contains", values("MITT"), "Aa"),
        ("contains", values(".*", '"', "\\"), ""),
    ],
    "received": [
        ("did", {}, "AaB"),
        ("did", {"campaigns": [CAMPAIGNS[1]]}, "B"),
        ("did", {"within": {"hours": 47}}, ""),
        ("did_not", {}, "C"),
    ],
    "clicked": [
        ("did", {}, "Aa"),
        ("did", {"campaigns": [CAMPAIGNS[1], CAMPAIGNS[2]]}, ""),
        ("did", {"within": {"days": 1}}, "Aa"),
        ("did_not", {}, "BC"),
    ],
    "dismissed": [
        ("did", {}, "B"),
        ("did", {"within": {"days": 18}}, ""),
        ("did_not", {"campaigns": [CAMPAIGNS[1]]}, "AaC"),
    ],
    "ignored": [
        ("did", {}, ""),
        ("did", {"campaigns": [CAMPAIGNS[0]]}, "B"),
        ("did", {"within": {"days": 2}}, "B"),
        ("did_not", {"within": {"days": 2}}, "AaC"),
    ],
}


def test_every_operator_has_an_example() -> None:
    known = {field: {op for op, _args, _whom in rows} for field, rows in EXAMPLES.items()}
    assert known == {field.key: set(field.ops) for field in FIELDS.values()}


@pytest.mark.django_db
@pytest.mark.parametrize("field", EXAMPLES)
def test_examples(field: str) -> None:
    make_partitions()
    site = make_site()
    ids = store(site, make_site(name="Another"), POPULATION)
    expected = {f"{op} {args}": whom for op, args, whom in EXAMPLES[field]}
    documents = [
        {"version": 2, "all": [{"field": field, "op": op, **args}]}
        for op, args, _whom in EXAMPLES[field]
    ]
    answers = asked_of_sql(site, documents, scope_of(site, POPULATION.moment))
    by_sql = [
        "".join(name for name, pk in zip(DEVICES, ids, strict=True) if pk in answer)
        for answer in answers
    ]
    by_python = [
        "".join(
            name
            for name, device in DEVICES.items()
            if holds(document, device, device.person, WORLD, NOW, POPULATION.moment.zone)
        )
        for document in documents
    ]
    assert dict(zip(expected, by_sql, strict=True)) == expected
    assert dict(zip(expected, by_python, strict=True)) == expected
