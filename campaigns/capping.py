"""How often a person may be messaged: caps, the minimum gap, and what is sent once (exactly).

The ledger itself is what is counted, so nothing can differ from it: a message takes a place when it
is claimed, and loses it when it is proven not accepted. Claims of the same person by several runs
come one after the other (`one_at_a_time`). A place that a more important campaign will need is held
for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from audiences import compiling, references, rules
from audiences.catalogue import Scope
from campaigns import policies
from campaigns.models import Campaign, Cap, Run
from subscribers.models import Subscription

# The class of our advisory locks: "caps".
LOCK_CLASS = 0x63617073

# In the order of their keys, so that two claims never wait for each other.
LOCK = """
SELECT pg_advisory_xact_lock(%s, key) FROM (
    SELECT DISTINCT hashtext(person::text) AS key FROM unnest(%s::uuid[]) AS person ORDER BY 1
) AS keys
"""

# When a row took its place: at its last attempt. The ledger keeps the moment of the first one; of a
# later one it knows when it was answered, and until then that is still to come.
TAKEN_AT = """CASE WHEN d.attempts < 2 AND d.resends = 0 THEN d.sent_at
    WHEN d.state IN (2, 8) THEN coalesce(d.settled_at, d.sent_at) ELSE 'infinity' END"""
# What takes a place: on its way, accepted, unknown, and what is unknown and is to be sent again.
TAKES = "(d.state IN (1, 2, 8) OR d.state = 0 AND d.resends > 0)"
# What these people got of some runs, on the last of their devices, and what of others waits for
# them. On all of their devices, also those that have left since. From the devices to their rows, as
# the database knows nothing yet of a new month's and would read all of them (OFFSET 0 keeps it so).
PLACES = f"""
SELECT device.subscriber_id, d.run_id, CASE WHEN {TAKES} THEN least(max({TAKEN_AT}), %(now)s)
    ELSE min(d.not_before) END, NOT {TAKES}
FROM subscribers_subscription AS device CROSS JOIN LATERAL (
    SELECT * FROM campaigns_delivery AS d
    WHERE d.subscription_id = device.id AND d.month = ANY(%(months)s) AND d.run_id = ANY(%(runs)s)
        AND ({TAKES} OR (d.state = 0 AND d.run_id = ANY(%(ahead)s))) OFFSET 0
) AS d
WHERE device.site_id = %(site)s AND device.subscriber_id = ANY(%(people)s)
GROUP BY 1, 2, {TAKES}
"""  # noqa: S608 - no words of people in it


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for a campaign's messages: caps of its topic and of all, and the gap."""

    caps: Sequence[Cap]
    gap: timedelta | None

    @property
    def reach(self) -> timedelta:
        """How far back and ahead they look."""
        spans = [timedelta(days=cap.days) for cap in self.caps]
        return max([*spans, self.gap or timedelta()], default=timedelta())


@dataclass(frozen=True, slots=True)
class Place:
    """A message that a person got, or that is held for them, at a moment."""

    at: datetime
    topic: str


@dataclass
class Person:
    """What counts for one person, by campaign: places that are taken, and those that are held."""

    taken: dict[UUID, Place] = field(default_factory=dict)
    held: dict[UUID, Place] = field(default_factory=dict)
    # A device of theirs has got this very run: the others get it too.
    begun: bool = False


def limits_of(campaign: Campaign) -> Limits | None:
    """None where nothing limits it."""
    if not policies.capped(campaign):
        return None
    caps = list(Cap.objects.filter(site=campaign.site_id, topic__in={"", campaign.topic}))
    minutes = policies.of(campaign.site).gap_minutes
    gap = timedelta(minutes=minutes) if minutes else None
    return Limits(caps, gap) if caps or gap else None


def one_at_a_time(people: Collection[UUID]) -> None:
    """Wait for other claims of these people; theirs wait for the end of this transaction."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [LOCK_CLASS, list(people)])


def full(limits: Limits, person: Person, now: datetime) -> str:
    """Why one more message to a person is too many now, as the ledger's reason; "" if it is not."""
    if person.begun:
        return ""
    for cap in limits.caps:
        if reason := over(cap, person, now):
            return reason
    if limits.gap is None:
        return ""
    if any(place.at > now - limits.gap for place in person.taken.values()):
        return "min_gap"
    soon = any(place.at < now + limits.gap for place in person.held.values())
    return "place_held" if soon else ""


def over(cap: Cap, person: Person, now: datetime) -> str:
    """Why one cap forbids one more message, as the ledger's reason; "" if it does not."""
    span = timedelta(days=cap.days)
    taken = [one.at for one in person.taken.values() if cap.topic in ("", one.topic)]
    held = sorted(one.at for one in person.held.values() if cap.topic in ("", one.topic))
    if sum(at > now - span for at in taken) >= cap.most:
        return "capped"
    # With ours, would there still be room for each of those that are held?
    for at in held:
        if at - now >= span:
            break
        before = sum(then > at - span for then in taken)
        if before + sum(at - span < then <= at for then in held) + 1 > cap.most:
            return "place_held"
    return ""


