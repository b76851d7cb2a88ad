"""Moving what is scheduled to another time, if nobody else has moved it meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Site, User
from campaigns import approvals, moments, scheduling, series, starting
from campaigns.models import Campaign
from campaigns.refusals import Refused


@dataclass(frozen=True)
class Target:
    """Where to: a day, at the time that it has or another, by the site's clock.

    `wall` instead: a naive wall time in the campaign's own zone.
    """

    day: date | None = None
    clock: time | None = None
    wall: datetime | None = None

    def of(self, campaign: Campaign, wall: datetime) -> datetime:
        """The wall time in the campaign's zone for one that has `wall` now.

        Moved by days it keeps the time on its own clock, whatever the clocks in between do.
        """
        if self.wall is not None:
            return self.wall
        site = campaign.site
        own = campaign.timing == Campaign.Timing.LOCAL or campaign.zone.key == site.time_zone
        shown = wall if own else _wall(scheduling.instant(wall, campaign.zone.key), site.time_zone)
        day = self.day or shown.date()
        if self.clock is None or self.clock == shown.time().replace(second=0, microsecond=0):
            return wall + (day - shown.date())
        asked = datetime.combine(day, self.clock)
        if own:
            return asked
        return _wall(scheduling.instant(asked, site.time_zone), campaign.zone.key)


@dataclass(frozen=True)
class Moved:
    """What was moved, from which wall time in its zone; of a series the copy of one occurrence."""

    campaign: Campaign
    before: datetime


@transaction.atomic
def move(
    site: Site,
    campaign_id: UUID,
    to: Target,
    *,
    seen: datetime | None,
    occurrence: datetime | None = None,
    by: User | None = None,
) -> Moved:
    """Give a scheduled campaign, or one occurrence of a series, another time. Http404.

    `seen`: the start that the person was shown. Refused if it is another by now, if it has started,
    if the time is past, and where scheduling is (an approval is needed again).
    """
    campaign = _locked(site, campaign_id)
    if campaign.recurrence:
        return _move_one(campaign, to, occurrence, by)
    wall = moments.wall_of(campaign)
    if wall is None:
        raise Refused(_("It leaves within half a minute. Take it back first to set a time."))
    if campaign.scheduled_for != seen:
        raise Refused(
            _("Somebody has moved it to %(when)s meanwhile. Look at that first.")
            % {"when": _said(campaign)}
        )
    _schedule(campaign, to.of(campaign, wall), by)
    return Moved(campaign, wall)


@transaction.atomic
def skip(site: Site, campaign_id: UUID, occurrence: datetime, *, by: User | None = None) -> None:
    """Leave one occurrence out of a series. Http404; Refused if it is none of its to come,
    and where that voids the approval of the series."""
    campaign = _locked(site, campaign_id)
    _leave_out(campaign, occurrence)
    # Else it is found out when the next one should go out.
    approvals.require(campaign)
    _note(campaign, occurrence, by)


def _locked(site: Site, campaign_id: UUID) -> Campaign:
    """The campaign, which nobody changes before this transaction ends; Refused unless scheduled."""
    rows = Campaign.objects.select_related("site", "audience").select_for_update(of=("self",))
    campaign: Campaign = get_object_or_404(rows, pk=campaign_id, site=site)
    if campaign.state == Campaign.State.DRAFT:
        raise Refused(_("It is not scheduled any more."))
    if campaign.state != Campaign.State.SCHEDULED:
        raise Refused(_("It has started already and can't be moved any more."))
    return campaign


def _schedule(campaign: Campaign, wall: datetime, by: User | None) -> None:
    # Scheduling would start one at people's own time at once, where it is past for some.
    if moments.first(campaign, wall) <= timezone.now():
        raise Refused(_("That moment has passed. Choose a later one."))
    starting.schedule(campaign, wall, campaign.zone.key, by=by)


def _move_one(parent: Campaign, to: Target, occurrence: datetime | None, by: User | None) -> Moved:
    """Take one occurrence out of its series and schedule it by itself."""
    if occurrence is None:
        raise Refused(_("It repeats. Change its days in the schedule step."))
    _leave_out(parent, occurrence)
    try:
        with transaction.atomic():
            copy = series.copy(parent, occurrence, moments.first(parent, occurrence))
    except IntegrityError:
        raise Refused(_("It has started already and can't be moved any more.")) from None
    _schedule(copy, to.of(copy, occurrence), by)
    _note(parent, occurrence, by)
    return Moved(copy, occurrence)


def _leave_out(parent: Campaign, occurrence: datetime) -> None:
    """An exception of the series, which waits for the one after it if this was the next."""
    following = moments.naive(parent.occurrence) or moments.wall_of(parent)
    before = occurrence - timedelta(seconds=1)
    coming = series.upcoming(parent, before) if following and following <= occurrence else iter(())
    if next(coming, None) != occurrence:
        raise Refused(_("That one is not to come any more. Look at the series again."))
    parent.exceptions = sorted({*parent.exceptions, occurrence.date()})
    parent.save(update_fields=["exceptions"])
    if following == occurrence:
        series.move_on(parent, occurrence, parent.attention)


def _note(parent: Campaign, occurrence: datetime, by: User | None) -> None:
    audit.record(
        "campaign.occurrence_left_out",
        site=parent.site,
        actor=by,
        target=parent.name,
        at=occurrence.isoformat(),
    )


def _wall(moment: datetime, zone: str) -> datetime:
    """What the clock of a zone shows then."""
    local = timezone.localtime(moment, ZoneInfo(zone))
    return local.replace(tzinfo=None)


def _said(campaign: Campaign) -> str:
    moment = timezone.localtime(campaign.scheduled_for, campaign.site.zone)
    return date_format(moment, "D j M H:i")
