"""The tokens that Firebase and Apple know our senders by: one for each credential, shared by all.

Firebase: an OAuth access token of about an hour, given for the service account's signature. Apple:
a token that we sign ourselves, which works for an hour. One that changes more often than every 20
minutes makes Apple refuse the connection (429 TooManyProviderTokenUpdates), so it is never replaced
before it is 50 minutes old ("Establishing a token-based connection to APNs").
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext

from accounts import crypto
from subscribers import google_tokens
from subscribers.google_tokens import TokenRefused, TokenUnavailable
from subscribers.models import Channel, Credential, Subscription
from subscribers.transports.messages import AppKey

__all__ = ["TokenRefused", "TokenUnavailable", "forget", "key_of", "renew", "stale"]

APNS_WORKS = timedelta(minutes=60)
APNS_KEPT = timedelta(minutes=50)
FCM_AHEAD = timedelta(minutes=10)  # before the end of what it works
# Not used that close to its end: a request takes its time, and clocks differ.
MARGIN = timedelta(minutes=1)
# Senders on machines whose clocks differ by less than this don't replace each other's tokens.
CLOCKS_DIFFER = timedelta(minutes=5)
LOOKED_AT = 1.0  # seconds for which a process relies on what it read


def stale(site_id: UUID) -> list[Credential]:
    """Those of a site that have devices to send to and a token that is to be renewed, or none."""
    devices = Subscription.objects.active().filter(credential=OuterRef("pk"))
    of_apps = Credential.objects.filter(site=site_id).exclude(channel=Channel.WEB)
    now = timezone.now()
    return [one for one in of_apps.filter(Exists(devices)).order_by("pk") if _due(one, now)]


def renew(credential: Credential, *, anew: bool = False) -> None:
    """See to it that the credential has a fresh token, also in the given object.

    Does nothing where another process has renewed it meanwhile. `anew`: ask Google even so, as only
    that shows whether the key still counts. Blocks at most 10 s; not to be called in a transaction.

    Raises TokenRefused, which is kept as the credential's `problem`, or TokenUnavailable.
    """
    try:
        if credential.channel == Channel.APNS:
            row = _renew_apns(credential.pk)
        else:
            row = _renew_fcm(credential.pk, anew=anew)
    except TokenRefused as refusal:
        Credential.objects.filter(pk=credential.pk).update(
            checked_at=timezone.now(), problem=refusal.sentence[:400]
        )
        raise
    credential.token, credential.token_at = row.token, row.token_at
    credential.token_until = row.token_until
    forget(credential.pk)


def _due(row: Credential, now: datetime) -> bool:
    """Whether a token is to be replaced: missing, unreadable, old, or of a clock that was wrong."""
    if _opened(row) is None or row.token_at is None or row.token_until is None:
        return True
    age = now - row.token_at
    if age < -CLOCKS_DIFFER:
        return True
    if row.channel == Channel.APNS:
        return age >= APNS_KEPT
    # At the latest when `key_of` gives it up, however short its life.
    ahead = max(MARGIN, min(FCM_AHEAD, (row.token_until - row.token_at) / 2))
    return now >= row.token_until - ahead


def _opened(row: Credential) -> str | None:
    """The stored token; None without one that ENCRYPTION_KEYS can open."""
    if row.token is None:
        return None
    try:
        return crypto.decrypt(row.token).decode()
    except ImproperlyConfigured:
        return None


def private_key(row: Credential) -> bytes:
    """FCM: the JSON; APNS: the PEM. TokenRefused if ENCRYPTION_KEYS can't open it."""
    try:
        return crypto.decrypt(row.private_key)
    except ImproperlyConfigured:
        sentence = gettext(
            "The stored key can't be decrypted: the key that encrypted it is missing from"
            " ENCRYPTION_KEYS. Put that back, or upload the file again."
        )
        raise TokenRefused(sentence) from None


def _found(row: Credential | None) -> Credential:
    if row is None:
        raise TokenRefused(gettext("This key has been removed."))
    return row


def _renew_apns(pk: int) -> Credential:
    """Sign, unless somebody else has: the row is locked, so of two at once the second waits."""
    with transaction.atomic():
        # Devices may take the key meanwhile, so not for keys.
        rows = Credential.objects.select_for_update(no_key=True)
        row = _found(rows.filter(pk=pk).first())
        pem = private_key(row)
        now = timezone.now()
        if _due(row, now):
            token = _signed(pem, row.details.get("key_id", ""), row.name, now)
            _keep(row, token, now, now + APNS_WORKS)
    return row


def _signed(pem: bytes, key_id: str, team: str, now: datetime) -> str:
    # Imported late, as google-auth is: those who send to no apps need neither.
    import jwt

    claims = {"iss": team, "iat": int(now.timestamp())}
    try:
        return jwt.encode(claims, pem, algorithm="ES256", headers={"kid": key_id})
    except (jwt.PyJWTError, ValueError, TypeError):
        raise TokenRefused(gettext("The stored key can't sign. Upload it again.")) from None


def _renew_fcm(pk: int, *, anew: bool) -> Credential:
    """Ask Google. Two at once get two tokens, which both work; the first is kept."""
    row = _found(Credential.objects.filter(pk=pk).first())
    account = private_key(row)
    if not anew and not _due(row, timezone.now()):
        return row
    token, seconds = google_tokens.fetch(account)
    now = timezone.now()
    _keep(row, token, now, now + timedelta(seconds=seconds))
    row.refresh_from_db(fields=["token", "token_at", "token_until"])
    return row


def _keep(row: Credential, token: str, now: datetime, until: datetime) -> None:
    """Store it, unless the key or the token was replaced since `row` was read."""
    same = Credential.objects.filter(
        pk=row.pk, private_key=bytes(row.private_key), token_at=row.token_at
    )
    encrypted = crypto.encrypt(token.encode())
    if same.update(token=encrypted, token_at=now, token_until=until):
        row.token, row.token_at, row.token_until = encrypted, now, until


class _Seen(NamedTuple):
    """What a process has read of a credential, and when (`time.monotonic()`)."""

    at: float
    key: AppKey | None
    until: datetime


_seen: dict[int, _Seen] = {}


def key_of(credential: Credential) -> AppKey | None:
    """What requests with it are authorised by; None without a token that still works.

    Cheap enough for every message: the row is read once a second, whatever `credential` holds, so
    that nobody goes on for longer with the token of a key that was replaced.
    """
    now = time.monotonic()
    seen = _seen.get(credential.pk)
    if seen is None or now - seen.at >= LOOKED_AT:
        seen = _seen[credential.pk] = _look(credential.pk, now)
    return seen.key if timezone.now() < seen.until - MARGIN else None


def forget(pk: int) -> None:
    """Read the row again at the next `key_of` of this process."""
    _seen.pop(pk, None)


def _look(pk: int, now: float) -> _Seen:
    row = Credential.objects.filter(pk=pk).first()
    token = _opened(row) if row else None
    if row is None or token is None or row.token_until is None:
        return _Seen(now, None, timezone.now())
    if row.channel == Channel.APNS:
        key = AppKey(token, settings.APNS_ORIGIN, settings.APNS_SANDBOX_ORIGIN)
    else:
        key = AppKey(token, settings.FCM_ORIGIN)
    return _Seen(now, key, row.token_until)
