"""Audiences that most sites want, ready to be taken as they are or changed first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import Any

from django.db import connection
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Site
from audiences import suggestions
from audiences.models import Audience
from audiences.rules import VERSION
from subscribers.models import EventName

PURCHASE, VALUE = "purchase", "value"
SPENT_DAYS = 90
# Where nobody has bought enough to say who spends much.
USUAL_SPENDING = 100
# What a rule's number may be at most is larger.
MOST_SPENDING = 10**12
# The newest months are read first, and no more events than this.
EVENTS = 20_000
LANGUAGES = 6

# The sum above which one in ten of those lies who bought. Somebody who wrote no number spent
# nothing, which must not lower it.
_SPENT = """
WITH bought AS (
    SELECT subscriber_id, beckon_number(properties -> %(property)s) AS amount
    FROM subscribers_event
    WHERE name_id = %(event)s AND at >= %(since)s LIMIT %(events)s
), spent AS (
    SELECT sum(amount) AS amount FROM bought GROUP BY subscriber_id HAVING sum(amount) > 0
)
SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY amount), count(*) FROM spent
"""
# Of fewer buyers than these, a tenth says nothing.
FEWEST_BUYERS = 10


@dataclass(frozen=True)
class Ready:
    """One to be taken: its key in addresses, its name, what it is good for, and its rule's JSON."""

    key: str
    name: str
    why: str
    rule: dict[str, Any]


def offers(site: Site) -> list[Ready]:
    """All for a site; the languages are those of its people, the most frequent first."""
    return [*_usual(site), *_languages(site)]


def find(site: Site, key: str) -> Ready | None:
    """The one with a key, if there is such a one on the site."""
    if not key:
        return None
    return next((one for one in chain(_usual(site), _languages(site)) if one.key == key), None)


def missing(site: Site) -> list[Ready]:
    """Those that nobody has taken under their own name."""
    found = offers(site)
    named = Audience.objects.filter(site=site).annotate(lower=Lower("name"))
    taken = set(
        named.filter(lower__in=[ready.name.lower() for ready in found]).values_list(
            "lower", flat=True
        )
    )
    return [ready for ready in found if ready.name.lower() not in taken]


def _usual(site: Site) -> Iterator[Ready]:
    yield Ready(
        "everyone",
        _("Everyone"),
        _("For what concerns them all: a sale, a new shop, changed opening hours."),
        _rule(),
    )
    yield Ready(
        "new",
        _("New this week"),
        _("Welcome them while they still remember why they said yes."),
        _rule({"field": "first_seen", "op": "within_last", "days": 7}),
    )
    yield Ready(
        "lapsed",
        _("Not seen for 30 days"),
        _("Give them a reason to come back, or leave them out of daily news."),
        _rule({"field": "last_seen", "op": "more_than_ago", "days": 30}),
    )
    yield Ready(
        "never-clicked",
        _("Never clicked"),
        _("They got campaigns and opened none. Try another offer, or send them less."),
        _rule({"field": "received", "op": "did"}, {"field": "clicked", "op": "did_not"}),
    )
    yield Ready(
        "cart",
        _("Left a cart behind"),
        _("Nothing changed in it for an hour. Remind them while they still want it."),
        _rule(
            {"field": "cart_open", "op": "is_true"},
            {"field": "cart_idle", "op": "at_least", "minutes": 60},
        ),
    )
    yield Ready(
        "buyers",
        _("Buyers"),
        _("They have bought before: tell them first, and spare them first-order offers."),
        _rule({"field": "event", "name": PURCHASE, "op": "at_least", "count": 1}),
    )
    yield Ready(
        "top-spenders",
        _("Top spenders"),
        _("The tenth that spends most. Thank them with something that others don't get."),
        _rule(
            {
                "field": "event_sum",
                "name": PURCHASE,
                "property": VALUE,
                "op": "more_than",
                "value": spending(site),
                "within": {"days": SPENT_DAYS},
            }
        ),
    )


def _languages(site: Site) -> Iterator[Ready]:
    for language in suggestions.values(site, "language")[:LANGUAGES]:
        yield Ready(
            f"language-{language.value}",
            _("%(language)s speakers") % {"language": language.label},
            _("Write to them in their own language."),
            _rule({"field": "language", "op": "any_of", "values": [language.value]}),
        )


def spending(site: Site) -> int:
    """What nine of ten who bought in SPENT_DAYS stayed below, or USUAL_SPENDING."""
    event = EventName.objects.filter(site=site, name=PURCHASE).first()
    if event is None:
        return USUAL_SPENDING
    given: dict[str, Any] = {
        "event": event.pk,
        "property": VALUE,
        "since": timezone.now() - timedelta(days=SPENT_DAYS),
        "events": EVENTS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SPENT, given)
        amount, buyers = cursor.fetchone()
    if buyers < FEWEST_BUYERS or amount < 1:
        return USUAL_SPENDING
    return min(int(amount), MOST_SPENDING)


def _rule(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"version": VERSION, "all": list(conditions)}
