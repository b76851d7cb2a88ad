"""Making, reading, changing and deleting campaigns, and what became of them."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from audiences import rules
from campaigns import authors, channels, comparing, drafting, reports, starting, terms
from campaigns.api.calls import attempt, campaign_of, maker_of, name_of, site_of
from campaigns.api.shapes import (
    CampaignPages,
    CampaignSerializer,
    DeliveryPages,
    DeliverySerializer,
    ReportSerializer,
)
from campaigns.models import Campaign, Delivery


@transaction.atomic
def write(
    campaign: Campaign, fields: dict[str, Any], by_name: str = "", maker: User | None = None
) -> Campaign:
    """Apply what a request says about a campaign, all of it or nothing.

    `maker`: who made the API key, and so can't approve what it writes.
    """
    fields = dict(fields)
    if "name" in fields:
        drafting.rename(campaign, fields.pop("name"))
    if "audience" in fields:
        rule = fields.pop("audience")
        drafting.set_audience(campaign, rules.EVERYONE.as_json() if rule is None else rule)
    if "throttle" in fields:
        drafting.set_throttle(campaign, fields.pop("throttle"), by_name=by_name)
    if given := {name: fields.pop(name) for name in terms.FIELDS if name in fields}:
        terms.edit(campaign, given, by_name=by_name)
    if tried := {name: fields.pop(name) for name in drafting.EXPERIMENT if name in fields}:
        drafting.set_experiment(campaign, **tried)
    if campaign.state in Campaign.OPEN:
        drafting.revise(campaign, fields, by_name=by_name)
    else:
        drafting.edit_message(campaign, fields, None)
    authors.note(campaign, maker)
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
            return write(draft, fields, maker=maker_of(request))

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
        """Change what is named. Once it runs, only the message and `throttle`: what it says then
        goes to the rest as the next version, from the next window on. 409 for anything else, and
        once it has ended."""
        campaign = campaign_of(request, campaign_id)
        body = self.get_serializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        campaign = attempt(
            write, campaign, body.validated_data, name_of(request), maker_of(request)
        )
        return Response(self.get_serializer(campaign).data)

    @extend_schema(operation_id="campaigns_delete", responses={204: None})
    def delete(self, request: Request, campaign_id: UUID) -> Response:
        """Delete a draft; 409 for what is no draft."""
        campaign = campaign_of(request, campaign_id)
        attempt(drafting.delete, campaign, by_name=name_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class CampaignReport(APIView):
    required_scopes = {"GET": "campaigns:read"}

    @extend_schema(operation_id="campaigns_report", responses=ReportSerializer)
    def get(self, request: Request, campaign_id: UUID) -> Response:
        """Where everybody ended, as of now; it always adds up to the audience."""
        campaign = campaign_of(request, campaign_id)
        run = starting.run_of(campaign)
        sums = reports.sums(run)
        counts = sums.counts | {"state": campaign.state}
        counts["plan"] = comparing.of(run, counts)
        counts["channels"] = [one.as_dict() for one in channels.figures(sums)]
        return Response(ReportSerializer(counts).data)


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
