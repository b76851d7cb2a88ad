"""/api/v1/campaigns/: the same domain code as the pages, for servers."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import ApiKey, Site
from accounts.paging import CursorPages
from audiences import rules
from campaigns import content, drafting, reports, scheduling, starting
from campaigns.models import PUBLIC_COUNTS, Campaign, Delivery, Message


class Conflict(APIException):
    """The campaign's state forbids it."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


def refuse_unknown(body: serializers.Serializer[Any]) -> None:
    """ValidationError for fields that nobody reads."""
    unknown = set(body.initial_data) - set(body.fields)
    if unknown:
        raise ValidationError({name: [_("This field is unknown.")] for name in sorted(unknown)})


class ActionSerializer(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=content.LONGEST["action title"])
    url = serializers.URLField(max_length=content.LONGEST["action url"])


class CampaignSerializer(serializers.Serializer[Any]):
    """A campaign with its newest message. What a field may hold is decided in campaigns.content."""

    id = serializers.UUIDField(read_only=True)
    state = serializers.ChoiceField(choices=Campaign.State.choices, read_only=True)
    attention = serializers.CharField(
        read_only=True, help_text="Why it needs a person, if it does."
    )
    version = serializers.IntegerField(read_only=True, help_text="Of the message.")
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)
    scheduled_for = serializers.DateTimeField(read_only=True, allow_null=True)
    scheduled_zone = serializers.CharField(read_only=True)
    name = serializers.CharField(max_length=120, required=False)
    audience = serializers.JSONField(
        required=False, allow_null=True, help_text="A rule; null or left out: everyone."
    )
    title = serializers.CharField(required=False, allow_blank=True)
    body = serializers.CharField(required=False, allow_blank=True)
    url = serializers.CharField(required=False, allow_blank=True)
    icon = serializers.CharField(required=False, allow_blank=True)
    image = serializers.CharField(required=False, allow_blank=True)
    badge = serializers.CharField(required=False, allow_blank=True)
    actions = ActionSerializer(many=True, required=False, help_text="At most two buttons.")
    ttl = serializers.IntegerField(
        required=False,
        help_text="Seconds that a push service keeps it for a device that is offline.",
    )
    urgency = serializers.ChoiceField(choices=Message.Urgency.choices, required=False)
    utm_source = serializers.CharField(required=False, allow_blank=True)
    utm_medium = serializers.CharField(required=False, allow_blank=True)
    utm_campaign = serializers.CharField(required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse fields that nobody reads: a misspelt one must not be lost in silence."""
        refuse_unknown(self)
        return attrs

    def to_representation(self, instance: Campaign) -> dict[str, Any]:
        message = drafting.message_of(instance)
        own = ("id", "state", "attention", "name", "scheduled_zone")
        times = ("created_at", "updated_at", "scheduled_for")
        shown: dict[str, Any] = {name: str(getattr(instance, name)) for name in own}
        for name in times:
            moment = getattr(instance, name)
            shown[name] = moment.isoformat().replace("+00:00", "Z") if moment else None
        shown |= {"audience": instance.audience.rule, "version": message.version}
        return shown | {name: getattr(message, name) for name in drafting.CONTENT}


class StartSerializer(serializers.Serializer[Any]):
    """Without a time: now. With one: at that wall time in that zone."""

    at = serializers.CharField(
        required=False, help_text="Wall time without an offset, such as 2026-11-26T18:00."
    )
    time_zone = serializers.CharField(required=False, help_text="IANA name; left out: the site's.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A misspelt "at" must not send at once."""
        refuse_unknown(self)
        return attrs


class ReportSerializer(serializers.Serializer[Any]):
    """audience = accepted + refused + gone + skipped + expired + cancelled + unknown + pending."""

    state = serializers.ChoiceField(choices=Campaign.State.choices)
    skipped_by_reason = serializers.DictField(child=serializers.IntegerField())

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        counts = {name: serializers.IntegerField() for name in PUBLIC_COUNTS}
        return {**super().get_fields(), **counts}


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """One row of the ledger."""

    subscription = serializers.SerializerMethodField()
    state = serializers.SerializerMethodField()

    class Meta:
        model = Delivery
        fields = (
            "subscription",
            "state",
            "reason",
            "status_code",
            "message_location",
            "attempts",
            "version",
            "not_before",
            "sent_at",
            "settled_at",
            "displayed_at",
            "clicked_at",
            "dismissed_at",
        )

    def get_subscription(self, row: Delivery) -> UUID | None:
        """Null once the person was erased."""
        public_id: UUID | None = getattr(row, "public_id", None)
        return public_id

    def get_state(self, row: Delivery) -> str:
        return Delivery.State(row.state).name.lower()


class DeliveryPages(CursorPages):
    page_size = 100
    max_page_size = 1_000
    page_size_query_param = "limit"
    ordering = "subscription_id"


class CampaignPages(CursorPages):
    page_size = 50
    max_page_size = 200
    page_size_query_param = "limit"
    ordering = "-created_at"


def site_of(request: Request) -> Site:
    key = request.auth
    assert isinstance(key, ApiKey)  # noqa: S101 - HasScope let it in
    return key.site


def name_of(request: Request) -> str:
    """Who acts, for the audit log."""
    return f"API key {request.auth}"


def campaign_of(request: Request, campaign_id: UUID) -> Campaign:
    """A campaign of the key's site, else 404."""
    mine = Campaign.objects.filter(site=site_of(request)).select_related("site", "audience")
    return get_object_or_404(mine, pk=campaign_id)


def attempt(act: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call the domain; its refusals become 400 and 409 with the field and the sentence."""
    try:
        return act(*args, **kwargs)
    except starting.Refused as refusal:
        raise Conflict(refusal.sentence) from refusal
    except rules.RuleError as error:
        raise ValidationError({"audience": [str(error)]}) from error
    except DjangoValidationError as error:
        raise ValidationError(getattr(error, "message_dict", error.messages)) from error


@transaction.atomic
def write(campaign: Campaign, fields: dict[str, Any]) -> Campaign:
    """Apply what a request says about a campaign, all of it or nothing."""
    fields = dict(fields)
    if "name" in fields:
        drafting.rename(campaign, fields.pop("name"))
    if "audience" in fields:
        rule = fields.pop("audience")
        drafting.set_audience(campaign, rules.EVERYONE.as_json() if rule is None else rule)
    drafting.edit_message(campaign, fields, None)
    campaign.refresh_from_db()
    return campaign


class CampaignList(GenericAPIView[Campaign]):
    required_scopes = {"GET": "campaigns:read", "POST": "campaigns:write"}
    serializer_class = CampaignSerializer
    pagination_class = CampaignPages

    def get_queryset(self) -> QuerySet[Campaign]:
        if getattr(self, "swagger_fake_view", False):
            return Campaign.objects.none()
        return Campaign.objects.filter(site=site_of(self.request)).select_related("audience")

    @extend_schema(operation_id="campaigns_list", responses=CampaignSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The site's campaigns, newest first."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(operation_id="campaigns_create", responses={201: CampaignSerializer})
    def post(self, request: Request) -> Response:
        """A new draft. Nothing is sent before it is started."""
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        fields = body.validated_data

        @transaction.atomic
        def make() -> Campaign:
            name = fields.get("name") or fields.get("title") or ""
            draft = drafting.create(site_of(request), by=None, name=name[:120])
            return write(draft, fields)

        campaign = attempt(make)
        return Response(self.get_serializer(campaign).data, status=status.HTTP_201_CREATED)


class CampaignDetail(GenericAPIView[Campaign]):
    required_scopes = {
        "GET": "campaigns:read",
        "PATCH": "campaigns:write",
        "DELETE": "campaigns:write",
    }
    serializer_class = CampaignSerializer

    @extend_schema(operation_id="campaigns_retrieve")
    def get(self, request: Request, campaign_id: UUID) -> Response:
        """One campaign."""
        return Response(self.get_serializer(campaign_of(request, campaign_id)).data)

    @extend_schema(operation_id="campaigns_update")
    def patch(self, request: Request, campaign_id: UUID) -> Response:
        """Change what is named; 409 once it has started."""
        campaign = campaign_of(request, campaign_id)
        body = self.get_serializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        campaign = attempt(write, campaign, body.validated_data)
        return Response(self.get_serializer(campaign).data)

    @extend_schema(operation_id="campaigns_delete", responses={204: None})
    def delete(self, request: Request, campaign_id: UUID) -> Response:
        """Delete a draft; 409 for what is no draft."""
        campaign = campaign_of(request, campaign_id)
        attempt(drafting.delete, campaign, by_name=name_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class CampaignStart(GenericAPIView[Campaign]):
    required_scopes = {"POST": "campaigns:send"}
    serializer_class = StartSerializer

    @extend_schema(operation_id="campaigns_start", responses=CampaignSerializer)
    def post(self, request: Request, campaign_id: UUID) -> Response:
        """Start now, or schedule. Repeating it starts nothing twice and answers the same."""
        campaign = campaign_of(request, campaign_id)
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        if at := body.validated_data.get("at"):
            zone = body.validated_data.get("time_zone") or campaign.site.time_zone
            try:
                wall = scheduling.parse_wall(at, zone)
            except ValueError as error:
                raise ValidationError({"at": [str(error)]}) from error
            attempt(starting.schedule, campaign, wall, zone, by_name=name_of(request))
        else:
            attempt(starting.start, campaign, by_name=name_of(request))
        return Response(CampaignSerializer(campaign).data)


class CampaignCancel(APIView):
    required_scopes = {"POST": "campaigns:send"}

    @extend_schema(operation_id="campaigns_cancel", request=None, responses=CampaignSerializer)
    def post(self, request: Request, campaign_id: UUID) -> Response:
        """Stop within one window. What the push services have taken stays taken."""
        campaign = campaign_of(request, campaign_id)
        attempt(starting.cancel, campaign, by_name=name_of(request))
        return Response(CampaignSerializer(campaign).data)


class CampaignReport(APIView):
    required_scopes = {"GET": "campaigns:read"}

    @extend_schema(operation_id="campaigns_report", responses=ReportSerializer)
    def get(self, request: Request, campaign_id: UUID) -> Response:
        """Where everybody ended, as of now; it always adds up to the audience."""
        return Response(reports.counts(campaign_of(request, campaign_id)))


class CampaignDeliveries(GenericAPIView[Delivery]):
    required_scopes = {"GET": "campaigns:read"}
    serializer_class = DeliverySerializer
    pagination_class = DeliveryPages

    @extend_schema(
        operation_id="campaigns_deliveries",
        responses=DeliverySerializer(many=True),
        parameters=[
            OpenApiParameter("state", enum=[state.name.lower() for state in Delivery.State])
        ],
    )
    def get(self, request: Request, campaign_id: UUID) -> Response:
        """One row for every considered device, by cursor."""
        run = starting.run_of(campaign_of(request, campaign_id))
        rows = reports.deliveries(run, request.query_params.get("state", ""))
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
