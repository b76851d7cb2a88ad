"""POST /push/{site_key}/inbox/: a web page opens it, and the person is in later campaigns."""

import json
import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Site
from subscribers import consent, identity
from subscribers.models import ConsentRecord, Subscriber, Subscription
from tests.campaigns.inboxes import Visitor, delivered, kari, said, sent
from tests.factories import PUSH_ORIGIN, make_site, make_subscriber, make_subscription
from tests.subscribers.browsers import Browser

DeviceState = Subscription.State


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


def test_it_makes_the_person_and_a_device_without_an_address(site: Site) -> None:
    visitor = Visitor(site)
    for _time in range(2):
        assert said(visitor.open()) == {"unread": 0}
    device = Subscription.objects.get()
    assert device.state == DeviceState.INBOX
    assert device.subscriber.external_id == "kari"
    assert (device.channel, device.endpoint) == ("web", f"inbox:{visitor.install}")
    assert str(device.install_id) == visitor.install
    assert (device.language, device.time_zone) == ("nb-NO", "Europe/Oslo")
    assert (device.browser, device.platform) == ("Firefox", "Linux")
    assert device.credential is None
    assert (bytes(device.p256dh), bytes(device.auth)) == (b"", b"")
    assert not ConsentRecord.objects.exists()


def test_it_counts_what_is_unread(site: Site) -> None:
    sent(site, kari(site), *"ab")
    assert said(Visitor(site).open()) == {"unread": 2}


@pytest.mark.parametrize("state", [DeviceState.ACTIVE, DeviceState.INBOX])
def test_none_for_who_has_a_device(state: DeviceState, site: Site) -> None:
    device = kari(site)
    Subscription.objects.update(state=state)
    assert Visitor(site).open().status_code == 200
    assert Subscription.objects.get() == device


@pytest.mark.parametrize("state", [DeviceState.UNSUBSCRIBED, DeviceState.GONE])
def test_who_has_left_still_has_an_inbox(state: DeviceState, site: Site) -> None:
    device = kari(site)
    Subscription.objects.update(state=state)
    visitor = Visitor(site, install=str(device.install_id))
    for _time in range(2):
        assert visitor.open().status_code == 200
    device.refresh_from_db()
    assert device.state == state
    made = Subscription.objects.exclude(pk=device.pk).get()
    assert (made.state, made.subscriber) == (DeviceState.INBOX, device.subscriber)


def test_one_that_the_team_removed_is_not_made_again(site: Site) -> None:
    visitor = Visitor(site)
    visitor.open()
    consent.leave(Subscription.objects.get(), ConsentRecord.Action.REMOVED)
    assert visitor.open().status_code == 200
    assert Subscription.objects.get().state == DeviceState.UNSUBSCRIBED


def test_an_anonymous_device_of_this_browser_turns_out_to_be_theirs(site: Site) -> None:
    device = make_subscription(site)
    sent(site, device, "Before")
    visitor = Visitor(site, install=str(device.install_id))
    assert said(visitor.open()) == {"unread": 1}
    device.refresh_from_db()
    assert (device.state, device.subscriber.external_id) == (DeviceState.ACTIVE, "kari")
    assert Subscription.objects.count() == 1


def test_who_shares_a_browser_reads_only_their_own(site: Site) -> None:
    first = Visitor(site)
    first.open()
    (run,) = sent(site, Subscription.objects.get(), "Hers")
    second = Visitor(site, "ola", install=first.install)
    for _time in range(2):
        assert said(second.open()) == {"unread": 0}
    assert first.titles() == ["Hers"]
    assert second.titles() == []
    his = Subscription.objects.get(subscriber__external_id="ola")
    assert his.install_id != uuid.UUID(first.install)
    delivered(run, his)
    assert second.titles() == ["Hers"]


def test_the_browser_subscribes_later(site: Site, settings: Settings) -> None:
    settings.EXTRA_PUSH_ORIGINS = frozenset({PUSH_ORIGIN})
    visitor = Visitor(site)
    visitor.open()
    browser = Browser(site, install=visitor.install)
    assert browser.subscribe().status_code == 200
    device = Subscription.objects.get()
    assert (device.state, device.endpoint) == (DeviceState.ACTIVE, browser.endpoint)
    assert device.subscriber.external_id == "kari"


def test_who_was_erased_does_not_come_back(site: Site) -> None:
    visitor = Visitor(site)
    visitor.open()
    identity.erase(Subscriber.objects.get())
    assert said(visitor.open()) == {"unread": 0}
    assert not Subscriber.objects.exists()


def test_not_by_another_browser_either(site: Site) -> None:
    kari(site)
    other = Visitor(site)
    other.open()  # no device for who has one, so nothing of this browser is known
    identity.erase(Subscriber.objects.get())
    assert said(other.open()) == {"unread": 0}
    assert not Subscriber.objects.exists()
    assert said(Visitor(site, external_id="ola").open()) == {"unread": 0}
    assert Subscriber.objects.get().external_id == "ola"


def test_who_was_erased_comes_back_by_saying_yes(site: Site, settings: Settings) -> None:
    settings.EXTRA_PUSH_ORIGINS = frozenset({PUSH_ORIGIN})
    visitor = Visitor(site)
    visitor.open()
    identity.erase(Subscriber.objects.get())
    assert Browser(site, install=visitor.install).subscribe().status_code == 201
    visitor.open()
    assert Subscription.objects.get().subscriber.external_id == "kari"


def test_it_says_that_they_were_here(site: Site) -> None:
    visitor = Visitor(site)
    visitor.open()
    old = timezone.now() - timedelta(days=3)
    Subscription.objects.update(last_seen_at=old)
    Subscriber.objects.update(last_seen_at=old)
    visitor.open()
    assert Subscription.objects.get().last_seen_at > old
    assert Subscriber.objects.get().last_seen_at > old


def test_odd_circumstances_cost_nothing(site: Site) -> None:
    assert Visitor(site).open(language="<b>", timezone="Mars/Olympus").status_code == 200
    device = Subscription.objects.get()
    assert (device.language, device.time_zone) == ("", "")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"install": ""}, "uuid"),
        ({"install": "x"}, "uuid"),
        ({"install": None}, "type"),
        ({"install": 7}, "type"),
        ({"language": {}}, "type"),
        ({"timezone": []}, "type"),
    ],
)
def test_what_it_refuses(change: dict[str, object], code: str, site: Site) -> None:
    answer = Visitor(site).open(**change)
    found = json.loads(answer.content)
    assert (answer.status_code, found["error"]) == (400, code)
    assert found["field"] in change
    assert not Subscriber.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_pages_at_once() -> None:
    site = make_site()
    make_subscriber(site, external_id="ola")
    visitor = Visitor(site)
    codes: list[int] = []

    def opens() -> None:
        try:
            codes.append(Visitor(site, install=visitor.install).open().status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=opens) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [200] * 6
    assert Subscription.objects.count() == 1
    assert Subscriber.objects.count() == 2
