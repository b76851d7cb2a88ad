"""What is done to a campaign: start, stop, and what a person decides while it runs."""

from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from campaigns import resending, scheduling, starting
from campaigns.api.calls import attempt, campaign_of, name_of
from campaigns.api.shapes import (
    CampaignSerializer,
    ResendPreviewSerializer,
    ResendSerializer,
    StartSerializer,
)
from campaigns.models import Campaign


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


class CampaignPause(APIView):
    required_scopes = {"POST": "campaigns:send"}

    @extend_schema(operation_id="campaigns_pause", request=None, responses=CampaignSerializer)
    def post(self, request: Request, campaign_id: UUID) -> Response:
        """Send nothing more until it is resumed, from the next window on. 409 if it is not
        running."""
        campaign, who = campaign_of(request, campaign_id), name_of(request)
        reason = _("Paused by %(who)s.") % {"who": who}
        attempt(starting.pause, campaign, by_name=who, reason=reason[:200])
        return Response(CampaignSerializer(campaign).data)


class CampaignResume(APIView):
    required_scopes = {"POST": "campaigns:send"}

    @extend_schema(operation_id="campaigns_resume", request=None, responses=CampaignSerializer)
    def post(self, request: Request, campaign_id: UUID) -> Response:
        """Go on where it stopped, whatever had stopped it (`attention`). 409 if it is not
        paused."""
        campaign = campaign_of(request, campaign_id)
        attempt(starting.resume, campaign, by_name=name_of(request))
        return Response(CampaignSerializer(campaign).data)


class CampaignUnpark(APIView):
    required_scopes = {"POST": "campaigns:send"}

    @extend_schema(operation_id="campaigns_unpark", request=None, responses=CampaignSerializer)
    def post(self, request: Request, campaign_id: UUID) -> Response:
        """Try the batches again that no sender got through. 409 if there are none."""
        campaign = campaign_of(request, campaign_id)
        attempt(starting.unpark, campaign, by_name=name_of(request))
        return Response(CampaignSerializer(campaign).data)


class CampaignResend(GenericAPIView[Campaign]):
    required_scopes = {"GET": "campaigns:read", "POST": "campaigns:send"}
    serializer_class = ResendSerializer

    @extend_schema(
        operation_id="campaigns_resend_unknown_preview", responses=ResendPreviewSerializer
    )
    def get(self, request: Request, campaign_id: UUID) -> Response:
        """What is unknown, and what would be sent again: look before you POST."""
        run = starting.run_of(campaign_of(request, campaign_id))
        return Response(ResendPreviewSerializer(resending.preview(run)).data)

    @extend_schema(operation_id="campaigns_resend_unknown", responses=CampaignSerializer)
    def post(self, request: Request, campaign_id: UUID) -> Response:
        """Send again what is unknown. Those devices may get it twice: their push service may have
        accepted the first request. 409 if it is another number than `expected` by now, or the
        campaign was cancelled. A finished campaign runs again; a paused one stays paused."""
        campaign = campaign_of(request, campaign_id)
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        expected: int = body.validated_data["expected"]
        attempt(resending.resend, campaign, expected=expected, by_name=name_of(request))
        campaign.refresh_from_db()
        return Response(CampaignSerializer(campaign).data)
