"""Values that occur in a site's own data, the most frequent first, for a person to pick from.

Counting every value of a million people for a menu would be dear; the newest ones tell as much.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import IntegerField, OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Site
from audiences import countries, languages
from audiences.models import Audience, AudienceSize, ListUpload, StaticList
from subscribers.models import Cart, Channel, EventName, Subscriber, Subscription

# People, devices or open carts, the newest; and events of one name.
LOOKED_AT = 20_000
EVENTS = 5_000
MOST = 12


@dataclass(frozen=True)
class Suggestion:
    """A value as the rule stores it, as people read it, and how many have it.

    `count` is people, devices, carts or events, by the field (FIELDS); None: not counted.
    """

    value: str
    label: str
    count: int | None = None


class Unknown(ValueError):
    """There are no suggestions for that; the sentence says why."""


@dataclass(frozen=True)
class Asked:
    """Whose values are wanted. `name` is an attribute or event, `property` one of the event's."""

    site: Site
    name: str = ""
    property: str = ""
    # What somebody has typed: only what begins like this, in any case.
    starting: str = ""

    def wants(self, *texts: str) -> bool:
        start = self.starting.strip().casefold()
        return any(text.casefold().startswith(start) for text in texts)


Find = Callable[[Asked], list[Suggestion]]


def values(
    site: Site, field: str, name: str = "", property: str = "", starting: str = ""
) -> list[Suggestion]:
    """The MOST frequent values of a field; `Unknown` when there is no such field, or no name."""
    if field not in FIELDS:
        raise Unknown(_("There are no suggestions for “%(field)s”.") % {"field": field[:60]})
    about = FIELDS[field]
    if about.named and not name:
        raise Unknown(_("Say of which one: add its name."))
    if about.of_property and not property:
        raise Unknown(_("Say of which property: add its name."))
    return about.find(Asked(site, name, property, starting))


def covers_all(site: Site, field: str) -> bool:
    """Whether the figures are of everybody, or only of the newest; those of events never are."""
    about = FIELDS[field]
    if about.newest is None:
        return not about.sampled
    return not about.newest(site).values("pk")[LOOKED_AT : LOOKED_AT + 1].exists()


# How each statement begins and ends. What is put between them is written here, never by a form.
_PEOPLE = """
    FROM subscribers_subscriber
    WHERE site_id = %(site)s ORDER BY created_at DESC, id LIMIT %(looked_at)s
"""
_DEVICES = """
    FROM subscribers_subscription
    WHERE site_id = %(site)s AND state = 'active' ORDER BY id DESC LIMIT %(looked_at)s
"""
_CARTS = """
    FROM subscribers_cart
    WHERE site_id = %(site)s AND state = 'open' ORDER BY updated_at DESC LIMIT %(looked_at)s
"""
# In the order of the key, which is that of people's ids, so by chance: only the month is newest.
_EVENTS = """
    FROM subscribers_event
    WHERE name_id = %(event)s AND at >= %(since)s LIMIT %(events)s
"""
_TOP = """
    WHERE item <> '' AND starts_with(lower(item), lower(%(starting)s))
    GROUP BY item ORDER BY 2 DESC, 1 LIMIT %(most)s
"""


