"""A campaign by people's own time: every time zone, the moment that it means, and how many."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial

from django.core.cache import cache
from django.db.models import Count

from audiences import counting, rules
from audiences.rules import Rule
from campaigns import moments
from campaigns.models import Campaign
from campaigns.timing import local, zones

REMEMBERED_SECONDS = 60
# What a group without a zone is called.
UNKNOWN = ""


@dataclass(frozen=True)
class Group:
    """The zones that are sent at one moment. `at` None: their people are skipped, see `code`."""

    at: datetime | None
    # As campaigns.timing.local.Moment, or "no_zone".
    code: str
    # Most devices first; UNKNOWN for people without one.
    zones: tuple[str, ...]
    devices: int

    @property
    def name(self) -> str:
        return self.zones[0]

    @property
    def others(self) -> int:
        return len(self.zones) - 1


@dataclass(frozen=True)
class Spread:
    """All groups, the earliest first and those who are skipped last."""

    groups: tuple[Group, ...]
    estimated: bool

    @cached_property
    def sent(self) -> list[Group]:
        return [group for group in self.groups if group.at]

    @property
    def zones(self) -> int:
        return sum(len(set(group.zones) - {UNKNOWN}) for group in self.sent)

    @property
    def first(self) -> datetime | None:
        return self.sent[0].at if self.sent else None

    @property
    def last(self) -> datetime | None:
        return self.sent[-1].at if self.sent else None

    @property
    def devices(self) -> int:
        return sum(group.devices for group in self.groups)


def of(campaign: Campaign, rule: Rule, wall: datetime, began: datetime) -> Spread:
    """Where the devices of an audience are, for a wall time and a run that begins then.

    counting.TooLong when not even an estimate was done in time; rules.RuleError.
    """
    found, estimated = _devices(campaign, rule)
    groups: dict[tuple[datetime | None, str, bool], dict[str, int]] = defaultdict(dict)
    for zone, devices in found.items():
        named = zone if zones.known(zone) else UNKNOWN
        key = (*_moment(campaign, named, wall, began), bool(named))
        groups[key][named] = groups[key].get(named, 0) + devices
    made = [
        Group(at, code, tuple(sorted(into, key=lambda zone: -into[zone])), sum(into.values()))
        for (at, code, _known), into in groups.items()
    ]
    made.sort(key=lambda group: (group.at is None, group.at or began, -group.devices))
    return Spread(tuple(made), estimated)


def _moment(
    campaign: Campaign, zone: str, wall: datetime, began: datetime
) -> tuple[datetime | None, str]:
    if not zone and campaign.no_zone == Campaign.NoZone.SKIP:
        return None, "no_zone"
    moment = local.moment(wall, zone or campaign.site.time_zone, began, campaign.late)
    return moment.at, moment.code


def _devices(campaign: Campaign, rule: Rule) -> tuple[dict[str, int], bool]:
    """Devices by the zone that they report, and whether that is an estimate; remembered shortly."""
    said = hashlib.sha256(json.dumps(rule.as_json(), sort_keys=True).encode()).hexdigest()
    key = f"spread:{campaign.site_id}:{said}"
    found: tuple[dict[str, int], bool] | None = cache.get(key)
    if found is None:
        measure = partial(_measure, campaign, rule)
        found = counting.in_time(measure, lambda done: sum(done[0].values()))
        cache.set(key, found, REMEMBERED_SECONDS)
    return found


def _measure(campaign: Campaign, rule: Rule, share: int) -> tuple[dict[str, int], bool]:
    devices = counting.matching(campaign.site, rule, ids=counting.sample(share))
    counts = devices.filter(counting.ACTIVE).order_by().values_list("time_zone")
    by_zone = counts.annotate(devices=Count("pk"))
    return {zone: counting.about(number, share) for zone, number in by_zone}, share > 1


def expected(campaign: Campaign, now: datetime) -> datetime:
    """When its run would begin: at the noted moment, or now."""
    return max(now, campaign.scheduled_for or now)


def shown(campaign: Campaign, now: datetime) -> Spread | None:
    """The spread of what is noted in a campaign; None where all are sent at one moment."""
    wall = moments.naive(campaign.occurrence) or moments.wall_of(campaign)
    if campaign.timing != Campaign.Timing.LOCAL or wall is None:
        return None
    return of(campaign, rules.parse(campaign.audience.rule), wall, expected(campaign, now))
