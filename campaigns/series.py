"""Campaigns that repeat: the parent is the series, each occurrence a campaign of its own.

The parent stays scheduled. `scheduled_wall` is where its rule counts from, `occurrence` the wall
time of the next one, `scheduled_for` the instant at which that starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Model
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from audiences.models import Audience
from campaigns import moments
from campaigns.models import Campaign, Message
from campaigns.timing.recurrence import Recurrence

LONGEST_NAME = 120
AT_ONCE = 20
# An occurrence is over everywhere by then.
OVER = timedelta(days=2)
OWN = {"id", "name", "state", "state_at", "audience", "recurrence", "exceptions", "parent"}
OWN |= {"occurrence", "scheduled_wall", "scheduled_for", "attention", "created_at", "updated_at"}


def upcoming(campaign: Campaign, after: datetime | None = None) -> Iterator[datetime]:
    """The wall times of a series in order, without its exceptions; those after one of them.

    Where a zone leaves out a whole day, two wall times are one moment: the first stands for both.
    """
    start = moments.wall_of(campaign)
    if start is None or not campaign.recurrence:
        return
    rule, without = Recurrence.parse(campaign.recurrence), set(campaign.exceptions)
    before = moments.first(campaign, after) if after is not None else None
    while found := rule.occurrences(start, after, without, AT_ONCE):
        for wall in found:
            at = moments.first(campaign, wall)
            if at != before:
                yield wall
            before = at
        after = found[-1]


def next_of(campaign: Campaign, now: datetime) -> datetime | None:
    """The wall time of the first occurrence that is still to come somewhere and was not made."""
    start = moments.wall_of(campaign)
    if start is None:
        return None
    after = max(start - timedelta(seconds=1), moments.naive(now - OVER) or start)
    made = set(campaign.occurrences.values_list("occurrence", flat=True))
    coming = (wall for wall in upcoming(campaign, after) if moments.stored(wall) not in made)
    return next((wall for wall in coming if moments.last(campaign, wall) > now), None)


def following(campaign: Campaign, wall: datetime) -> datetime | None:
    """The wall time of the occurrence after one of them."""
    return next(upcoming(campaign, wall), None)


def preview(
    campaign: Campaign, now: datetime, most: int = 10
) -> list[tuple[datetime, datetime, bool]]:
    """The next occurrences with those that are left out: wall time, first instant, left out."""
    without, whole = set(campaign.exceptions), _whole(campaign)
    start = moments.wall_of(whole)
    if start is None:
        return []
    after = max(start - timedelta(seconds=1), moments.naive(now - OVER) or start)
    found: list[tuple[datetime, datetime, bool]] = []
    made = set(campaign.occurrences.values_list("occurrence", flat=True))
    for wall in upcoming(whole, after):
        if moments.stored(wall) in made:
            continue
        if moments.last(campaign, wall) > now:
            found.append((wall, moments.first(campaign, wall), wall.date() in without))
        if sum(not left_out for _w, _i, left_out in found) >= most or len(found) >= most * 3:
            break
    return found


def _whole(campaign: Campaign) -> Campaign:
    """The same series as if nothing were left out of it. Never to be saved."""
    values = {**_values(campaign, {"exceptions"}), "exceptions": []}
    return Campaign(**values)


def sentence(campaign: Campaign) -> str:
    """ "Every Monday at 09:00"."""
    start = moments.wall_of(campaign)
    return Recurrence.parse(campaign.recurrence).sentence(start) if start else ""


def copy(parent: Campaign, wall: datetime, starts: datetime) -> Campaign:
    """The campaign of one occurrence: scheduled, with the parent's message, people and rules.

    IntegrityError if there is one (campaign_occurrence_once).
    """
    audience = Audience.objects.create(
        site=parent.site, rule=parent.audience.rule, created_by=parent.created_by
    )
    made = Campaign.objects.create(
        **_values(parent, OWN),
        name=name_of(parent, wall.date()),
        state=Campaign.State.SCHEDULED,
        audience=audience,
        parent=parent,
        occurrence=moments.stored(wall),
        scheduled_wall=moments.stored(wall),
        scheduled_for=starts,
    )
    message = parent.messages.latest()
    own = {"id", "campaign", "version", "created_at"}
    Message.objects.create(**_values(message, own), campaign=made)
    return made


def name_of(parent: Campaign, day: date) -> str:
    """ "Weekly news · Mon 23 Nov"."""
    ending = f" · {date_format(day, 'D j M')}"
    return parent.name[: LONGEST_NAME - len(ending)].rstrip() + ending


def move_on(parent: Campaign, wall: datetime, attention: str = "") -> None:
    """Wait for the occurrence after one that was made or missed; finished after the last."""
    following_wall = following(parent, wall)
    parent.attention = attention
    parent.updated_at = timezone.now()
    changed = ["attention", "updated_at", "occurrence"]
    if following_wall is None:
        parent.state, parent.state_at = Campaign.State.FINISHED, parent.updated_at
        parent.occurrence = None
        changed += ["state", "state_at"]
    else:
        parent.occurrence = moments.stored(following_wall)
        parent.scheduled_for = moments.first(parent, following_wall)
        changed += ["scheduled_for"]
    parent.save(update_fields=changed)


def missed(walls: list[datetime]) -> str:
    """What is said of occurrences whose time came while nothing ran; "" of none."""
    if not walls:
        return ""
    day = date_format(walls[-1], "D j M H:i")
    if len(walls) == 1:
        return _("The one of %(day)s was not sent: Beckon was not running then.") % {"day": day}
    sentence = _("%(count)d up to %(day)s were not sent: Beckon was not running then.")
    return sentence % {"count": len(walls), "day": day}


def _values(row: Model, without: set[str]) -> dict[str, Any]:
    """The columns of a row by name, but for some; what is added to the model comes along."""
    fields = [field for field in row._meta.concrete_fields if field.name not in without]
    return {field.attname: getattr(row, field.attname) for field in fields}
