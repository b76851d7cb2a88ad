"""Rate limits of public writes."""

import pytest
import redis
from django.conf import settings as django_settings
from pytest_django import Settings

from subscribers import limits
from subscribers.models import Subscription
from tests.factories import make_site
from tests.subscribers.browsers import Browser, answer

pytestmark = pytest.mark.django_db


def test_by_address(settings: Settings) -> None:
    settings.INGEST_PER_ADDRESS = 3
    site = make_site()
    responses = [Browser(site).subscribe() for _ in range(5)]
    assert [one.status_code for one in responses] == [201, 201, 201, 429, 429]
    assert answer(responses[3])["error"] == "rate"
    assert 1 <= int(responses[3]["Retry-After"]) <= 60
    assert responses[3]["Access-Control-Allow-Origin"]
    assert Subscription.objects.count() == 3


def test_by_site(settings: Settings) -> None:
    settings.INGEST_PER_SITE = 2
    assert [limits.wait("one", f"192.0.2.{n}") > 0 for n in range(4)] == [False, False, True, True]
    assert limits.wait("two", "192.0.2.1") == 0


def test_one_address_can_not_use_up_the_share_of_its_site(settings: Settings) -> None:
    settings.INGEST_PER_SITE, settings.INGEST_PER_ADDRESS = 4, 2
    assert [limits.wait("one", "192.0.2.1") > 0 for _ in range(9)] == [False] * 2 + [True] * 7
    assert limits.wait("one", "192.0.2.2") == 0


def test_an_ipv6_customer_is_one(settings: Settings) -> None:
    settings.INGEST_PER_ADDRESS = 2
    addresses = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1", "?"]
    assert [limits.wait("one", one) > 0 for one in addresses] == [False, False, True, False, False]


def test_a_proxy_that_is_trusted_names_the_address(settings: Settings) -> None:
    settings.INGEST_PER_ADDRESS, settings.TRUSTED_PROXIES = 1, 1
    visitor = Browser(make_site())
    visitor.subscribe()

    def status(forwarded: str) -> int:
        path = "subscriptions/"
        headers = {"X-Forwarded-For": forwarded}
        return visitor.post(path, visitor.body, **headers).status_code

    assert [status("9.9.9.9, 192.0.2.1"), status("8.8.8.8, 192.0.2.1")] == [200, 429]
    assert status("192.0.2.2") == 200


def test_without_redis_everybody_is_let_in(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_resting_until", 0.0)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.INGEST_PER_ADDRESS = 1
    site = make_site()
    assert [Browser(site).subscribe().status_code for _ in range(3)] == [201] * 3
    assert limits._resting_until > 0


def test_it_counts_again_after_a_rest(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.INGEST_PER_ADDRESS = 1
    monkeypatch.setattr(limits, "_resting_until", 1.0)
    assert [limits.wait("one", "192.0.2.1") > 0 for _ in range(2)] == [False, True]


def test_windows_are_forgotten() -> None:
    limits.wait("one", "192.0.2.1")
    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        for name in client.scan_iter("beckon:ingest:*"):
            assert 0 < client.ttl(name) <= 120
