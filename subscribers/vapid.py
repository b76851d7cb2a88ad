"""A site's VAPID key ring (RFC 8292): made, kept encrypted, and opened for the transports."""

import re
from functools import lru_cache

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

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


# What a push service says about our key, by our code for it and what its answer contains: what to
# fix, and where. The first that fits counts. Apple's names are from "Sending web push notifications
# in web apps and browsers", Mozilla's words from autopush-rs, error.rs.
_CLOCK = re.compile(r"\bexp\b|expir|not before|issued at", re.IGNORECASE)
_CONTACT = re.compile(r"BadJwtToken|\bsub(ject)?\b|mailto|contact", re.IGNORECASE)
_KEY = re.compile(r"BadVapidPublicKey|public key|private key", re.IGNORECASE)
_ANY = re.compile("")
_ADVICE: tuple[tuple[str, re.Pattern[str], Promise], ...] = (
    (
        "vapid_mismatch",
        _ANY,
        _(
            "These devices subscribed with another key. Look at Settings, Push keys: if an older"
            " backup was restored, its key is missing. Each device gets the current key at its"
            " next visit."
        ),
    ),
    (
        "vapid_rejected",
        _CLOCK,
        _(
            "Our signature has expired or is too far ahead: the server's clock is wrong. Set it"
            " (NTP), restart the workers, then resume."
        ),
    ),
    (
        "vapid_rejected",
        _CONTACT,
        _(
            "It does not take our contact address. Set VAPID_SUBJECT to a real mailto: or https:"
            " address, check the server's clock, restart the workers, then resume."
        ),
    ),
    (
        "vapid_rejected",
        _KEY,
        _("It can't read our key. Make a new one in Settings, Push keys, then resume."),
    ),
    (
        "vapid_rejected",
        _ANY,
        _(
            "It refuses our signature. Check the server's clock and VAPID_SUBJECT; then send a"
            " test to your own device, and resume when it arrives."
        ),
    ),
    (
        "vapid_unusable",
        _CONTACT,
        _(
            "Nothing was sent: VAPID_SUBJECT is no real mailto: or https: address. Set it, restart"
            " the workers, then resume."
        ),
    ),
    (
        "vapid_unusable",
        _ANY,
        _(
            "Nothing was sent: the key can't sign. Its two halves do not fit each other, so restore"
            " them from a backup, or make a new key in Settings, Push keys."
        ),
    ),
    (
        "wns_domain_blocked",
        _ANY,
        _(
            "Windows blocks messages from this server, so Edge can't be reached. Ask Microsoft to"
            " lift the block. No device is at fault."
        ),
    ),
)
_OTHERWISE = _("It refuses our key. Look at Settings, Push keys, and at VAPID_SUBJECT.")


def advice(outcome_reason: str, detail: str) -> str:
    """What an admin should fix, and where, after an answer of CONFIG: one or two sentences.

    `outcome_reason` and `detail`: of the `Outcome`. "It" in a sentence is the push service.
    At most 180 characters in English; never repeats `detail`, which a stranger wrote.
    """
    for reason, sign, words in _ADVICE:
        if reason == outcome_reason and sign.search(detail):
            return str(words)
    return str(_OTHERWISE)