def _rows(asked: Asked, statement: str, **more: Any) -> list[tuple[Any, ...]]:
    given: dict[str, Any] = {
        **{"site": asked.site.pk, "name": asked.name, "property": asked.property},
        **{"starting": asked.starting.strip(), "most": MOST},
        **{"looked_at": LOOKED_AT, "events": EVENTS, **more},
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return list(cursor.fetchall())


def _plain(rows: list[tuple[Any, ...]]) -> list[Suggestion]:
    return [Suggestion(value, value, count) for value, count in rows]


def _of_people(column: str, items: str) -> Find:
    """`items` is SQL for the texts in a person's `value`, which `column` is."""
    statement = f"""
        SELECT item, count(*) FROM (SELECT {column} AS value {_PEOPLE}) AS newest, {items} AS item
        {_TOP}
    """  # noqa: S608

    return lambda asked: _plain(_rows(asked, statement))


def _of_devices(
    column: str, label: Callable[[str], str] = str, of: Callable[[str], str] = str
) -> Find:
    """By what `of` makes of the column's value, such as a country of a zone."""
    statement = f"""
        SELECT {column}, count(*) FROM (SELECT {column} {_DEVICES}) AS newest GROUP BY 1
    """  # noqa: S608

    def find(asked: Asked) -> list[Suggestion]:
        counts: Counter[str] = Counter()
        for value, devices in _rows(asked, statement):
            counts[of(value)] += devices
        found = [Suggestion(value, label(value), counts[value]) for value in counts if value]
        wanted = [one for one in found if asked.wants(one.value, one.label)]
        return sorted(wanted, key=lambda one: (-(one.count or 0), one.value))[:MOST]

    return find


def _primary(language: str) -> str:
    """A rule with "en" means "en-GB" too."""
    return language.split("-", 1)[0].lower()


def _channel(value: str) -> str:
    return str(Channel(value).label)


def _of_events(items: str) -> Find:
    """`items` is SQL for a set of texts of one event. The last month, else of all time."""
    statement = f"""
        SELECT item, count(*) FROM (SELECT properties {_EVENTS}) AS newest, {items} AS item {_TOP}
    """  # noqa: S608

    def find(asked: Asked) -> list[Suggestion]:
        event = EventName.objects.filter(site=asked.site, name=asked.name).first()
        if event is None:
            return []
        now = timezone.now()
        for days in (31, 36_500):
            since = now - timedelta(days=days)
            if rows := _rows(asked, statement, event=event.pk, since=since):
                return _plain(rows)
        return []

    return find


def _event_names(asked: Asked) -> list[Suggestion]:
    names = EventName.objects.filter(site=asked.site, name__istartswith=asked.starting.strip())
    return [
        Suggestion(one, one) for one in names.order_by("name").values_list("name", flat=True)[:MOST]
    ]


def _cart_products(asked: Asked) -> list[Suggestion]:
    rows = _rows(
        asked,
        f"""
        SELECT product, max(name), count(*) FROM (
            SELECT item ->> 'product' AS product, coalesce(item ->> 'name', '') AS name
            FROM (SELECT items {_CARTS}) AS newest, jsonb_array_elements(items) AS item
        ) AS products
        WHERE product <> '' AND (starts_with(lower(product), lower(%(starting)s))
            OR starts_with(lower(name), lower(%(starting)s)))
        GROUP BY product ORDER BY 3 DESC, 1 LIMIT %(most)s
        """,  # noqa: S608
    )
    return [
        Suggestion(product, f"{name} ({product})" if name else product, count)
        for product, name, count in rows
    ]


def _lists(asked: Asked) -> list[Suggestion]:
    last = ListUpload.objects.filter(list=OuterRef("pk")).order_by("-at", "-pk")
    return _by_name(StaticList.objects.filter(site=asked.site), last.values("members"), asked)


def _audiences(asked: Asked) -> list[Suggestion]:
    last = AudienceSize.objects.filter(audience=OuterRef("pk")).order_by("-day")
    named = Audience.objects.filter(site=asked.site).exclude(name="")
    return _by_name(named, last.values("people"), asked)


def _by_name(found: QuerySet[Any], last: QuerySet[Any, Any], asked: Asked) -> list[Suggestion]:
    """By id, with the size that was last counted."""
    rows = (
        found.filter(name__istartswith=asked.starting.strip())
        .annotate(size=Subquery(last[:1], output_field=IntegerField()))
        .order_by("name")
        .values_list("pk", "name", "size")[:MOST]
    )
    return [Suggestion(str(pk), name, size) for pk, name, size in rows]


def _newest_people(site: Site) -> QuerySet[Any]:
    return Subscriber.objects.filter(site=site).order_by("-created_at", "id")


def _newest_devices(site: Site) -> QuerySet[Any]:
    return Subscription.objects.active().filter(site=site).order_by("-pk")


def _newest_carts(site: Site) -> QuerySet[Any]:
    return Cart.objects.filter(site=site, state=Cart.State.OPEN).order_by("-updated_at")


@dataclass(frozen=True)
class About:
    """How values of a field are found, and what must be said of it to find them."""

    find: Find
    # Of what only the newest LOOKED_AT are looked at; None: of something else.
    newest: Callable[[Site], QuerySet[Any]] | None = None
    sampled: bool = False
    named: bool = False
    of_property: bool = False


FIELDS: Mapping[str, About] = {
    "tag": About(_of_people("tags", "unnest(value)"), _newest_people),
    "topic": About(_of_people("topics", "unnest(value)"), _newest_people),
    "attribute_text": About(
        _of_people("attributes -> %(name)s", "beckon_text(value)"), _newest_people, named=True
    ),
    "attribute_list": About(
        _of_people("attributes -> %(name)s", "jsonb_array_elements_text(beckon_list(value))"),
        _newest_people,
        named=True,
    ),
    "language": About(_of_devices("language", languages.label, _primary), _newest_devices),
    "country": About(
        _of_devices("time_zone", countries.label, countries.country_of), _newest_devices
    ),
    "time_zone": About(_of_devices("time_zone"), _newest_devices),
    "channel": About(_of_devices("channel", _channel), _newest_devices),
    "browser": About(_of_devices("browser"), _newest_devices),
    "platform": About(_of_devices("platform"), _newest_devices),
    "app_version": About(_of_devices("app_version"), _newest_devices),
    "event": About(_event_names),
    "event_property": About(_of_events("jsonb_object_keys(properties)"), sampled=True, named=True),
    "event_value": About(
        _of_events("beckon_text(properties -> %(property)s)"),
        sampled=True,
        named=True,
        of_property=True,
    ),
    "cart_product": About(_cart_products, _newest_carts),
    "list": About(_lists),
    "audience": About(_audiences),
}
