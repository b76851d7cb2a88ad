"""/api/v1/subscribers/: people of the key's site, for servers. Never an endpoint or its keys."""

from typing import Any, NoReturn
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit
from accounts.models import ApiKey, Site
from accounts.paging import CursorPages
from subscribers import identity, incoming, people
from subscribers.api_shapes import SubscriptionSerializer
from subscribers.incoming import Refused
from subscribers.models import Subscriber


class SubscriberSerializer(serializers.ModelSerializer[Subscriber]):
    """A person with devices. What a field may hold is decided in subscribers.incoming."""

    external_id = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=incoming.MAX_EXTERNAL_ID,
        help_text="The site's own id of the person. Empty: takes it away.",
    )
    tags = serializers.ListField(
        child=serializers.CharField(max_length=incoming.MAX_TAG),
        required=False,
        max_length=incoming.MAX_TAGS,
        help_text="Replaces all tags.",
    )
    topics = serializers.ListField(
        child=serializers.CharField(max_length=incoming.MAX_TAG),
        required=False,
        max_length=incoming.MAX_TAGS,
        help_text="What the person chose to hear about. Replaces all topics.",
    )
    attributes = serializers.DictField(
        child=serializers.JSONField(allow_null=True),
        required=False,
        help_text=(
            "Texts, numbers, true, false and lists of texts; dates as ISO 8601 texts. "
            "Changes those named; null takes one away."
        ),
    )
    subscriptions = SubscriptionSerializer(many=True, read_only=True)

    class Meta:
        model = Subscriber
        fields = (
            *("id", "external_id", "tags", "topics", "attributes"),
            *("created_at", "last_seen_at", "subscriptions"),
        )
        read_only_fields = ("id", "created_at", "last_seen_at")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse fields that nobody reads: a misspelt one must not be lost in silence."""
        writable = {name for name, field in self.fields.items() if not field.read_only}
        unknown = set(self.initial_data) - writable
        if unknown:
            raise ValidationError(
                {
                    name: [_("This field is unknown or can't be changed.")]
                    for name in sorted(unknown)
                }
            )
        return attrs

    def validate_external_id(self, value: str) -> str:
        return incoming.check_external_id(value) if value else ""

    def validate_tags(self, value: list[str]) -> list[str]:
        return list(incoming.check_tags(value, "tags"))

    def validate_topics(self, value: list[str]) -> list[str]:
        return list(incoming.check_topics(value, "topics"))

    def validate_attributes(self, value: dict[str, Any]) -> dict[str, Any]:
        if not incoming.storable(value):
            raise ValidationError(_("A text has characters that cannot be stored."))
        return incoming.check_attributes(value)


class SubscriberPages(CursorPages):
    """Newest first."""

    ordering = ("-created_at", "id")
    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 500


def _site(request: Request) -> Site:
    key = request.auth
    assert isinstance(key, ApiKey)  # noqa: S101 - HasScope lets nobody else in
    return key.site


def _bad_request(error: Refused, default: str) -> NoReturn:
    name = (error.field or default).split(".")[0]
    raise ValidationError({name: [error.sentence]}) from error


class SubscribersView(GenericAPIView[Subscriber]):
    """The people of a site."""

    required_scopes = {"GET": "subscribers:read"}
    serializer_class = SubscriberSerializer
    pagination_class = SubscriberPages
    queryset = Subscriber.objects.none()

    @extend_schema(
        operation_id="subscribers_list",
        responses=SubscriberSerializer(many=True),
        parameters=[
            OpenApiParameter("external_id", str, description="Exactly this one."),
            OpenApiParameter("tag", str, description="Those with this tag."),
            OpenApiParameter(
                "state",
                str,
                enum=people.STATES,
                description="active: with a device that can be reached.",
            ),
        ],
    )
    def get(self, request: Request) -> Response:
        found = _filtered(request).prefetch_related("subscriptions")
        page = self.paginate_queryset(found)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


def _filtered(request: Request) -> QuerySet[Subscriber]:
    asked = {name: request.query_params.get(name, "") for name in ("external_id", "tag", "state")}
    for name, value in asked.items():
        if not incoming.storable(value):
            raise ValidationError({name: [_("A text has characters that cannot be stored.")]})
    if asked["state"] and asked["state"] not in people.STATES:
        known = ", ".join(people.STATES)
        raise ValidationError({"state": [_("Choose one of: %(known)s.") % {"known": known}]})
    found = people.search(_site(request), state=asked["state"])
    if asked["external_id"]:
        found = found.filter(external_id=asked["external_id"])
    if asked["tag"]:
        found = found.filter(tags__contains=[asked["tag"]])
    return found


class SubscriberView(GenericAPIView[Subscriber]):
    """One person of a site."""

    required_scopes = {
        "GET": "subscribers:read",
        "PATCH": "subscribers:write",
        "DELETE": "subscribers:write",
    }
    serializer_class = SubscriberSerializer
    queryset = Subscriber.objects.none()

    def _person(self, request: Request, subscriber_id: UUID, *, lock: bool = False) -> Subscriber:
        people_of_site = Subscriber.objects.filter(site=_site(request))
        if lock:
            people_of_site = people_of_site.select_for_update()
        return get_object_or_404(people_of_site, pk=subscriber_id)

    def get(self, request: Request, subscriber_id: UUID) -> Response:
        return Response(self.get_serializer(self._person(request, subscriber_id)).data)

    def patch(self, request: Request, subscriber_id: UUID) -> Response:
        """Change the external id, the tags, the topics or the attributes."""
        with transaction.atomic():
            person = self._person(request, subscriber_id, lock=True)
            asked = self.get_serializer(person, data=request.data, partial=True)
            try:
                asked.is_valid(raise_exception=True)
                _change(person, asked.validated_data)
            except Refused as error:
                _bad_request(error, "attributes")
        return Response(self.get_serializer(person).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, subscriber_id: UUID) -> Response:
        """Erase the person: devices and consent records too. Ledger rows stay, naming nobody."""
        person = self._person(request, subscriber_id)
        with transaction.atomic():
            audit.record(
                "person.erased",
                site=person.site,
                actor_name=str(request.auth),
                target=person.pk,
            )
            identity.erase(person)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _change(person: Subscriber, wanted: dict[str, Any]) -> None:
    identity.set_details(
        person,
        tags=wanted.get("tags", person.tags),
        attributes=person.attributes | wanted.get("attributes", {}),
        topics=wanted.get("topics", person.topics),
    )
    external_id = wanted.get("external_id", person.external_id)
    if external_id == person.external_id:
        return
    person.external_id = external_id
    try:
        with transaction.atomic():
            person.save(update_fields=["external_id"])
    except IntegrityError:
        raise ValidationError({"external_id": [_("Another person has this id.")]}) from None
