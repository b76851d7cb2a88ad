"""The secrets with which a site's server signs who somebody is."""

import hashlib
import hmac
import secrets

from django.db import transaction

from accounts import audit, crypto
from accounts.models import Site, User


def token_secret(site: Site) -> bytes:
    """What HS256 tokens are signed with: hex HMAC-SHA256 of "beckon.token" by the identity secret.

    Not that secret itself, by which plain ids are signed for the snippet: an id that somebody made
    up could be written so that its signature is one of a token for anybody.
    """
    secret = crypto.decrypt(site.identity_secret)
    return hmac.new(secret, b"beckon.token", hashlib.sha256).hexdigest().encode()


def rotate(site: Site, *, by: User) -> str:
    """A new identity secret, in hex. Signatures and tokens made with the old one count no more."""
    secret = secrets.token_hex(32)
    site.identity_secret = crypto.encrypt(secret.encode())
    with transaction.atomic():
        site.save(update_fields=["identity_secret"])
        audit.record("site.identity_rotated", site=site, actor=by)
    return secret
