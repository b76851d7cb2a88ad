"""What goes out, and what went out, between two days of a site's calendar.

As many statements for a month with thousands of campaigns as for one with two. A recurring campaign
is shown at each of its moments to come; what has run is shown by its run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet

from accounts.models import Site
from campaigns import clashes, expecting, moments, scheduling, series
from campaigns.clashes import Clash, Limits
from campaigns.expecting import NOTHING, Expected
from campaigns.models import Campaign, Run

# More than these are not shown (Calendar.cut): nobody reads them, and a page must answer.
MOST = 4_000
# A wall time in any zone is within this of the same wall time in another.
AROUND, DAY = timedelta(hours=27), timedelta(days=1)
# Where a day begins first and ends last. To ask all 600 zones takes milliseconds for each campaign.
FIRST_ZONE, LAST_ZONE = "Etc/GMT-14", "Etc/GMT+12"
OWN = ("name", "state", "timing", "scheduled_wall", "scheduled_zone", "scheduled_for", "topic")
RULED = ("transactional", "counted", "caps", "audience__rule")
OF_RUN = (*OWN, *RULED)


@dataclass(frozen=True)
class Entry:
    """A campaign, or one occurrence of it, at its moment.

    `at`: of one at each person's own time, when the site's clock shows it. `starts`, `ends`: when
    the first and the last zone's clock shows it, the same moment for all others; of a run, when it
    began and (None: not yet) ended. All aware; `wall` and `occurrence` are naive.
    """

    campaign: UUID
    name: str
    state: str
    at: datetime
    starts: datetime
    ends: datetime | None
    wall: datetime | None
    zone: str
    own_time: bool
    # Of a recurring campaign: which of its occurrences.
    occurrence: datetime | None = None
    # What the campaign has stored: who moves it says that they saw this.
    seen: datetime | None = None
    rule: Any = None
    # The same for rules that say the same (expecting.key_of).
    key: str = ""
    topic: str = ""
    # Whether the caps hold it back, and whether it takes a place under them.
    capped: bool = True
    counted: bool = True
    run: int | None = None
    expected: Expected = NOTHING
    # How many zones its people are in, as its dry run found.
    zones: int | None = None
    clashes: tuple[Clash, ...] = ()

    @property
    def id(self) -> str:
        """One for each moment of each campaign."""
        one = str(self.campaign)
        return f"{one}-{self.occurrence:%Y%m%dT%H%M}" if self.occurrence else one

    @property
    def coming(self) -> bool:
        return self.state == Campaign.State.SCHEDULED

    @property
    def everyone(self) -> bool:
        return self.key == expecting.EVERYONE


@dataclass(frozen=True)
class Calendar:
    """Entries in order of time, from the first day to before the last."""

    site: Site
    first: date
    end: date
    entries: tuple[Entry, ...]
    # Whether there were more than MOST.
    cut: bool = False

    @cached_property
    def by_day(self) -> dict[date, list[Entry]]:
        days: dict[date, list[Entry]] = {}
        for entry in self.entries:
            days.setdefault(entry.at.astimezone(self.site.zone).date(), []).append(entry)
        return days

    @cached_property
    def uncounted(self) -> dict[str, Any]:
        """Rules of what is to come that nobody has counted, by key."""
        return {one.key: one.rule for one in self.entries if one.coming and one.expected is NOTHING}


def of(site: Site, first: date, end: date) -> Calendar:
    """What goes out from a day to before another, by the site's clock."""
    limits = Limits.of(site)
    begin, until = (_midnight(day, site) for day in (first, end))
    early = begin - limits.reach
    found = [*_runs(site, early, until), *_once(site, early, until), *_recurring(site, until)]
    found.sort(key=lambda entry: (entry.at, entry.name, entry.id))
    shown = [entry for entry in clashes.mark(found, limits) if begin <= entry.at < until]
    entries = _expected(site, shown[:MOST], _started(site, begin, until))
    return Calendar(site, first, end, tuple(entries), len(shown) > MOST)


def _midnight(day: date, site: Site) -> datetime:
    return scheduling.instant(datetime.combine(day, time.min), site.time_zone)


def _started(site: Site, begin: datetime, until: datetime) -> QuerySet[Run]:
    return Run.objects.filter(
        campaign__site=site,
        kind=Run.Kind.CAMPAIGN,
        started_at__gte=begin - AROUND,
        started_at__lt=until + AROUND,
    )


def _runs(site: Site, begin: datetime, until: datetime) -> Iterator[Entry]:
    """What has started."""
    runs = _started(site, begin, until)
    columns = {f"own_{name}": F(f"campaign__{name}") for name in OF_RUN}
    of_run = ("pk", "campaign_id", "started_at", "finished_at")
    rows: QuerySet[Run, dict[str, Any]] = runs.order_by("-started_at").values(*of_run, **columns)
    for row in rows[:MOST]:
        began = row["started_at"]
        own = {name: row[f"own_{name}"] for name in OF_RUN}
        wall = moments.naive(own["scheduled_wall"])
        entry = _entry(site, row["campaign_id"], own, wall, began)
        at = entry.at if entry.own_time else began
        yield replace(entry, at=at, starts=began, ends=row["finished_at"], run=row["pk"])


