"""An app on a device comes in: one row for an installation, however its token changes.

The installation id, a random UUID that the app makes once, is the app's name and its proof. So is
the token: who has it is the same app, after its data were cleared or restored on the same device.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Site
from subscribers import consent, erasure, identity, ingest
from subscribers.incoming import Change, Refused
from subscribers.incoming_apps import Details, IncomingDevice
from subscribers.models import Channel, ConsentRecord, Credential, Subscriber, Subscription
from subscribers.races import look_again
from subscribers.transports import addresses
from subscribers.transports.addresses import BadAddress

State = Subscription.State


def register(site: Site, incoming: IncomingDevice) -> tuple[Subscription, bool]:
    """Store a device, or what is new about it; returns it and whether it is new.

    `incoming.person.external_id` must have been verified. Raises `Refused`: 400 for what is not set
    up or fits no address, 409 for a browser's installation id, 410 if the person was erased and has
    not said yes since.
    """
    return look_again(lambda: _register(site, incoming))


def find(site: Site, install_id: UUID) -> Subscription:
    """The app with this installation id, else `Refused` with 404."""
    rows = Subscription.objects.filter(site=site, install_id=install_id)
    row = rows.exclude(channel=Channel.WEB).first()
    if row is None:
        raise Refused("not_found", "There is no such device.", status=404)
    return row


def unregister(device: Subscription) -> None:
    """Its person does not want to hear from the site there, neither by push nor in the inbox."""
    consent.leave(device, ConsentRecord.Action.UNSUBSCRIBED)


@transaction.atomic
def change(device: Subscription, details: Details, wanted: Change) -> None:
    """Carry out what a site's server says of a device and its person."""
    said = {"app_version": details.app_version, "language": details.language}
    said |= {"time_zone": details.time_zone}
    _update(device, {name: value for name, value in said.items() if value})
    _identify(device, wanted)


@transaction.atomic
def _register(site: Site, incoming: IncomingDevice) -> tuple[Subscription, bool]:
    address = _address(site, incoming)
    match = Q(endpoint_hash=address["endpoint_hash"]) | Q(install_id=incoming.install_id)
    # In key order, so that two of these never wait for each other.
    rows = Subscription.objects.select_for_update(of=("self",)).filter(match, site=site)
    found = list(rows.order_by("pk"))
    if any(row.channel == Channel.WEB for row in found):
        sentence = "This is the installation id of a browser. Make a new one."
        raise Refused("install", sentence, field="install", status=409)
    known = next((row for row in found if row.endpoint == address["endpoint"]), None)
    twin = next((row for row in found if row is not known), None)
    row, wanted = known or twin, incoming.person
    if row is None:
        row = _create(site, address, incoming)
    else:
        if known and twin:
            wanted = _replace(twin, known, wanted)
        renamed = row.install_id != incoming.install_id
        if renamed and wanted.external_id is None and site.identity_required:
            # A token says that it is the same app, but not that the same person is signed in.
            identity.part(row)
        _refresh(row, address, incoming)
    _identify(row, wanted)
    ingest.saw(row)
    return row, not found


def _address(site: Site, incoming: IncomingDevice) -> dict[str, Any]:
    """The columns that say where a device is reached, if anywhere."""
    credential = None
    if incoming.token is None:
        endpoint = f"inbox:{incoming.install_id}"
    else:
        credential = _credential(site, incoming)
        endpoint = _endpoint(credential, incoming, incoming.token)
    return {
        "channel": incoming.channel,
        "credential_id": credential.pk if credential else None,
        "endpoint": endpoint,
        "endpoint_hash": ingest.digest(endpoint),
    }


def _credential(site: Site, incoming: IncomingDevice) -> Credential:
    """What the site sends to this app with: the current one, else one that knows the app."""
    # Descending puts NULL first in PostgreSQL: the one that is not retired.
    ring = list(site.credentials.filter(channel=incoming.channel).order_by("-retired_at"))
    where = "An admin of the site sets it up in Beckon under Settings, Mobile apps."
    if not ring or ring[0].retired_at:
        name = "Firebase (FCM)" if incoming.channel == Channel.FCM else "Apple (APNs)"
        sentence = f"The site does not send through {name}. {where}"
        raise Refused("not_set_up", sentence, field="channel")
    if incoming.channel == Channel.FCM and not incoming.app:
        return ring[0]
    for one in ring:
        if incoming.app in (one.details.get("bundle_ids", []) or [one.name]):
            return one
    kind = "Firebase project" if incoming.channel == Channel.FCM else "bundle id"
    sentence = f"The site does not send to apps of this {kind}. {where}"
    raise Refused("not_set_up", sentence, field="app")


