"""What a campaign says, and how its variants are tried, as the REST API takes and gives it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from campaigns import drafting
from campaigns.models import Campaign, Message


def text(help_text: str = "", **options: Any) -> serializers.CharField:
    return serializers.CharField(
        required=False, allow_blank=True, help_text=help_text or None, **options
    )


LINK = (
    "What a tap opens, such as shop://products/7; may hold Liquid after the scheme. Empty: the "
    "address of the message."
)


class ActionSerializer(serializers.Serializer[Any]):
    title = serializers.CharField()
    url = serializers.CharField()


class PartialActionSerializer(serializers.Serializer[Any]):
    """One of both may be empty: then it is as in the site's own language."""

    title = serializers.CharField(allow_blank=True)
    url = serializers.CharField(allow_blank=True)


class TranslationSerializer(serializers.Serializer[Any]):
    """What is left out, or empty, is read in the site's own language."""

    title = text()
    body = text()
    url = text()
    image = text()
    actions = PartialActionSerializer(many=True, required=False)


class OverrideSerializer(serializers.Serializer[Any]):
    """Said on a system instead of every language's."""

    title = text()
    body = text()
    url = text()
    image = text()


class CouponSerializer(serializers.Serializer[Any]):
    """What `coupon` means in the texts."""

    code = serializers.CharField(required=False, allow_blank=True)
    percent = serializers.FloatField(required=False, allow_null=True)
    amount = serializers.FloatField(required=False, allow_null=True)
    expires_at = serializers.CharField(
        required=False, allow_null=True, help_text="ISO 8601; without a zone: the site's clock."
    )


class AndroidOptionsSerializer(serializers.Serializer[Any]):
    """For apps on Android. Names as in Firebase's AndroidNotification."""

    link = text(LINK)
    channel_id = text("Of the app's notification channels; empty: the app's default.")
    sound = text('"default", or a sound resource of the app. Channels of Android 8 have their own.')


class IosOptionsSerializer(serializers.Serializer[Any]):
    """For apps on iOS, also through Firebase. Names as in Apple's payload keys."""

    link = text(LINK)
    sound = text('"default", or a sound file of the app (.caf, .aiff, .wav); empty: none.')
    badge = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=99_999,
        help_text="The number on the app's icon; 0 removes it, null leaves it.",
    )
    category = text("Of the app's notification categories: buttons need one.")
    interruption_level = text("passive, active or time-sensitive; empty: active.")


class AppOptionsSerializer(serializers.Serializer[Any]):
    """What apps get beside the texts; the same in all variants."""

    android = AndroidOptionsSerializer(required=False)
    ios = IosOptionsSerializer(required=False)


# Parts are taken as they come: what is not known in them is refused with its place, not dropped.
@extend_schema_field(serializers.DictField(child=TranslationSerializer()))
class TranslationsField(serializers.JSONField):
    pass


@extend_schema_field(serializers.DictField(child=OverrideSerializer()))
class OverridesField(serializers.JSONField):
    pass


@extend_schema_field(CouponSerializer)
class CouponField(serializers.JSONField):
    pass


@extend_schema_field(AppOptionsSerializer)
class AppField(serializers.JSONField):
    pass


class WordsSerializer(serializers.Serializer[Any]):
    """The texts and addresses may hold Liquid (docs/personalisation.md)."""

    title = text()
    body = text()
    url = text()
    icon = text()
    image = text()
    badge = text()
    actions = ActionSerializer(many=True, required=False, help_text="At most two buttons.")
    translations = TranslationsField(required=False, help_text='By language: "nb", "pt-BR".')
    overrides = OverridesField(
        required=False, help_text="By system: android, windows, mac, ios, linux."
    )


class VariantSerializer(WordsSerializer):
    weight = serializers.IntegerField(
        min_value=1, max_value=100, help_text="Its share, beside the weights of the others."
    )


@extend_schema_field(VariantSerializer(many=True))
class VariantsField(serializers.JSONField):
    pass


class MessageFields(WordsSerializer):
    """What the fields hold is decided in campaigns.content. What stands here is variant A."""

    weight = serializers.IntegerField(
        required=False, min_value=1, max_value=100, help_text="Of variant A; matters with others."
    )
    variants = VariantsField(
        required=False, help_text="B, C and D: at most three, each a message of its own."
    )
    app = AppField(required=False)
    coupon = CouponField(required=False)
    ttl = serializers.IntegerField(
        required=False,
        help_text="Seconds that a push service keeps it for a device that is offline.",
    )
    urgency = serializers.ChoiceField(choices=Message.Urgency.choices, required=False)
    utm_source = text()
    utm_medium = text()
    utm_campaign = text()
    utm_term = text()
    utm_content = text(
        "These may name {{ campaign.name }}, {{ variant }} and {{ language }}.",
    )
    holdout = serializers.IntegerField(
        required=False, min_value=0, max_value=50, help_text="Percent of the people kept back."
    )
    winner_by = serializers.ChoiceField(choices=Campaign.WinnerBy.choices, required=False)
    sample = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=90,
        help_text="Percent of the people on whom variants are tried before one wins.",
    )
    decide_minutes = serializers.IntegerField(
        required=False, min_value=5, help_text="From the start until one wins."
    )
    conversion = serializers.CharField(
        required=False, allow_blank=True, max_length=64, help_text="The event that counts as one."
    )


def message_of(campaign: Campaign, message: Message) -> dict[str, Any]:
    """What MessageFields says of a campaign."""
    shown = {name: getattr(message, name) for name in drafting.CONTENT}
    shown |= {name: getattr(campaign, name) for name in drafting.EXPERIMENT}
    return shown
