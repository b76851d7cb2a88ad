"""How many people two audiences have in common."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q
from django.utils import timezone

from accounts.models import Site
from audiences import compiling, counting
from audiences.catalogue import Scope
from audiences.counting import ACTIVE
from audiences.rules import Rule
from subscribers.models import Subscription


@dataclass(frozen=True)
class Overlap:
    """People who can be reached. `share`: as of counting.Reach."""

    both: int
    here: int
    there: int
    share: int = 1

    @property
    def estimated(self) -> bool:
        return self.share > 1

    @property
    def total(self) -> int:
        return self.both + self.here + self.there


def overlap(site: Site, rule: Rule, other: Rule, *, name: str = "") -> Overlap:
    """People in both, in the first only, in the second only; one statement.

    Exact or estimated, and with the errors of counting.count.
    """
    return counting.in_time(
        lambda share: _overlap(site, rule, other, share), lambda found: found.total, name
    )


def _overlap(site: Site, rule: Rule, other: Rule, share: int) -> Overlap:
    scope = Scope(site, timezone.now(), ids=counting.sample(share))
    # Counted, not filtered: each rule is then asked once for each device.
    by_person = (
        scope.among(Subscription.objects.filter(ACTIVE, site=site))
        .values("subscriber_id")
        .annotate(
            first=Count("pk", filter=compiling.compile(rule, scope) or None),
            second=Count("pk", filter=compiling.compile(other, scope) or None),
        )
    )
    first, second = Q(first__gt=0), Q(second__gt=0)
    found = by_person.aggregate(
        both=Count("subscriber_id", filter=first & second),
        here=Count("subscriber_id", filter=first & ~second),
        there=Count("subscriber_id", filter=second & ~first),
    )
    return Overlap(
        **{key: counting.about(number, share) for key, number in found.items()}, share=share
    )
