"""What stands between a campaign and its start: a second person's yes, and what is amiss."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from campaigns import approvals, authors, checks, slow_checks
from campaigns.api.calls import attempt, campaign_of, maker_of, name_of
from campaigns.api.shapes import refuse_unknown
from campaigns.models import Campaign, DryRun
from campaigns.readiness import Standing, Step
from campaigns.refusals import Refused


class ApprovalSerializer(serializers.Serializer[Any]):
    """Whether a second person has to say yes, and what was said."""

    state = serializers.ChoiceField(choices=list(approvals.State))
    digest = serializers.CharField(
        help_text="SHA-256 of content, audience, schedule and caps: an edit makes another one."
    )
    why = serializers.CharField(help_text="Why a second person is needed; empty where none is.")
    asked_at = serializers.DateTimeField(allow_null=True)
    asked_by = serializers.CharField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    decided_by = serializers.CharField(allow_null=True)
    note = serializers.CharField(help_text="Of whoever approved or declined.")
    void = serializers.BooleanField(
        help_text="Whether the campaign was edited since, so that it has to be asked for again."
    )
    changed = serializers.ListField(
        child=serializers.CharField(), help_text="What was edited, in words."
    )


class AskSerializer(serializers.Serializer[Any]):
    """What to tell the people who may approve it."""

    note = serializers.CharField(required=False, allow_blank=True, max_length=400)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A verdict in here must not look as if it were taken."""
        refuse_unknown(self)
        return attrs


class CheckSerializer(serializers.Serializer[Any]):
    """One thing to look at, and where it is mended."""

    code = serializers.CharField()
    level = serializers.ChoiceField(
        choices=list(checks.Level), help_text="stop: it can't go out like this."
    )
    sentence = serializers.CharField()
    fix = serializers.CharField()
    step = serializers.ChoiceField(choices=list(Step), help_text="Of the composer.")
    field = serializers.CharField()


class ChecksSerializer(serializers.Serializer[Any]):
    """`digest`: of the campaign as it was looked at."""

    digest = serializers.CharField()
    checks = CheckSerializer(many=True)


def shown(found: approvals.Standing) -> dict[str, Any]:
    latest = found.latest
    decided = latest.decided_by if latest else None
    return {
        "state": found.state,
        "digest": found.digest,
        "why": found.why,
        "asked_at": latest.asked_at if latest else None,
        "asked_by": latest.asked_by_name if latest else None,
        "decided_at": latest.decided_at if latest else None,
        "decided_by": str(decided) if decided else None,
        "note": latest.note if latest else "",
        "void": found.void,
        "changed": list(found.changed),
    }


class CampaignApproval(GenericAPIView[Campaign]):
    required_scopes = {"GET": "campaigns:read", "POST": "campaigns:send"}
    serializer_class = AskSerializer

    @extend_schema(operation_id="campaigns_approval", responses=ApprovalSerializer)
    def get(self, request: Request, campaign_id: UUID) -> Response:
        """Whether the site asks for a second person's yes, and what was said. Starting is refused
        with 409 until it is `not_needed` or `approved`."""
        campaign = campaign_of(request, campaign_id)
        return Response(ApprovalSerializer(shown(approvals.standing(campaign))).data)

    @extend_schema(operation_id="campaigns_approval_ask", responses=ApprovalSerializer)
    def post(self, request: Request, campaign_id: UUID) -> Response:
        """Ask for approval of the campaign as it is now; asked twice, it is one request. Only
        people approve, on its review page, and not whoever made this key. 409 where none is needed,
        where something is missing, or where nobody could approve it."""
        campaign = campaign_of(request, campaign_id)
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        note = body.validated_data.get("note", "")
        maker = maker_of(request)

        def ask() -> None:
            if problems := Standing(campaign).problems:
                sentence = _("It can't go out yet: %(why)s")
                raise Refused(sentence % {"why": problems[0].sentence})
            approvals.ask(campaign, by=maker, by_name=name_of(request), note=note)
            authors.note(campaign, maker)

        attempt(ask)
        return Response(ApprovalSerializer(shown(approvals.standing(campaign))).data)


class CampaignChecks(APIView):
    required_scopes = {"GET": "campaigns:read"}

    @extend_schema(operation_id="campaigns_checks", responses=ChecksSerializer)
    def get(self, request: Request, campaign_id: UUID) -> Response:
        """What should be looked at before it goes out, what stops it first. Its addresses are asked
        whether they answer, which takes up to 3 seconds."""
        campaign = campaign_of(request, campaign_id)
        standing, digest = Standing(campaign), approvals.digest(campaign)
        done = campaign.dry_runs.filter(state=DryRun.State.DONE, digest=digest).first()
        found = checks.of(standing, done) + slow_checks.of(standing)
        body = {"digest": digest, "checks": checks.in_order(found)}
        return Response(ChecksSerializer(body).data)
