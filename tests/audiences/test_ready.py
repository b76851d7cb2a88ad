"""Ready-made audiences: understood, fitting the site's data, and taken in one click."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisConnectionError

from accounts.models import Role, Site
from audiences import counting, ready, rules, saving, sentences
from audiences.models import Audience
from subscribers import events
from subscribers.incoming_events import IncomingEvent
from subscribers.models import event_number
from tests.factories import make_member, make_site, make_subscriber, make_subscription

pytestmark = pytest.mark.django_db


def bought(site: Site, amounts: list[Any], days: int = 3) -> None:
    """Each by somebody else, so many days ago."""
    at = timezone.now() - timedelta(days=days)
    events.record(
        site,
        [
            IncomingEvent(
                "purchase", at, event_number(), make_subscriber(site).pk, "", {"value": amount}
            )
            for amount in amounts
        ],
    )


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def marketer(site: Site) -> Client:
    client = Client()
    client.force_login(make_member(site, Role.MARKETER))
    return client


def address(site: Site, part: str = "") -> str:
    return f"/sites/{site.pk}/audiences/ready/{part}"


def test_every_one_is_a_rule_that_can_be_said_and_counted(site: Site) -> None:
    make_subscription(site, language="nb-NO")
    make_subscription(site, language="de")
    offers = ready.offers(site)
    assert [offer.key for offer in offers] == [
        *("everyone", "new", "lapsed", "never-clicked", "cart", "buyers", "top-spenders"),
        *("language-de", "language-nb"),
    ]
    assert [offer.name for offer in offers[-2:]] == ["German speakers", "Norwegian Bokmål speakers"]
    for offer in offers:
        rule = rules.parse(offer.rule)
        assert rule.as_json() == offer.rule
        assert sentences.sentence(rule, site)
        assert offer.why
        counting.count(site, rule)
    (german,) = (offer for offer in offers if offer.key == "language-de")
    assert counting.count(site, rules.parse(german.rule)).people == 1


def test_top_spenders_are_the_tenth_that_spends_most(site: Site) -> None:
    bought(site, [10 * n for n in range(1, 21)])
    # Too long ago, and no numbers.
    bought(site, [9_999] * 20, days=100)
    bought(site, ["much", None, {"a": 1}])
    assert ready.spending(site) == 180


def test_a_few_who_bought_say_nothing_and_huge_sums_stay_within_bounds(site: Site) -> None:
    assert ready.spending(site) == ready.USUAL_SPENDING
    bought(site, [5_000] * 9)
    assert ready.spending(site) == ready.USUAL_SPENDING
    bought(site, [1e300] * 20)
    assert ready.spending(site) == ready.MOST_SPENDING
    (top,) = (offer for offer in ready.offers(site) if offer.key == "top-spenders")
    rules.parse(top.rule)


def test_another_sites_purchases_do_not_count(site: Site) -> None:
    bought(make_site(), [5_000] * 20)
    assert ready.spending(site) == ready.USUAL_SPENDING


def test_one_click_makes_a_named_audience_and_it_is_offered_no_more(
    site: Site, marketer: Client
) -> None:
    assert "Not seen for 30 days" in marketer.get(address(site, "cards/")).text
    answer = marketer.post(address(site), {"key": "lapsed"}, follow=True)
    assert "is made" in answer.text
    audience = Audience.objects.get(site=site)
    assert audience.name == "Not seen for 30 days"
    assert audience.rule["all"] == [{"field": "last_seen", "op": "more_than_ago", "days": 30}]
    assert "Not seen for 30 days" not in marketer.get(address(site, "cards/")).text
    again = marketer.post(address(site), {"key": "lapsed"}, follow=True)
    assert "There is an audience" in again.text
    assert Audience.objects.count() == 1


def test_what_has_the_name_in_another_case_is_offered_no_more(site: Site) -> None:
    saving.create(site, "BUYERS", {"version": 2, "all": []}, by=None)
    keys = [offer.key for offer in ready.missing(site)]
    assert "buyers" not in keys
    assert "everyone" in keys


def test_a_card_counts_itself_and_keeps_the_figure_for_a_while(
    site: Site, marketer: Client
) -> None:
    make_subscription(site)
    first = marketer.get(address(site, "count/"), {"key": "everyone"})
    assert "<b>1</b>" in first.text
    make_subscription(site)
    assert "<b>1</b>" in marketer.get(address(site, "count/"), {"key": "everyone"}).text


def test_cards_count_without_redis_too(
    site: Site, marketer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: object) -> None:
        raise RedisConnectionError

    make_subscription(site)
    monkeypatch.setattr(cache, "get", away)
    monkeypatch.setattr(cache, "set", away)
    assert "<b>1</b>" in marketer.get(address(site, "count/"), {"key": "everyone"}).text


def test_a_card_whose_count_takes_too_long_says_so(
    site: Site, marketer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_args: object) -> None:
        raise counting.TooLong

    monkeypatch.setattr(counting, "count", never)
    answer = marketer.get(address(site, "count/"), {"key": "everyone"})
    assert "too many to count now" in answer.text


@pytest.mark.parametrize("key", ["", "nobody", "language-", "language-xx", "../", "\0"])
def test_a_key_that_is_none_is_not_found(site: Site, marketer: Client, key: str) -> None:
    assert marketer.get(address(site, "count/"), {"key": key}).status_code == 404
    assert marketer.post(address(site), {"key": key}).status_code == 404
    assert not Audience.objects.exists()


def test_a_viewer_looks_and_takes_nothing(site: Site) -> None:
    client = Client()
    client.force_login(make_member(site, Role.VIEWER))
    page = client.get(address(site, "cards/"))
    assert page.status_code == 200
    assert "<form" not in page.text
    assert client.post(address(site), {"key": "everyone"}).status_code == 403
    assert not Audience.objects.exists()
