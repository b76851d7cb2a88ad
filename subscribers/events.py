"""What people did: recorded in bulk, each event once; moved when two people turn out to be one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Site
from subscribers import carts, partitions
from subscribers.incoming import Refused
from subscribers.incoming_events import IncomingEvent, read_event
from subscribers.models import Event, EventName, Subscriber

BATCH = 1_000
MAX_NAMES = 500  # of a site


class Status(StrEnum):
    STORED = "stored"
    DUPLICATE = "duplicate"  # it was there before
    REFUSED = "refused"


@dataclass(frozen=True)
class Result:
    """What became of one event."""

    status: Status
    refusal: Refused | None = None


# What tells one event from another: its name, its person, its moment and its number.
Key = tuple[int, UUID, datetime, int]
STORED, DUPLICATE = Result(Status.STORED), Result(Status.DUPLICATE)


def take_in(site: Site, items: Sequence[object]) -> list[Result]:
    """Read and record events as JSON gave them; a result for each, in order."""
    now = timezone.now()
    results: dict[int, Result] = {}
    read: dict[int, IncomingEvent] = {}
    for index, item in enumerate(items):
        try:
            read[index] = read_event(item, now)
        except Refused as refusal:
            results[index] = Result(Status.REFUSED, refusal)
    results |= dict(zip(read, record(site, list(read.values())), strict=True))
    return [results[index] for index in range(len(items))]


def record(site: Site, events: Sequence[IncomingEvent]) -> list[Result]:
    """Store events of a site's people and let their carts follow; a result for each, in order.

    Each thousand is one transaction. Refused are people whom the site does not know, and new names
    beyond MAX_NAMES.
    """
    results: list[Result] = []
    for first in range(0, len(events), BATCH):
        results += _record(site, events[first : first + BATCH])
    return results


def _record(site: Site, events: Sequence[IncomingEvent]) -> list[Result]:
    # Both in transactions of their own: others wait for them no longer than they take.
    names = _names(site, {event.name for event in events})
    partitions.ensure(*{partitions.month_of(event.at) for event in events})
    with transaction.atomic():
        people = _people(site, events)
        keys = [_key(event, names, people) for event in events]
        # The first of those with one key, in the order in which they came.
        firsts: dict[Key, IncomingEvent] = {}
        for key, event in zip(keys, events, strict=True):
            if not isinstance(key, Refused):
                firsts.setdefault(key, event)
        stored = _insert(firsts)
        carts.follow(site, _changes({key: firsts[key] for key in firsts if key in stored}))
    return [_result(key, event, firsts, stored) for key, event in zip(keys, events, strict=True)]


def _result(
    key: Key | Refused, event: IncomingEvent, firsts: dict[Key, IncomingEvent], stored: set[Key]
) -> Result:
    if isinstance(key, Refused):
        return Result(Status.REFUSED, key)
    return STORED if key in stored and firsts[key] is event else DUPLICATE


def _key(
    event: IncomingEvent, names: dict[str, int], people: dict[UUID | str, UUID]
) -> Key | Refused:
    person = people.get(event.subscriber_id or event.external_id)
    if person is None:
        field = "subscriber" if event.subscriber_id else "external_id"
        return Refused("nobody", "This site knows nobody with this id.", field=field)
    if event.name not in names:
        sentence = f"A site has at most {MAX_NAMES} names of events, and this would be another."
        return Refused("names", sentence, field="name")
    return names[event.name], person, event.at, event.number


def _names(site: Site, wanted: set[str]) -> dict[str, int]:
    """The numbers of these names; those are made that fit within the limit."""
    found = EventName.objects.filter(site=site)
    known = dict(found.filter(name__in=wanted).values_list("name", "pk"))
    if len(known) == len(wanted):
        return known
    with transaction.atomic():
        # Two at once may not both fill the last place.
        Site.objects.select_for_update(no_key=True).get(pk=site.pk)
        names = set(found.values_list("name", flat=True))
        free = max(0, MAX_NAMES - len(names))
        new = [EventName(site=site, name=name) for name in sorted(wanted - names)[:free]]
        EventName.objects.bulk_create(new)
    return dict(found.filter(name__in=wanted).values_list("name", "pk"))


def _people(site: Site, events: Sequence[IncomingEvent]) -> dict[UUID | str, UUID]:
    """People by the id by which an event names them, held: nobody erases or merges them meanwhile.

    Held in the order of keys, like everywhere, and together with others who only record.
    """
    external = {event.external_id for event in events if not event.subscriber_id}
    # The index is for those that have one, which many alternatives do not tell the planner.
    named = Subscriber.objects.filter(~Q(external_id=""), site=site, external_id__in=external)
    found: dict[UUID | str, UUID] = dict(named.values_list("external_id", "pk")) if external else {}
    found |= {event.subscriber_id: event.subscriber_id for event in events if event.subscriber_id}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM subscribers_subscriber WHERE site_id = %s AND id = ANY(%s)"
            " ORDER BY id FOR KEY SHARE",
            [site.pk, list(set(found.values()))],
        )
        held = {person for (person,) in cursor.fetchall()}
    return {name: person for name, person in found.items() if person in held}


_INSERT = """
INSERT INTO subscribers_event (name_id, subscriber_id, at, number, received_at, properties)
SELECT name, person, at, number, now(), properties
FROM unnest(%s::int[], %s::uuid[], %s::timestamptz[], %s::bigint[], %s::jsonb[])
    AS new (name, person, at, number, properties)
