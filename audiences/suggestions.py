"""Values that occur in a site's own data, the most frequent first, for a person to pick from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.db.models import Count, F, Func, QuerySet

from accounts.models import Site
from audiences.catalogue import FIELDS
from subscribers.models import Subscription

# Counting every value of a million devices for a menu would be dear; the newest ones tell as much.
LOOKED_AT = 20_000
MOST = 12


@dataclass(frozen=True)
class Suggestion:
    """A value as the rule stores it, as people read it, and the devices that have it."""

    value: str
    label: str
    devices: int


def suggest(site: Site) -> dict[str, list[Suggestion]]:
    """For each field of the catalogue the most frequent values among the newest active devices."""
    newest = Subscription.objects.active().filter(site=site).order_by("-pk")[:LOOKED_AT]
    return {
        "tag": _suggestions("tag", _tags(newest)),
        "language": _suggestions("language", _languages(newest)),
        "browser": _suggestions("browser", _column(newest, "browser")),
    }


def looks_at_all(site: Site) -> bool:
    """Whether the figures cover every active device, or only the newest LOOKED_AT."""
    active = Subscription.objects.active().filter(site=site).order_by("-pk")
    return not active[LOOKED_AT : LOOKED_AT + 1].exists()


def _suggestions(field: str, counts: Counter[str]) -> list[Suggestion]:
    shown = FIELDS[field].shown
    return [
        Suggestion(value=value, label=shown(value), devices=devices)
        for value, devices in counts.most_common(MOST)
    ]


def _tags(newest: QuerySet[Subscription]) -> Counter[str]:
    rows = (
        Subscription.objects.filter(pk__in=newest.values("pk"))
        .annotate(value=Func(F("subscriber__tags"), function="unnest"))
        .values("value")
        .annotate(devices=Count("pk"))
        .order_by("-devices", "value")[:MOST]
    )
    return Counter({row["value"]: row["devices"] for row in rows})


def _languages(newest: QuerySet[Subscription]) -> Counter[str]:
    """By primary language: a rule with "en" means "en-GB" too."""
    counts: Counter[str] = Counter()
    for value, devices in _column(newest, "language").items():
        counts[value.split("-", 1)[0].lower()] += devices
    return counts


def _column(newest: QuerySet[Subscription], column: str) -> Counter[str]:
    rows = (
        Subscription.objects.filter(pk__in=newest.values("pk"))
        .exclude(**{column: ""})
        .values_list(column)
        .annotate(devices=Count("pk"))
    )
    return Counter(dict(rows.iterator()))
