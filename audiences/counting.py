"""How many people a rule holds for, on which devices, and how many of them gave no consent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone

from accounts.models import Site
from audiences import compiling
from audiences.catalogue import Scope
from audiences.platforms import KINDS, Platforms, of_kind
from audiences.rules import Rule
from subscribers.models import Subscription

ACTIVE = Q(state=Subscription.State.ACTIVE)


@dataclass(frozen=True)
class Reach:
    """People with a device that can be reached, their devices, and the people without one."""

    people: int = 0
    devices: int = 0
    # Match, but have left or are gone: no campaign reaches them.
    without_consent: int = 0
    platforms: Platforms = field(default_factory=Platforms)


def matching(site: Site, rule: Rule, now: datetime | None = None) -> QuerySet[Subscription]:
    """The devices of a site that a rule holds for, whatever their state. RuleError."""
    scope = Scope(site, now or timezone.now())
    return Subscription.objects.filter(compiling.compile(rule, scope), site=site)


def count(site: Site, rule: Rule) -> Reach:
    """The reach of a rule now, in one statement."""
    by_person = (
        matching(site, rule)
        .values("subscriber_id")
        .annotate(
            devices=Count("pk", filter=ACTIVE),
            **{f"on_{kind}": Count("pk", filter=ACTIVE & of_kind(kind)) for kind in KINDS},
        )
    )
    found = by_person.aggregate(
        people=Count("subscriber_id", filter=Q(devices__gt=0)),
        without_consent=Count("subscriber_id", filter=Q(devices=0)),
        sum=Sum("devices", default=0),
        **{kind: Sum(f"on_{kind}", default=0) for kind in KINDS},
    )
    return Reach(
        people=found["people"],
        devices=found["sum"],
        without_consent=found["without_consent"],
        platforms=Platforms(**{kind: found[kind] for kind in KINDS}),
    )
