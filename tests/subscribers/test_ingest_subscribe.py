"""POST /push/{site_key}/subscriptions/"""

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from subscribers import consent, vapid
from subscribers.models import ConsentRecord, Subscriber, Subscription
from subscribers.transports.keys import encode_base64url
from tests.factories import browser_keys, make_site, make_subscription
from tests.subscribers.browsers import ORIGIN, Browser, answer, new_endpoint

pytestmark = pytest.mark.django_db
Action = ConsentRecord.Action


def actions() -> list[str]:
    return list(ConsentRecord.objects.order_by("id").values_list("action", flat=True))


def test_it_works() -> None:
    site = make_site()
    visitor = Browser(site)
    response = visitor.subscribe()
    assert response.status_code == 201
    made = Subscription.objects.get()
    key = vapid.public_text(vapid.current(site))
    assert answer(response) == {"id": str(made.public_id), "key": key, "state": "active"}
    assert response["Access-Control-Allow-Origin"] == ORIGIN
    assert not response.cookies
    assert made.endpoint == visitor.endpoint
    assert (bytes(made.p256dh), bytes(made.auth)) == visitor.keys
    assert (made.browser, made.platform) == ("Firefox", "Linux")
    assert (made.language, made.time_zone) == ("en-GB", "Europe/Oslo")
    assert str(made.install_id) == visitor.install


def test_it_records_the_consent() -> None:
    Browser(make_site()).subscribe(page="https://shop.example/down?token=secret#top")
    record = ConsentRecord.objects.get()
    assert record.action == Action.GRANTED
    assert record.prompt is not None
    assert record.prompt.title == "Hear about news and offers first?"
    assert record.page == "https://shop.example/down"
    assert (record.browser, record.platform) == ("Firefox", "Linux")
    assert (record.language, record.time_zone) == ("en-GB", "Europe/Oslo")


def test_only_the_subscription_is_needed() -> None:
    visitor = Browser(make_site(), origin="")
    response = visitor.post("subscriptions/", {"subscription": visitor.body["subscription"]})
    assert response.status_code == 201
    assert "Access-Control-Allow-Origin" not in response
    made = Subscription.objects.get()
    assert (made.language, made.time_zone, made.install_id) == ("", "", None)
    assert ConsentRecord.objects.get().prompt is None


def test_again_is_the_same() -> None:
    visitor = Browser(make_site())
    first = visitor.subscribe()
    second = visitor.subscribe()
    assert (first.status_code, second.status_code) == (201, 200)
    assert answer(first)["id"] == answer(second)["id"]
    assert Subscription.objects.count() == Subscriber.objects.count() == 1
    assert actions() == [Action.GRANTED]


def test_resync_takes_two_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    visitor = Browser(make_site())
    visitor.subscribe()
    # The site with its keys; the subscription.
    with django_assert_num_queries(2):
        assert visitor.subscribe(sync=True).status_code == 200


