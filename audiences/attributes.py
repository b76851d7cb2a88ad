"""What sites keep of their people in attributes: which there are, and of what kind.

An admin may say the kind of an attribute; else it is what the values of the newest people suggest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils.translation import ngettext

from accounts import audit
from accounts.models import Site, User
from audiences.models import AttributeType
from subscribers.incoming import MAX_ATTRIBUTE_NAME, storable

Kind = AttributeType.Kind

LOOKED_AT = 20_000  # people, the newest
VALUES = 400_000  # of them together, should some have hundreds each
MOST = 200  # attributes
TOP = 5  # values of each
# Of all values, so many must fit a kind for it to be suggested: some are always mistyped.
FITTING = 0.9

# The conditions are those by which audiences read a value (subscribers, migration 0004). What has
# a zero in front, such as a postal code, is a text to people however well it reads as a number.
_DISCOVER = """
WITH newest AS (
    SELECT attributes FROM subscribers_subscriber
    WHERE site_id = %(site)s ORDER BY created_at DESC, id LIMIT %(looked_at)s
), pairs AS (
    SELECT key, value FROM newest, jsonb_each(attributes) LIMIT %(values)s
), counted AS MATERIALIZED (
    SELECT key, value, count(*) AS people FROM pairs GROUP BY key, value
), kinds AS MATERIALIZED (
    SELECT key, sum(people)::int AS people,
        sum(people) FILTER (WHERE jsonb_typeof(value) <> 'array')::int AS text,
        sum(people) FILTER (WHERE beckon_number(value) IS NOT NULL)::int AS number,
        sum(people) FILTER (WHERE beckon_text(value) IN ('true', 'false'))::int AS boolean,
        sum(people) FILTER (WHERE beckon_date(value) IS NOT NULL)::int AS date,
        sum(people) FILTER (WHERE jsonb_typeof(value) = 'array')::int AS list,
        bool_or(value #>> '{}' ~ '^-?0[0-9]') AS zeros
    FROM counted GROUP BY key ORDER BY 2 DESC, key LIMIT %(most)s
), shown AS (
    SELECT key, item, sum(people)::int AS people,
        row_number() OVER (PARTITION BY key ORDER BY sum(people) DESC, item) AS place
    FROM counted, jsonb_array_elements_text(
        CASE jsonb_typeof(value) WHEN 'array' THEN value ELSE jsonb_build_array(value) END
    ) AS item
    WHERE key IN (SELECT key FROM kinds)
    GROUP BY key, item
), top AS (
    SELECT key, array_agg(item ORDER BY place) AS items, array_agg(people ORDER BY place) AS counts
    FROM shown WHERE place <= %(top)s GROUP BY key
)
SELECT key, people, text, number, boolean, date, list, zeros, items, counts
FROM kinds LEFT JOIN top USING (key) ORDER BY people DESC, key
"""


@dataclass(frozen=True)
class Attribute:
    """An attribute as the newest people have it."""

    name: str
    kind: Kind
    # Nobody said the kind.
    inferred: bool
    # What the values suggest, whatever was said; None where nobody has it.
    suggested: Kind | None = None
    # How many have it, and how many of them with a value of that kind.
    people: int = 0
    fitting: int = 0
    # The most frequent values, or texts in lists, as (text, people).
    top: tuple[tuple[str, int], ...] = ()

    @property
    def share(self) -> float:
        """Of the values, how many are of the kind; 1.0 where there are none."""
        return self.fitting / self.people if self.people else 1.0

    @property
    def warning(self) -> str:
        """A sentence when not all values are of the kind, "" otherwise."""
        wrong = self.people - self.fitting
        return _disagreement(self.kind, wrong, self.people) if wrong else ""


def discover(site: Site) -> list[Attribute]:
    """The attributes among the newest LOOKED_AT people, those that most have first.

    Those of which an admin said the kind are always there.
    """
    said = {one.name: Kind(one.kind) for one in AttributeType.objects.filter(site=site)}
    bounds = {"looked_at": LOOKED_AT, "values": VALUES, "most": MOST, "top": TOP}
    with connection.cursor() as cursor:
        cursor.execute(_DISCOVER, {"site": site.pk, **bounds})
        columns = [column.name for column in cursor.description or ()]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    found = [_attribute(row, said.get(row["key"])) for row in rows]
    seen = {one.name for one in found}
    unseen = [
        Attribute(name, kind, inferred=False)
        for name, kind in sorted(said.items())
        if name not in seen
    ]
    return found + unseen


def may_say(name: str, kind: str) -> bool:
    """Whether these are a name and a kind; "" is what the values suggest."""
    fine = 0 < len(name) <= MAX_ATTRIBUTE_NAME and storable(name)
    return fine and kind in {"", *Kind.values}


def say(site: Site, name: str, kind: Kind | None, by: User) -> None:
    """Keep what an admin says an attribute is; None: its values shall say it."""
    with transaction.atomic():
        if kind:
            AttributeType.objects.update_or_create(
                site=site, name=name, defaults={"kind": kind.value}
            )
        else:
            AttributeType.objects.filter(site=site, name=name).delete()
        detail = kind.value if kind else ""
        audit.record("attribute.typed", site=site, actor=by, target=name, kind=detail)


def _attribute(row: dict[str, Any], said: Kind | None) -> Attribute:
    fits = {kind: row[kind.value] or 0 for kind in Kind}
    suggested = _suggested(fits, row["people"], zeros=row["zeros"])
    kind = said or suggested
    return Attribute(
        name=row["key"],
        kind=kind,
        inferred=said is None,
        suggested=suggested,
        people=row["people"],
        fitting=fits[kind],
        # An attribute of empty lists alone has nothing to show.
        top=tuple(zip(row["items"] or (), row["counts"] or (), strict=True)),
    )


def _suggested(fits: dict[Kind, int], people: int, *, zeros: bool) -> Kind:
    """The narrowest kind that enough of the values fit; text fits nearly everything."""
    narrow = [Kind.LIST, Kind.BOOLEAN, Kind.DATE, *([] if zeros else [Kind.NUMBER])]
    return next((kind for kind in narrow if fits[kind] >= people * FITTING), Kind.TEXT)


def _disagreement(kind: Kind, wrong: int, people: int) -> str:
    """Such as "12 of 800 values are no numbers; they count as not set."."""
    said = {
        Kind.TEXT: ngettext(
            "%(wrong)s of %(all)s values is a list; it counts as not set.",
            "%(wrong)s of %(all)s values are lists; they count as not set.",
            wrong,
        ),
        Kind.NUMBER: ngettext(
            "%(wrong)s of %(all)s values is no number; it counts as not set.",
            "%(wrong)s of %(all)s values are no numbers; they count as not set.",
            wrong,
        ),
        Kind.BOOLEAN: ngettext(
            "%(wrong)s of %(all)s values is neither yes nor no; it counts as not set.",
            "%(wrong)s of %(all)s values are neither yes nor no; they count as not set.",
            wrong,
        ),
        Kind.DATE: ngettext(
            "%(wrong)s of %(all)s values is no date; it counts as not set.",
            "%(wrong)s of %(all)s values are no dates; they count as not set.",
            wrong,
        ),
        Kind.LIST: ngettext(
            "%(wrong)s of %(all)s values is no list; it counts as not set.",
            "%(wrong)s of %(all)s values are no lists; they count as not set.",
            wrong,
        ),
    }[kind]
    return said % {"wrong": f"{wrong:,}", "all": f"{people:,}"}
