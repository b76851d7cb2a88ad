"""How many people and devices a campaign is expected to reach, from what was counted before.

Nothing is counted here, except by `count`: a calendar of two thousand campaigns asks as few
statements as one of two.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import QuerySet, Sum

from accounts.models import Site
from audiences import counting, rules
from audiences.counting import TooLong
from audiences.models import AudienceSize
from audiences.rules import RuleError
from campaigns.models import Batch, Campaign, DryRun, Run

# A rule that was counted is believed for so long.
KEPT_SECONDS = 3_600
# At most so many rules are counted for one page, within so many seconds.
MOST_COUNTED = 8
PATIENCE = 3.0
COUNT_MS = 1_000
EVERYONE = '{"all":[]}'


@dataclass(frozen=True)
class Expected:
    """None: nobody has counted it. What was sent is counted in devices only, and exact."""

    people: int | None = None
    devices: int | None = None
    estimate: bool = True
    # How many zones they are in.
    zones: int | None = None

    @property
    def known(self) -> bool:
        return self.people is not None or self.devices is not None


NOTHING = Expected()


def key_of(rule: Any) -> str:
    """The same text for rules that say the same, whatever the order of their conditions."""
    if not isinstance(rule, dict):
        return json.dumps(rule)
    body = {name: value for name, value in rule.items() if name != "version"}
    return EVERYONE if body == {"all": []} else _text(body)


def _text(node: Any) -> str:
    if isinstance(node, dict):
        groups = {"all", "any", "none"} & node.keys()
        parts = (
            f'"{name}":[{",".join(sorted(map(_text, node[name])))}]'
            if name in groups and isinstance(node[name], list)
            else f'"{name}":{json.dumps(node[name], sort_keys=True)}'
            for name in sorted(node)
        )
        return "{" + ",".join(parts) + "}"
    return json.dumps(node)


def named_by(rule: Any) -> UUID | None:
    """The one named audience that a rule is, if it is nothing else."""
    nodes = rule.get("all", rule.get("any")) if isinstance(rule, dict) else None
    if isinstance(nodes, list) and len(nodes) == 1 and set(nodes[0]) == {"audience"}:
        return UUID(nodes[0]["audience"])
    return None


def by_dry_run(site: Site) -> dict[UUID, Expected]:
    """What the newest dry run of each scheduled campaign foretold, if it had one."""
    scheduled = {"campaign__site": site, "campaign__state": Campaign.State.SCHEDULED}
    done = DryRun.objects.filter(state=DryRun.State.DONE, **scheduled)
    rows = done.order_by("campaign", "-asked_at").distinct("campaign")
    return {
        campaign: Expected(_going(people), _going(devices), zones=len(zones) or None)
        for campaign, people, devices, zones in rows.values_list(
            "campaign", "people", "counts", "zones"
        )
    }


def _going(counts: Mapping[str, Any]) -> int | None:
    found = [counts[name] for name in ("send", "later") if isinstance(counts.get(name), int)]
    return sum(found) if found else None


def by_size(audiences: Collection[UUID]) -> dict[UUID, Expected]:
    """The newest size of each named audience."""
    rows = AudienceSize.objects.filter(audience__in=audiences).order_by("audience", "-day")
    newest = rows.distinct("audience").values_list("audience", "people", "devices")
    return {audience: Expected(people, devices) for audience, people, devices in newest}


def by_run(runs: Collection[int] | QuerySet[Run]) -> dict[int, Expected]:
    """The devices that runs were really planned for."""
    rows = Batch.objects.filter(run__in=runs).values_list("run").annotate(Sum("audience"))
    return {run: Expected(devices=count, estimate=False) for run, count in rows}


def by_last_occurrence(parents: Collection[UUID]) -> dict[UUID, Expected]:
    """The devices of the newest run of each recurring campaign: by parent."""
    occurred = Run.objects.filter(campaign__parent__in=parents, kind=Run.Kind.CAMPAIGN)
    newest = occurred.order_by("campaign__parent", "-started_at").distinct("campaign__parent")
    runs = dict(newest.values_list("campaign__parent", "pk"))
    sums = by_run(list(runs.values())) if runs else {}
    return {
        parent: Expected(devices=sums[run].devices)
        for parent, run in runs.items()
        if parent and run in sums
    }


def by_rule(site: Site, keys: Iterable[str]) -> dict[str, Expected]:
    """What `count` found within the last hour, by key."""
    names = {_cache_key(site, key): key for key in keys}
    found = cache.get_many(list(names)) if names else {}
    return {names[name]: Expected(*counted) for name, counted in found.items()}


def count(site: Site, wanted: Mapping[str, Any]) -> None:
    """Count some rules (by key) now and remember the answers: a few, and never for long.

    A rule that is not understood, or takes too long, is remembered as unknown.
    """
    began = monotonic()
    for key, rule in list(wanted.items())[:MOST_COUNTED]:
        if monotonic() - began > PATIENCE:
            return
        try:
            reach = counting.count(site, rules.parse(rule), milliseconds=COUNT_MS)
            answer = (reach.people, reach.devices)
        except (RuleError, TooLong):
            answer = (None, None)  # type: ignore[assignment]
        cache.set(_cache_key(site, key), answer, KEPT_SECONDS)


def _cache_key(site: Site, key: str) -> str:
    return f"expected:{site.pk}:{hashlib.sha256(key.encode()).hexdigest()}"
