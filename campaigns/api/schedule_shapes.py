"""When a campaign goes out and by which rules, as the REST API takes and gives it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rest_framework import serializers

from campaigns import moments
from campaigns.models import Campaign
from campaigns.terms import LONGEST_EXPIRY, LONGEST_INBOX, MOST_EXCEPTIONS, RULES

PLAIN = ("timing", "recurrence", *RULES)


class ScheduleFields(serializers.Serializer[Any]):
    """What campaigns.terms keeps. The time itself is given with the start."""

    timing = serializers.ChoiceField(
        choices=Campaign.Timing.choices,
        required=False,
        help_text='"zone": at one moment everywhere; "local": at each person\'s own time.',
    )
    late = serializers.ChoiceField(
        choices=Campaign.Late.choices,
        required=False,
        help_text="By local time: what becomes of people where that time has passed.",
    )
    no_zone = serializers.ChoiceField(
        choices=Campaign.NoZone.choices,
        required=False,
        help_text="By local time: what becomes of people whose time zone is not known.",
    )
    recurrence = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text='An RRULE (RFC 5545) from the time of the start on; "": once.',
    )
    exceptions = serializers.ListField(
        child=serializers.DateField(),
        required=False,
        max_length=MOST_EXCEPTIONS,
        help_text="Days that the series leaves out.",
    )
    expiry_minutes = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=LONGEST_EXPIRY,
        help_text="Nothing is sent later than so many minutes after its (last) moment.",
    )
    priority = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=100,
        help_text="Where a cap leaves room for one, the higher goes first.",
    )
    topic = serializers.CharField(required=False, allow_blank=True)
    transactional = serializers.BooleanField(
        required=False, help_text="No cap, no minimum gap and no quiet hours hold it."
    )
    counted = serializers.BooleanField(
        required=False, help_text="Whether it takes a place under the caps of other campaigns."
    )
    quiet = serializers.ChoiceField(
        choices=Campaign.Quiet.choices, required=False, help_text="What it does in quiet hours."
    )
    caps = serializers.ChoiceField(
        choices=Campaign.Caps.choices, required=False, help_text="What it does at a cap."
    )
    override_reason = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="Why it does not do as the site does; required where it does not.",
    )
    once_key = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="Of all campaigns with the same key a person gets one.",
    )
    devices = serializers.ChoiceField(
        choices=Campaign.Devices.choices,
        required=False,
        help_text="On which devices of a person it is shown.",
    )
    inbox = serializers.BooleanField(
        required=False,
        help_text="Whether it is also in the inbox, for people without permission, too.",
    )
    inbox_days = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=LONGEST_INBOX,
        help_text="How long it stays there.",
    )
    scheduled_wall = serializers.CharField(
        read_only=True,
        allow_null=True,
        help_text="The wall time that was asked for; of a series the first.",
    )
    series = serializers.UUIDField(
        read_only=True, allow_null=True, help_text="The campaign that it is an occurrence of."
    )
    occurrence = serializers.CharField(
        read_only=True,
        allow_null=True,
        help_text="Its wall time in the series; of a series the next one's.",
    )


def terms_of(campaign: Campaign) -> dict[str, Any]:
    """The fields above of a campaign."""
    return {
        **{name: getattr(campaign, name) for name in PLAIN},
        "exceptions": [day.isoformat() for day in campaign.exceptions],
        "scheduled_wall": _wall(campaign.scheduled_wall),
        "series": str(campaign.parent_id) if campaign.parent_id else None,
        "occurrence": _wall(campaign.occurrence),
    }


def _wall(stored: datetime | None) -> str | None:
    wall = moments.naive(stored)
    return wall.isoformat() if wall else None
