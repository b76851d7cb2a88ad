"""The calendar: what goes out, and what went out, between two days."""

from datetime import date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from campaigns import calendar
from campaigns.api.calls import site_of
from campaigns.calendar import Entry
from campaigns.clashes import Kind
from campaigns.models import Campaign

MOST_DAYS = 62


class ExpectedSerializer(serializers.Serializer[Any]):
    """Null where nobody has counted it. What has run is counted in devices only."""

    people = serializers.IntegerField(allow_null=True)
    devices = serializers.IntegerField(allow_null=True)
    estimate = serializers.BooleanField(help_text="False: what a run was really planned for.")


class ClashSerializer(serializers.Serializer[Any]):
    """Another campaign reaches the same people too soon before."""

    kind = serializers.ChoiceField(
        choices=[kind.value for kind in Kind],
        help_text="cap and gap: people are skipped for it; same: there is room for both.",
    )
    sentence = serializers.CharField()
    campaigns = serializers.ListField(child=serializers.UUIDField(), help_text="At most three.")


class EntrySerializer(serializers.Serializer[Any]):
    """A campaign, or one occurrence of a recurring one, at its moment."""

    campaign = serializers.UUIDField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=Campaign.State.choices)
    at = serializers.DateTimeField(
        help_text="At each person's own time: when the site's clock shows it."
    )
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True, help_text="Null: it still runs.")
    wall = serializers.CharField(
        allow_null=True, help_text="The wall time that was asked for; null: started at once."
    )
    time_zone = serializers.CharField()
    timing = serializers.ChoiceField(choices=Campaign.Timing.choices)
    zones = serializers.IntegerField(allow_null=True, help_text="Of its people, if counted.")
    occurrence = serializers.CharField(allow_null=True, help_text="Of a recurring campaign.")
    expected = ExpectedSerializer()
    conflicts = ClashSerializer(many=True)


class CalendarSerializer(serializers.Serializer[Any]):
    time_zone = serializers.CharField(help_text="Whose days they are: the site's.")
    entries = EntrySerializer(many=True)
    more = serializers.BooleanField(help_text="Whether there are more than these.")


class Calendar(APIView):
    required_scopes = {"GET": "campaigns:read"}

    @extend_schema(
        operation_id="calendar",
        responses=CalendarSerializer,
        parameters=[
            OpenApiParameter("from", OpenApiTypes.DATE, required=True, description="First day."),
            OpenApiParameter("to", OpenApiTypes.DATE, required=True, description="Last day."),
        ],
    )
    def get(self, request: Request) -> Response:
        """What is scheduled, runs and has run from one day to another, both included, in order of
        time: at most 62 days. To move something, POST to its `start`."""
        first, last = (_day(request, name) for name in ("from", "to"))
        if not timedelta(0) <= last - first < timedelta(days=MOST_DAYS):
            sentence = _("Ask for 1 to %(most)d days.") % {"most": MOST_DAYS}
            raise ValidationError({"to": [sentence]})
        found = calendar.of(site_of(request), first, last + timedelta(days=1))
        return Response(
            {
                "time_zone": found.site.time_zone,
                "entries": [_shown(entry) for entry in found.entries],
                "more": found.cut,
            }
        )


def _day(request: Request, name: str) -> date:
    try:
        found = date.fromisoformat(request.query_params.get(name, ""))
    except ValueError:
        found = None
    if found is None or not 2000 <= found.year < 2100:
        raise ValidationError({name: [_("Write a day: 2026-11-26.")]})
    return found


def _shown(entry: Entry) -> dict[str, Any]:
    expected = entry.expected
    return {
        "campaign": str(entry.campaign),
        "name": entry.name,
        "state": entry.state,
        "at": _utc(entry.at),
        "starts_at": _utc(entry.starts),
        "ends_at": _utc(entry.ends),
        "wall": entry.wall and entry.wall.isoformat(),
        "time_zone": entry.zone,
        "timing": Campaign.Timing.LOCAL if entry.own_time else Campaign.Timing.ZONE,
        "zones": entry.zones,
        "occurrence": entry.occurrence and entry.occurrence.isoformat(),
        "expected": {
            "people": expected.people,
            "devices": expected.devices,
            "estimate": expected.estimate,
        },
        "conflicts": [
            {
                "kind": clash.kind.value,
                "sentence": clash.sentence,
                "campaigns": [str(other) for other in clash.others],
            }
            for clash in entry.clashes
        ],
    }


def _utc(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