class Books:
    """The places of a site's people as one campaign must see them, at one moment.

    `run`: its own run, whose messages don't stand in its own way. None: it has not started.
    `until`: the last moment that is asked about, where that is a later one.
    """

    def __init__(
        self,
        campaign: Campaign,
        limits: Limits,
        now: datetime,
        run: Run | None = None,
        *,
        until: datetime | None = None,
    ) -> None:
        self.campaign = campaign
        self.limits = limits
        self.now = now
        self.until = until or now
        self.own = run.pk if run else 0
        counted = Run.objects.filter(
            Q(finished_at=None) | Q(finished_at__gt=now - limits.reach),
            campaign__site=campaign.site_id,
            campaign__counted=True,
            kind=Run.Kind.CAMPAIGN,
        ).select_related("campaign")
        self.runs = {one.pk: one for one in counted}
        if run is not None:
            self.runs[run.pk] = run

    def before_us(self, other: Campaign) -> bool:
        """Whether a place is held for another campaign."""
        return other.priority > self.campaign.priority

    def of(self, people: Collection[UUID]) -> dict[UUID, Person]:
        """What counts for each of these people; some have nothing and are not in it."""
        found: dict[UUID, Person] = defaultdict(Person)
        for subscriber, run_id, at, waits in self._rows(people):
            campaign, person = self.runs[run_id].campaign, found[subscriber]
            if run_id == self.own:
                person.begun = True
            elif waits:
                person.held[campaign.pk] = Place(at or self.now, campaign.topic)
            elif at > self.now - self.limits.reach:
                person.taken[campaign.pk] = Place(at, campaign.topic)
        for campaign, at in self.coming():
            wanted = self.wanted(campaign, people).values_list("subscriber_id", flat=True)
            for subscriber in set(wanted):
                if campaign.pk not in found[subscriber].taken:
                    found[subscriber].held[campaign.pk] = Place(at, campaign.topic)
        return found

    def ahead(self) -> list[int]:
        """The runs that are on their way and for which places are held."""
        return [
            pk
            for pk, run in self.runs.items()
            if run.state in (*Run.SENDING, Run.State.PAUSED)
            and self.before_us(run.campaign)
            and policies.capped(run.campaign)
        ]

    def _rows(self, people: Collection[UUID]) -> Iterable[tuple[UUID, int, datetime, bool]]:
        with connection.cursor() as cursor:
            cursor.execute(
                PLACES,
                {
                    "site": self.campaign.site_id,
                    "people": list(people),
                    "months": list({run.month for run in self.runs.values()}),
                    "runs": list(self.runs),
                    "ahead": self.ahead(),
                    "now": self.now,
                },
            )
            rows: list[tuple[UUID, int, datetime, bool]] = cursor.fetchall()
            return rows

    def coming(self) -> list[tuple[Campaign, datetime]]:
        """More important campaigns whose time comes while our message would still count, and those
        that are just being planned."""
        scheduled = Q(
            state=Campaign.State.SCHEDULED, scheduled_for__lt=self.until + self.limits.reach
        )
        planning = Q(runs__kind=Run.Kind.CAMPAIGN, runs__state=Run.State.PLANNING)
        campaigns = Campaign.objects.filter(
            scheduled | planning,
            site=self.campaign.site_id,
            counted=True,
            transactional=False,
            caps=Campaign.Caps.SITE,
            priority__gt=self.campaign.priority,
        ).select_related("audience", "site")
        return [(one, max(one.scheduled_for or self.now, self.now)) for one in campaigns.distinct()]

    def wanted(
        self, campaign: Campaign, people: Collection[UUID] | QuerySet[Subscription, Any]
    ) -> QuerySet[Subscription]:
        """The devices of these people that are in another campaign's audience now."""
        devices = Subscription.objects.active().filter(site=campaign.site_id, subscriber__in=people)
        try:
            rule = references.resolve(rules.parse(campaign.audience.rule), campaign.site)
        except rules.RuleError:
            return devices.none()  # it can't start like this
        only = devices.values("subscriber_id")
        return devices.filter(compiling.compile(rule, Scope(campaign.site, self.now, only)))


ONCE = f"""
SELECT DISTINCT device.subscriber_id
FROM subscribers_subscription AS device CROSS JOIN LATERAL (
    SELECT 1 FROM campaigns_delivery AS d
    WHERE d.subscription_id = device.id AND d.month = ANY(%(months)s) AND d.run_id = ANY(%(runs)s)
        AND {TAKES} OFFSET 0
) AS d
WHERE device.site_id = %(site)s AND device.subscriber_id = ANY(%(people)s)
"""  # noqa: S608 - no words of people in it


def runs_of_key(campaign: Campaign) -> QuerySet[Run]:
    """The runs of all campaigns of its site that have its send-once key."""
    return Run.objects.filter(
        campaign__site=campaign.site_id,
        campaign__once_key=campaign.once_key,
        kind=Run.Kind.CAMPAIGN,
    )


def had_once(campaign: Campaign, people: Collection[UUID], run: Run | None = None) -> set[UUID]:
    """Who of these people got another campaign with the same send-once key, while the ledger keeps
    it."""
    own = run.pk if run else 0
    months = dict(runs_of_key(campaign).exclude(pk=own).values_list("pk", "month"))
    if not months:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            ONCE,
            {
                "site": campaign.site_id,
                "people": list(people),
                "months": list(set(months.values())),
                "runs": list(months),
            },
        )
        return {row[0] for row in cursor.fetchall()}
