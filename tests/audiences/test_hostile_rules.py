"""Rules that are meant to break things: refused with the place named, and cheaply."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from audiences import rules
from audiences.rules import RuleError
from tests.campaigns.calling import caller
from tests.factories import make_site

Json = dict[str, Any]
CHEAP = 0.1  # seconds of our own processor
SQL = "'); DROP TABLE subscribers_subscriber; --"
BOMB = "(?i)^(([a-z])+.)+[A-Z]([a-z])+$" * 5


def one(**condition: Any) -> Json:
    return {"version": 2, "all": [condition]}


def tagged(*values: Any) -> Json:
    return one(field="tag", op="any_of", values=list(values))


def deep(levels: int) -> Json:
    node: Json = {"field": "tag", "op": "any_of", "values": ["vip"]}
    for _ in range(levels):
        node = {"all": [node]}
    return {"version": 2, **node}


def attribute(kind: str, **more: Any) -> Json:
    return one(field=f"attribute_{kind}", name="a", **more)


REFUSED: dict[str, tuple[Any, str]] = {
    "deep": (deep(100), "all" + ".0.all" * 8),
    "many": ({"version": 2, "any": tagged("vip")["all"] * 10_000}, "any"),
    "many in groups": ({"version": 2, "all": [{"any": tagged("a")["all"] * 60}] * 2}, "all.1.any"),
    "many values": (tagged(*map(str, range(10_000))), "all.0.values"),
    "a long value": (tagged("v" * 200_000), "all.0.values.0"),
    "a long name": (one(field="event", op="at_least", count=1, name="n" * 9_999), "all.0.name"),
    "a long field": (one(field="f" * 200_000), "all.0.field"),
    "a long key": (one(field="cart_open", op="is_true", **{"k" * 99_999: 1}), "all.0." + "k" * 40),
    "half a pair in a key": (one(field="cart_open", op="is_true", **{"\ud83d": 1}), "all.0.?"),
    "half a pair": (tagged("\ud83d"), "all.0.values.0"),
    "NUL": (tagged("a", "\0"), "all.0.values.1"),
    "NUL in a name": (one(field="attribute_text", name="\0", op="is_set"), "all.0.name"),
    "a number as text": (attribute("number", op="equals", value="1"), "all.0.value"),
    "a text as values": (one(field="tag", op="any_of", values="vip"), "all.0.values"),
    "values of values": (tagged(["vip"]), "all.0.values.0"),
    "an object as value": (tagged({"vip": 1}), "all.0.values.0"),
    "a list as field": (one(field=["tag"], op="any_of"), "all.0.field"),
    "an object as op": (one(field="tag", op={}, values=["a"]), "all.0.op"),
    "yes as a number": (attribute("number", op="equals", value=True), "all.0.value"),
    "NaN": (attribute("number", op="equals", value=float("nan")), "all.0.value"),
    "infinity": (attribute("number", op="between", low=0, high=float("inf")), "all.0.high"),
    "a number like a book": (attribute("number", op="equals", value=10**4_000), "all.0.value"),
    "a number below all": (attribute("number", op="equals", value=-(10**999)), "all.0.value"),
    "a number that is too large": (attribute("number", op="equals", value=1e300), "all.0.value"),
    "days like a book": (one(field="last_seen", op="days_ago", days=10**999), "all.0.days"),
    "days below zero": (one(field="last_seen", op="days_ago", days=-1), "all.0.days"),
    "a fraction of a day": (one(field="last_seen", op="days_ago", days=0.5), "all.0.days"),
    "the year 9999": (one(field="last_seen", op="before", date="9999-12-31"), "all.0.date"),
    "the year 1": (attribute("date", op="after", date="0001-01-01"), "all.0.date"),
    "no day": (attribute("date", op="on", date="2026-02-30"), "all.0.date"),
    "a week": (attribute("date", op="on", date="2026-W01-1"), "all.0.date"),
    "digits of elsewhere": (attribute("date", op="on", date="\u0662026-01-01"), "all.0.date"),
    "a day and an hour": (attribute("date", op="on", date="2026-01-01T00:00"), "all.0.date"),
    "from late to early": (
        attribute("date", op="between", **{"from": "2026-02-01", "to": "2026-01-01"}),
        "all.0.from",
    ),
    "from high to low": (attribute("number", op="between", low=2, high=1), "all.0.low"),
    "no window": (
        one(field="event", op="at_least", count=1, name="a", within={}),
        "all.0.within",
    ),
    "two windows": (
        one(field="event", op="at_least", count=1, name="a", within={"days": 1, "hours": 1}),
        "all.0.within",
    ),
    "a window of ages": (
        one(field="event", op="at_least", count=1, name="a", within={"hours": 10**9}),
        "all.0.within.hours",
    ),
    "a window to the year 9999": (
        one(field="event", op="at_least", count=1, name="a", within={"to": "9999-12-31"}),
        "all.0.within.to",
    ),
    "an unknown property operator": (
        one(
            field="event",
            op="at_least",
            count=1,
            name="a",
            where=[{"property": "p", "op": "like_regex", "values": [BOMB]}],
        ),
        "all.0.where.0.op",
    ),
    "many properties": (
        one(field="event", op="at_least", count=1, name="a", where=[{}] * 9_999),
        "all.0.where",
    ),
    "SQL as field": (one(field=SQL), "all.0.field"),
    "SQL as operator": (one(field="tag", op=SQL, values=["a"]), "all.0.op"),
    "SQL as key": (one(field="cart_open", op="is_true", **{SQL: 1}), f"all.0.{SQL[:40]}"),
    "SQL as id": (one(field="list", op="any_of", values=[SQL]), "all.0.values.0"),
    "SQL as audience": ({"version": 2, "all": [{"audience": SQL}]}, "all.0.audience"),
    "a lookup as field": (one(field="subscriber__site__name", op="any_of"), "all.0.field"),
    "an attribute of the class": (one(field="__class__", op="__init__"), "all.0.field"),
    "a reference with more": (
        {"version": 2, "all": [{"audience": "0" * 32, "field": "tag"}]},
        "all.0.field",
    ),
    "a group with more": ({"version": 2, "all": [{"all": [], "any": []}]}, "all.0.field"),
    "an empty group": ({"version": 2, "all": [{"any": []}]}, "all.0.any"),
    "nothing excluded": ({"version": 2, "none": []}, "none"),
    "any of nothing": ({"version": 2, "any": []}, "any"),
    "not even a group": ({"version": 2, "all": [[]]}, "all.0"),
    "null": ({"version": 2, "all": [None]}, "all.0"),
    "a text": ("all", ""),
    "null as rule": (0, ""),
    "no version": ({"all": []}, "version"),
    "version 3": ({"version": 3, "all": []}, "version"),
    "a version like a book": ({"version": 10**999, "all": []}, "version"),
    "two roots": ({"version": 2, "all": [], "any": []}, ""),
    "an unknown root": ({"version": 2, "some": []}, ""),
}


def cost(act: Callable[[], object]) -> float:
    """Seconds of this process for the cheapest of three."""
    spent = []
    for _ in range(3):
        before = time.process_time()
        act()
        spent.append(time.process_time() - before)
    return min(spent)


def refusal(document: Any) -> RuleError:
    with pytest.raises(RuleError) as caught:
        rules.parse(document)
    return caught.value


@pytest.mark.parametrize(("document", "path"), REFUSED.values(), ids=REFUSED)
def test_is_refused_where_it_is_wrong_and_cheaply(document: Any, path: str) -> None:
    error = refusal(document)
    assert error.path == path
    assert error.sentence
    assert len(str(error)) < 2_000
    assert cost(lambda: refusal(document)) < CHEAP


@pytest.mark.django_db
@pytest.mark.parametrize(("document", "path"), REFUSED.values(), ids=REFUSED)
def test_the_api_answers_400(document: Any, path: str) -> None:
    call = caller(make_site())
    body = json.dumps({"name": "Hostile", "title": "t", "audience": document})
    answer = call("post", "", body)
    assert answer.status_code == (413 if len(body) > 262_144 else 400), answer.content[:200]