def test_resync_after_an_hour_takes_three(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    visitor = Browser(make_site())
    visitor.subscribe()
    long_ago = timezone.now() - timedelta(hours=2)
    Subscription.objects.update(last_seen_at=long_ago)
    Subscriber.objects.update(last_seen_at=long_ago)
    # The site with its keys; the subscription; both moments in one statement.
    with django_assert_num_queries(3):
        visitor.subscribe(sync=True)
    assert Subscription.objects.get().last_seen_at > long_ago
    assert Subscriber.objects.get().last_seen_at > long_ago


def test_resync_notes_what_changed() -> None:
    visitor = Browser(make_site())
    visitor.subscribe()
    visitor.subscribe(language="nb-NO", timezone="Nowhere/Land", sync=True)
    made = Subscription.objects.get()
    assert (made.language, made.time_zone) == ("nb-NO", "Europe/Oslo")


def test_new_endpoint_of_the_same_install_replaces_the_address() -> None:
    visitor = Browser(make_site())
    visitor.subscribe()
    before = Subscription.objects.get()
    visitor.endpoint, visitor.keys = new_endpoint(), browser_keys()
    assert visitor.subscribe(sync=True).status_code == 200
    after = Subscription.objects.get()
    assert (after.pk, after.subscriber_id) == (before.pk, before.subscriber_id)
    assert after.endpoint == visitor.endpoint
    assert bytes(after.auth) == visitor.keys[1]
    assert bytes(after.endpoint_hash) != bytes(before.endpoint_hash)
    assert actions() == [Action.GRANTED]


def test_new_address_of_a_gone_device_brings_it_back() -> None:
    visitor = Browser(make_site())
    visitor.subscribe()
    consent.mark_gone([Subscription.objects.get().pk])
    visitor.endpoint = new_endpoint()
    visitor.subscribe(sync=True)
    assert Subscription.objects.get().state == "active"
    assert actions() == [Action.GRANTED, Action.GONE, Action.RESTORED]


def test_known_endpoint_with_another_secret_is_refused() -> None:
    site = make_site()
    visitor = Browser(site)
    visitor.subscribe()
    thief = Browser(site, endpoint=visitor.endpoint)
    response = thief.subscribe()
    assert response.status_code == 409
    assert answer(response)["error"] == "conflict"
    assert bytes(Subscription.objects.get().auth) == visitor.keys[1]


def test_the_old_secret_proves_new_keys() -> None:
    visitor = Browser(make_site())
    visitor.subscribe()
    old = visitor.auth
    visitor.keys = browser_keys()
    assert visitor.subscribe(auth=old).status_code == 200
    made = Subscription.objects.get()
    assert (bytes(made.p256dh), bytes(made.auth)) == visitor.keys


def test_new_install_id_at_a_known_endpoint() -> None:
    """Somebody cleared the site's storage, or two ids name one browser."""
    site = make_site()
    visitor, other = Browser(site), Browser(site)
    visitor.subscribe()
    other.subscribe()
    visitor.install = other.install
    assert visitor.subscribe().status_code == 200
    kept = Subscription.objects.get(endpoint=visitor.endpoint)
    retired = Subscription.objects.get(endpoint=other.endpoint)
    assert (str(kept.install_id), kept.state) == (visitor.install, "active")
    assert (retired.install_id, retired.state) == (None, "gone")


@pytest.mark.parametrize("state", ["gone", "unsubscribed"])
def test_a_new_yes_brings_it_back(state: str) -> None:
    visitor = Browser(make_site())
    visitor.subscribe()
    made = Subscription.objects.get()
    if state == "gone":
        consent.mark_gone([made.pk])
    else:
        consent.leave(made, Action.UNSUBSCRIBED)
    response = visitor.subscribe(page="https://shop.example/again")
    assert (response.status_code, answer(response)["state"]) == (200, "active")
    assert Subscription.objects.get().state == "active"
    record = ConsentRecord.objects.latest("id")
    assert (record.action, record.page) == (Action.RESTORED, "https://shop.example/again")


def test_repair_by_the_snippet_is_no_yes() -> None:
    visitor = Browser(make_site())
    visitor.subscribe()
    consent.leave(Subscription.objects.get(), Action.REMOVED)
    response = visitor.subscribe(sync=True)
    assert (response.status_code, answer(response)["state"]) == (200, "unsubscribed")
    visitor.endpoint = new_endpoint()
    assert answer(visitor.subscribe(sync=True))["state"] == "unsubscribed"


def test_a_retired_key_is_kept_with_the_subscription() -> None:
    site = make_site()
    old = vapid.current(site)
    old.retired_at = timezone.now()
    old.save()
    new = vapid.create(site)
    visitor = Browser(site)
    response = visitor.subscribe(key=vapid.public_text(old))
    assert answer(response)["key"] == vapid.public_text(new)
    assert Subscription.objects.get().credential == old
    visitor.subscribe(key=vapid.public_text(new))
    assert Subscription.objects.get().credential == new


def test_a_foreign_key_is_refused() -> None:
    other = vapid.current(make_site(name="Other"))
    response = Browser(make_site()).subscribe(key=vapid.public_text(other))
    assert (response.status_code, answer(response)["field"]) == (400, "key")


def test_same_browser_on_two_sites() -> None:
    one, two = make_site(name="One"), make_site(name="Two")
    on_one = Browser(one)
    on_one.subscribe()
    before = Subscription.objects.values().get()
    on_two = Browser(two, endpoint=on_one.endpoint, keys=browser_keys(), install=on_one.install)
    assert on_two.subscribe().status_code == 201
    assert on_two.leave().status_code == 204
    assert Subscription.objects.values().get(site=one) == before
    assert not ConsentRecord.objects.filter(site=one).exclude(action=Action.GRANTED).exists()


def test_unknown_site() -> None:
    site = make_site()
    for key in ("nobody", "x" * 40, "%00", "é"):
        response = Client().post(f"/push/{key}/subscriptions/", "{}", content_type="text/plain")
        assert response.status_code == 404
    assert Browser(site).subscribe().status_code == 201


def test_foreign_origin_is_refused_and_noted() -> None:
    site = make_site()
    for origin in (
        "https://evil.example",
        "null",
        "https://shop.example.evil",
        "http://shop.example",
    ):
        response = Browser(site, origin=origin).subscribe()
        assert (response.status_code, answer(response)["error"]) == (403, "origin")
        assert "Access-Control-Allow-Origin" not in response
    site.installation.refresh_from_db()
    # The first one: noted at most once a minute.
    assert site.installation.foreign_origin == "https://evil.example"
    assert not Subscription.objects.exists()


def test_methods_and_preflight() -> None:
    site = make_site()
    url = f"/push/{site.key}/subscriptions/"
    response = Client().get(url)
    assert (response.status_code, response["Allow"]) == (405, "POST, OPTIONS")
    response = Client().options(url, headers={"Origin": ORIGIN})
    assert response.status_code == 204
    assert response["Access-Control-Allow-Origin"] == ORIGIN
    assert response["Access-Control-Allow-Headers"] == "Content-Type"
    assert Client().options(url, headers={"Origin": "https://x.example"}).status_code == 403


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subscription": None}, "subscription"),
        ({"subscription": []}, "subscription"),
        ({"subscription": {}}, "subscription.keys"),
        ({"subscription": {"keys": {}}}, "subscription.endpoint"),
        ({"subscription": {"endpoint": 1, "keys": {}}}, "subscription.endpoint"),
        ({"language": 1}, "language"),
        ({"timezone": ["UTC"]}, "timezone"),
        ({"page": {}}, "page"),
        ({"prompt": "1"}, "prompt"),
        ({"prompt": True}, "prompt"),
        ({"install": "not-a-uuid"}, "install"),
        ({"install": 7}, "install"),
        ({"key": "short"}, "key"),
        ({"auth": "short"}, "auth"),
        ({"sync": 1}, "sync"),
    ],
)
def test_bad_fields(change: dict[str, object], field: str) -> None:
    response = Browser(make_site()).subscribe(**change)
    said = answer(response)
    assert (response.status_code, said["field"]) == (400, field)
    assert said["error"]
    assert said["detail"].endswith(".")
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("auth", encode_base64url(bytes(15))),
        ("auth", encode_base64url(bytes(17))),
        ("auth", "!"),
        ("p256dh", encode_base64url(b"\x04" + bytes(64))),
        ("p256dh", encode_base64url(bytes(65))),
        ("p256dh", ""),
    ],
)
def test_bad_keys(name: str, value: str) -> None:
    visitor = Browser(make_site())
    body = visitor.body
    body["subscription"]["keys"][name] = value
    response = visitor.post("subscriptions/", body)
    assert (response.status_code, answer(response)["field"]) == (400, f"subscription.keys.{name}")


