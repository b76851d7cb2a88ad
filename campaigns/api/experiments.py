"""Variants by API: what each came to, and the choice of a winner."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audiences import bounded
from campaigns import experiments, runs
from campaigns.api.calls import Conflict, attempt, campaign_of, name_of
from campaigns.api.shapes import refuse_unknown
from campaigns.experiments import Group
from campaigns.models import LETTERS


class GroupSerializer(serializers.Serializer[Any]):
    """The people of one variant, or those kept back."""

    variant = serializers.CharField(
        allow_null=True, help_text="A to D; null: there is one only, or kept back."
    )
    kept_back = serializers.BooleanField()
    people = serializers.IntegerField()
    displayed = serializers.IntegerField()
    clicked = serializers.IntegerField()
    converted = serializers.IntegerField(help_text="Did the campaign's event within three days.")
    worth = serializers.DecimalField(
        max_digits=100, decimal_places=2, help_text="What those events were worth together."
    )


class VariantsSerializer(serializers.Serializer[Any]):
    winner = serializers.CharField(allow_null=True, help_text="A to D, once it is chosen.")
    decide_at = serializers.DateTimeField(allow_null=True)
    groups = GroupSerializer(many=True)


class WinnerSerializer(serializers.Serializer[Any]):
    variant = serializers.ChoiceField(choices=list(LETTERS))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse fields that nobody reads."""
        refuse_unknown(self)
        return attrs


def shown(group: Group) -> dict[str, Any]:
    names = ("people", "displayed", "clicked", "converted", "worth")
    counts = {name: getattr(group, name) for name in names}
    return {"variant": group.letter or None, "kept_back": group.kept} | counts


class CampaignVariants(APIView):
    required_scopes = {"GET": "campaigns:read"}

    @extend_schema(operation_id="campaigns_variants", responses=VariantsSerializer)
    def get(self, request: Request, campaign_id: UUID) -> Response:
        """What each variant came to so far, and those kept back, in people."""
        run = runs.of(campaign_of(request, campaign_id))
        try:
            groups = experiments.results(run) if run else []
        except bounded.TooLong as error:
            raise Conflict(_("Counting takes too long just now. Try again.")) from error
        winner = None if run is None or run.winner is None else LETTERS[run.winner]
        answer = {"winner": winner, "decide_at": run.decide_at if run else None}
        body = VariantsSerializer(answer | {"groups": [shown(group) for group in groups]})
        return Response(body.data)


class CampaignWinner(APIView):
    required_scopes = {"POST": "campaigns:send"}

    @extend_schema(
        operation_id="campaigns_winner", request=WinnerSerializer, responses=VariantsSerializer
    )
    def post(self, request: Request, campaign_id: UUID) -> Response:
        """Send a variant to all who wait for the winner. 409 once one is chosen."""
        campaign = campaign_of(request, campaign_id)
        body = WinnerSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        variant = LETTERS.index(body.validated_data["variant"])
        attempt(experiments.choose, campaign, variant, by_name=name_of(request))
        return CampaignVariants().get(request, campaign_id)
