"""From the wall time that was asked for to the instants at which a campaign goes out.

Wall times are stored as if they were UTC and are naive everywhere else.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from campaigns import scheduling
from campaigns.models import Campaign
from campaigns.timing import local, zones

LOCAL, DAY = Campaign.Timing.LOCAL, timedelta(days=1)


def stored(wall: datetime) -> datetime:
    """A naive wall time as its column holds it."""
    return wall.replace(tzinfo=UTC)


def naive(column: datetime | None) -> datetime | None:
    """The wall time that a column holds."""
    return column.astimezone(UTC).replace(tzinfo=None) if column else None


def wall_of(campaign: Campaign) -> datetime | None:
    """The naive wall time that was asked for; of a series the first."""
    return naive(campaign.scheduled_wall)


def wall_of_next(campaign: Campaign) -> datetime | None:
    """The naive wall time of the next start: of a series its next occurrence's."""
    wall = naive(campaign.occurrence) if campaign.recurrence else None
    return wall or wall_of(campaign)


def first(campaign: Campaign, wall: datetime) -> datetime:
    """When its first message may leave for that wall time."""
    if campaign.timing == LOCAL:
        return local.earliest(wall)
    return scheduling.instant(wall, campaign.zone.key)


def last(campaign: Campaign, wall: datetime) -> datetime:
    """When the last clock shows that wall time, of those that count."""
    if campaign.timing == LOCAL:
        return max(zones.instant(wall, zones.zone(name)) for name in zones.names())
    return first(campaign, wall)


def begins(campaign: Campaign) -> datetime | None:
    """When it starts by the clocks as they are known now; None without a wall time.

    Of a series: the start of its next occurrence, which the parent notes in `occurrence`.
    """
    wall = wall_of_next(campaign)
    return first(campaign, wall) if wall else None


def ends(campaign: Campaign, began: datetime) -> datetime:
    """The last moment at which it sends to somebody for the first time, if nothing holds it up."""
    wall = wall_of(campaign)
    if wall is None or campaign.timing != LOCAL:
        return began
    late = began > first(campaign, wall) and campaign.late == Campaign.Late.NEXT_DAY
    return max(began, last(campaign, wall) + (DAY if late else timedelta()))


def follow_clock(campaign: Campaign, now: datetime) -> bool:
    """Whether by the clocks of now its time is still to come: a zone's rules may have changed."""
    moment = begins(campaign)
    if moment is None or moment <= now:
        return False
    campaign.scheduled_for = moment
    campaign.save(update_fields=["scheduled_for"])
    return True


def follow_clocks(now: datetime) -> int:
    """Compute the instants of what is scheduled anew, as a zone's rules may say otherwise since.

    How many moved. The rules are read from the machine's files first.
    """
    zones.forget()
    waiting = Campaign.objects.filter(state=Campaign.State.SCHEDULED, scheduled_for__gt=now)
    moved = 0
    for campaign in waiting.exclude(scheduled_wall=None).select_related("site").iterator():
        moment = begins(campaign)
        if moment != campaign.scheduled_for:
            same = waiting.filter(pk=campaign.pk, scheduled_for=campaign.scheduled_for)
            moved += same.filter(occurrence=campaign.occurrence).update(scheduled_for=moment)
    return moved
