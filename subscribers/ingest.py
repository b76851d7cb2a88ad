"""A browser's subscription comes in: an idempotent, race-safe upsert on (site, endpoint).

The proof of ownership is the subscription's `auth` secret, which only the browser and Beckon know;
an `install` id is as secret, so it may replace an address but never take over a known one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Site
from subscribers import consent, erasure
from subscribers.agents import browser_and_platform
from subscribers.incoming import Incoming, Refused
from subscribers.models import (
    Channel,
    ConsentRecord,
    Credential,
    Prompt,
    Subscriber,
    Subscription,
)
from subscribers.races import look_again

SITE_KEY = re.compile(r"[A-Za-z0-9_-]{1,22}")
SEEN_EVERY = timedelta(hours=1)
State = Subscription.State


@dataclass(frozen=True)
class Ring:
    """A site with its VAPID keys, the current one first."""

    site: Site
    keys: tuple[Credential, ...]

    @property
    def current(self) -> Credential:
        return self.keys[0]

    def find(self, public: bytes | None) -> Credential:
        """The site's key with this public point; None means the current one."""
        if public is None:
            return self.current
        for key in self.keys:
            if bytes(key.public_key) == public:
                return key
        raise _foreign()


def ring(site_key: str) -> Ring | None:
    """The site with this public key and its VAPID keys, in one query; None if there is none."""
    if not SITE_KEY.fullmatch(site_key):
        return None
    # Descending puts NULL first in PostgreSQL: the key that is not retired.
    keys = Credential.objects.filter(site__key=site_key, channel=Channel.WEB).select_related("site")
    newest_first = tuple(keys.order_by("-retired_at"))
    return Ring(newest_first[0].site, newest_first) if newest_first else None


def digest(endpoint: str) -> bytes:
    """What a known endpoint is found by."""
    return hashlib.sha256(endpoint.encode()).digest()


def subscribe(ring: Ring, incoming: Incoming, *, user_agent: str) -> tuple[Subscription, bool]:
    """Store or repair; returns the subscription and whether it is new.

    Raises `Refused`: 409 if the endpoint is known with another `auth`, 410 if its person was erased
    and nobody has just said yes, 400 for a foreign key.
    """
    key = ring.find(incoming.key)
    try:
        return look_again(lambda: _upsert(ring.site, key, incoming, user_agent))
    except IntegrityError:
        if Credential.objects.filter(pk=key.pk).exists():
            raise
        # Deleted since it was looked up. The snippet takes the current one on the next page.
        raise _foreign() from None


def _foreign() -> Refused:
    return Refused("key", "This application server key is not this site's.", field="key")


def _upsert(
    site: Site, key: Credential, incoming: Incoming, user_agent: str
) -> tuple[Subscription, bool]:
    endpoint_hash = digest(incoming.endpoint)
    match = Q(endpoint_hash=endpoint_hash)
    if incoming.install_id:
        match |= Q(install_id=incoming.install_id)
    rows = list(Subscription.objects.filter(match, site=site))
    known = next((row for row in rows if bytes(row.endpoint_hash) == endpoint_hash), None)
    twin = next((row for row in rows if row is not known), None)
    if known:
        _refresh(known, twin, key, incoming, user_agent)
        return known, False
    if twin and twin.channel != Channel.WEB:
        raise Refused("install", "This is the installation of an app.", field="install", status=409)
    if twin:
        return _move(twin, key, incoming, user_agent), False
    return _create(site, key, incoming, user_agent), True


def _create(site: Site, key: Credential, incoming: Incoming, user_agent: str) -> Subscription:
    erased = erasure.found(site, incoming.endpoint, incoming.install_id)
    if incoming.sync and erased.exists():
        raise Refused("erased", "This person was erased. Ask the visitor again.", status=410)
    browser, platform = browser_and_platform(user_agent)
    with transaction.atomic():
        if not incoming.sync:
            erased.delete()
        made = Subscription.objects.create(
            site=site,
            subscriber=Subscriber.objects.create(site=site),
            install_id=incoming.install_id,
            language=incoming.language,
            time_zone=incoming.time_zone,
            browser=browser,
            platform=platform,
            **_address(key, incoming),
        )
        action = ConsentRecord.Action.GRANTED
        consent.record(made, action, where=_circumstances(made, incoming))
    return made


