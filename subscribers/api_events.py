"""/api/v1/events/: what a site's people did, in bulk, from its servers."""

from collections import Counter
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.json_bodies import BoundedJSONParser
from accounts.models import ApiKey
from subscribers import events, incoming
from subscribers.events import Status
from subscribers.models import Event

MAX_EVENTS = events.BATCH


class EventsParser(BoundedJSONParser):
    """A thousand events of 2 KB each."""

    most = 2_097_152


# Serializers for the schema alone: subscribers.incoming_events reads one event at a time, so that a
# bad one costs no other.
class EventSerializer(serializers.Serializer[Event]):
    """Something that a person did. Name the person by one of `subscriber` and `external_id`."""

    name = serializers.RegexField(r"^[a-z][a-z0-9_.:-]{0,63}$", help_text="Such as purchase.")
    subscriber = serializers.UUIDField(required=False, help_text="The person's id here.")
    external_id = serializers.CharField(
        required=False,
        max_length=incoming.MAX_EXTERNAL_ID,
        help_text="The site's own id of the person.",
    )
    at = serializers.DateTimeField(
        required=False,
        help_text="When it happened, with its zone. Left out: now, and then a repeated request "
        "stores it again.",
    )
    id = serializers.CharField(
        required=False,
        max_length=64,
        help_text="Your own id of the event. The same name, person, id and `at` are stored once.",
    )
    properties = serializers.DictField(
        required=False,
        child=serializers.JSONField(),
        help_text="Texts, numbers, true, false, null, and lists and objects of them; at most 50, "
        "and 4,096 bytes.",
    )


class EventsSerializer(serializers.Serializer[Any]):
    """The events of one request."""

    events = serializers.ListField(child=EventSerializer(), max_length=MAX_EVENTS)


class EventErrorSerializer(serializers.Serializer[Any]):
    """Why an event was refused."""

    field = serializers.CharField(allow_blank=True, help_text="Such as properties.items.0.price.")
    message = serializers.CharField()


class EventResultSerializer(serializers.Serializer[Any]):
    """What became of an event."""

    index = serializers.IntegerField(help_text="Its place in the request, from 0.")
    status = serializers.ChoiceField([status.value for status in Status])
    error = EventErrorSerializer(required=False)


class EventResultsSerializer(serializers.Serializer[Any]):
    """What became of each event, and how many of which."""

    stored = serializers.IntegerField()
    duplicate = serializers.IntegerField(help_text="Had been stored before.")
    refused = serializers.IntegerField()
    results = EventResultSerializer(many=True)


class EventsView(GenericAPIView[Event]):
    """What people did."""

    required_scopes = {"POST": "events:write"}
    parser_classes = [EventsParser]
    serializer_class = EventsSerializer
    queryset = Event.objects.none()

    @extend_schema(operation_id="events_record", responses=EventResultsSerializer)
    def post(self, request: Request) -> Response:
        """Record up to 1,000 events. One that is refused, with the reason, costs no other."""
        key = request.auth
        assert isinstance(key, ApiKey)  # noqa: S101 - HasScope lets nobody else in
        results = events.take_in(key.site, _events(request.data))
        counts = Counter(result.status.value for result in results)
        return Response(
            {
                **{status.value: counts[status.value] for status in Status},
                "results": [_said(index, result) for index, result in enumerate(results)],
            }
        )


def _events(body: Any) -> list[object]:
    """The list in a body; ValidationError for a body as a whole."""
    if not isinstance(body, dict) or set(body) - {"events"}:
        raise ValidationError(
            {"non_field_errors": [_("The body must be an object with “events” and nothing else.")]}
        )
    found = body.get("events")
    if not isinstance(found, list):
        raise ValidationError({"events": [_("“events” must be a list.")]})
    if len(found) > MAX_EVENTS:
        sentence = _("At most %(most)s events are taken at once.")
        raise ValidationError({"events": [sentence % {"most": f"{MAX_EVENTS:,}"}]})
    return found


def _said(index: int, result: events.Result) -> dict[str, Any]:
    said: dict[str, Any] = {"index": index, "status": result.status.value}
    if result.refusal:
        said["error"] = {"field": result.refusal.field, "message": result.refusal.sentence}
    return said