@pytest.mark.parametrize(
    ("endpoint", "code"),
    [
        ("https://169.254.169.254/latest/meta-data", "endpoint_host"),
        ("http://fcm.googleapis.com/fcm/send/x", "endpoint_scheme"),
        ("https://fcm.googleapis.com:8443/x", "endpoint_port"),
        ("https://permanently-removed.invalid/x", "endpoint_removed"),
        ("https://me@fcm.googleapis.com/x", "endpoint_userinfo"),
        ("https://fcm.googleapis.com.evil.example/x", "endpoint_host"),
        ("http://127.0.0.1:8003/wpush/v2/x", "endpoint_scheme"),
    ],
)
def test_bad_endpoints(endpoint: str, code: str) -> None:
    response = Browser(make_site(), endpoint=endpoint).subscribe()
    assert (response.status_code, answer(response)["error"]) == (400, code)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"\xff\xfe", 400),
        (b'{"a": NaN}', 400),
        (b'{"a": 1e999}', 400),
        (b'{"language": "\\u0000"}', 400),
        (b'{"language": "\\ud800"}', 400),
        (b"[" * 4096, 400),
        (b'{"a": "' + b"x" * 4096 + b'"}', 413),
    ],
)
def test_bad_bodies(body: bytes, status: int) -> None:
    response = Browser(make_site()).post("subscriptions/", body)
    assert response.status_code == status
    assert answer(response)["detail"]


@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one() -> None:
    """Tabs of one browser report the same subscription at the same moment."""
    site = make_site()
    visitor = Browser(site)
    start = threading.Barrier(8)
    statuses: list[int] = []

    def tab() -> None:
        copy = Browser(site, endpoint=visitor.endpoint, keys=visitor.keys, install=visitor.install)
        start.wait()
        try:
            statuses.append(copy.subscribe().status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=tab) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 7 + [201]
    assert Subscription.objects.count() == Subscriber.objects.count() == 1
    assert actions() == [Action.GRANTED]


@pytest.mark.django_db(transaction=True)
def test_many_new_addresses_of_one_install_at_once() -> None:
    site = make_site()
    install = str(uuid.uuid4())
    start = threading.Barrier(6)
    statuses: list[int] = []

    def tab() -> None:
        copy = Browser(site, install=install)
        start.wait()
        try:
            statuses.append(copy.subscribe().status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=tab) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 5 + [201]
    assert Subscription.objects.count() == 1


def test_a_site_without_keys_is_unknown() -> None:
    site = make_site()
    site.credentials.all().delete()
    assert Browser(site).subscribe().status_code == 404


def test_the_address_stays_secret() -> None:
    made = make_subscription(make_site())
    assert made.endpoint not in f"{made!r} {made}"
    assert made.endpoint not in repr(made.address())
