"""Links that work once: made here, found by the SHA-256 of their token, used by one UPDATE."""

import hashlib
import secrets
from datetime import timedelta

from django.utils import timezone

from accounts.models import Invitation, Role, Site, User


def digest(token: str) -> bytes:
    """What is stored of a token. 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def make(
    *,
    lasts: timedelta,
    site: Site | None = None,
    email: str = "",
    role: Role = Role.VIEWER,
    by: User | None = None,
) -> str:
    """A new token. Older open links for the same purpose end."""
    Invitation.objects.open().filter(site=site, email=email).delete()
    token = secrets.token_urlsafe(32)
    Invitation.objects.create(
        token_hash=digest(token),
        site=site,
        email=email,
        role=role,
        created_by=by,
        expires_at=timezone.now() + lasts,
    )
    return token


def find(token: str, *, to_site: bool) -> Invitation | None:
    """The open link of a token, with its site; None if it was used, has expired or never was."""
    return (
        Invitation.objects.open()
        .select_related("site", "created_by")
        .filter(token_hash=digest(token), site__isnull=not to_site)
        .first()
    )


def use(link: Invitation) -> bool:
    """Mark a link as used; False if somebody was faster or it has ended since."""
    return bool(Invitation.objects.open().filter(pk=link.pk).update(used_at=timezone.now()))
