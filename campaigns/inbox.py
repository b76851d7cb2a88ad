"""What a person finds in their inbox, read from the ledger: no table of items.

A message is in it if its campaign is, its days are not over, and one of the person's devices was
sent it, or would have been but has no address. Its text is made for them when they look.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache, reduce
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import OuterRef
from django.utils import timezone

from accounts.models import Site
from campaigns import tokens
from campaigns.models import Delivery, InboxMark, Message
from campaigns.personal import Aborted, Content, Needs, Renderer, readers
from subscribers.models import Channel, Subscriber, Subscription

# How many of a person's devices are looked at, those that were used last.
MOST_DEVICES = 50
# Of so many unread ones it is looked whether they still say something; the rest count as they are.
MOST_UNREAD = 100
# The most days that a campaign may be in it.
LONGEST = timedelta(days=90)
# Of a process, over all sites.
KEPT_SECONDS, MOST_KEPT = 300, 2_000
State = Delivery.State
SENT = (State.ACCEPTED, State.UNKNOWN, State.REFUSED, State.GONE)
# Whose receipts count (campaigns.tracking).
REPORTING = (State.ACCEPTED, State.UNKNOWN)

_kept: dict[tuple[object, ...], Renderer] = {}

# One row for each run, by the key of the ledger: of several devices the one that was reached.
ENTRIES = """
SELECT run.id, run.month, d.subscription_id, d.state, COALESCE(message.id, run.message_id),
    COALESCE(d.variant, run.winner), d.at, run.over_at,
    mark.read_at IS NOT NULL, mark.deleted_at IS NOT NULL
FROM (
    SELECT run.*, run.started_at + make_interval(days => campaign.inbox_days) AS over_at
    FROM campaigns_campaign AS campaign JOIN campaigns_run AS run ON run.campaign_id = campaign.id
    WHERE campaign.site_id = %(site)s AND campaign.inbox AND run.kind = 'campaign'
) AS run CROSS JOIN LATERAL (
    SELECT d.subscription_id, d.state, d.version, d.variant,
        COALESCE(d.sent_at, d.settled_at, run.started_at) AS at
    FROM campaigns_delivery AS d
    WHERE d.month = run.month AND d.run_id = run.id
        AND d.subscription_id = ANY(%(devices)s::bigint[])
        AND (d.state = ANY(%(sent)s) OR (d.state = 5 AND d.reason = 'inbox_only'))
        AND COALESCE(d.sent_at, d.settled_at, run.started_at) >= COALESCE((%(moved)s::timestamptz[])
            [array_position(%(devices)s::bigint[], d.subscription_id)], '-infinity')
    ORDER BY d.state = ANY(%(reporting)s) DESC, at LIMIT 1
) AS d
LEFT JOIN campaigns_message AS message
    ON message.campaign_id = run.campaign_id AND message.version = d.version
LEFT JOIN campaigns_inboxmark AS mark
    ON mark.subscriber_id = %(person)s AND mark.run_id = run.id
WHERE run.over_at > %(now)s
ORDER BY d.at DESC, run.id DESC
"""

# Once each, whatever comes at the same time; nothing for a person who was erased meanwhile. Rows
# are locked in one order.
MARK = """
INSERT INTO campaigns_inboxmark AS mark (subscriber_id, run_id, {column})
SELECT person.id, run.id, %s FROM subscribers_subscriber AS person, unnest(%s::bigint[]) AS run (id)
WHERE person.id = %s ORDER BY run.id FOR KEY SHARE OF person
ON CONFLICT (subscriber_id, run_id)
    DO UPDATE SET {column} = excluded.{column} WHERE mark.{column} IS NULL
"""

# What either has read or thrown away is so for the person that both turn out to be.
MERGE = """
INSERT INTO campaigns_inboxmark AS mark (subscriber_id, run_id, read_at, deleted_at)
SELECT %s, run_id, read_at, deleted_at FROM campaigns_inboxmark WHERE subscriber_id = %s
ON CONFLICT (subscriber_id, run_id) DO UPDATE
    SET read_at = COALESCE(mark.read_at, excluded.read_at),
        deleted_at = COALESCE(mark.deleted_at, excluded.deleted_at)
