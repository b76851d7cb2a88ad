"""Registering an app: one row for an installation, whatever becomes of its token."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Site
from subscribers import app_devices, consent, identity
from subscribers.incoming import Refused
from subscribers.incoming_apps import read_device
from subscribers.models import Channel, ConsentRecord, Credential, Subscriber, Subscription
from tests.factories import make_app, make_credential, make_site, make_subscriber, make_subscription
from tests.subscribers.phones import BUNDLE, Phone, new_token

State = Subscription.State
Action = ConsentRecord.Action


@pytest.fixture
def site(db: None) -> Site:
    site = make_site()
    make_credential(site)
    make_credential(site, Channel.APNS)
    return site


def register(phone: Phone, **changes: Any) -> Subscription:
    body = phone.body | changes
    found, _new = app_devices.register(phone.site, read_device(body))
    found.refresh_from_db()
    return found


def actions(device: Subscription) -> list[str]:
    records = ConsentRecord.objects.filter(subscription=device).order_by("pk")
    return list(records.values_list("action", flat=True))


def refusal(phone: Phone, **changes: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        register(phone, **changes)
    return caught.value


def long_ago(device: Subscription) -> datetime:
    """As if it were last seen, and its state had changed, an hour ago."""
    then = timezone.now() - timedelta(hours=1)
    Subscription.objects.filter(pk=device.pk).update(last_seen_at=then, state_at=then)
    return then


def test_android(site: Site) -> None:
    phone = Phone(site)
    device = register(phone)
    assert device.endpoint == f"fcm://shop-app/token/{phone.token}"
    assert device.credential == Credential.objects.get(channel=Channel.FCM)
    assert (device.channel, device.state, device.platform) == ("fcm", "active", "Android")
    assert (device.browser, device.app_version) == ("", "4.12.0")
    assert (device.language, device.time_zone) == ("nb-NO", "Europe/Oslo")
    assert device.install_id == uuid.UUID(phone.install)
    assert (bytes(device.p256dh), bytes(device.auth)) == (b"", b"")
    record = ConsentRecord.objects.get()
    assert (record.action, record.platform, record.language) == ("granted", "Android", "nb-NO")


def test_an_installation_id_of_firebase(site: Site) -> None:
    device = register(Phone(site, token="c" * 22), kind="fid")
    assert device.endpoint == f"fcm://shop-app/fid/{'c' * 22}"


def test_ios_through_firebase(site: Site) -> None:
    device = register(Phone(site), platform="ios")
    assert (device.channel, device.platform) == ("fcm", "iOS")


def test_ios(site: Site) -> None:
    phone = Phone(site, apple=True)
    device = register(phone)
    assert device.endpoint == f"apns://{BUNDLE}/{phone.token}"
    assert device.credential == Credential.objects.get(channel=Channel.APNS)
    # A development build becomes the one of the store.
    assert register(phone, environment="sandbox").endpoint.startswith("apns+sandbox://")
    assert register(phone).pk == device.pk
    assert Subscription.objects.get().endpoint.startswith("apns://")


def test_again(site: Site) -> None:
    phone = Phone(site)
    device = register(phone)
    then = long_ago(device)
    said = {"app_version": "", "language": "??", "timezone": None}
    assert register(phone, **said).pk == device.pk
    device = Subscription.objects.get()
    assert (device.app_version, device.language) == ("4.12.0", "nb-NO")
    assert device.last_seen_at > then
    assert device.subscriber.last_seen_at > then
    assert register(phone, app_version="4.13.0", language="en").app_version == "4.13.0"
    assert actions(device) == ["granted"]


def test_a_new_token_replaces(site: Site) -> None:
    phone = Phone(site)
    device = register(phone)
    phone.token = new_token()
    again = register(phone)
    assert (again.pk, again.subscriber_id) == (device.pk, device.subscriber_id)
    assert again.endpoint.endswith(phone.token)
    assert actions(again) == ["granted"]


def test_cleared_data_make_a_new_installation_of_the_same_app(site: Site) -> None:
    phone = Phone(site)
    device = register(phone)
    phone.install = str(uuid.uuid4())
    again = register(phone)
    assert (again.pk, again.subscriber_id) == (device.pk, device.subscriber_id)
    assert again.moved_at is None
    assert again.install_id == uuid.UUID(phone.install)
    assert Subscriber.objects.count() == 1


@pytest.mark.parametrize("first", ["inbox", "active", "gone", "left"])
def test_known_by_its_token_and_by_its_new_id(first: str, site: Site) -> None:
    """The app was cleared, had no token at once, and then got its old one."""
    old = Phone(site)
    device = register(old, external_id="FF-7")
    new = Phone(site, token=None if first == "inbox" else new_token())
    other = register(new)
    if first == "gone":
        consent.mark_gone([other.pk])
    if first == "left":
        app_devices.unregister(other)
    again = register(new, token=old.token)
    assert (again.pk, again.subscriber.external_id) == (device.pk, "FF-7")
    assert again.install_id == uuid.UUID(new.install)
    other.refresh_from_db()
    assert other.install_id is None
    assert other.state == (State.GONE if first in {"active", "gone"} else State.UNSUBSCRIBED)
    # Its name as an inbox is free again.
    assert register(new, token=None).pk == device.pk
    assert register(new, token=old.token).pk == device.pk


def test_a_token_moves_only_to_who_signed_in(site: Site) -> None:
    old, new = Phone(site), Phone(site, token=None)
    device = register(old, external_id="FF-7")
    register(new, external_id="FF-9")
    again = register(new, token=old.token)
    assert (again.pk, again.subscriber.external_id) == (device.pk, "FF-9")
    assert again.moved_at is not None
    assert Subscriber.objects.filter(external_id="FF-7").exists()


def test_other_sites_are_apart(site: Site) -> None:
    other = make_site(name="Other")
    make_credential(other)
    phone = Phone(site)
    mine, theirs = register(phone), register(Phone(other, token=phone.token, install=phone.install))
    assert mine.pk != theirs.pk
    mine.refresh_from_db()
    assert (mine.site, mine.state) == (site, State.ACTIVE)


def test_without_push_there_is_the_inbox(site: Site) -> None:
    Credential.objects.exclude(channel=Channel.WEB).delete()  # none is needed
    phone = Phone(site, token=None)
    device = register(phone)
    assert (device.state, device.credential) == (State.INBOX, None)
    assert device.endpoint == f"inbox:{phone.install}"
    assert register(phone).pk == device.pk
    assert actions(device) == []


def test_permission_comes_and_goes(site: Site) -> None:
    phone = Phone(site, token=None)
    register(phone)
    token = new_token()
    device = register(phone, token=token)
    assert (device.state, actions(device)) == (State.ACTIVE, ["granted"])
    device = register(phone, token=None)
    assert (device.state, device.credential) == (State.INBOX, None)
    assert token not in device.endpoint
    assert actions(device) == ["granted", "unsubscribed"]
    register(phone)
    device = register(phone, token=token)
    assert (device.state, actions(device)[2:]) == (State.ACTIVE, ["granted"])
    assert Subscription.objects.count() == 1


def test_gone_comes_back(site: Site) -> None:
    phone = Phone(site)
    device = register(phone)
    consent.mark_gone([device.pk])
    phone.token = new_token()
    again = register(phone)
    assert (again.pk, again.state) == (device.pk, State.ACTIVE)
    assert actions(again) == ["granted", "gone", "restored"]
    consent.mark_gone([device.pk])
    then = long_ago(device)
    again = register(phone, token=None)
    assert again.state == State.INBOX
    assert again.state_at > then


@pytest.mark.parametrize("token", [True, False], ids=["push", "inbox"])
def test_who_left_comes_back_by_saying_yes(token: bool, site: Site) -> None:
    """An app reports itself at every start. That brings nobody back."""
    phone = Phone(site)
    device = register(phone)
    app_devices.unregister(device)
    app_devices.unregister(device)
    long_ago(device)
    phone.token = new_token() if token else None
    before = (timezone.now() - timedelta(hours=2)).isoformat()
    assert register(phone).state == State.UNSUBSCRIBED
    device = register(phone, consent={"at": before, "source": "first start"})
    assert (device.state, actions(device)) == (State.UNSUBSCRIBED, ["granted", "unsubscribed"])
    assert phone.token is None or phone.token in device.endpoint
    device = register(phone, consent={"source": "settings"})
    assert device.state == (State.ACTIVE if token else State.INBOX)
    assert actions(device)[2:] == (["restored"] if token else [])


def test_the_record_says_when_and_where(site: Site) -> None:
    at = timezone.now() - timedelta(days=2)
    said = {"at": at.isoformat(), "source": "onboarding, page 2", "text": "New snow,\nfirst?"}
    device = register(Phone(site), consent=said)
    record = ConsentRecord.objects.get(subscription=device)
    assert (record.at, record.page) == (at, "onboarding, page 2")
    assert record.wording == "New snow, first?"
    ahead = (timezone.now() + timedelta(hours=5)).isoformat()
    device = register(Phone(site), consent={"at": ahead})
    assert ConsentRecord.objects.get(subscription=device).at <= timezone.now()


@pytest.mark.parametrize("same", ["install", "token"])
@pytest.mark.parametrize("push", [True, False], ids=["push", "inbox"])
def test_erased_people_come_back_by_saying_yes(same: str, push: bool, site: Site) -> None:
    phone = Phone(site, token="" if push else None)
    before = timezone.now().isoformat()
    identity.erase(register(phone).subscriber)
    if same == "token" and push:
        phone.install = str(uuid.uuid4())
    elif push:
        phone.token = new_token()
    for said in (None, {"at": before}):
        error = refusal(phone, consent=said)
        assert (error.status, error.code) == (410, "erased")
    assert not Subscriber.objects.exists()
    assert register(phone, consent={}).state == (State.ACTIVE if push else State.INBOX)
    assert register(phone).pk


def test_person(site: Site) -> None:
    person = make_subscriber(site, external_id="FF-7", tags=["vip"], topics=["news"])
    said = {
        "external_id": "FF-7",
        "tags": {"add": ["app"], "remove": ["vip"]},
        "attributes": {"orders": 3},
        "topics": ["sale"],
    }
    device = register(Phone(site), **said)
    person.refresh_from_db()
    assert device.subscriber == person
    assert (person.tags, person.topics, person.attributes) == (["app"], ["sale"], {"orders": 3})
    register(Phone(site, install=str(device.install_id)))
    person.refresh_from_db()
    assert (person.tags, person.topics) == (["app"], ["sale"])
    assert Subscriber.objects.count() == 1


def test_nothing_is_stored_of_what_is_refused(site: Site) -> None:
    many = {"add": [f"t{number}" for number in range(50)]}
    phone = Phone(site)
    device = register(phone, tags=many)
    error = refusal(phone, token=new_token(), tags={"add": ["one more"]})
    assert error.code == "too_many"
    assert Subscription.objects.get().endpoint == device.endpoint


@pytest.mark.parametrize(
    ("apple", "changes", "field"),
    [
        pytest.param(True, {"app": "com.example.other"}, "app", id="another bundle"),
        pytest.param(True, {"app": None}, "app", id="no bundle"),
        pytest.param(False, {"app": "another-project"}, "app", id="another project"),
        pytest.param(False, {"token": "a b"}, "token", id="no token of FCM"),
        pytest.param(False, {"kind": "fid"}, "token", id="no installation id"),
        pytest.param(True, {"token": "xyz"}, "token", id="no token of APNs"),
    ],
)
def test_addresses(apple: bool, changes: dict[str, Any], field: str, site: Site) -> None:
    error = refusal(Phone(site, apple=apple), **changes)
    assert (error.status, error.field) == (400, field)
    if field == "app":
        assert "Settings" in error.sentence


@pytest.mark.parametrize("apple", [False, True], ids=["fcm", "apns"])
@pytest.mark.parametrize("retired", [False, True], ids=["none", "retired"])
def test_a_channel_that_is_not_set_up(apple: bool, retired: bool, site: Site) -> None:
    held = Credential.objects.exclude(channel=Channel.WEB)
    if retired:
        held.update(retired_at=timezone.now())
    else:
        held.delete()
    error = refusal(Phone(site, apple=apple))
    assert (error.code, error.field) == ("not_set_up", "channel")
    assert "Settings" in error.sentence


def test_builds_of_an_earlier_project(site: Site) -> None:
    Credential.objects.filter(channel=Channel.FCM).update(retired_at=timezone.now())
    now = make_credential(site, name="new-app")
    assert register(Phone(site)).credential == now
    assert register(Phone(site), app="new-app").endpoint.startswith("fcm://new-app/")
    old = register(Phone(site), app="shop-app")
    assert old.endpoint.startswith("fcm://shop-app/")
    assert old.credential != now


def test_browsers_and_apps_do_not_share_an_id(site: Site) -> None:
    phone = Phone(site, install=str(make_subscription(site).install_id))
    error = refusal(phone)
    assert (error.status, error.field) == (409, "install")


def test_find(site: Site) -> None:
    app = make_app(site)
    assert app.install_id
    assert app_devices.find(site, app.install_id) == app
    browser = make_subscription(site)
    assert browser.install_id
    for known in (browser.install_id, uuid.uuid4()):
        with pytest.raises(Refused):
            app_devices.find(site, known)
    with pytest.raises(Refused):
        app_devices.find(make_site(name="Other"), app.install_id)
