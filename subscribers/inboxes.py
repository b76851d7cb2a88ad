"""Somebody who may read an inbox on a web page, though nothing was ever asked of their browser.

Their device has no address: it takes part only in campaigns that are also in the inbox, so that
there is something to read. That needs no permission, and none is recorded.
"""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid5

from django.db import transaction
from django.utils import timezone

from accounts.models import Site
from subscribers import erasure, identity, incoming, ingest
from subscribers.agents import browser_and_platform
from subscribers.incoming import Change, Refused
from subscribers.models import Subscriber, Subscription
from subscribers.races import look_again


@dataclass(frozen=True)
class Opening:
    """What the page says of the browser. The install id is the one that the snippet keeps."""

    install_id: UUID
    language: str
    time_zone: str
    user_agent: str


def read_opening(data: dict[str, Any], user_agent: str) -> Opening:
    """The body of POST …/inbox/: {"install": UUID, "language": str, "timezone": str}."""
    for name in ("install", "language", "timezone"):
        if not isinstance(data.get(name, ""), str):
            raise Refused("type", f"“{name}” must be a text.", field=name)
    try:
        install_id = UUID(data.get("install", ""))
    except ValueError:
        raise Refused("uuid", "“install” must be a UUID.", field="install") from None
    return Opening(
        install_id=install_id,
        language=incoming.language(data.get("language", "")),
        time_zone=incoming.time_zone(data.get("timezone", "")),
        user_agent=user_agent,
    )


def opened(site: Site, external_id: str, opening: Opening) -> None:
    """A person whom the site vouches for opened their inbox: later campaigns shall include them.

    Makes the person and a device without an address, if they have no device that takes part; an
    anonymous one in this browser turns out to be theirs instead. Nothing for who was erased.
    """
    look_again(lambda: _opened(site, external_id, opening))


@transaction.atomic
def _opened(site: Site, external_id: str, opening: Opening) -> None:
    person = Subscriber.objects.filter(site=site, external_id=external_id).first()
    # The browser's id may stand for a device of somebody else who signed in here, or for one that
    # has left: whoever has none besides gets one of their own, the same each time.
    own_id = uuid5(opening.install_id, external_id)
    found = Subscription.objects.filter(site=site, install_id__in=[opening.install_id, own_id])
    here = {row.install_id: row for row in found.select_related("subscriber")}
    for row in here.values():
        if row.subscriber.external_id == external_id and _is_stale(row):
            ingest.saw(row)
    if person and person.subscriptions.filter(state__in=Subscription.REACHABLE).exists():
        return
    known = here.get(opening.install_id)
    if known and known.state in Subscription.REACHABLE and not known.subscriber.external_id:
        identity.change(known, Change(external_id=external_id))
    elif not any(_is_inbox_of(row, external_id) for row in here.values()):
        _make(site, person, external_id, replace(opening, install_id=own_id) if known else opening)


def _is_stale(row: Subscription) -> bool:
    return timezone.now() - row.last_seen_at > ingest.SEEN_EVERY


def _is_inbox_of(row: Subscription, external_id: str) -> bool:
    """Also one that the team has removed, which is not made again."""
    return row.subscriber.external_id == external_id and row.endpoint.startswith("inbox:")


def _make(site: Site, person: Subscriber | None, external_id: str, opening: Opening) -> None:
    endpoint = f"inbox:{opening.install_id}"
    if erasure.found(site, endpoint, opening.install_id).exists():
        return
    if person is None and erasure.is_name(site, external_id):
        return  # erased, and now in a browser that had no device
    browser, platform = browser_and_platform(opening.user_agent)
    person = person or Subscriber.objects.create(site=site, external_id=external_id)
    Subscription.objects.create(
        site=site,
        subscriber=person,
        state=Subscription.State.INBOX,
        endpoint=endpoint,
        endpoint_hash=ingest.digest(endpoint),
        install_id=opening.install_id,
        language=opening.language,
        time_zone=opening.time_zone,
        browser=browser,
        platform=platform,
    )