"""


@dataclass(frozen=True)
class Person:
    """Whose inbox it is, with the keys of their devices.

    `moved`: since when each of these is theirs, None if always: what somebody else was sent there
    before is not theirs to read.
    """

    id: UUID
    site: Site
    devices: tuple[int, ...]
    moved: tuple[datetime | None, ...] = ()


class Entry(NamedTuple):
    """A message that a person has, as the ledger knows it."""

    run_id: int
    month: date
    subscription_id: int
    state: int
    message_id: int
    variant: int | None
    sent_at: datetime
    expires_at: datetime
    is_read: bool
    is_deleted: bool


@dataclass(frozen=True)
class Item:
    """A message as a person sees it. `token` is for its receipts, "" where none would count."""

    id: str
    entry: Entry
    content: Content
    token: str


@dataclass(frozen=True)
class Page:
    """Some of the items, newest first; `following` is where the next page begins, "" at the end."""

    items: tuple[Item, ...]
    unread: int
    following: str


class NotThere(LookupError):
    """There is no such item in this inbox, or no more."""


def person(site: Site, external_id: str) -> Person | None:
    """Whom the site calls so; None for somebody of whom nothing is known. One statement."""
    devices = Subscription.objects.filter(subscriber=OuterRef("pk")).order_by("-last_seen_at", "pk")
    found = Subscriber.objects.filter(site=site, external_id=external_id).values_list(
        "pk", *(ArraySubquery(devices.values(one)[:MOST_DEVICES]) for one in ("pk", "moved_at"))
    )
    return next((Person(pk, site, tuple(ids), tuple(moved)) for pk, ids, moved in found), None)


def page(whose: Person, *, size: int, after: str = "") -> Page:
    """At most `size` items. `after` is the `following` of the page before, else NotThere.

    Whoever would get nothing now does not see it here either, so a page may have fewer.
    At most four statements, whatever there is.
    """
    entries = _entries(whose)
    begin = _place(whose, entries, after) if after else 0
    rest = [entry for entry in entries[begin:] if not entry.is_deleted]
    shown, unread = rest[:size], _unread(entries)
    contents = _contents(whose.site, [*shown, *unread[:MOST_UNREAD]])
    items = (
        Item(_id(whose, entry), entry, contents[entry.run_id], _token(entry))
        for entry in shown
        if entry.run_id in contents
    )
    following = _id(whose, shown[-1]) if len(rest) > size else ""
    return Page(tuple(items), _count(unread, contents), following)


def count(whose: Person) -> int:
    """How many are unread. At most three statements."""
    unread = _unread(_entries(whose))
    return _count(unread, _contents(whose.site, unread[:MOST_UNREAD]))


def read(whose: Person, ids: Collection[str]) -> None:
    """Note that these were read. What is no item of theirs, or no more, is left out."""
    runs = [entry.run_id for entry in _unread(_entries(whose)) if _id(whose, entry) in ids]
    _mark(whose, "read_at", runs)


def read_until(whose: Person, moment: datetime) -> None:
    """Note that all were read that were sent at `moment` or before."""
    unread = _unread(_entries(whose))
    _mark(whose, "read_at", [entry.run_id for entry in unread if entry.sent_at <= moment])


def delete(whose: Person, item_id: str) -> None:
    """Throw one away; again is fine. NotThere if it is none of theirs, or over."""
    entries = _entries(whose)
    _mark(whose, "deleted_at", [entries[_place(whose, entries, item_id) - 1].run_id])


def merge(source: Subscriber, target: Subscriber, **_signal: Any) -> None:
    """What either has read or thrown away counts for the person that both turn out to be."""
    with connection.cursor() as cursor:
        cursor.execute(MERGE, [target.pk, source.pk])


def forget(now: datetime) -> None:
    """Drop the marks of what is in nobody's inbox any more."""
    InboxMark.objects.filter(run__started_at__lt=now - LONGEST).delete()


