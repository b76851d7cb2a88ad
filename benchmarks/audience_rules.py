"""Thirty audiences as marketers write them, for the people of benchmarks.crowd.

Each has ten conditions, at least two of them of behaviour. All kinds of conditions, windows and
nestings occur, with results from a few people to most of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Node = dict[str, Any]
CONDITIONS = 10


@dataclass
class Named:
    """The ids of what a site has that rules name: campaigns, static lists, audiences."""

    campaigns: dict[str, str]
    lists: dict[str, str]
    audiences: dict[str, str] = field(default_factory=dict)


def rule(*nodes: Node) -> Node:
    """The JSON of a rule: all of these."""
    return {"version": 2, "all": list(nodes)}


def every(*nodes: Node) -> Node:
    return {"all": list(nodes)}


def some(*nodes: Node) -> Node:
    return {"any": list(nodes)}


def none(*nodes: Node) -> Node:
    return {"none": list(nodes)}


def has(what: str, op: str, *values: str, **more: Any) -> Node:
    """A condition on a field; one on an attribute is named `attribute_kind:name`."""
    key, _, attribute = what.partition(":")
    named = {"name": attribute} if attribute else {}
    listed = {"values": list(values)} if values else {}
    return {"field": key, "op": op, **named, **listed, **more}


def did(name: str, least: int = 1, **more: Any) -> Node:
    return {"field": "event", "name": name, "op": "at_least", "count": least, **more}


def did_not(name: str, **more: Any) -> Node:
    return {"field": "event", "name": name, "op": "at_most", "count": 0, **more}


def last(days: int) -> Node:
    return {"within": {"days": days}}


def of(name: str, op: str, *values: str, **more: Any) -> Node:
    """A condition on the property of an event."""
    return {"property": name, "op": op, **({"values": list(values)} if values else {}), **more}


def spent(op: str, value: float, **more: Any) -> Node:
    named = {"field": "event_sum", "name": "purchase", "property": "value"}
    return {**named, "op": op, "value": value, **more}


GLOVES: Node = {"where": [of("category", "any_of", "Gloves", "Mitts")]}
DEAR: Node = {"where": [of("value", "more_than", value=100)]}

NORWEGIAN = has("language", "any_of", "nb", "nn")
SCANDINAVIAN = has("language", "any_of", "nb", "nn", "sv", "da")
NORDIC = has("country", "any_of", "NO", "SE", "DK", "FI")
OSLO_TIME = has("time_zone", "any_of", "Europe/Oslo")
CHROMIUM = has("browser", "any_of", "Chrome", "Edge")
NOT_LINUX = has("platform", "none_of", "Linux")
MOBILE = has("platform", "any_of", "Android", "iOS")
WEB = has("channel", "any_of", "web")
KNOWN = has("identified", "is_true")
UNKNOWN = has("identified", "is_false")
VIP = has("tag", "any_of", "vip")
LETTER = has("tag", "any_of", "newsletter", "sale")
NO_SALE = has("tag", "none_of", "sale")
OFFERS = has("topic", "any_of", "offers")
NEWS = has("topic", "any_of", "news")
PAYING = has("attribute_text:plan", "any_of", "plus", "gold")
NOT_GOLD = has("attribute_text:plan", "none_of", "gold")
BIG_CITY = has("attribute_text:city", "any_of", "Oslo", "Stockholm", "Copenhagen")
B_CITY = has("attribute_text:city", "starts_with", "b")
HAS_CITY = has("attribute_text:city", "is_set")
GROWN = has("attribute_number:age", "at_least", value=30)
MIDDLE = has("attribute_number:age", "between", low=25, high=55)
NO_AGE = has("attribute_number:age", "is_not_set")
MEMBER = has("attribute_boolean:member", "is_true")
NO_MEMBER = has("attribute_boolean:member", "is_false")
BORN_LATE = has("attribute_date:birthday", "after", date="1975-01-01")
HAS_BIRTHDAY = has("attribute_date:birthday", "is_set")
SKIER = has("attribute_list:interests", "any_of", "skiing", "climbing")
NO_RUNNER = has("attribute_list:interests", "none_of", "running")
SEEN = has("last_seen", "within_last", days=60)
SEEN_LATELY = has("last_seen", "within_last", days=14)
LAPSED = has("last_seen", "more_than_ago", days=30)
LONG_KNOWN = has("first_seen", "more_than_ago", days=90)
NEW = has("first_seen", "within_last", days=120)
SUBSCRIBED = has("subscribed_at", "within_last", days=365)
OPEN_CART = has("cart_open", "is_true")
NO_CART = has("cart_open", "is_false")
DEAR_CART = has("cart_value", "at_least", value=50)
IDLE_CART = has("cart_idle", "at_least", minutes=60)
MITT_CART = has("cart_product", "contains", "mitt")
HALF = has("bucket", "between", low=0, high=4999, salt="winter")
MOST = has("bucket", "between", low=500, high=9999, salt="holdout")

VIEWED = did("product_viewed", 3, **last(30))
VIEWED_GLOVES = did("product_viewed", **GLOVES, **last(30))
VIEWED_EVER = did("product_viewed", 5)
BOUGHT = did("purchase", **last(90))
BOUGHT_GLOVES = did("purchase", **GLOVES, **last(180))
BOUGHT_DEAR = did("purchase", **DEAR, **last(365))
NOT_BOUGHT = did_not("purchase", **last(30))
NEVER_BOUGHT = did_not("purchase")
CHECKED_OUT = did("checkout_started", **last(7))
SEARCHED = did("search", 2, **last(90))
WISHED = did("wishlist_added", 2, **last(60))
SPRING = did("purchase", within={"from": "2026-03-01", "to": "2026-05-31"})
SPENT = spent("more_than", 100, **last(90))
SPENT_YEAR = spent("at_least", 400, **last(365))
SPENT_LITTLE = spent("less_than", 50, **last(180))
AVERAGE = {**spent("at_least", 120, **last(180)), "field": "event_average"}
FIRST_BUY = has("event_first", "within_last", name="purchase", days=60)
LAST_BUY = has("event_last", "more_than_ago", name="purchase", days=45)
LAST_VIEW = has("event_last", "within_last", name="product_viewed", days=10)


def kept(named: Named) -> dict[str, Node]:
    """Audiences that others name."""
    return {
        "Loyal customers": rule(KNOWN, some(VIP, MEMBER), has("list", "any_of", *loyal(named))),
        "Window shoppers": rule(VIEWED, NOT_BOUGHT),
        "Asleep": rule(LAPSED, none(did("page_viewed", **last(30)))),
    }


def loyal(named: Named) -> list[str]:
    return [named.lists["Loyalty card"], named.lists["Trade customers"]]


def thirty(named: Named) -> dict[str, Node]:
    """The rules by name; `named.audiences` has those of `kept`."""
    loyals, window, asleep = (
        {"audience": named.audiences[name]}
        for name in ("Loyal customers", "Window shoppers", "Asleep")
    )
    on_list = has("list", "any_of", *loyal(named))
    off_list = has("list", "none_of", *loyal(named))
    fair = has("list", "any_of", named.lists["Winter fair"])
    autumn = {"campaigns": [named.campaigns["Autumn"]]}
    clicked = has("clicked", "did", within={"days": 90})
    never_clicked = has("clicked", "did_not")
    got_autumn = has("received", "did", **autumn)
    ignored = has("ignored", "did", **autumn)
    dismissed = has("dismissed", "did_not", within={"days": 30})
    plain = (NORWEGIAN, CHROMIUM, NOT_LINUX, PAYING, GROWN, LONG_KNOWN, SEEN, NO_SALE)
    broad = (WEB, SUBSCRIBED, MOST, NOT_LINUX, NO_SALE)
    return {
        "browsed, bought": rule(VIEWED, BOUGHT, *plain),
        "browsed, not bought": rule(VIEWED, NOT_BOUGHT, *plain),
        "spent in 90 days": rule(SPENT, VIEWED, *plain),
        "spent in a year": rule(SPENT_YEAR, BOUGHT_DEAR, *plain),
        "gloves seen, none bought": rule(VIEWED_GLOVES, none(BOUGHT_GLOVES), *plain),
        "ever five views, never bought": rule(VIEWED_EVER, NEVER_BOUGHT, *broad, KNOWN, SEEN, HALF),
        "left at the till": rule(CHECKED_OUT, did_not("purchase", **last(7)), *broad, *plain[3:6]),
        "cart abandoners": rule(
            *(OPEN_CART, IDLE_CART, DEAR_CART, NOT_BOUGHT, VIEWED, WEB, NORDIC, SEEN, GROWN, PAYING)
        ),
        "mitts in the cart": rule(
            some(every(MITT_CART, IDLE_CART), VIEWED_GLOVES), NOT_BOUGHT, *broad, OFFERS
        ),
        "no cart, searching": rule(NO_CART, SEARCHED, WISHED, *broad, HAS_CITY, NEWS),
        "any behaviour": rule(some(BOUGHT, VIEWED, WISHED), *broad, KNOWN, SEEN),
        "two out of life": rule(
            some(every(BOUGHT, PAYING), every(WISHED, MEMBER), VIP), none(UNKNOWN), *broad[:4]
        ),
        "neither nor": rule(none(BOUGHT, VIEWED, OPEN_CART), LONG_KNOWN, SCANDINAVIAN, *broad),
        "nested four deep": rule(
            some(
                every(NORWEGIAN, some(BIG_CITY, every(GROWN, none(NO_MEMBER, BOUGHT)))),
                every(VIP, none(VIEWED), SEEN),
            ),
            WEB,
            MOST,
        ),
        "loyal but quiet": rule(loyals, NOT_BOUGHT, LAST_BUY, *plain[:7]),
        "not window shoppers": rule(none(window), SPENT, LAST_VIEW, *plain[:7]),
        "asleep or quiet": rule(some(asleep, NEVER_BOUGHT), none(CHECKED_OUT), *plain[:7]),
        "first purchase lately": rule(
            FIRST_BUY, SPENT_LITTLE, *broad, SCANDINAVIAN, MEMBER, OFFERS
        ),
        "good baskets": rule(AVERAGE, BOUGHT, *broad, NORDIC, BORN_LATE, SKIER),
        "skiers who look": rule(
            *(SKIER, NO_RUNNER, VIEWED_GLOVES, SPRING, HAS_BIRTHDAY, MIDDLE, MOBILE, OSLO_TIME),
            *(SEEN, B_CITY),
        ),
        "clicked, then bought": rule(clicked, BOUGHT, VIEWED, *plain[:7]),
        "never clicked, but looks": rule(never_clicked, LAST_VIEW, NOT_BOUGHT, *plain[:7]),
        "ignored the autumn": rule(ignored, VIEWED, NOT_BOUGHT, *broad, KNOWN, NOT_GOLD),
        "got the autumn, spent": rule(got_autumn, dismissed, SPENT, WISHED, *broad, LETTER),
        "on a list": rule(on_list, VIEWED, SPENT, *plain[:7]),
        "off the lists": rule(off_list, LAST_VIEW, did("page_viewed", 10, **last(90)), *plain[:7]),
        "at the fair": rule(fair, VIEWED_EVER, BOUGHT, *plain[:7]),
        "new and keen": rule(
            NEW, SEEN_LATELY, VIEWED, did("page_viewed", 5, **last(30)), *broad, NO_AGE
        ),
        "half the buyers": rule(HALF, SPRING, BOUGHT, some(BIG_CITY, B_CITY), *plain[:5]),
        "the whole year": rule(
            did("page_viewed", 20, **last(365)),
            some(SPENT_YEAR, AVERAGE),
            *broad,
            KNOWN,
            LONG_KNOWN,
        ),
    }


def leaves(node: Node) -> list[Node]:
    """The conditions and references of a rule or of one of its nodes."""
    groups = [node[match] for match in ("all", "any", "none") if match in node]
    return (
        [leaf for group in groups for item in group for leaf in leaves(item)] if groups else [node]
    )