ON CONFLICT DO NOTHING RETURNING name_id, subscriber_id, at, number
"""


def _insert(rows: dict[Key, IncomingEvent]) -> set[Key]:
    """Store those that are not there yet; returns their keys."""
    if not rows:
        return set()
    # In one order everywhere, so that nobody waits in circles for the same events sent twice.
    ordered = sorted(rows.items(), key=lambda row: row[0])
    columns = [list(column) for column in zip(*(key for key, _event in ordered), strict=True)]
    properties = [json.dumps(event.properties) for _key, event in ordered]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [*columns, properties])
        return set(cursor.fetchall())


def _changes(stored: dict[Key, IncomingEvent]) -> list[carts.Change]:
    return [
        carts.Change(key[1], event.name, event.at, event.properties)
        for key, event in stored.items()
        if event.name in carts.NAMES
    ]


def latest(
    person: Subscriber, *, before: tuple[datetime, int] | None = None, size: int
) -> list[Event]:
    """A person's events with their names, newest first, those before a (moment, number) only."""
    names = EventName.objects.in_bulk(_numbers(person))
    found = Event.objects.filter(subscriber=person, name__in=list(names))
    if before:
        at, number = before
        found = found.filter(Q(at__lt=at) | Q(number__lt=number), at__lte=at)
    events = list(found.order_by("-at", "-number")[:size])
    for event in events:
        event.name = names[event.name_id]
    return events


def _numbers(person: Subscriber) -> list[int]:
    """Of all names of a person's site: events are found by name and person."""
    return list(EventName.objects.filter(site=person.site_id).values_list("pk", flat=True))


_MOVE = """
WITH moved AS (
    DELETE FROM subscribers_event WHERE name_id = ANY(%s) AND subscriber_id = %s
    RETURNING name_id, at, number, received_at, properties
)
INSERT INTO subscribers_event (name_id, subscriber_id, at, number, received_at, properties)
SELECT name_id, %s, at, number, received_at, properties FROM moved
ON CONFLICT DO NOTHING
"""


def move(source: Subscriber, target: Subscriber) -> None:
    """The events of one person become another's, with the cart. Both are locked by the caller."""
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, [_numbers(source), source.pk, target.pk])
    carts.move(source.pk, target.pk)


def erase(person: Subscriber) -> None:
    """Delete all events of a person, who is locked by the caller."""
    Event.objects.filter(name__in=_numbers(person), subscriber=person).delete()
