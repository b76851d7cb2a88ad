"""The secret with which a site's server signs who somebody is."""

import secrets

from django.db import transaction

from accounts import audit, crypto
from accounts.models import Site, User


def rotate(site: Site, *, by: User) -> str:
    """A new identity secret, in hex. Signatures made with the old one count no more."""
    secret = secrets.token_hex(32)
    site.identity_secret = crypto.encrypt(secret.encode())
    with transaction.atomic():
        site.save(update_fields=["identity_secret"])
        audit.record("site.identity_rotated", site=site, actor=by)
    return secret
