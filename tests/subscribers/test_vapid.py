"""The key ring: encrypted at rest, opened once, replaced without losing anybody."""

import base64
import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import AuditEvent, Site, User
from subscribers import consent, vapid
from subscribers.models import ConsentRecord, Credential
from subscribers.transports.keys import BadKey, VapidSigner, check_subject
from tests.factories import make_site, make_subscription

pytestmark = pytest.mark.django_db


def test_identity_signs(settings: Settings) -> None:
    settings.VAPID_SUBJECT = "mailto:push@example.com"
    key = Credential.objects.get(site=make_site())
    identity = vapid.identity(key)
    assert identity.subject == "mailto:push@example.com"
    header = VapidSigner().authorization(identity, "https://fcm.googleapis.com")
    assert header.endswith(f"k={vapid.public_text(key)}")


def test_identity_is_opened_once() -> None:
    key = Credential.objects.get(site=make_site())
    assert vapid.identity(key) is vapid.identity(Credential.objects.get(pk=key.pk))


def test_private_key_is_encrypted() -> None:
    key = Credential.objects.get(site=make_site())
    private = vapid.identity(key).private_key
    assert len(private) == 32
    assert private not in bytes(key.private_key)


def test_public_text_is_base64url_of_the_point() -> None:
    key = Credential.objects.get(site=make_site())
    text = vapid.public_text(key)
    assert len(text) == 87
    assert base64.urlsafe_b64decode(text + "=") == bytes(key.public_key)


def test_one_current_key() -> None:
    site = make_site()
    with pytest.raises(IntegrityError), transaction.atomic():
        vapid.create(site)


def test_rotating_retires_the_current_key(site: Site, adam: User) -> None:
    old = vapid.current(site)
    device = make_subscription(site)
    new = vapid.rotate(site, replaces=old.pk, by=adam)
    assert vapid.current(site) == new
    old.refresh_from_db()
    assert old.retired_at is not None
    device.refresh_from_db()
    assert device.credential == old
    event = AuditEvent.objects.get(action="push_key.created")
    assert (event.site, event.actor, event.target) == (site, adam, vapid.public_text(new))


def test_rotating_twice_makes_one_key(site: Site, adam: User) -> None:
    old = vapid.current(site)
    vapid.rotate(site, replaces=old.pk, by=adam)
    with pytest.raises(vapid.Refused, match="in the meantime"):
        vapid.rotate(site, replaces=old.pk, by=adam)
    assert site.credentials.count() == 2


def test_another_sites_key_is_not_rotated(site: Site, adam: User) -> None:
    other = vapid.current(make_site(name="Other"))
    with pytest.raises(vapid.Refused):
        vapid.rotate(site, replaces=other.pk, by=adam)
    other.refresh_from_db()
    assert other.retired_at is None


@pytest.mark.django_db(transaction=True)
def test_rotating_at_once_makes_one_key(site: Site, adam: User) -> None:
    old = vapid.current(site)
    start = threading.Barrier(4)
    outcomes: list[str] = []

    def press() -> None:
        start.wait()
        try:
            vapid.rotate(site, replaces=old.pk, by=adam)
            outcomes.append("made")
        except vapid.Refused:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "refused", "refused", "refused"]
    assert site.credentials.count() == 2


def test_held_counts_the_devices_of_each_key(
    site: Site, adam: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    old = vapid.current(site)
    seen = timezone.now() - timedelta(days=3)
    make_subscription(site, last_seen_at=seen - timedelta(days=1))
    gone = make_subscription(site, last_seen_at=seen)
    left = make_subscription(site, last_seen_at=seen - timedelta(days=2))
    make_subscription(make_site(name="Other"))
    consent.mark_gone([gone.pk])
    consent.leave(left, ConsentRecord.Action.UNSUBSCRIBED)
    new = vapid.rotate(site, replaces=old.pk, by=adam)
    with django_assert_num_queries(2):
        first, second = vapid.held(site)
    assert (first.key, first.devices, first.last_visit) == (new, 0, None)
    assert (second.key, second.active, second.gone, second.left) == (old, 1, 1, 1)
    assert (second.lost, second.devices, second.last_visit) == (2, 3, seen)
    assert second.brief == f"{second.public[:8]}…{second.public[-6:]}"


def test_deleting_a_retired_key_that_nobody_has(site: Site, adam: User) -> None:
    old = vapid.current(site)
    new = vapid.rotate(site, replaces=old.pk, by=adam)
    vapid.delete(old, by=adam)
    assert list(site.credentials.all()) == [new]
    event = AuditEvent.objects.get(action="push_key.deleted")
    assert (event.actor, event.target) == (adam, vapid.public_text(old))
    vapid.delete(old, by=adam)
    assert AuditEvent.objects.filter(action="push_key.deleted").count() == 1


def test_the_current_key_stays(site: Site, adam: User) -> None:
    with pytest.raises(vapid.Refused, match="New devices get this key"):
        vapid.delete(vapid.current(site), by=adam)
    assert site.credentials.count() == 1


@pytest.mark.parametrize("state", ["active", "gone", "unsubscribed"])
def test_a_key_that_a_device_has_stays(site: Site, adam: User, state: str) -> None:
    old = vapid.current(site)
    make_subscription(site, state=state)
    vapid.rotate(site, replaces=old.pk, by=adam)
    with pytest.raises(vapid.Refused, match="^1 device has this key"):
        vapid.delete(old, by=adam)
    # Whatever else asks for it.
    with pytest.raises(ProtectedError):
        old.delete()
    assert site.credentials.count() == 2


@pytest.mark.parametrize(
    ("reason", "detail", "expected"),
    [
        ("vapid_mismatch", "VapidPkHashMismatch", "Push keys"),
        ("vapid_rejected", '{"reason":"BadJwtToken"}', "VAPID_SUBJECT"),
        ("vapid_rejected", '{"reason":"ExpiredJwtToken"}', "clock"),
        ("vapid_rejected", '{"errno": 109, "message": "Invalid VAPID expiry"}', "clock"),
        ("vapid_rejected", '{"reason":"BadVapidPublicKey"}', "Make a new one"),
        ("vapid_rejected", "", "Check the server's clock and VAPID_SUBJECT"),
        ("vapid_rejected", "expected another audience", "Check the server's clock and VAPID"),
        ("vapid_unusable", "The private key must be 32 bytes.", "backup"),
        ("wns_domain_blocked", "Domain Blocked", "Microsoft"),
        ("something_new", "ExpiredJwtToken", "Push keys"),
    ],
)
def test_advice_says_what_to_fix(reason: str, detail: str, expected: str) -> None:
    words = vapid.advice(reason, detail)
    assert expected in words
    assert len(words) <= 180


def test_advice_knows_our_own_words_for_a_bad_contact() -> None:
    with pytest.raises(BadKey) as refused:
        check_subject("mailto:push@localhost")
    assert "VAPID_SUBJECT" in vapid.advice("vapid_unusable", refused.value.sentence)


def test_advice_never_repeats_a_stranger() -> None:
    assert "<b>" not in vapid.advice("vapid_rejected", "<b>BadJwtToken</b>")