def asked(whose: Person, now: datetime) -> dict[str, Any]:
    """What ENTRIES is asked with."""
    return {
        "site": whose.site.pk,
        "person": whose.id,
        "devices": list(whose.devices),
        "moved": list(whose.moved),
        "sent": list(SENT),
        "reporting": list(REPORTING),
        "now": now,
    }


def _entries(whose: Person) -> list[Entry]:
    """All that a person has, newest first; also what they threw away."""
    with connection.cursor() as cursor:
        cursor.execute(ENTRIES, asked(whose, timezone.now()))
        return [Entry._make(row) for row in cursor.fetchall()]


def _unread(entries: Iterable[Entry]) -> list[Entry]:
    return [entry for entry in entries if not entry.is_read and not entry.is_deleted]


def _count(unread: Sequence[Entry], contents: Collection[int]) -> int:
    looked_at = unread[:MOST_UNREAD]
    silent = sum(entry.run_id not in contents for entry in looked_at)
    return len(unread) - silent


def _contents(site: Site, entries: Iterable[Entry]) -> dict[int, Content]:
    """What messages say to the person now, by run; without those that say nothing to them."""
    wanted = {entry.run_id: entry for entry in entries}
    renderers = _renderers(site, {entry.message_id for entry in wanted.values()})
    needs = reduce(_both, (renderer.needs for renderer in renderers.values()), Needs())
    devices = {entry.subscription_id for entry in wanted.values()}
    people = readers(site, devices, needs, timezone.now()) if needs else {}
    made: dict[int, Content] = {}
    for run_id, entry in wanted.items():
        renderer, reader = renderers[entry.message_id], people.get(entry.subscription_id)
        if reader:  # no system's own words, but the links of both
            reader = replace(reader, platform="")
        elif renderer.needs:
            continue
        with suppress(Aborted):
            made[run_id] = renderer.content(reader, entry.variant, Channel.FCM)
    return made


def _renderers(site: Site, ids: Collection[int]) -> dict[int, Renderer]:
    """By message. Versions that were sent never change, so they are kept for some minutes: to make
    one takes longer than to use it."""
    texts = (site.name, site.icon_url, site.language, site.default_url, site.time_zone)
    shared = (site.pk, *texts, *site.origins, int(time.time() // KEPT_SECONDS))
    found = {pk: _kept.get((pk, *shared)) for pk in ids}
    missing = [pk for pk, renderer in found.items() if renderer is None]
    if missing and len(_kept) + len(missing) > MOST_KEPT:
        _kept.clear()
    for message in Message.objects.select_related("campaign").filter(pk__in=missing):
        found[message.pk] = _kept[message.pk, *shared] = Renderer(message, site)
    return {pk: renderer for pk, renderer in found.items() if renderer is not None}


def _both(one: Needs, other: Needs) -> Needs:
    return Needs(
        device=one.device or other.device,
        fields=one.fields | other.fields,
        cart=one.cart or other.cart,
        product=one.product or other.product,
    )


def _mark(whose: Person, column: str, runs: Collection[int]) -> None:
    """`column` is one of ours. What was so before stays as it was."""
    if runs:
        with connection.cursor() as cursor:
            statement = MARK.format(column=column)
            cursor.execute(statement, [timezone.now(), list(runs), whose.id])


def _place(whose: Person, entries: Sequence[Entry], item_id: str) -> int:
    """The place after an item; NotThere if it is none of theirs."""
    for place, entry in enumerate(entries, 1):
        if _id(whose, entry) == item_id:
            return place
    raise NotThere


def _token(entry: Entry) -> str:
    if entry.state not in REPORTING:
        return ""
    return tokens.make(tokens.DeliveryKey(entry.month, entry.run_id, entry.subscription_id))


def _id(whose: Person, entry: Entry) -> str:
    """22 URL-safe characters: 128 bits that nobody can make for another person or message."""
    digest = hmac.digest(
        _key(settings.SECRET_KEY), b"%s %d" % (whose.id.bytes, entry.run_id), "sha256"
    )
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


@lru_cache(maxsize=4)
def _key(secret: str) -> bytes:
    return hashlib.sha256(b"beckon.inbox\0" + secret.encode()).digest()
