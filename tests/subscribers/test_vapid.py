"""The key ring: encrypted at rest, opened once."""

import base64

import pytest
from django.db import IntegrityError, transaction
from pytest_django import Settings

from subscribers import vapid
from subscribers.models import VapidKey
from subscribers.transports.keys import VapidSigner
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
