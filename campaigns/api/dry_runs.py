"""What a campaign would do, before it does it."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from campaigns import asking, digests, fates, forecasting, planning
from campaigns.api.calls import Conflict, attempt, campaign_of, maker_of, site_of
from campaigns.fates import Fate
from campaigns.foretelling import Forecast
from campaigns.models import Campaign, DryRun
from campaigns.outlook import Outlook

# What is told of single people, and in texts with what is known of them, is theirs.
PEOPLE = "campaigns:read subscribers:read"
PAGE, MOST = 50, 200
# Seconds that looking for people may take; then there is a cursor to go on from.
PATIENCE = 2.0
LONGEST = 90


class OutcomeSerializer(serializers.Serializer[Any]):
    """Devices that end alike."""

    code = serializers.CharField(help_text="send, later, holdout, or why not, as on the ledger.")
    devices = serializers.IntegerField()
    sentence = serializers.CharField()
    detail = serializers.CharField()


class InstantSerializer(serializers.Serializer[Any]):
    """Devices of a time zone that get it at one instant."""

    zone = serializers.CharField(help_text="Empty: not known, so the site's is used.")
    at = serializers.DateTimeField(allow_null=True, help_text="Null: as soon as it starts.")
    devices = serializers.IntegerField()


class DryRunSerializer(serializers.Serializer[Any]):
    """Its devices add up to the audience that can be reached."""

    state = serializers.ChoiceField(choices=DryRun.State.choices)
    current = serializers.BooleanField(
        help_text="Whether it is of the campaign as it is now, and not from before an edit."
    )
    progress = serializers.FloatField(help_text="0 to 1.")
    starts_at = serializers.DateTimeField(help_text="When the campaign would start.")
    asked_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    devices = serializers.IntegerField(help_text="Counted so far.")
    outcomes = OutcomeSerializer(many=True)
    zones = InstantSerializer(many=True)
    variants = serializers.DictField(
        child=serializers.IntegerField(), help_text="Devices that get each: A, B and so on."
    )
    defaults = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="By variable: devices that would see something else in its place, or nothing.",
    )
    sampled = serializers.IntegerField(
        allow_null=True,
        help_text="Texts were read of so many devices only, and what stops itself is an estimate.",
    )
    error = serializers.CharField()


class HolderSerializer(serializers.Serializer[Any]):
    """A message that takes a place under a cap."""

    campaign = serializers.UUIDField()
    name = serializers.CharField()
    at = serializers.DateTimeField()
    held = serializers.BooleanField(help_text="It is still to come, and the place is held for it.")


class FateSerializer(serializers.Serializer[Any]):
    """One device and what would become of it."""

    subscription = serializers.UUIDField(allow_null=True)
    subscriber = serializers.UUIDField()
    outcome = serializers.CharField()
    sentence = serializers.CharField()
    time_zone = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)
    local_time = serializers.CharField(help_text="On the device's own clock; empty: never.")
    variant = serializers.CharField(help_text="Empty: there is one only, or the winner is awaited.")
    places = HolderSerializer(many=True, help_text="What holds their places, for who is capped.")
    next_place_at = serializers.DateTimeField(allow_null=True)


class FatesSerializer(serializers.Serializer[Any]):
    """A page. `looked_at` of `devices` were looked at so far; `next` is null at the end."""

    people = FateSerializer(many=True)
    next = serializers.IntegerField(allow_null=True, help_text="The cursor to go on from.")
    looked_at = serializers.IntegerField()
    devices = serializers.IntegerField()


class TextSerializer(serializers.Serializer[Any]):
    """A message as one person would read it."""

    title = serializers.CharField()
    body = serializers.CharField()
    url = serializers.CharField()
    language = serializers.CharField()


class PersonSerializer(serializers.Serializer[Any]):
    """What would become of one person, as everything is now."""

    subscriber = serializers.UUIDField()
    gets_it = serializers.BooleanField()
    outcome = serializers.CharField(
        help_text="As on the ledger, or not_in_audience, no_device, no_consent, gone."
    )
    sentence = serializers.CharField(help_text="The first rule that leaves them out.")
    text = TextSerializer(allow_null=True)
    devices = FateSerializer(many=True)


def shown(campaign: Campaign, run: DryRun, *, current: bool) -> dict[str, Any]:
    """A dry run as it is answered."""
    outlook = Outlook(campaign, run)
    done = run.state == DryRun.State.DONE or not run.last_subscription
    letters = {str(at): letter for at, letter in enumerate("ABCD")}
    return {
        "state": run.state,
        "current": current,
        "progress": 1.0 if done else round(run.seen_through / run.last_subscription, 4),
        "starts_at": run.starts_at,
        "asked_at": run.asked_at,
        "finished_at": run.finished_at,
        "devices": outlook.total,
        "outcomes": [
            {"code": row.code, "devices": row.count, "sentence": row.title, "detail": row.detail}
            for row in outlook.rows
        ],
        "zones": [one | {"at": one["at"] or None} for one in run.zones],
        "variants": {letters[number]: count for number, count in run.variants.items()},
        "defaults": run.defaults,
        "sampled": run.sampled,
        "error": run.error,
    }


def fate_of(fate: Fate) -> dict[str, Any]:
    local, full = fate.local, fate.full
    return {
        "subscription": fate.device.public_id if fate.device else None,
        "subscriber": fate.row.subscriber_id,
        "outcome": fate.row.code,
        "sentence": fate.sentence or f"{fate.title}.",
        "time_zone": fate.row.time_zone,
        "at": fate.at,
        "local_time": local.isoformat(timespec="minutes") if local else "",
        "variant": fate.letter,
        "places": [vars(holder) for holder in full.holders] if full else [],
        "next_place_at": full.free_at if full else None,
    }


class CampaignDryRun(APIView):
    required_scopes = {"GET": "campaigns:read", "POST": "campaigns:write"}

    @extend_schema(operation_id="campaigns_dry_run", responses=DryRunSerializer)
    def get(self, request: Request, campaign_id: UUID) -> Response:
        """The newest dry run, also while it counts. 409 before the first one."""
        campaign = campaign_of(request, campaign_id)
        run = campaign.dry_runs.exclude(state=DryRun.State.CANCELLED).first()
        if run is None:
            raise Conflict(_("There is no dry run of it yet: POST asks for one."))
        current = run.digest == digests.digest(campaign)
        return Response(DryRunSerializer(shown(campaign, run, current=current)).data)

    @extend_schema(
        operation_id="campaigns_dry_run_start", request=None, responses={202: DryRunSerializer}
    )
    def post(self, request: Request, campaign_id: UUID) -> Response:
        """Count who would get it, when, and why not the others; nothing is sent. Answers at once;
        GET says how far it is. While one of the campaign as it is goes on, that one is answered.
        409 where the message or the audience can't go out, and once it has started."""
        campaign = campaign_of(request, campaign_id)
        if campaign.state not in Campaign.EDITABLE:
            raise Conflict(_("It has started: its report says what becomes of everybody."))
        run: DryRun = attempt(forecasting.start, campaign, maker_of(request))
        body = DryRunSerializer(shown(campaign, run, current=True)).data
        return Response(body, status=status.HTTP_202_ACCEPTED)


