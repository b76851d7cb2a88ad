"""Rules as sentences: plain English, and nothing of a rule becomes markup or a template."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings

from accounts.models import Site
from audiences import rules
from audiences.models import Audience, StaticList
from audiences.sentences import clause, sentence, sentence_html
from tests.audiences import rule_strategies
from tests.factories import make_campaign, make_site

pytestmark = pytest.mark.django_db
Json = dict[str, Any]
MOMENT = rule_strategies.Moment(datetime(2026, 3, 1, tzinfo=UTC), ZoneInfo("Europe/Oslo"))
within_examples = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def site() -> Site:
    return make_site()


def values(field: str, op: str, *them: str, **more: Any) -> Json:
    return {"field": field, "op": op, "values": list(them), **more}


VIP = values("tag", "any_of", "vip")
FIREFOX = values("browser", "any_of", "Firefox")
ANDROID = values("platform", "any_of", "Android")


def bought(op: str, count: int, **more: Any) -> Json:
    return {"field": "event", "name": "purchase", "op": op, "count": count, **more}


def one(field: str, op: str, **more: Any) -> Json:
    return {"field": field, "op": op, **more}


CONDITIONS: list[tuple[Json, str]] = [
    (values("tag", "any_of", "vip", "new"), "who have the tag vip or new"),
    (values("tag", "all_of", "vip", "new"), "who have all the tags vip and new"),
    (values("topic", "none_of", "news"), "who do not subscribe to news"),
    (values("language", "any_of", "nb", "tlh"), "whose browser is set to Norwegian Bokmål or tlh"),
    (values("country", "none_of", "NO"), "who are not in Norway"),
    (values("time_zone", "any_of", "UTC"), "whose time zone is UTC"),
    (values("channel", "any_of", "web"), "who are reached by Web push"),
    (values("channel", "none_of", "fcm"), "who are not reached by Apps through Firebase (FCM)"),
    (values("app_version", "any_of", "4.1", "4.2"), "whose app is 4.1 or 4.2"),
    (values("app_version", "none_of", "4.1"), "whose app is not 4.1"),
    (one("app_version", "at_least", version="4.12"), "whose app is 4.12 or newer"),
    (one("app_version", "less_than", version="4.12"), "whose app is older than 4.12"),
    (values("platform", "none_of", "iOS"), "whose device does not run iOS"),
    (one("identified", "is_true"), "whom your site knows by an id"),
    (one("first_seen", "within_last", days=7), "who were first seen within the last 7 days"),
    (one("last_seen", "more_than_ago", days=1), "who were last seen more than 1 day ago"),
    (one("subscribed_at", "on", date="2026-11-27"), "who subscribed on 27 Nov 2026"),
    (values("attribute_text", "contains", "old", name="plan"), "whose plan contains old"),
    (
        values("attribute_list", "all_of", "a", "b", name="likes"),
        "whose likes include all of a and b",
    ),
    (
        one("attribute_number", "between", name="age", low=18, high=20.5),
        "whose age is between 18 and 20.5",
    ),
    (
        one("attribute_number", "more_than", name="spent", value=1_200),
        "whose spent is more than 1,200",
    ),
    (one("attribute_boolean", "is_false", name="agrees"), "whose agrees is no"),
    (
        one("attribute_date", "within_next", name="born", days=3),
        "whose born is within the next 3 days",
    ),
    (one("attribute_date", "is_not_set", name="born"), "whose born is not known"),
    (bought("at_least", 1), "who did purchase"),
    (
        bought("at_least", 2, within={"days": 90}),
        "who did purchase at least 2 times in the last 90 days",
    ),
    (bought("at_most", 0, within={"hours": 1}), "who did not do purchase in the last 1 hour"),
    (
        bought("at_most", 1, within={"from": "2026-01-01"}),
        "who did purchase at most once since 1 Jan 2026",
    ),
    (
        bought(
            "at_least",
            1,
            where=[
                {"property": "value", "op": "at_least", "value": 99.5},
                {"property": "kind", "op": "none_of", "values": ["boots", "tents"]},
            ],
        ),
        "who did purchase with value at least 99.5 with kind not boots or tents",
    ),
    (
        one("event_last", "before", name="visit", date="2026-11-01"),
        "who did visit for the last time before 1 Nov 2026",
    ),
    (
        one(
            "event_sum",
            "more_than",
            name="purchase",
            property="value",
            value=100,
            within={"days": 90},
        ),
        "whose sum of value in purchase is more than 100 in the last 90 days",
    ),
    (one("cart_open", "is_true"), "who have an open cart"),
    (one("cart_open", "is_false"), "who do not have an open cart"),
    (one("cart_value", "at_least", value=100), "whose cart is worth at least 100"),
    (one("cart_value", "not_equals", value=100), "whose cart is not worth 100"),
    (one("cart_idle", "at_least", minutes=120), "whose cart has lain for at least 2 hours"),
    (values("cart_product", "none_of", "SKU-1"), "who do not have SKU-1 in the cart"),
    (
        one("bucket", "between", low=0, high=999, salt="a"),
        "who are among a random 10 % (a, 0 to 999)",
    ),
    (one("received", "did_not"), "who were not sent any campaign"),
    (one("clicked", "did", within={"days": 30}), "who clicked any campaign in the last 30 days"),
]


@pytest.mark.parametrize(("item", "words"), CONDITIONS, ids=[words for _item, words in CONDITIONS])
def test_conditions_in_words(item: Json, words: str) -> None:
    assert clause(rules.condition(item), {}) == words


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"all": []}, "Everyone who gave permission."),
        ({"all": [VIP]}, "People who have the tag vip."),
        ({"any": [VIP, FIREFOX]}, "People who have the tag vip, or who use Firefox."),
        ({"none": [VIP]}, "Everyone but those who have the tag vip."),
        (
            {"none": [VIP, FIREFOX]},
            "Everyone but those who have the tag vip, or who use Firefox.",
        ),
        (
            {"all": [VIP, {"none": [FIREFOX]}]},
            "People who have the tag vip. Not those who use Firefox.",
        ),
        ({"all": [{"none": [VIP]}]}, "Everyone but those who have the tag vip."),
        (
            {"all": [VIP, {"any": [FIREFOX, ANDROID]}]},
            "People who have the tag vip, and either who use Firefox or whose device runs Android.",
        ),
        (
            {"any": [VIP, {"all": [FIREFOX, ANDROID]}]},
            "People who have the tag vip, or (who use Firefox and whose device runs Android).",
        ),
        (
            {"any": [VIP, {"none": [FIREFOX]}]},
            "People who have the tag vip, or not (who use Firefox).",
        ),
        ({"all": [{"any": [{"all": [VIP]}]}]}, "People who have the tag vip."),
    ],
)
def test_groups_in_words(site: Site, rule: Json, words: str) -> None:
    assert sentence({"version": 2, **rule}, site) == words


def test_version_1_in_words(site: Site) -> None:
    rule = {"version": 1, "all": [VIP, values("browser", "none_of", "Firefox")]}
    assert sentence(rule, site) == "People who have the tag vip, and who do not use Firefox."


def test_names_what_the_rule_names(site: Site) -> None:
    friends = Audience.objects.create(
        site=site, name="Friends {values}", rule={"version": 2, "all": []}
    )
    buyers = StaticList.objects.create(site=site, name="Buyers")
    campaign = make_campaign(site, name="Winter")
    rule = {
        "version": 2,
        "all": [
            {"audience": str(friends.pk)},
            values("list", "any_of", str(buyers.pk)),
            {"field": "ignored", "op": "did", "campaigns": [str(campaign.pk)]},
            {"none": [{"audience": str(uuid4())}]},
        ],
    }
    assert sentence(rule, site) == (
        "People who are in the audience Friends {values}, and who are on the list Buyers, and who "
        "were sent Winter and neither clicked nor dismissed it. "
        "Not those who are in an audience that is gone."
    )


def test_many_values_are_cut(site: Site) -> None:
    rule = {"version": 2, "all": [values("browser", "any_of", *map(str, range(20)))]}
    assert sentence(rule, site) == "People who use 0 or 1 or 2 or 3 or 4 or 5 or 6 or 7 or 12 more."


def test_logic_and_values_are_marked(site: Site) -> None:
    rule = {"version": 2, "all": [values("tag", "none_of", "<b>"), FIREFOX, {"none": [VIP]}]}
    assert sentence_html(rule, site) == (
        "People who do <b>not</b> have the tag <em>&lt;b&gt;</em>, <b>and</b> who use "
        "<em>Firefox</em>. <b>Not</b> those who have the tag <em>vip</em>."
    )


class Tags(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(f"{tag}{attrs or ''}")

    def handle_data(self, data: str) -> None:
        self.text += data


NASTY = "<i>\"'&amp;{name}{values}{0}%s%(n)s</em>"


def nasty(node: Any) -> Any:
    """The same with every name and value made one that nobody should trust."""
    if isinstance(node, list):
        return [nasty(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {
        key: [NASTY]
        if key == "values" and node.get("field") != "list"
        else NASTY
        if key in ("name", "property", "salt")
        else nasty(value)
        for key, value in node.items()
    }


@settings(within_examples, max_examples=50)
@given(rule_strategies.rules(MOMENT).map(nasty))
def test_whatever_is_named_is_text(site: Site, rule: Json) -> None:
    found = Tags(sentence_html(rule, site))
    assert found.tags <= {"b", "em"}
    assert found.text == sentence(rule, site)
    assert found.text.endswith(".")
    left = found.text.replace(NASTY, "")
    assert "{" not in left and "%(" not in left


@settings(within_examples, max_examples=50)
@given(rule_strategies.leaves(MOMENT))
def test_every_condition_has_words(item: Json) -> None:
    condition = rules.condition(item)
    words = clause(condition, {})
    assert words.split()[0] in ("who", "whose", "whom")
    assert "  " not in words and words == words.strip()
    for value in condition.args.get("values", ()):
        known = condition.field in ("language", "country", "channel")
        assert known or value in words
