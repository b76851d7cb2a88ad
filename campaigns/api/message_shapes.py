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
