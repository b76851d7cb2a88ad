"""Rules that are meant to break things: refused with the place named, and cheaply."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.json_bodies import MAX_BODY
from accounts.models import Role
from audiences import counting, rules, sentences
from audiences.api_shapes import RuleParser
from audiences.models import Audience
from audiences.rules import MOST_NODES, RuleError
from audiences.shapes import MOST_VALUES
from subscribers import partitions
from subscribers.models import Cart, Event, EventName
from tests.audiences.test_api import caller as audiences_caller
from tests.campaigns.calling import caller
from tests.factories import make_member, make_site, make_subscriber, make_subscription

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
    if len(body) > MAX_BODY:
        assert answer.status_code == 413
        return
    assert answer.status_code == 400, answer.content[:200]
    if "NaN" not in body and "Infinity" not in body:
        # Those are no JSON, and refused before they are a rule.
        assert answer.json()["audience"][0].startswith(path)


def wrong_answers(ask: Callable[[Any], Any], most: int) -> Json:
    """Which of the refused rules are answered otherwise than by a 400 that names the place."""
    wrong = {}
    for name, (document, path) in REFUSED.items():
        answer = ask(document)
        if len(json.dumps(document)) > most:
            fine = answer.status_code == 413
        else:
            found = answer.json() if answer.status_code == 400 else {}
            place = found["rule"][0] if "rule" in found else {}
            # NaN is no JSON, and refused before it is a rule.
            fine = place.get("path") == path or name in ("NaN", "infinity") and "detail" in found
        if not fine:
            wrong[name] = answer.content[:200]
    return wrong


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["", "preview/", "explain/"])
def test_the_api_of_audiences_answers_400(address: str) -> None:
    site = make_site()
    call = audiences_caller(site)
    more = {"name": "Hostile"} if address == "" else {}
    if address == "explain/":
        more = {"subscriber": str(make_subscriber(site).pk)}
    assert (
        wrong_answers(
            lambda document: call("post", address, json.dumps({**more, "rule": document})),
            RuleParser.most,
        )
        == {}
    )
    assert not Audience.objects.filter(site=site).exists()


@pytest.mark.django_db
@pytest.mark.parametrize("panel", ["count", "alone", "sample", "overlap", "explain"])
def test_previews_answer_400(panel: str) -> None:
    site, client = make_site(), Client()
    client.force_login(
        make_member(site, Role.VIEWER), backend="django.contrib.auth.backends.ModelBackend"
    )
    address = reverse(f"audiences:preview_{panel}", args=[site.pk])
    wrong = {}
    for name, (document, path) in REFUSED.items():
        for sent in (
            client.post(address, {"rule": json.dumps(document)}),
            client.post(address, {"rule": document}, content_type="application/json"),
        ):
            found = sent.json() if sent.status_code == 400 else {}
            if found.get("path") not in (
                path,
                "" if len(json.dumps(document)) > MAX_BODY else path,
            ):
                wrong[name] = sent.content[:200]
        page = client.post(address, {"rule": json.dumps(document)}, headers={"HX-Request": "true"})
        if page.status_code != 200:
            wrong[name] = page.content[:200]
    assert wrong == {}


BODIES = {
    "deep lists": "[" * 1_000 + "]" * 1_000,
    "deep groups": '{"version": 2, "all": [' + '{"all": [' * 1_000 + "]}" * 1_001,
    "very deep groups": '{"version": 2, "all": [' + '{"all": [' * 20_000 + "]}" * 20_001,
    "1 MB of groups": '{"version": 2, "all": [' + '{"any": []},' * 87_000 + '{"any": []}]}',
    "1 MB of digits": '{"version": ' + "9" * 1_000_000 + "}",
    "250 KB of digits": '{"version": ' + "9" * 250_000 + "}",
    "NaN": '{"version": NaN}',
    "minus infinity": '{"version": 2, "all": [-Infinity]}',
    "half": '{"version": 2, "all": [',
}


@pytest.mark.django_db
@pytest.mark.parametrize("rule", BODIES.values(), ids=BODIES)
def test_hostile_bodies_are_refused_cheaply(rule: str) -> None:
    call = caller(make_site())
    body = f'{{"name": "Hostile", "title": "t", "audience": {rule}}}'
    answer = call("post", "", body)
    assert answer.status_code == (413 if len(body) > MAX_BODY else 400)
    assert cost(lambda: call("post", "", body)) < CHEAP


# What is allowed, however odd, is asked as data.

ODD = (
    SQL,
    BOMB,
    "%" * 200,
    "_%\\" * 50,
    "$[*] ? (@ == 1)",
    "***=",
    "(?i)",
    '"',
    "\\",
    "%s %(a)s {}",
)


@pytest.mark.django_db
@pytest.mark.parametrize("text", ODD)
def test_odd_texts_are_compared_as_they_are(text: str) -> None:
    site = make_site()
    person = make_subscriber(
        site, attributes={"a": f"x{text}x", "same": text, "list": [text], text[:64]: "1"}
    )
    make_subscription(site, subscriber=person, browser="Firefox")
    item = {"product": "1", "name": f"x{text}x"}
    Cart.objects.create(site=site, subscriber=person, items=[item, {"product": text}])
    name = EventName.objects.create(site=site, name=text[:64])
    partitions.ensure(timezone.now().date().replace(day=1))
    Event.objects.create(
        name=name, subscriber=person, at=timezone.now(), number=1, properties={text[:64]: text}
    )
    where = {"property": text[:64], "op": "contains", "values": [text]}
    hold: list[Json] = [
        {"field": "attribute_text", "op": "contains", "name": "a", "values": [text]},
        {"field": "attribute_text", "op": "starts_with", "name": "same", "values": [text]},
        {"field": "attribute_text", "op": "any_of", "name": "same", "values": [text]},
        {"field": "attribute_list", "op": "all_of", "name": "list", "values": [text]},
        {"field": "attribute_text", "op": "is_set", "name": text[:64]},
        {"field": "cart_product", "op": "contains", "values": [text]},
        {"field": "cart_product", "op": "any_of", "values": [text]},
        {"field": "event", "op": "at_least", "name": text[:64], "count": 1, "where": [where]},
    ]
    fail: list[Json] = [
        {"field": "attribute_text", "op": "contains", "name": "same", "values": [f"y{text}"[:200]]},
        {"field": "attribute_text", "op": "contains", "name": "a", "values": [f"y{text}"[:200]]},
        {"field": "tag", "op": "any_of", "values": [text[:64]]},
        {"field": "browser", "op": "any_of", "values": [text]},
        {"field": "language", "op": "any_of", "values": [text]},
        {"field": "country", "op": "any_of", "values": [text]},
        {"field": "time_zone", "op": "any_of", "values": [text]},
        {"field": "cart_product", "op": "contains", "values": [f"y{text}"[:200]]},
    ]
    for asked, whom in [(each, 1) for each in hold] + [(each, 0) for each in fail]:
        document = {"version": 2, "all": [asked]}
        assert counting.matching(site, rules.parse(document)).count() == whom, asked
        assert sentences.sentence(document, site)


def largest(field: str) -> Json:
    """As many conditions with as many values as a body holds."""
    args: Json = {"op": "contains", "values": [f"%{at:03}" for at in range(MOST_VALUES)]}
    if field == "attribute_text":
        args["name"] = "n"
    elif field == "event":
        args = {"op": "at_least", "count": 2, "name": "p", "where": [{"property": "p", **args}]}
    elif field == "language":
        args["op"] = "none_of"
    return {"version": 2, "any": [{"field": field, **args} for _ in range(MOST_NODES)]}


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["attribute_text", "cart_product", "event", "language"])
def test_the_largest_rule_can_be_asked(field: str) -> None:
    site = make_site()
    EventName.objects.create(site=site, name="purchase")
    rule = rules.parse(largest(field))
    assert counting.matching(site, rule).explain()
    # Some 0.3 s; one comparison for each value took 5 to 10.
    assert cost(lambda: str(counting.matching(site, rule).query)) < 2
