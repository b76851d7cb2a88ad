"""/api/v1/devices/: apps on phones, for servers. Never a token or an installation id."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import ApiKey, Site
from subscribers import app_devices, incoming, incoming_apps
from subscribers.api_shapes import SubscriptionSerializer
from subscribers.incoming import Refused
from subscribers.models import Subscription


# Serializers for the schema alone: subscribers.incoming_apps reads what apps post, too.
class TagChangeSerializer(serializers.Serializer[Any]):
    """Tags that a person gets and loses."""

    add = serializers.ListField(child=serializers.CharField(max_length=64), required=False)
    remove = serializers.ListField(child=serializers.CharField(max_length=64), required=False)


class AgreedSerializer(serializers.Serializer[Any]):
    """That somebody has just said yes, in the app. Who left comes back by this alone."""

    at = serializers.DateTimeField(required=False, help_text="With its zone. Left out: now.")
    source = serializers.CharField(  # type: ignore[assignment]  # its name outside
        required=False,
        allow_blank=True,
        max_length=incoming_apps.MAX_SOURCE,
        help_text="Where in the app, such as “settings”.",
    )
    text = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=incoming_apps.MAX_WORDING,
        help_text="The words that were agreed to.",
    )


class DeviceChangeSerializer(serializers.Serializer[Any]):
    """What may change of a device and its person. What is left out stays."""

    app_version = serializers.CharField(
        required=False, allow_blank=True, help_text="At most 40 characters are kept."
    )
    language = serializers.CharField(required=False, allow_blank=True, help_text="Such as nb-NO.")
    timezone = serializers.CharField(
        required=False, allow_blank=True, help_text="Such as Europe/Oslo."
    )
    external_id = serializers.CharField(
        required=False,
        allow_null=True,
        max_length=incoming.MAX_EXTERNAL_ID,
        help_text="The site's own id of the person. The device joins who has it.",
    )
    tags = TagChangeSerializer(required=False, allow_null=True)
    topics = serializers.ListField(
        child=serializers.CharField(max_length=incoming.MAX_TAG),
        required=False,
        allow_null=True,
        max_length=incoming.MAX_TAGS,
        help_text="Replaces all topics.",
    )
    attributes = serializers.DictField(
        child=serializers.JSONField(allow_null=True),
        required=False,
        allow_null=True,
        help_text="Changes those named; null takes one away.",
    )


class DeviceSerializer(DeviceChangeSerializer):
    """An app on a phone. The same `install` is the same device, whatever its token."""

    install = serializers.UUIDField(
        help_text="Random (version 4), made once by the app and kept out of backups."
    )
    platform = serializers.ChoiceField(list(incoming_apps.PLATFORMS))
    channel = serializers.ChoiceField(list(incoming_apps.CHANNELS))
    token = serializers.CharField(
        allow_null=True,
        max_length=incoming_apps.MAX_TOKEN,
        help_text="null where push is not allowed: then the device has the inbox only.",
    )
    kind = serializers.ChoiceField(
        list(incoming_apps.KINDS),
        default=incoming_apps.KINDS[0],
        help_text="FCM: a registration token or an installation id of Firebase.",
    )
    app = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="APNs: the bundle id, needed with a token. FCM: the Firebase project, "
        "left out for the site's current one.",
    )
    environment = serializers.ChoiceField(
        list(incoming_apps.ENVIRONMENTS),
        default=incoming_apps.ENVIRONMENTS[0],
        help_text="APNs: sandbox for builds that Xcode installs.",
    )
    consent = AgreedSerializer(required=False, allow_null=True)


class RegisteredSerializer(SubscriptionSerializer):
    """A device with its person."""

    subscriber = serializers.UUIDField(
        source="subscriber_id", read_only=True, help_text="The id of its person here."
    )

    class Meta(SubscriptionSerializer.Meta):
        fields = (*SubscriptionSerializer.Meta.fields, "subscriber")
        read_only_fields = fields


ANDROID = OpenApiExample(
    "Android through Firebase",
    request_only=True,
    value={
        "install": "6f1c2a34-5b7d-4e8f-9a0b-1c2d3e4f5a6b",
        "platform": "android",
        "channel": "fcm",
        "token": "dQw4w9WgXcQ:APA91bHun4MxP5egoKMwt2KZFBaFUH",
        "app": "shop-app",
        "app_version": "4.12.0",
        "language": "nb-NO",
        "timezone": "Europe/Oslo",
        "topics": ["sale"],
        "external_id": "customer-7",
        "tags": {"add": ["app"]},
        "consent": {"source": "onboarding", "text": "Be the first to know about new snow?"},
    },
)
IOS = OpenApiExample(
    "iOS through APNs from Xcode",
    request_only=True,
    value={
        "install": "0d9c8b7a-6f5e-4d3c-8b2a-190817263544",
        "platform": "ios",
        "channel": "apns",
        "token": "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0",
        "app": "com.example.shop",
        "environment": "sandbox",
    },
)
INBOX = OpenApiExample(
    "Push is not allowed",
    request_only=True,
    value={
        "install": "6f1c2a34-5b7d-4e8f-9a0b-1c2d3e4f5a6b",
        "platform": "android",
        "channel": "fcm",
        "token": None,
    },
)
CHANGE = OpenApiExample(
    "Somebody signed in",
    request_only=True,
    value={"app_version": "4.13.0", "external_id": "customer-7", "topics": ["sale", "news"]},
)


class Declined(APIException):
    """A refusal of what was posted, by the field that is wrong."""

    def __init__(self, error: Refused) -> None:
        field = error.field.split(".")[0]
        super().__init__({field: [error.sentence]} if field else error.sentence)
        self.status_code = error.status


def _site(request: Request) -> Site:
    key = request.auth
    assert isinstance(key, ApiKey)  # noqa: S101 - HasScope lets nobody else in
    return key.site


def _body(request: Request, shape: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """The object that was posted; ValidationError for a field that nobody reads."""
    data = request.data
    if not isinstance(data, dict):
        raise ValidationError({"non_field_errors": [_("The body must be a JSON object.")]})
    if not incoming.storable(data):
        raise ValidationError(
            {"non_field_errors": [_("A text has characters that cannot be stored.")]}
        )
    unknown = set(data) - set(shape().fields)
    if unknown:
        sentence = _("This field is unknown or can't be changed.")
        raise ValidationError({name: [sentence] for name in sorted(unknown)})
    return data


class DevicesView(GenericAPIView[Subscription]):
    """Apps on phones."""

    required_scopes = {"POST": "subscribers:write"}
    serializer_class = DeviceSerializer
    queryset = Subscription.objects.none()

    @extend_schema(
        operation_id="devices_register",
        responses={200: RegisteredSerializer, 201: RegisteredSerializer},
        examples=[ANDROID, IOS, INBOX],
    )
    def post(self, request: Request) -> Response:
        """Register an app, or say what is new about it: 201 for a new device, else 200.

        409: the installation id is a browser's. 410: the person was erased and has not said yes
        since.
        """
        data = _body(request, DeviceSerializer)
        try:
            device, new = app_devices.register(_site(request), incoming_apps.read_device(data))
        except Refused as error:
            raise Declined(error) from error
        code = status.HTTP_201_CREATED if new else status.HTTP_200_OK
        return Response(RegisteredSerializer(device).data, status=code)


class DeviceView(GenericAPIView[Subscription]):
    """A device of a site, be it an app or a browser."""

    required_scopes = {"PATCH": "subscribers:write", "DELETE": "subscribers:write"}
    serializer_class = DeviceChangeSerializer
    queryset = Subscription.objects.none()

    def _device(self, request: Request, public_id: UUID) -> Subscription:
        return get_object_or_404(Subscription, site=_site(request), public_id=public_id)

    @extend_schema(operation_id="devices_change", responses=RegisteredSerializer, examples=[CHANGE])
    def patch(self, request: Request, public_id: UUID) -> Response:
        """Change what is known of a device and its person. A token comes by registering again."""
        device = self._device(request, public_id)
        data = _body(request, DeviceChangeSerializer)
        try:
            details, person = incoming_apps.read_details(data), incoming_apps.read_person(data)
            app_devices.change(device, details, person)
        except Refused as error:
            raise Declined(error) from error
        return Response(RegisteredSerializer(device).data)

    @extend_schema(operation_id="devices_unsubscribe", responses={204: None})
    def delete(self, request: Request, public_id: UUID) -> Response:
        """Unsubscribe it: no push, nothing new in its inbox. It comes back by saying yes."""
        app_devices.unregister(self._device(request, public_id))
        return Response(status=status.HTTP_204_NO_CONTENT)
