"""What several addresses of the API answer with."""

from rest_framework import serializers

from subscribers.models import Subscription


class SubscriptionSerializer(serializers.ModelSerializer[Subscription]):
    """One device of a person."""

    id = serializers.UUIDField(source="public_id", read_only=True)
    service = serializers.CharField(read_only=True, help_text="The push service, by name or host.")

    class Meta:
        model = Subscription
        fields: tuple[str, ...] = (
            *("id", "channel", "state", "state_at", "browser", "platform", "app_version"),
            *("language", "time_zone", "service", "created_at", "last_seen_at"),
        )
        read_only_fields = fields
