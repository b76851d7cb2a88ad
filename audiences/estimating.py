"""How many devices each condition of a rule holds for by itself."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, QuerySet
from django.utils import timezone

from accounts.models import Site
from audiences import compiling, counting, references
from audiences.catalogue import Scope
from audiences.counting import Ids
from audiences.rules import Group, Match, Rule
from subscribers.models import Subscription

# Up to so many devices of a site all of them are asked, else about as many.
ALL_ASKED = 20_000
# A site is measured by those of one person in so many.
PROBE = 64


@dataclass(frozen=True)
class Alone:
    """Active devices by a condition's path, such as "all.0.any.1"."""

    devices: dict[str, int]
    about: bool


def alone(site: Site, rule: Rule, *, name: str = "") -> Alone:
    """The devices of each condition and each audience that a rule names, in one statement.

    RuleError; TooLong and Ended as for counting.count.
    """
    places = list(references.places(rule.root))
    if not places:
        return Alone({}, about=False)
    with counting.at_most(settings.AUDIENCE_TIMEOUT_MS, name):
        share = _share(site)
        scope = Scope(site, timezone.now(), ids=counting.sample(share))
        # An empty Q, which holds for everybody, is no filter.
        found = _active(site, scope.ids).aggregate(
            **{
                f"place_{at}": Count(
                    "pk", filter=compiling.compile(Rule(Group(Match.ALL, (leaf,))), scope) or None
                )
                for at, (_path, leaf) in enumerate(places)
            }
        )
    return Alone(
        {
            path: counting.about(found[f"place_{at}"], share)
            for at, (path, _leaf) in enumerate(places)
        },
        about=share > 1,
    )


def _share(site: Site) -> int:
    """One person in how many is asked."""
    if _active(site)[: ALL_ASKED + 1].count() <= ALL_ASKED:
        return 1
    size = _active(site, counting.sample(PROBE)).count() * PROBE
    return max(size // ALL_ASKED, 2)


def _active(site: Site, ids: Ids | None = None) -> QuerySet[Subscription]:
    devices = Subscription.objects.filter(site=site).active()
    return Scope(site, timezone.now(), ids=ids).among(devices)
