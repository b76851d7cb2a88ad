"""The terms on which a campaign goes out: when, how often, until when, and under which rules."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import User
from campaigns import approvals, authors, content, drafting, moments, starting
from campaigns.models import Campaign
from campaigns.refusals import Refused
from campaigns.timing import zones
from campaigns.timing.recurrence import Recurrence

# Thirty days.
LONGEST_EXPIRY: Final = 43_200
# Days. Apps and pages show an inbox, not an archive.
LONGEST_INBOX: Final = 90
# Whatever is computed from a day until then is still a day.
LAST_YEAR: Final = 2200
MOST_EXCEPTIONS: Final = 400
WHEN: Final = ("timing", "scheduled_wall", "scheduled_zone", "recurrence", "exceptions")
RULES: Final = drafting.RULES
FIELDS: Final[tuple[str, ...]] = (*WHEN, *RULES)
SAVED: Final = (*FIELDS, "scheduled_for", "occurrence")
CHOICES: Final = {
    "timing": Campaign.Timing,
    "late": Campaign.Late,
    "no_zone": Campaign.NoZone,
    "quiet": Campaign.Quiet,
    "caps": Campaign.Caps,
    "devices": Campaign.Devices,
}


def applied(campaign: Campaign, fields: Mapping[str, Any], now: datetime | None = None) -> Campaign:
    """The campaign as it would be with some of FIELDS changed. It is not saved.

    `scheduled_wall` is naive here, or None for as soon as somebody says so. ValidationError by
    field. Of `scheduled_for` and `occurrence`: what they would be if it were scheduled now.
    """
    changed = copy.copy(campaign)
    for name, value in fields.items():
        if name not in FIELDS:
            raise ValueError(f"Not one of a campaign's terms: {name}")
        is_wall = name == "scheduled_wall" and value is not None
        setattr(changed, name, moments.stored(value) if is_wall else value)
    problems = dict(_in_rules(changed)) | dict(_in_series(changed))
    if problems:
        raise ValidationError(problems)
    if _when(changed) != _when(campaign):
        _set_moment(changed, now or timezone.now())
    return changed


@transaction.atomic
def edit(
    campaign: Campaign,
    fields: Mapping[str, Any],
    *,
    by: User | None = None,
    by_name: str = "",
) -> None:
    """Change some of FIELDS. What is scheduled moves with them; without a time, or where the edit
    voids an approval, it becomes a draft.

    ValidationError by field, Refused once it has started.
    """
    before = drafting.editable(campaign)
    changed = applied(before, fields)
    if all(getattr(changed, name) == getattr(before, name) for name in FIELDS):
        return
    scheduled = before.state == Campaign.State.SCHEDULED
    if scheduled and changed.scheduled_for is None:
        starting.unschedule(before, by=by)
        campaign.state = before.state
        scheduled = False
    for name in SAVED:
        setattr(campaign, name, getattr(changed, name))
    authors.note(campaign, by)
    campaign.updated_at = timezone.now()
    campaign.save(update_fields=[*SAVED, "updated_at"])
    if scheduled:
        _recheck(campaign, by, by_name, moved=_when(changed) != _when(before))


def _recheck(campaign: Campaign, by: User | None, by_name: str, *, moved: bool) -> None:
    """Whether it may still go out: a draft, which says so, where the edit voided its approval."""
    try:
        approvals.require(campaign)
    except Refused as refusal:
        state, sentence = Campaign.State, refusal.sentence[:400]
        starting.move(
            campaign, (state.SCHEDULED,), state.DRAFT, attention=sentence, occurrence=None
        )
        starting.note(campaign, "campaign.unscheduled", by, by_name)
    else:
        if moved and campaign.scheduled_for:
            at = campaign.scheduled_for.isoformat()
            starting.note(campaign, "campaign.scheduled", by, by_name, at=at)


def _when(campaign: Campaign) -> list[Any]:
    return [getattr(campaign, name) for name in WHEN]


def _in_rules(campaign: Campaign) -> Mapping[str, str]:
    """What is wrong with a campaign's rules, by field; texts are cleaned on the way."""
    found: dict[str, str] = {}
    for name, known in CHOICES.items():
        if getattr(campaign, name) not in known.values:
            found[name] = _("Choose one of these: %(known)s.") % {"known": ", ".join(known.values)}
    for name, longest in (("topic", 64), ("once_key", 64), ("override_reason", 200)):
        try:
            setattr(campaign, name, content.text(getattr(campaign, name), longest=longest))
        except ValidationError as error:
            found[name] = " ".join(error.messages)
    if not 0 <= campaign.priority <= 100:
        found["priority"] = _("Write a number from 0 to 100.")
    minutes = campaign.expiry_minutes
    if minutes is not None and not 1 <= minutes <= LONGEST_EXPIRY:
        found["expiry_minutes"] = _("Write a time from 1 minute to 30 days, or leave it empty.")
    if not 1 <= campaign.inbox_days <= LONGEST_INBOX:
        found["inbox_days"] = _("Write a number of days from 1 to 90.")
    differs = campaign.quiet != Campaign.Quiet.SITE or campaign.caps != Campaign.Caps.SITE
    if differs and not campaign.override_reason and "override_reason" not in found:
        found["override_reason"] = _("Say why this campaign does not do as the site does.")
    return found


def _in_series(campaign: Campaign) -> Mapping[str, str]:
    """What is wrong with when it goes out, by field."""
    zone = campaign.scheduled_zone
    if zone and not zones.known(zone):
        sentence = _("%(zone)s is no time zone. Use an IANA name such as Europe/Oslo.")
        return {"scheduled_zone": sentence % {"zone": zone}}
    if campaign.recurrence:
        try:
            rule = Recurrence.parse(campaign.recurrence)
            if start := moments.wall_of(campaign):
                rule.check(start, campaign.exceptions)
        except ValueError as error:
            return {"recurrence": str(error)}
        campaign.recurrence = rule.text
    if len(campaign.exceptions) > MOST_EXCEPTIONS:
        sentence = _("At most %(most)d days can be left out. End the series instead.")
        return {"exceptions": sentence % {"most": MOST_EXCEPTIONS}}
    campaign.exceptions = sorted(set(campaign.exceptions)) if campaign.recurrence else []
    return {}


def _set_moment(campaign: Campaign, now: datetime) -> None:
    """Note when it would start; ValidationError where that has passed."""
    wall = moments.wall_of(campaign)
    campaign.scheduled_for = campaign.occurrence = None
    if wall is None:
        campaign.scheduled_zone = ""
        return
    campaign.scheduled_zone = campaign.scheduled_zone or campaign.site.time_zone
    try:
        if wall.year > LAST_YEAR:
            raise OverflowError
        at, campaign.occurrence = starting.first_moment(campaign, wall, now)
    except OverflowError:
        raise ValidationError({"scheduled_wall": _("That is not a day that can come.")}) from None
    except Refused as refusal:
        if campaign.recurrence:
            raise ValidationError({"recurrence": refusal.sentence}) from refusal
        clock = date_format(now.astimezone(ZoneInfo(campaign.scheduled_zone)), "D j M H:i")
        sentence = _("That moment has passed. Pick one after now: there it is %(now)s.")
        raise ValidationError({"scheduled_wall": sentence % {"now": clock}}) from refusal
    campaign.scheduled_for = at
