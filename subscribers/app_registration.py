"""How a site's apps register their devices: the app key, and who vouches for people's ids."""

from __future__ import annotations

import secrets

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.models import Site, User
from subscribers import signed_identity

MOST_CHARACTERS = 4000  # a P-256 key in PEM has about 180


class BadKey(ValueError):
    """No key for identities. The sentence says what it is instead, and what to do."""

    def __init__(self, sentence: Promise | str) -> None:
        super().__init__(str(sentence))
        self.sentence = str(sentence)


@transaction.atomic
def make_app_key(site: Site, *, by: User) -> str:
    """A new app key, and so the public form for apps is on. Apps with the former are refused."""
    _set_app_key(site, f"app_{secrets.token_urlsafe(24)}", by)
    return site.app_key


@transaction.atomic
def switch_off(site: Site, *, by: User) -> None:
    """No app key: devices are registered by the site's own server alone."""
    _set_app_key(site, "", by)


def _set_app_key(site: Site, key: str, by: User) -> None:
    site.app_key = key
    site.save(update_fields=["app_key"])
    audit.record("app_registration.changed", site=site, actor=by, on=bool(key))


@transaction.atomic
def set_identity_key(site: Site, text: str, *, by: User) -> None:
    """Trust identities that are signed with the private half of this key (PEM); "" for none.

    BadKey for anything but a public key on P-256.
    """
    site.identity_public_key = _normal(text.strip())
    site.save(update_fields=["identity_public_key"])
    on = bool(site.identity_public_key)
    audit.record("site.identity_key_changed", site=site, actor=by, on=on)


def _normal(text: str) -> str:
    """The key alone, as `openssl ec -pubout` writes it."""
    if not text:
        return ""
    for sign, sentence in _OTHERS:
        if sign in text:
            raise BadKey(sentence)
    if len(text) > MOST_CHARACTERS:
        raise BadKey(_NO_KEY)
    try:
        key = signed_identity.public_key(text)
    except ValueError:
        raise BadKey(_NO_KEY) from None
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


_NO_KEY = _(
    "This is no public key on the curve P-256. It begins with -----BEGIN PUBLIC KEY-----, and"
    " openssl ec -in private.pem -pubout writes it."
)
_OTHERS = (
    (
        "PRIVATE KEY-----",
        _(
            "This is the private half, which must stay on your server: use it no more, as it has"
            " left it. Make a new pair and paste the public half."
        ),
    ),
    (
        "BEGIN CERTIFICATE-----",
        _("This is a certificate. Paste its public key: openssl x509 -in it.pem -noout -pubkey."),
    ),
    ('"kty"', _("This is a JWK. Paste the key as PEM, which begins with -----BEGIN PUBLIC KEY.")),
    ("ssh-", _("This is an SSH key. Make a pair for identities: see the documentation.")),
)
