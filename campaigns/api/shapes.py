"""What the REST API takes and gives."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from accounts import rates
from accounts.paging import CursorPages
from campaigns import drafting
from campaigns.api.message_shapes import MessageFields, message_of
from campaigns.api.schedule_shapes import ScheduleFields, terms_of
from campaigns.models import PUBLIC_COUNTS, Campaign, Delivery
from subscribers.models import Channel


def refuse_unknown(body: serializers.Serializer[Any]) -> None:
    """ValidationError for fields that nobody reads."""
    unknown = set(body.initial_data) - set(body.fields)
    if unknown:
        raise ValidationError({name: [_("This field is unknown.")] for name in sorted(unknown)})


class CampaignSerializer(MessageFields, ScheduleFields):
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
    throttle = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=rates.LEAST,
        max_value=rates.MOST,
        help_text="At most so many messages a minute; null: as fast as the push services take it.",
    )

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
        shown |= {"throttle": instance.throttle, **terms_of(instance)}
        return shown | message_of(instance, message)


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


class ResendSerializer(serializers.Serializer[Any]):
    """How many you were told that it is (`again`)."""

    expected = serializers.IntegerField(min_value=1)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A field that nobody reads may have been meant to hold something back."""
        refuse_unknown(self)
        return attrs


class ResendPreviewSerializer(serializers.Serializer[Any]):
    """unknown = again + proven + left."""

    unknown = serializers.IntegerField(help_text="Deliveries that are unknown now.")
    again = serializers.IntegerField(help_text="Of them, what would be sent again.")
    proven = serializers.IntegerField(
        help_text="Not again: the device has reported, so it was accepted."
    )
    left = serializers.IntegerField(
        help_text="Not again: the device has unsubscribed, is gone or was erased."
    )
    apple = serializers.IntegerField(
        help_text="Of `again`: on Apple's systems, which show it twice if the first one arrived."
    )
    before = serializers.IntegerField(help_text="Of `again`: were sent again before.")
    reasons = serializers.DictField(
        child=serializers.IntegerField(), help_text="Of `again`, by the ledger's reason."
    )


class PlanLineSerializer(serializers.Serializer[Any]):
    """One outcome as it was foretold, and as it became; both in devices."""

    code = serializers.CharField(help_text="send, holdout, pending, or the ledger's reason.")
    title = serializers.CharField()
    foretold = serializers.IntegerField()
    became = serializers.IntegerField()
    words = serializers.CharField(help_text="Why it may differ; empty where it does not.")


class PlanSerializer(serializers.Serializer[Any]):
    """What the last dry run before the start had foretold."""

    asked_at = serializers.DateTimeField()
    lines = PlanLineSerializer(many=True)
    total = PlanLineSerializer()


class ChannelSerializer(serializers.Serializer[Any]):
    """What became of the requests of one channel, and what its devices report, in devices."""

    channel = serializers.ChoiceField(choices=Channel.choices)
    accepted = serializers.IntegerField(help_text="By the push service.")
    refused = serializers.IntegerField()
    gone = serializers.IntegerField()
    unknown = serializers.IntegerField()
    waits = serializers.IntegerField(help_text="How often we were asked to come later.")
    displayed = serializers.IntegerField(help_text="As devices report it; not all can.")
    clicked = serializers.IntegerField()
    dismissed = serializers.IntegerField()


class ReportSerializer(serializers.Serializer[Any]):
    """audience = accepted + refused + gone + skipped + expired + cancelled + unknown + pending."""

    state = serializers.ChoiceField(choices=Campaign.State.choices)
    skipped_by_reason = serializers.DictField(child=serializers.IntegerField())
    plan = PlanSerializer(allow_null=True, help_text="Null where nothing was foretold.")
    channels = ChannelSerializer(
        many=True,
        help_text="The channels that it went through. Requests of which no push service is noted "
        "are in the sums alone.",
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        counts = {name: serializers.IntegerField() for name in PUBLIC_COUNTS}
        return {**super().get_fields(), **counts}


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """One row of the ledger."""

    subscription = serializers.SerializerMethodField()
    state = serializers.SerializerMethodField()
    variant = serializers.CharField(
        source="letter", read_only=True, help_text='A to D; "" where there is one only.'
    )

    class Meta:
        model = Delivery
        fields = (
            "subscription",
            "state",
            "reason",
            "status_code",
            "message_location",
            "attempts",
            "resends",
            "took_ms",
            "version",
            "variant",
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
