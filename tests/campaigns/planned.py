"""Campaigns that stand in a calendar: scheduled for a wall time, or run."""

from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.models import Site
from campaigns import moments
from campaigns.models import Batch, Campaign, Run
from tests.factories import make_campaign

VIP = {"version": 2, "all": [{"field": "tag", "op": "any_of", "values": ["vip"]}]}
SALE = {"version": 2, "all": [{"field": "tag", "op": "any_of", "values": ["sale"]}]}


def at(text: str) -> datetime:
    """A naive wall time: "2030-11-26 18:00"."""
    return datetime.fromisoformat(text)


def planned(site: Site, wall: str, name: str = "", **fields: Any) -> Campaign:
    """Scheduled, in the site's zone unless another is given; to everyone without a rule."""
    fields.setdefault("scheduled_zone", site.time_zone)
    campaign = make_campaign(site, name=name or wall, **fields)
    moment = moments.first(campaign, at(wall))
    stored = moments.stored(at(wall))
    Campaign.objects.filter(pk=campaign.pk).update(
        state=Campaign.State.SCHEDULED,
        scheduled_wall=stored,
        scheduled_for=moment,
        occurrence=stored if campaign.recurrence else None,
    )
    campaign.refresh_from_db()
    return campaign


def ran(site: Site, started: datetime, devices: int, name: str = "Ran", **fields: Any) -> Run:
    """Finished, after a minute."""
    campaign = make_campaign(site, name=name, state=Campaign.State.FINISHED, **fields)
    run = Run.objects.create(
        campaign=campaign,
        message=campaign.messages.get(),
        state=Run.State.FINISHED,
        month=started.astimezone(UTC).date().replace(day=1),
        last_subscription=0,
        started_at=started,
        finished_at=started + timedelta(minutes=1),
    )
    Batch.objects.create(run=run, first=1, last=9, audience=devices, pending=0, accepted=devices)
    return run
