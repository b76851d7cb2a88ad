"""/api/v1/audiences/: the same domain code as the pages, for servers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from accounts.models import ApiKey, Site
from accounts.paging import CursorPages
from audiences import (
    catalogue,
    counting,
    explaining,
    references,
    rules,
    sampling,
    saving,
    sentences,
    summaries,
)
from audiences.api_shapes import (
    AskedSerializer,
    AudienceSerializer,
    CatalogueSerializer,
    ExplanationSerializer,
    PreviewSerializer,
    ReachSerializer,
    RuleParser,
    used_by,
)
from audiences.counting import TooLong
from audiences.explaining import Explanation, Step
from audiences.models import Audience
from audiences.platforms import KINDS
from audiences.rules import Rule, RuleError
from audiences.saving import InUse, Outdated, Refused
from subscribers.api import SubscriberSerializer
from subscribers.models import Subscriber

T = TypeVar("T")
READ, WRITE = "audiences:read", "audiences:write"
READ_PEOPLE = "audiences:read subscribers:read"
MEMBERS, MOST_MEMBERS = 100, 1_000
# All pages of members are as of when the first was asked for.
CURSOR_LASTS = timedelta(days=1)


class Conflict(APIException):
    """Somebody else changed it, or it is in use."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class TakesTooLong(APIException):
    """Not even an estimate was done in time."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "too_long"


class AudiencePages(CursorPages):
    """Newest first."""

    ordering = ("-created_at", "id")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


def site_of(request: Request) -> Site:
    key = request.auth
    assert isinstance(key, ApiKey)  # noqa: S101 - HasScope let it in
    return key.site


def name_of(request: Request) -> str:
    """Who acts, for the audit log."""
    return f"API key {request.auth}"


def named(request: Request) -> QuerySet[Audience]:
    """The named audiences of the key's site."""
    found = Audience.objects.filter(site=site_of(request)).exclude(name="")
    return found.select_related("site", "created_by")


def audience_of(request: Request, audience_id: UUID) -> Audience:
    """One of them, else 404."""
    return get_object_or_404(named(request), pk=audience_id)


def attempt(act: Callable[[], T]) -> T:
    """Call the domain; its refusals become 400 with the place, 409 and 503."""
    try:
        return act()
    except RuleError as error:
        place = {"path": error.path, "message": error.sentence}
        raise ValidationError({"rule": [place]}) from error
    except InUse as refusal:
        where: Any = {"detail": refusal.sentence, "used_by": used_by(refusal.uses)}
        raise Conflict(where) from refusal
    except Outdated as refusal:
        raise Conflict(refusal.sentence) from refusal
    except Refused as refusal:
        if not refusal.field:
            raise Conflict(refusal.sentence) from refusal
        raise ValidationError({refusal.field: [refusal.sentence]}) from refusal
    except TooLong as error:
        raise TakesTooLong(_("This takes too long now. Try again later.")) from error


def shown(audience: Audience) -> dict[str, Any]:
    (summary,) = summaries.of(audience.site, [audience])
    return dict(AudienceSerializer(summary).data)


