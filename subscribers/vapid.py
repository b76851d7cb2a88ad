"""A site's VAPID key ring (RFC 8292): made, kept encrypted, and opened for the transports.

A browser's subscription works with the key that it was made with and with no other, so a key stays
as long as one device has it. A new key only takes the place of the current one: old devices are
sent to with their own until the snippet moves them, at their next visit.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Max, ProtectedError, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts import audit, crypto
from accounts.models import Site, User
from subscribers import app_advice
from subscribers.models import Channel, Credential, Subscription
from subscribers.transports.keys import VapidIdentity, encode_base64url, generate_vapid

State = Subscription.State


class Refused(Exception):
    """The ring stays as it is. The sentence is for the person who asked."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class Held:
    """A key, and how many devices have it: reachable, gone, and those whose person left."""

    key: Credential
    active: int
    gone: int
    left: int
    last_visit: datetime | None

    @property
    def lost(self) -> int:
        """Not reachable now; some may come back."""
        return self.gone + self.left

    @property
    def devices(self) -> int:
        return self.active + self.lost

    @property
    def public(self) -> str:
        return public_text(self.key)

    @property
    def brief(self) -> str:
        """Enough of the public key to tell it from the others."""
        return f"{self.public[:8]}…{self.public[-6:]}"


def create(site: Site) -> Credential:
    """A new pair for a site. The database allows one that is not retired."""
    private, public = generate_vapid()
    return Credential.objects.create(
        site=site, public_key=public, private_key=crypto.encrypt(private)
    )


def current(site: Site) -> Credential:
    """The pair that new subscriptions are made with."""
    return keys_of(site).get(retired_at=None)


def keys_of(site: Site) -> QuerySet[Credential]:
    """The whole ring."""
    return Credential.objects.filter(site=site, channel=Channel.WEB)


def held(site: Site) -> list[Held]:
    """The whole ring with its devices: the current key, then the retired, the latest first."""
    of_web = Subscription.objects.filter(site=site, credential__channel=Channel.WEB)
    rows = of_web.values("credential", "state").order_by()
    counts: dict[tuple[int, str], int] = {}
    visits: dict[int, datetime] = {}
    for row in rows.annotate(devices=Count("pk"), last=Max("last_seen_at")):
        key = row["credential"]
        counts[key, row["state"]] = row["devices"]
        visits[key] = max(row["last"], visits.get(key, row["last"]))
    # Descending puts NULL first in PostgreSQL: the key that is not retired.
    return [
        Held(
            key,
            active=counts.get((key.pk, State.ACTIVE), 0),
            gone=counts.get((key.pk, State.GONE), 0),
            left=counts.get((key.pk, State.UNSUBSCRIBED), 0),
            last_visit=visits.get(key.pk),
        )
        for key in keys_of(site).order_by("-retired_at", "-pk")
    ]


@transaction.atomic
def rotate(site: Site, *, replaces: int, by: User) -> Credential:
    """Retire the current key, whose id is `replaces`, and make a new one.

    Refused if that key is not the current one any more: of two at once, one makes a key.
    """
    row = keys_of(site).filter(pk=replaces, retired_at=None)
    if not row.update(retired_at=timezone.now()):
        raise Refused(gettext("A new key has been made in the meantime. It was not made twice."))
    made = create(site)
    audit.record("push_key.created", site=site, actor=by, target=public_text(made))
    return made


@transaction.atomic
def delete(key: Credential, *, by: User) -> None:
    """Remove a retired key that no device has. Refused otherwise, and while somebody sends.

    The row is locked before its devices are counted, so a device that is taking the key right now
    is either counted or refused by the database.
    """
    found = Credential.objects.select_for_update().filter(pk=key.pk).first()
    if found is None:
        return
    if found.retired_at is None:
        raise Refused(gettext("New devices get this key. Make a new one first."))
    if devices := found.subscriptions.count():
        raise Refused(_in_use(devices))
    try:
        found.delete()
    except ProtectedError:
        sentence = gettext("A campaign is being sent right now. Delete the key when it is done.")
        raise Refused(sentence) from None
    audit.record("push_key.deleted", site=found.site, actor=by, target=public_text(found))


def _in_use(devices: int) -> str:
    sentence = ngettext(
        "%(count)s device has this key, and without it can never be reached again. It stays.",
        "%(count)s devices have this key, and without it can never be reached again. It stays.",
        devices,
    )
    return sentence % {"count": f"{devices:,}"}


def public_text(key: Credential) -> str:
    """What a browser takes as `applicationServerKey`: 65 bytes as base64url without padding."""
    return encode_base64url(bytes(key.public_key))


def identity(key: Credential) -> VapidIdentity:
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
    if outcome_reason.startswith(("fcm_", "apns_")):
        return app_advice.advice(outcome_reason)
    for reason, sign, words in _ADVICE:
        if reason == outcome_reason and sign.search(detail):
            return str(words)
    return str(_OTHERWISE)
