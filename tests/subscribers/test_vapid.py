"""The key ring: encrypted at rest, opened once."""

import base64

import pytest
from django.db import IntegrityError, transaction
from pytest_django import Settings

from subscribers import vapid
from subscribers.models import VapidKey
from subscribers.transports.keys import BadKey, VapidSigner, check_subject
from tests.factories import make_site

pytestmark = pytest.mark.django_db


def test_identity_signs(settings: Settings) -> None:
    settings.VAPID_SUBJECT = "mailto:push@example.com"
    key = VapidKey.objects.get(site=make_site())
    identity = vapid.identity(key)
    assert identity.subject == "mailto:push@example.com"
    header = VapidSigner().authorization(identity, "https://fcm.googleapis.com")
    assert header.endswith(f"k={vapid.public_text(key)}")


def test_identity_is_opened_once() -> None:
    key = VapidKey.objects.get(site=make_site())
    assert vapid.identity(key) is vapid.identity(VapidKey.objects.get(pk=key.pk))


def test_private_key_is_encrypted() -> None:
    key = VapidKey.objects.get(site=make_site())
    private = vapid.identity(key).private_key
    assert len(private) == 32
    assert private not in bytes(key.private_key)


def test_public_text_is_base64url_of_the_point() -> None:
    key = VapidKey.objects.get(site=make_site())
    text = vapid.public_text(key)
    assert len(text) == 87
    assert base64.urlsafe_b64decode(text + "=") == bytes(key.public_key)


def test_one_current_key() -> None:
    site = make_site()
    with pytest.raises(IntegrityError), transaction.atomic():
        vapid.create(site)


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