def _refresh(
    known: Subscription,
    twin: Subscription | None,
    key: Credential,
    incoming: Incoming,
    user_agent: str,
) -> None:
    """The same browser again, at the address that we know."""
    proofs = [incoming.auth] + ([incoming.old_auth] if incoming.old_auth else [])
    if not any(hmac.compare_digest(bytes(known.auth), proof) for proof in proofs):
        raise Refused(
            "conflict", "This endpoint is known with another secret.", field="auth", status=409
        )
    if twin:
        _retire(twin)
    changes = _changes(known, key, incoming)
    back = known.state == State.GONE or (known.state != State.ACTIVE and not incoming.sync)
    if back:
        changes["browser"], changes["platform"] = browser_and_platform(user_agent)
    if changes:
        _update(known, changes)
    if back:
        consent.restore(known, _circumstances(known, incoming))
    if timezone.now() - known.last_seen_at > SEEN_EVERY:
        saw(known)


def _changes(known: Subscription, key: Credential, incoming: Incoming) -> dict[str, Any]:
    """What the browser says differently. It never takes a language or zone away."""
    said: dict[str, Any] = {
        # Who does not say with which key has not changed it.
        "credential_id": key.pk if incoming.key else known.credential_id,
        "install_id": incoming.install_id or known.install_id,
        "language": incoming.language or known.language,
        "time_zone": incoming.time_zone or known.time_zone,
    }
    changes = {name: value for name, value in said.items() if getattr(known, name) != value}
    if (bytes(known.p256dh), bytes(known.auth)) != (incoming.p256dh, incoming.auth):
        changes |= {"p256dh": incoming.p256dh, "auth": incoming.auth}
    return changes


def _move(seen: Subscription, key: Credential, incoming: Incoming, user_agent: str) -> Subscription:
    """The same browser at a new address: the row, its person and its history stay."""
    browser, platform = browser_and_platform(user_agent)
    with transaction.atomic():
        # Several workers of one browser may move it at once: one after the other, the last counts.
        row = Subscription.objects.select_for_update().filter(pk=seen.pk).first()
        if row is None or row.install_id != incoming.install_id:
            raise IntegrityError("the subscription has changed")
        changes = _changes(row, key, incoming) | _address(key, incoming)
        _update(row, changes | {"browser": browser, "platform": platform})
        if row.state == State.INBOX:
            consent.allow(row, _circumstances(row, incoming))
        elif row.state == State.GONE or (row.state != State.ACTIVE and not incoming.sync):
            consent.restore(row, _circumstances(row, incoming))
        saw(row)
    return row


def _retire(twin: Subscription) -> None:
    """A browser has one subscription: its earlier address, known by its install id, has ended."""
    with transaction.atomic():
        consent.mark_gone([twin.pk])
        Subscription.objects.filter(pk=twin.pk).update(install_id=None)
        # No run has said so, and no run's "gone" is taken back for it (campaigns.restoring).
        gone = Subscription.objects.filter(pk=twin.pk, state=State.GONE)
        gone.update(state_at=timezone.now())


def _address(key: Credential, incoming: Incoming) -> dict[str, Any]:
    return {
        "endpoint": incoming.endpoint,
        "endpoint_hash": digest(incoming.endpoint),
        "p256dh": incoming.p256dh,
        "auth": incoming.auth,
        "credential_id": key.pk,
    }


def _update(row: Subscription, changes: dict[str, Any]) -> None:
    """Write unless somebody else changed its address or secret since it was read."""
    unchanged = Subscription.objects.filter(
        pk=row.pk, endpoint_hash=row.endpoint_hash, auth=row.auth
    )
    with transaction.atomic():
        if not unchanged.update(**changes):
            raise IntegrityError("the subscription has changed")
    for name, value in changes.items():
        setattr(row, name, value)


def saw(row: Subscription) -> None:
    """The device and its person were here: one statement, because it is the hottest write."""
    row.last_seen_at = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH device AS (UPDATE subscribers_subscription SET last_seen_at = %s WHERE id = %s"
            " RETURNING subscriber_id)"
            " UPDATE subscribers_subscriber SET last_seen_at = %s"
            " WHERE id IN (SELECT subscriber_id FROM device)",
            [row.last_seen_at, row.pk, row.last_seen_at],
        )


def _circumstances(row: Subscription, incoming: Incoming) -> consent.Circumstances:
    prompt = None
    if incoming.prompt is not None:
        prompt = Prompt.objects.filter(site_id=row.site_id, version=incoming.prompt).first()
    return consent.Circumstances(prompt=prompt, page=incoming.page)


def proven(site: Site, public_id: UUID, auth: bytes) -> Subscription:
    """The subscription, if `auth` is its secret; else 404, be it the id or the secret."""
    row = Subscription.objects.filter(site=site, public_id=public_id).first()
    secret = bytes(row.auth) if row else bytes(16)
    if not hmac.compare_digest(secret, auth) or row is None:
        raise Refused("not_found", "There is no such subscription.", status=404)
    return row
