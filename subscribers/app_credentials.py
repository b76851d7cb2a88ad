"""A site's keys for apps: Firebase's service accounts and Apple's signing keys, kept encrypted.

A device stays with the project or team that its app was built with. So a new key of the same one
takes the old one's place, and another project or team retires the former, whose devices go on being
sent to with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import Count, F, ProtectedError, QuerySet
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from accounts import audit, crypto
from accounts.models import Site, User
from subscribers import app_files, app_tokens
from subscribers.models import Channel, Credential, Subscription
from subscribers.transports import addresses

State = Subscription.State
MOST_BUNDLES = 50
_ID = re.compile(r"[A-Z0-9]{10}", re.ASCII)
_TEAM_PREFIX = re.compile(r"[A-Z0-9]{10}\.\S+\.\S+", re.ASCII)


class Refused(Exception):
    """The keys stay as they are. `errors`: a sentence for each field; "" for the whole."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)

    @property
    def field(self) -> str:
        return next(iter(self.errors))

    @property
    def sentence(self) -> str:
        return next(iter(self.errors.values()))


@dataclass(frozen=True)
class Held:
    """A key and how many devices have it."""

    key: Credential
    active: int
    lost: int  # gone, or their person left; some may come back

    @property
    def devices(self) -> int:
        return self.active + self.lost

    @property
    def key_id(self) -> str:
        """Enough to find the key where it was made: Apple's has 10 characters, Google's 40."""
        text = str(self.key.details.get("key_id", ""))
        return text if len(text) <= 16 else f"{text[:12]}…"


def of_site(site: Site) -> QuerySet[Credential]:
    """All of a site, the current of each channel first, the retired by when they were."""
    found = Credential.objects.filter(site=site).exclude(channel=Channel.WEB)
    return found.order_by("-channel", F("retired_at").desc(nulls_first=True), "-pk")


def current(site: Site, channel: Channel) -> Credential | None:
    """The one that new devices get."""
    return Credential.objects.filter(site=site, channel=channel, retired_at=None).first()


def held(site: Site) -> list[Held]:
    """Those of `of_site` with their devices."""
    of_apps = Subscription.objects.filter(site=site).exclude(credential__channel=Channel.WEB)
    rows = of_apps.values_list("credential", "state").order_by().annotate(devices=Count("pk"))
    counts = {(key, state): devices for key, state, devices in rows}
    return [
        Held(
            one,
            active=counts.get((one.pk, State.ACTIVE), 0),
            lost=counts.get((one.pk, State.GONE), 0) + counts.get((one.pk, State.UNSUBSCRIBED), 0),
        )
        for one in of_site(site)
    ]


def add_fcm(site: Site, upload: bytes, by: User | None) -> Credential:
    """Take a Firebase project's service account from its JSON file; Refused with "file"."""
    try:
        account = app_files.service_account(upload)
    except app_files.BadFile as bad:
        raise Refused({"file": bad.sentence}) from None
    details = {"client_email": account["client_email"], "key_id": account["private_key_id"]}
    secret = json.dumps(account).encode()
    return _put(site, Channel.FCM, account["project_id"], secret, details, by)


def add_apns(
    site: Site,
    upload: bytes,
    key_id: str,
    team_id: str,
    bundle_ids: Iterable[str],
    by: User | None,
) -> Credential:
    """Take an Apple team's key and the apps that it is for; Refused, with all that is wrong.

    Its fields: file, key_id, team_id, bundle_ids. Apple gives a .p8 only once, so an empty `upload`
    keeps the one that is stored under the same key and team id.
    """
    errors: dict[str, str] = {}
    key_id, team_id = key_id.strip().upper(), team_id.strip().upper()
    if not _ID.fullmatch(key_id):
        errors["key_id"] = gettext("A key id has 10 letters and digits, such as 2X9R4HXF34.")
    if not _ID.fullmatch(team_id):
        errors["team_id"] = gettext("A team id has 10 letters and digits, such as 57246542AX.")
    bundles = list(dict.fromkeys(one.strip() for one in bundle_ids if one.strip()))
    if wrong := _wrong_bundles(bundles):
        errors["bundle_ids"] = wrong
    pem = b""
    try:
        pem = app_files.apns_key(upload) if upload else _stored_pem(site, key_id, team_id)
    except app_files.BadFile as bad:
        errors["file"] = bad.sentence
    if errors:
        raise Refused(errors)
    details = {"key_id": key_id, "bundle_ids": bundles}
    return _put(site, Channel.APNS, team_id, pem, details, by)


