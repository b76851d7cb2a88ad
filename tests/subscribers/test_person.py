"""/sites/<id>/people/<id>/ and what can be done there."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import AuditEvent, Site, User
from subscribers import consent
from subscribers.models import (
    Channel,
    ConsentRecord,
    Prompt,
    Subscriber,
    Subscription,
    TestDevice,
)
from subscribers.transports import addresses
from tests.factories import (
    make_app,
    make_inbox,
    make_site,
    make_subscriber,
    make_subscription,
)
from tests.subscribers.conftest import AsUser
from tests.subscribers.hostile import XSS, assert_harmless

Action = ConsentRecord.Action


@pytest.fixture
def person(site: Site) -> Subscriber:
    made = make_subscriber(
        site, external_id="FF-7", tags=["vip"], attributes={"name": "Ingrid", "items": "skis"}
    )
    device = make_subscription(
        site,
        subscriber=made,
        endpoint="https://updates.push.services.mozilla.com/wpush/v2/secret-part",
    )
    words = Prompt.objects.get(site=site)
    where = consent.Circumstances(words, "https://shop.example/down")
    consent.record(device, Action.GRANTED, where=where)
    return made


def url(person: Subscriber, rest: str = "") -> str:
    return f"/sites/{person.site_id}/people/{person.pk}/{rest}"


def test_it_works(
    person: Subscriber,
    vera: User,
    as_user: AsUser,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    client = as_user(vera)
    # Session, user, membership, person, devices, test devices, cart, consent, the sites.
    with django_assert_max_num_queries(9):
        response = client.get(url(person))
    page = response.content.decode()
    shown = ("Ingrid", "FF-7", "vip", "items", "skis", "Firefox, Linux", "Mozilla", "Europe/Oslo")
    for text in (*shown, "Gave permission", "https://shop.example/down", "prompt version 1"):
        assert text in page
    assert "Hear about news and offers first? A few messages a month." in page
    assert "secret-part" not in page
    for action in ("Unsubscribe", "test device"):
        assert action not in page


def test_lists_and_topics(site: Site, vera: User, as_user: AsUser) -> None:
    attributes = {"sizes": ["M", *XSS], "only": ["one of it"], "none": []}
    made = make_subscriber(site, topics=["winter sale", *XSS], attributes=attributes)
    response = as_user(vera).get(url(made))
    page = response.content.decode()
    for text in ("Topics", "winter sale", "one of it", "an empty list", ">M<"):
        assert text in page
    assert "[&#x27;M" not in page
    assert_harmless(response)
    bare = as_user(vera).get(url(make_subscriber(site))).content.decode()
    assert "Topics" not in bare


def test_without_anything(site: Site, adam: User, as_user: AsUser) -> None:
    page = as_user(adam).get(url(make_subscriber(site))).content.decode()
    for text in ("Visitor ", "Has not signed in", "No device.", "Nothing is recorded."):
        assert text in page
    assert 'data-dialog="unsubscribe"' not in page


def test_every_state_is_named(person: Subscriber, adam: User, as_user: AsUser) -> None:
    site = person.site
    lost = make_subscription(site, subscriber=person, browser="Edge", platform="Windows")
    left = make_subscription(site, subscriber=person, browser="Safari", platform="iOS")
    consent.mark_gone([lost.pk])
    consent.leave(left, Action.REMOVED, actor=adam)
    page = as_user(adam).get(url(person)).content.decode()
    for text in ("1 of 3 reachable", "Gone", "Unsubscribed by the team", "by adam@example.com"):
        assert text in page


def test_devices_of_every_channel(person: Subscriber, bob: User, as_user: AsUser) -> None:
    site = person.site
    make_app(site, subscriber=person, app_version="4.12.0")
    sandbox = addresses.apns("com.example.shop", "ab" * 32, sandbox=True)
    make_app(site, Channel.APNS, subscriber=person, endpoint=sandbox, platform="iPadOS")
    inbox = {"channel": Channel.FCM, "platform": "iOS", "browser": "", "app_version": "4.11.2"}
    make_inbox(site, subscriber=person, **inbox)
    page = as_user(bob).get(url(person)).content.decode()
    for text in (
        *("3 of 4 reachable", "Android app", "Firebase (apps)", "version 4.12.0"),
        *("iPadOS app", "development build", "Apple sandbox (apps)"),
        *("iOS app", "Inbox only", "Notifications are not allowed there", "version 4.11.2"),
    ):
        assert text in page, text
    # A test can't reach an inbox.
    assert page.count("Use as my test device") == 3
    assert "apns" not in page and "fcm://" not in page and "inbox:" not in page


@pytest.mark.parametrize("text", XSS)
def test_hostile_texts_are_only_texts(text: str, site: Site, adam: User, as_user: AsUser) -> None:
    person = make_subscriber(
        site, external_id=text[:128], tags=[text[:64]], attributes={"name": text, text[:64]: text}
    )
    device = make_subscription(
        site,
        subscriber=person,
        endpoint=f"https://fcm.googleapis.com/{text}",
        **{"browser": text[:40], "platform": text[:40]},
        **{"language": text[:35], "time_zone": text[:64]},
    )
    words = Prompt.objects.get(site=site)
    words.title, words.body = text[:60], text[:160]
    words.save()
    consent.record(device, Action.GRANTED, where=consent.Circumstances(words, text))
    assert_harmless(as_user(adam).get(url(person)))


def test_unsubscribe_the_person(person: Subscriber, adam: User, as_user: AsUser) -> None:
    make_subscription(person.site, subscriber=person)
    other = make_subscription(person.site)
    response = as_user(adam).post(url(person, "unsubscribe/"), follow=True)
    assert "2 devices get no more messages." in response.content.decode()
    assert set(person.subscriptions.values_list("state", flat=True)) == {"unsubscribed"}
    other.refresh_from_db()
    assert other.state == "active"
    assert ConsentRecord.objects.filter(action=Action.REMOVED, actor=adam).count() == 2
    assert AuditEvent.objects.filter(action="person.unsubscribed", actor=adam).count() == 1
    as_user(adam).post(url(person, "unsubscribe/"))
    assert AuditEvent.objects.filter(action="person.unsubscribed").count() == 1


def test_unsubscribe_one_device(person: Subscriber, adam: User, as_user: AsUser) -> None:
    first, second = Subscription.objects.get(), make_subscription(person.site, subscriber=person)
    address = url(person, f"devices/{first.public_id}/unsubscribe/")
    for _ in range(2):
        response = as_user(adam).post(address, follow=True)
        assert "Firefox, Linux gets no more messages." in response.content.decode()
    states = dict(Subscription.objects.values_list("pk", "state"))
    assert states == {first.pk: "unsubscribed", second.pk: "active"}
    assert AuditEvent.objects.filter(action="device.unsubscribed").count() == 1


def test_restore_a_device(person: Subscriber, adam: User, as_user: AsUser) -> None:
    device, client = Subscription.objects.get(), as_user(adam)
    address = url(person, f"devices/{device.public_id}/restore/")
    assert address not in client.get(url(person)).content.decode()
    consent.mark_gone([device.pk])
    assert address in client.get(url(person)).content.decode()
    page = client.post(address, follow=True).content.decode()
    assert "Firefox, Linux gets messages again." in page
    assert "Restored by the team" in page
    device.refresh_from_db()
    assert device.state == "active"
    assert ConsentRecord.objects.get(action=Action.RESTORED).actor == adam
    assert "was not restored" in client.post(address, follow=True).content.decode()
    assert AuditEvent.objects.filter(action="device.restored", actor=adam).count() == 1


def test_only_what_a_push_service_closed_lately_is_restored(
    person: Subscriber, adam: User, as_user: AsUser
) -> None:
    device, client = Subscription.objects.get(), as_user(adam)
    address = url(person, f"devices/{device.public_id}/restore/")
    consent.mark_gone([device.pk])
    Subscription.objects.update(state_at=timezone.now() - timedelta(days=31))
    assert address not in client.get(url(person)).content.decode()
    assert "was not restored" in client.post(address, follow=True).content.decode()
    consent.leave(device, Action.UNSUBSCRIBED)
    assert "was not restored" in client.post(address, follow=True).content.decode()
    device.refresh_from_db()
    assert device.state == "unsubscribed"


def test_my_test_device(person: Subscriber, bob: User, as_user: AsUser) -> None:
    device = Subscription.objects.get()
    address = url(person, f"devices/{device.public_id}/test/")
    client = as_user(bob)
    for _ in range(2):
        page = client.post(address, {"use": "yes"}, follow=True).content.decode()
    assert TestDevice.objects.get().user == bob
    assert "my test device" in page
    assert "Your test messages go to Firefox, Linux." in page
    page = client.post(address, {"use": "no"}, follow=True).content.decode()
    assert not TestDevice.objects.exists()
    assert "Use as my test device" in page


def test_only_by_post(person: Subscriber, adam: User, as_user: AsUser) -> None:
    device = Subscription.objects.get()
    one = f"devices/{device.public_id}/"
    for rest in ("unsubscribe/", f"{one}unsubscribe/", f"{one}restore/", f"{one}test/"):
        assert as_user(adam).get(url(person, rest)).status_code == 405


def test_it_requires_access(
    person: Subscriber, bob: User, vera: User, charlie: User, as_user: AsUser
) -> None:
    one = f"devices/{Subscription.objects.get().public_id}/"
    for user, rest, status in [
        (bob, "unsubscribe/", 403),
        (bob, f"{one}unsubscribe/", 403),
        (bob, f"{one}restore/", 403),
        (vera, f"{one}test/", 403),
        (charlie, "unsubscribe/", 404),
        (charlie, f"{one}unsubscribe/", 404),
        (charlie, f"{one}test/", 404),
    ]:
        assert as_user(user).post(url(person, rest)).status_code == status
    assert as_user(charlie).get(url(person)).status_code == 404
    assert not ConsentRecord.objects.exclude(action=Action.GRANTED).exists()


def test_people_of_other_sites_are_not_there(site: Site, alice: User, as_user: AsUser) -> None:
    foreign = make_subscription(make_site(name="Other"))
    mine = make_subscription(site)
    base = f"/sites/{site.pk}/people"
    client = as_user(alice)
    assert client.get(f"{base}/{foreign.subscriber_id}/").status_code == 404
    assert client.get(f"{base}/{uuid.uuid4()}/").status_code == 404
    for address in (
        f"{base}/{foreign.subscriber_id}/unsubscribe/",
        f"{base}/{foreign.subscriber_id}/devices/{foreign.public_id}/unsubscribe/",
        f"{base}/{mine.subscriber_id}/devices/{foreign.public_id}/unsubscribe/",
        f"{base}/{mine.subscriber_id}/devices/{foreign.public_id}/restore/",
        f"{base}/{mine.subscriber_id}/devices/{foreign.public_id}/test/",
    ):
        assert client.post(address).status_code == 404
    foreign.refresh_from_db()
    assert foreign.state == "active"
