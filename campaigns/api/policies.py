"""What holds for all campaigns of a site."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import ApiKey, Site
from campaigns import policies
from campaigns.api.calls import attempt, name_of, site_of
from campaigns.api.shapes import refuse_unknown
from campaigns.models import Policy
from campaigns.policies import LONGEST_DAYS, LONGEST_GAP, MOST_DEVICES, MOST_MESSAGES

APPROVAL = ("approval", "approval_over")


@extend_schema_field(OpenApiTypes.STR)
class ClockField(serializers.TimeField):
    """A time of day without a zone: OpenAPI's own "time" has one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, allow_null=True, format="%H:%M", **options)


class CapSerializer(serializers.Serializer[Any]):
    """At most `most` messages to a person within any `days` times 24 hours."""

    topic = serializers.CharField(
        required=False, allow_blank=True, default="", help_text='Of one topic; "": of all.'
    )
    most = serializers.IntegerField(min_value=1, max_value=MOST_MESSAGES)
    days = serializers.IntegerField(min_value=1, max_value=LONGEST_DAYS)


class PolicySerializer(serializers.Serializer[Any]):
    """Quiet hours, caps, the gap between two messages, approvals. What is left out stays."""

    quiet_start = ClockField(
        help_text="On each person's own clock, such as 21:00; null with quiet_end: none."
    )
    quiet_end = ClockField()
    quiet_action = serializers.ChoiceField(choices=Policy.QuietAction.choices, required=False)
    gap_minutes = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=LONGEST_GAP,
        help_text="Minutes between two messages to a person; null: none.",
    )
    approval = serializers.ChoiceField(choices=Policy.Approval.choices, required=False)
    approval_over = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=MOST_DEVICES,
        help_text='Devices beyond which approval "over" asks.',
    )
    type_over = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=MOST_DEVICES,
        help_text="Devices beyond which a person types the site's name.",
    )
    caps = CapSerializer(many=True, required=False, help_text="At most twenty.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A misspelt rule must not be lost in silence."""
        refuse_unknown(self)
        caps = self.initial_data.get("caps") or []
        known = set(CapSerializer().fields)
        if any(isinstance(cap, dict) and set(cap) - known for cap in caps):
            raise ValidationError({"caps": [_("A cap has a topic, most and days.")]})
        return attrs

    def to_representation(self, instance: Site) -> dict[str, Any]:
        policy = policies.of(instance)
        shown = {name: getattr(policy, name) for name in policies.FIELDS}
        for name in ("quiet_start", "quiet_end"):
            shown[name] = shown[name] and shown[name].strftime("%H:%M")
        caps = policies.caps_of(instance)
        rows = [{"topic": cap.topic, "most": cap.most, "days": cap.days} for cap in caps]
        return shown | {"caps": rows}


def must_not_approve(request: Request, site: Site, fields: dict[str, Any]) -> None:
    """PermissionDenied where a key that may only send would change who has to say yes to that."""
    policy, key = policies.of(site), request.auth
    changed = [
        name
        for name in APPROVAL
        if getattr(policy, name) != fields.get(name, getattr(policy, name))
    ]
    if changed and not (isinstance(key, ApiKey) and key.may(ApiKey.Scope.ALL)):
        raise PermissionDenied(
            _("Who has to approve is changed on the policies page, or with the scope all.")
        )


class Policies(GenericAPIView[Site]):
    required_scopes = {"GET": "campaigns:read", "PUT": "campaigns:send"}
    serializer_class = PolicySerializer

    @extend_schema(operation_id="policies_retrieve")
    def get(self, request: Request) -> Response:
        """The site's policies."""
        return Response(self.get_serializer(site_of(request)).data)

    @extend_schema(operation_id="policies_update")
    def put(self, request: Request) -> Response:
        """Change what is named, `caps` as a whole; it holds for every message from then on.
        `approval` and `approval_over` need a key with the scope `all`: a key that is held back by
        them must not switch them off."""
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        fields = dict(body.validated_data)
        given = fields.pop("caps", None)
        caps = None if given is None else [policies.Limit(**dict(cap)) for cap in given]
        site = site_of(request)
        must_not_approve(request, site, fields)
        attempt(policies.change, site, fields, caps, by_name=name_of(request))
        return Response(self.get_serializer(site).data)