def _wrong_bundles(bundles: list[str]) -> str:
    if not bundles:
        return gettext("Name at least one bundle id, such as com.example.shop.")
    if len(bundles) > MOST_BUNDLES:
        return gettext("At most %(most)d bundle ids.") % {"most": MOST_BUNDLES}
    for bundle in bundles:
        if "*" in bundle:
            return gettext("An id with a * can't get pushes. Name the bundle id of each app.")
        if _TEAM_PREFIX.fullmatch(bundle):
            return gettext("Leave out the team id in front: com.example.shop, not TEAM.com….")
        try:
            addresses.apns(bundle, "00" * 32)
        except addresses.BadAddress:
            return gettext("“%(bundle)s” is no bundle id.") % {"bundle": bundle[:60]}
    return ""


def _stored_pem(site: Site, key_id: str, team_id: str) -> bytes:
    """The .p8 under these ids; BadFile if there is none."""
    row = Credential.objects.filter(site=site, channel=Channel.APNS, name=team_id).first()
    if row is None or row.details.get("key_id") != key_id:
        raise app_files.BadFile(gettext("Choose the .p8 file."))
    try:
        return crypto.decrypt(row.private_key)
    except ImproperlyConfigured:
        sentence = gettext("The stored key can't be decrypted. Choose the .p8 file again.")
        raise app_files.BadFile(sentence) from None


@transaction.atomic
def _put(
    site: Site,
    channel: Channel,
    name: str,
    secret: bytes,
    details: dict[str, Any],
    by: User | None,
) -> Credential:
    """Make it the current one of its channel, in place of what the site has under that name."""
    # Of two at once the second waits; registrations of devices need not.
    Site.objects.select_for_update(no_key=True).get(pk=site.pk)
    held = Credential.objects.filter(site=site, channel=channel)
    held.filter(retired_at=None).exclude(name=name).update(retired_at=timezone.now())
    row = held.select_for_update(no_key=True).filter(name=name).first()
    action = "app_key.replaced" if row else "app_key.added"
    row = row or Credential(site=site, channel=channel, name=name)
    if not (row.pk and _same_key(row, secret, details)):
        # The old key's token would go on working with the old key's rights.
        row.private_key = crypto.encrypt(secret)
        row.token = row.token_at = row.token_until = None
    row.details, row.retired_at = details, None
    row.checked_at, row.problem = None, ""
    row.save()
    audit.record(action, site=site, actor=by, target=str(row), key_id=details["key_id"])
    pk = row.pk
    transaction.on_commit(lambda: app_tokens.forget(pk))
    return row


def _same_key(row: Credential, secret: bytes, details: dict[str, Any]) -> bool:
    """Whether it is the key that is stored: its token stays, as Apple minds new ones."""
    try:
        stored = crypto.decrypt(row.private_key)
    except ImproperlyConfigured:
        return False
    return stored == secret and row.details.get("key_id") == details["key_id"]


@transaction.atomic
def remove(credential: Credential, *, by: User) -> None:
    """Remove a key that no device has; Refused otherwise, and while somebody sends.

    The row is locked before its devices are counted, so a device that is taking the key right now
    is either counted or refused by the database.
    """
    of_apps = of_site(credential.site).select_for_update()
    found = of_apps.filter(pk=credential.pk).first()
    if found is None:
        return
    if devices := found.subscriptions.count():
        raise Refused({"": _in_use(devices)})
    try:
        found.delete()
    except ProtectedError:
        sentence = gettext("A campaign is being sent right now. Remove the key when it is done.")
        raise Refused({"": sentence}) from None
    audit.record("app_key.removed", site=credential.site, actor=by, target=str(credential))
    transaction.on_commit(lambda: app_tokens.forget(credential.pk))


def _in_use(devices: int) -> str:
    sentence = ngettext(
        "%(count)s device has this key, and without it can never be reached again. It stays.",
        "%(count)s devices have this key, and without it can never be reached again. It stays.",
        devices,
    )
    return sentence % {"count": f"{devices:,}"}