class CampaignDryRunPeople(APIView):
    required_scopes = {"GET": PEOPLE}

    @extend_schema(
        operation_id="campaigns_dry_run_people",
        responses=FatesSerializer,
        parameters=[
            OpenApiParameter("outcome", required=True, description="A code of the dry run."),
            OpenApiParameter("cursor", int, description="`next` of the page before."),
            OpenApiParameter("limit", int, description=f"At most {MOST}; {PAGE} if left out."),
        ],
    )
    def get(self, request: Request, campaign_id: UUID) -> Response:
        """The devices behind one figure, as everything is now. Looking stops after two seconds: a
        page may have fewer than asked for, or none, and still a `next`. 409 without a finished dry
        run of the campaign as it is."""
        campaign = campaign_of(request, campaign_id)
        run = forecasting.current(campaign)
        if run is None or campaign.state not in Campaign.EDITABLE:
            raise Conflict(_("There is no finished dry run of it as it is now."))
        code = request.query_params.get("outcome", "")[:LONGEST].replace("\x00", "")
        if not code:
            raise ValidationError({"outcome": [_("Name an outcome, such as send.")]})
        after, limit = number(request, "cursor", 0), number(request, "limit", PAGE)
        end = time.monotonic() + PATIENCE
        rows, following = forecasting.people(
            run, code, after, min(max(limit, 1), MOST), lambda: time.monotonic() > end
        )
        found = fates.of(forecasting.forecast_of(run), rows)
        through = following or run.last_subscription
        body = {
            "people": [fate_of(fate) for fate in found],
            "next": following,
            "looked_at": planning.taking_part(campaign, 0, through).count(),
            "devices": planning.taking_part(campaign, 0, run.last_subscription).count(),
        }
        return Response(FatesSerializer(body).data)


class CampaignDryRunPerson(APIView):
    required_scopes = {"GET": PEOPLE}

    @extend_schema(operation_id="campaigns_dry_run_person", responses=PersonSerializer)
    def get(self, request: Request, campaign_id: UUID, subscriber_id: UUID) -> Response:
        """What one person would read and when, or the first rule that leaves them out."""
        campaign = campaign_of(request, campaign_id)
        if campaign.state not in Campaign.EDITABLE:
            raise Conflict(_("It has started: its report says what becomes of everybody."))
        person = asking.person_of(site_of(request), subscriber_id)
        if person is None:
            raise Http404
        forecast: Forecast = attempt(forecasting.as_of_now, campaign)
        answer = asking.about(forecast, person)
        content = answer.first.content if answer.first and answer.gets_it else None
        body = {
            "subscriber": person.pk,
            "gets_it": answer.gets_it,
            "outcome": answer.code,
            "sentence": answer.sentence,
            "text": content,
            "devices": [fate_of(fate) for fate in answer.fates],
        }
        return Response(PersonSerializer(body).data)


def number(request: Request, name: str, otherwise: int) -> int:
    """A whole number of the query; ValidationError for what is none."""
    text = request.query_params.get(name, "")
    if not text:
        return otherwise
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise ValidationError({name: [_("Not a whole number.")]})
    return int(text)