class Audiences(GenericAPIView[Audience]):
    required_scopes = {"GET": READ, "POST": WRITE}
    serializer_class = AudienceSerializer
    pagination_class = AudiencePages
    parser_classes = [RuleParser]
    queryset = Audience.objects.none()

    @extend_schema(operation_id="audiences_list", responses=AudienceSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The site's named audiences, newest first."""
        page = self.paginate_queryset(named(request)) or []
        found = summaries.of(site_of(request), list(page))
        return self.get_paginated_response(self.get_serializer(found, many=True).data)

    @extend_schema(operation_id="audiences_create", responses={201: AudienceSerializer})
    def post(self, request: Request) -> Response:
        """A new named audience. What is wrong in a rule is named by its path."""
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        name, rule = body.validated_data["name"], body.validated_data["rule"]
        by = name_of(request)
        made = attempt(lambda: saving.create(site_of(request), name, rule, by=None, by_name=by))
        return Response(shown(made), status=status.HTTP_201_CREATED)


class AudienceDetail(GenericAPIView[Audience]):
    required_scopes = {"GET": READ, "PATCH": WRITE, "DELETE": WRITE}
    serializer_class = AudienceSerializer
    parser_classes = [RuleParser]

    @extend_schema(operation_id="audiences_retrieve")
    def get(self, request: Request, audience_id: UUID) -> Response:
        """One audience."""
        return Response(shown(audience_of(request, audience_id)))

    @extend_schema(operation_id="audiences_update")
    def patch(self, request: Request, audience_id: UUID) -> Response:
        """Change the name, the rule or both. Scheduled campaigns to it (`used_by`) change with it;
        what has begun does not. 409 where `revision` is not the newest."""
        audience = audience_of(request, audience_id)
        body = self.get_serializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        by, fields = name_of(request), body.validated_data
        changed = attempt(lambda: saving.update(audience, by=None, by_name=by, **fields))
        return Response(shown(changed))

    @extend_schema(operation_id="audiences_delete", responses={204: None})
    def delete(self, request: Request, audience_id: UUID) -> Response:
        """Delete it. 409 while audiences or campaigns that have not begun need it: `used_by`."""
        audience, by = audience_of(request, audience_id), name_of(request)
        attempt(lambda: saving.delete(audience, by=None, by_name=by))
        return Response(status=status.HTTP_204_NO_CONTENT)


class AudiencePreview(GenericAPIView[Audience]):
    required_scopes = {"POST": READ}
    serializer_class = PreviewSerializer
    parser_classes = [RuleParser]

    @extend_schema(operation_id="audiences_preview", responses={200: ReachSerializer})
    def post(self, request: Request) -> Response:
        """Count a rule without keeping it. An estimate where counting all takes too long."""
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(attempt(lambda: preview(site_of(request), body.validated_data["rule"])))


def preview(site: Site, wanted: Any) -> dict[str, Any]:
    """What ReachSerializer describes. RuleError, TooLong."""
    rule = checked(site, wanted)
    reach = counting.count(site, rule)
    return {
        "people": reach.people,
        "devices": reach.devices,
        "without_consent": reach.without_consent,
        "platforms": {kind: getattr(reach.platforms, kind) for kind in KINDS},
        "channels": reach.channels,
        "estimated": reach.estimated,
        "sentence": sentences.sentence(rule, site),
    }


def checked(site: Site, wanted: Any) -> Rule:
    """A rule that was sent, with what it names in place; RuleError with the path."""
    rule = rules.parse(wanted)
    references.check(rule, site)
    return rule


class AudienceExplain(GenericAPIView[Audience]):
    required_scopes = {"POST": READ_PEOPLE}
    serializer_class = AskedSerializer
    parser_classes = [RuleParser]

    @extend_schema(operation_id="audiences_explain", responses={200: ExplanationSerializer})
    def post(self, request: Request) -> Response:
        """Why a person is in an audience, or is not: each condition, what is known of the person,
        and whether it holds."""
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked, site = body.validated_data, site_of(request)
        wanted = asked["rule"] if "rule" in asked else self.rule_of(request, asked["audience"])
        person = person_of(site, asked)
        found = attempt(lambda: explaining.explain(site, checked(site, wanted), person))
        return Response(explained(found))

    def rule_of(self, request: Request, audience: UUID) -> Any:
        found = named(request).filter(pk=audience).first()
        if found is None:
            raise ValidationError({"audience": [_("There is no such audience.")]})
        return found.rule


def person_of(site: Site, asked: dict[str, Any]) -> Subscriber:
    """Whom it is about; 400 for nobody."""
    key, column = ("subscriber", "pk") if "subscriber" in asked else ("external_id", "external_id")
    found = Subscriber.objects.filter(site=site, **{column: asked[key]}).first()
    if found is None:
        raise ValidationError({key: [_("There is no such person.")]})
    return found


def explained(found: Explanation) -> dict[str, Any]:
    """What ExplanationSerializer describes."""
    return {
        "subscriber": str(found.person.pk),
        "subscription": str(found.device.public_id) if found.device else None,
        "matches": found.matches,
        "reachable": found.reachable,
        "sentence": found.sentence,
        "root": step_of(found.root),
    }


def step_of(step: Step) -> dict[str, Any]:
    """What StepSerializer describes."""
    return {
        "path": step.path,
        "holds": step.holds,
        "match": step.match.value if step.match else None,
        "name": step.name,
        "field": step.field,
        "clause": step.clause,
        "value": step.value,
        "steps": [step_of(one) for one in step.steps],
    }


# A server that asks for members waits longer than a person who looks at a figure.
PATIENCE = 5


class MembersSerializer(serializers.Serializer[Any]):
    """A page of people, by id."""

    next = serializers.URLField(allow_null=True, help_text="The page after it.")
    results = SubscriberSerializer(many=True)


class AudienceMembers(APIView):
    required_scopes = {"GET": READ_PEOPLE}

    @extend_schema(
        operation_id="audiences_members",
        responses=MembersSerializer,
        parameters=[
            OpenApiParameter("cursor", str, description="Of the page before: see `next`."),
            OpenApiParameter("page_size", int, description="At most 1,000; else 100."),
        ],
    )
    def get(self, request: Request, audience_id: UUID) -> Response:
        """The people whom it reaches, by id; all pages as of when the first was asked for."""
        audience = audience_of(request, audience_id)
        now, after = position(request.query_params.get("cursor", ""))
        size = page_size(request)

        def find() -> list[UUID]:
            rule = rules.parse(audience.rule)
            limit = PATIENCE * settings.AUDIENCE_TIMEOUT_MS
            return sampling.members(audience.site, rule, after, size + 1, now, limit)

        ids = attempt(find)
        page = ids[:size]
        people = Subscriber.objects.filter(site=audience.site, pk__in=page).order_by("pk")
        results = SubscriberSerializer(people.prefetch_related("subscriptions"), many=True).data
        following = None
        if len(ids) > size:
            here = request.build_absolute_uri()
            following = replace_query_param(here, "cursor", f"{_micros(now)}-{page[-1]}")
        return Response({"next": following, "results": results})


def _micros(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def position(cursor: str) -> tuple[datetime, UUID | None]:
    """As of when a page is, and the person before it; 404 for a cursor that is none or is old."""
    now = timezone.now()
    if not cursor:
        return now, None
    micros, _dash, person = cursor.partition("-")
    try:
        moment = datetime.fromtimestamp(int(micros[:20]) / 1_000_000, UTC)
        after = UUID(person)
    except (ValueError, OverflowError, OSError):
        raise NotFound(_("Invalid cursor")) from None
    if not now - CURSOR_LASTS < moment <= now:
        raise NotFound(_("This cursor is older than a day. Begin again."))
    return moment, after


def page_size(request: Request) -> int:
    """What was asked for, within bounds."""
    asked = request.query_params.get("page_size", "")
    if asked.isascii() and asked.isdigit() and len(asked) < 10 and int(asked):
        return min(int(asked), MOST_MEMBERS)
    return MEMBERS


class AudienceFields(APIView):
    required_scopes = {"GET": READ}

    @extend_schema(operation_id="audiences_fields", responses=CatalogueSerializer)
    def get(self, request: Request) -> Response:
        """What a rule may ask: each field with its operators and their parameters."""
        return Response({"version": rules.VERSION, "fields": catalogue.describe()})