def _endpoint(credential: Credential, incoming: IncomingDevice, token: str) -> str:
    try:
        if incoming.channel == Channel.FCM:
            return addresses.fcm(credential.name, token, kind=incoming.kind)
        return addresses.apns(incoming.app, token, sandbox=incoming.sandbox)
    except BadAddress as error:
        field = "app" if error.part == "bundle" else error.part
        raise Refused(error.part, error.sentence, field=field) from None


def _create(site: Site, address: dict[str, Any], incoming: IncomingDevice) -> Subscription:
    erased = erasure.found(site, address["endpoint"], incoming.install_id)
    last = erased.order_by("-at").first()
    if last and not _agreed_since(incoming, last.at):
        raise Refused("erased", "This person was erased. Ask the user again.", status=410)
    erased.delete()
    reached = incoming.token is not None
    made = Subscription.objects.create(
        site=site,
        subscriber=Subscriber.objects.create(site=site),
        install_id=incoming.install_id,
        state=State.ACTIVE if reached else State.INBOX,
        platform=incoming.platform,
        app_version=incoming.details.app_version,
        language=incoming.details.language,
        time_zone=incoming.details.time_zone,
        **address,
    )
    if reached:
        consent.record(made, ConsentRecord.Action.GRANTED, where=_circumstances(incoming))
    return made


def _refresh(row: Subscription, address: dict[str, Any], incoming: IncomingDevice) -> None:
    """The same app again, locked: where it is reached now, and whether it may be."""
    said = {
        "install_id": incoming.install_id,
        "platform": incoming.platform,
        # It never takes these away.
        "app_version": incoming.details.app_version or row.app_version,
        "language": incoming.details.language or row.language,
        "time_zone": incoming.details.time_zone or row.time_zone,
    }
    _update(row, address | said)
    if row.state == State.UNSUBSCRIBED and not _agreed_since(incoming, row.state_at):
        return  # an app reports itself at every start: nobody has said yes
    if incoming.token is None:
        if not consent.withdraw(row) and row.state != State.INBOX:
            _update(row, {"state": State.INBOX, "state_at": timezone.now()})
    elif row.state == State.INBOX:
        consent.allow(row, _circumstances(incoming))
    elif row.state != State.ACTIVE:
        consent.restore(row, _circumstances(incoming))


def _replace(twin: Subscription, known: Subscription, wanted: Change) -> Change:
    """One app was known twice, by its token and by its new installation id: the first one stays.

    Returns what is wanted of its person. Who signed in under the new id is who uses the app.
    """
    signed_in = Subscriber.objects.get(pk=twin.subscriber_id).external_id
    if twin.state == State.ACTIVE:
        consent.mark_gone([twin.pk])
        _update(twin, {"install_id": None, "state_at": timezone.now()})
    elif twin.state == State.GONE:
        _update(twin, {"install_id": None})
    else:
        # Not "gone", which may be taken back: there is nothing to take back. Its name is free.
        name = f"inbox:{uuid4()}"
        ended = {"state": State.UNSUBSCRIBED, "state_at": timezone.now(), "install_id": None}
        _update(twin, ended | {"endpoint": name, "endpoint_hash": ingest.digest(name)})
    if wanted.external_id is None and signed_in:
        return replace(wanted, external_id=signed_in)
    return wanted


def _identify(row: Subscription, wanted: Change) -> None:
    if wanted != Change():
        row.subscriber_id = identity.change(row, wanted).pk


def _update(row: Subscription, values: dict[str, Any]) -> None:
    """Write what is different to a row that is locked."""
    changes = {name: value for name, value in values.items() if getattr(row, name) != value}
    if changes:
        Subscription.objects.filter(pk=row.pk).update(**changes)
    for name, value in changes.items():
        setattr(row, name, value)


def _circumstances(incoming: IncomingDevice) -> consent.Circumstances:
    agreed = incoming.agreed
    if agreed is None:
        return consent.Circumstances()
    return consent.Circumstances(page=agreed.source, wording=agreed.text, at=agreed.at)


def _agreed_since(incoming: IncomingDevice, then: datetime) -> bool:
    return incoming.agreed is not None and incoming.agreed.at > then