def _once(site: Site, begin: datetime, until: datetime) -> Iterator[Entry]:
    """What is scheduled and does not recur."""
    rows = Campaign.objects.filter(
        site=site,
        state=Campaign.State.SCHEDULED,
        recurrence="",
        scheduled_for__gte=begin - AROUND,
        scheduled_for__lt=until + AROUND,
    )
    for row in rows.order_by("scheduled_for", "pk").values("pk", *OWN, *RULED)[: MOST + 1]:
        wall = moments.naive(row["scheduled_wall"])
        yield _entry(site, row["pk"], row, wall, row["scheduled_for"])


def _recurring(site: Site, until: datetime) -> Iterator[Entry]:
    """Every occurrence to come of what recurs."""
    parents = Campaign.objects.filter(
        site=site, state=Campaign.State.SCHEDULED, scheduled_for__lt=until + AROUND
    ).exclude(recurrence="")
    chosen = list(parents.select_related("audience").order_by("scheduled_for", "pk")[:MOST])
    made = Campaign.objects.filter(parent__in=chosen).values_list("parent", "occurrence")
    gone = {(parent, moments.naive(wall)) for parent, wall in made}
    left = MOST
    for parent in chosen:
        parent.site = site
        row = {name: getattr(parent, name) for name in (*OWN, *RULED[:-1])}
        row["audience__rule"] = parent.audience.rule
        for wall in _walls(parent):
            starts = _first(row, wall, site)
            if starts >= until + AROUND or (left := left - 1) < 0:
                break
            if (parent.pk, wall) not in gone:
                yield replace(_entry(site, parent.pk, row, wall, starts), occurrence=wall)


def _walls(parent: Campaign) -> Iterator[datetime]:
    """The wall times of a series from its next occurrence on."""
    following = moments.naive(parent.occurrence) or moments.wall_of(parent)
    if parent.timing == Campaign.Timing.LOCAL:
        # Only here, never saved: which wall times there are is the same, without asking all zones.
        parent.timing, parent.scheduled_zone = Campaign.Timing.ZONE, FIRST_ZONE
    if following is not None:
        yield from series.upcoming(parent, following - timedelta(seconds=1))


def _first(row: Mapping[str, Any], wall: datetime, site: Site) -> datetime:
    if row["timing"] == Campaign.Timing.LOCAL:
        return scheduling.instant(wall, FIRST_ZONE)
    return scheduling.instant(wall, row["scheduled_zone"] or site.time_zone)


def _entry(
    site: Site, campaign: UUID, row: Mapping[str, Any], wall: datetime | None, starts: datetime
) -> Entry:
    own_time = row["timing"] == Campaign.Timing.LOCAL and wall is not None
    rule = row["audience__rule"]
    return Entry(
        campaign,
        row["name"],
        row["state"],
        at=scheduling.instant(wall, site.time_zone) if own_time and wall else starts,
        starts=starts,
        ends=scheduling.instant(wall, LAST_ZONE) if own_time and wall else starts,
        wall=wall,
        zone=row["scheduled_zone"] or site.time_zone,
        own_time=own_time,
        seen=row["scheduled_for"],
        rule=rule,
        key=expecting.key_of(rule),
        topic=row["topic"],
        capped=not row["transactional"] and row["caps"] == Campaign.Caps.SITE,
        counted=row["counted"],
    )


def _expected(site: Site, entries: list[Entry], runs: QuerySet[Run]) -> Iterator[Entry]:
    """The entries with how many each reaches: the closest to the truth that was counted."""
    by_run = expecting.by_run(runs) if any(one.run for one in entries) else {}
    waiting = [one for one in entries if not one.run]
    foretold = expecting.by_dry_run(site)
    parents = {one.campaign for one in waiting if one.occurrence}
    before = expecting.by_last_occurrence(parents) if parents else {}
    named = {one.key: audience for one in waiting if (audience := expecting.named_by(one.rule))}
    sizes = expecting.by_size(set(named.values()))
    counted = expecting.by_rule(site, {one.key for one in waiting})
    for one in entries:
        sources = (
            by_run.get(one.run or 0),
            foretold.get(one.campaign),
            before.get(one.campaign),
            sizes.get(named.get(one.key)),  # type: ignore[arg-type]
            counted.get(one.key),
        )
        expected = next((found for found in sources if found is not None), NOTHING)
        known = expected is not NOTHING
        yield replace(one, expected=expected, zones=expected.zones) if known else one


def find(site: Site, campaign: Campaign, occurrence: datetime | None = None) -> Entry | None:
    """The entry of a campaign, or of an occurrence (naive wall time) of a series, if it has one."""
    run = campaign.runs.filter(kind=Run.Kind.CAMPAIGN).first()
    own = moments.wall_of(campaign) if campaign.timing == Campaign.Timing.LOCAL else None
    shown = occurrence or own or moments.naive(run.started_at if run else campaign.scheduled_for)
    if shown is None:
        return None
    around = of(site, shown.date() - 2 * DAY, shown.date() + 3 * DAY)
    mine = (one for one in around.entries if one.campaign == campaign.pk)
    return next((one for one in mine if one.occurrence == occurrence), None)
