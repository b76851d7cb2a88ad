"""A site's VAPID key ring (RFC 8292): made, kept encrypted, and opened for the transports."""

from functools import lru_cache

from django.conf import settings

from accounts import crypto
from accounts.models import Site
from subscribers.models import VapidKey
from subscribers.transports.keys import VapidIdentity, encode_base64url, generate_vapid


def create(site: Site) -> VapidKey:
    """A new pair for a site. The database allows one that is not retired."""
    private, public = generate_vapid()
    return VapidKey.objects.create(
        site=site, public_key=public, private_key=crypto.encrypt(private)
    )


def current(site: Site) -> VapidKey:
    """The pair that new subscriptions are made with."""
    return VapidKey.objects.get(site=site, retired_at=None)


def public_text(key: VapidKey) -> str:
    """What a browser takes as `applicationServerKey`: 65 bytes as base64url without padding."""
    return encode_base64url(bytes(key.public_key))


def identity(key: VapidKey) -> VapidIdentity:
    """What the transports sign with. Decrypted once per process, not once per message."""
    return _identity(key.pk, bytes(key.public_key), bytes(key.private_key), settings.VAPID_SUBJECT)


@lru_cache(maxsize=1024)
def _identity(pk: int, public: bytes, encrypted: bytes, subject: str) -> VapidIdentity:
    return VapidIdentity(
        key_id=pk, private_key=crypto.decrypt(encrypted), public_key=public, subject=subject
    )
