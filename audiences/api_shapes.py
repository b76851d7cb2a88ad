"""What the REST API takes and gives about audiences."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from accounts.json_bodies import BoundedJSONParser
from audiences.platforms import KINDS
from audiences.rules import Match
from audiences.saving import LONGEST_NAME
from audiences.summaries import Summary
from audiences.uses import Uses

RULE = "A rule of version 2: see docs/web-developer.md, and `fields/` for what it may ask."


class RuleParser(BoundedJSONParser):
    """A rule of a hundred conditions comes to some 20 KB."""

    most = 65_536


class Strict(serializers.Serializer[Any]):
    """Refuses fields that nobody reads: a misspelt one must not be lost in silence."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        writable = {name for name, field in self.fields.items() if not field.read_only}
        unknown = sorted(set(self.initial_data) - writable)
        if unknown:
            sentence = _("This field is unknown or can't be changed.")
            raise ValidationError({name: [sentence] for name in unknown})
        return attrs


class UseSerializer(serializers.Serializer[Any]):
    """A campaign that has not begun, or an audience, that names it, itself or through others."""

    kind = serializers.ChoiceField(["campaign", "audience"])
    id = serializers.UUIDField()
    name = serializers.CharField()
    state = serializers.CharField(allow_blank=True, help_text="Of a campaign.")


class SizeSerializer(serializers.Serializer[Any]):
    """People and devices that could be reached on a day."""

    day = serializers.DateField()
    people = serializers.IntegerField()
    devices = serializers.IntegerField()


class AudienceSerializer(Strict):
    """A named audience."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(
        max_length=LONGEST_NAME, help_text="Once on a site, whatever its case."
    )
    rule = serializers.JSONField(help_text=RULE)
    revision = serializers.IntegerField(
        required=False,
        min_value=1,
        help_text="Counts its changes. Sent with PATCH: 409 if it is another by now.",
    )
    sentence = serializers.CharField(read_only=True, help_text="The rule in words.")
    size = SizeSerializer(
        read_only=True, allow_null=True, help_text="The newest figure; null: not counted yet."
    )
    used_by = UseSerializer(many=True, read_only=True)
    changed_by = serializers.CharField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)

    def to_representation(self, instance: Summary) -> dict[str, Any]:
        own = instance.audience
        size = SizeSerializer(instance.size).data if instance.size else None
        return {
            "id": str(own.pk),
            "name": own.name,
            "rule": own.rule,
            "revision": own.revision,
            "sentence": "" if instance.broken else instance.sentence,
            "size": size,
            "used_by": used_by(instance.uses),
            "changed_by": instance.changed_by,
            "created_at": _moment(own.created_at),
            "updated_at": _moment(own.updated_at),
        }


def _moment(moment: Any) -> str:
    return str(moment.isoformat().replace("+00:00", "Z"))


def used_by(uses: Uses) -> list[dict[str, Any]]:
    """Uses as UseSerializer describes them."""
    kinds = [("campaign", use) for use in uses.campaigns]
    kinds += [("audience", use) for use in uses.audiences]
    return [
        {"kind": kind, "id": str(use.id), "name": use.name, "state": use.state}
        for kind, use in kinds
    ]


class PreviewSerializer(Strict):
    """A rule to be counted."""

    rule = serializers.JSONField(help_text=RULE)


class PlatformsSerializer(serializers.Serializer[Any]):
    """Devices by how they show a notification."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {kind: serializers.IntegerField() for kind in KINDS}


class ReachSerializer(serializers.Serializer[Any]):
    """Whom a rule reaches now."""

    people = serializers.IntegerField(help_text="With a device that can be reached.")
    devices = serializers.IntegerField()
    without_consent = serializers.IntegerField(
        help_text="People who fit, but whose devices have all left or are gone."
    )
    platforms = PlatformsSerializer()
    channels = serializers.DictField(child=serializers.IntegerField())
    estimated = serializers.BooleanField(
        help_text="Counting all took too long: figures of two digits, from some of the people."
    )
    sentence = serializers.CharField(help_text="The rule in words.")


class AskedSerializer(Strict):
    """One of `rule` and `audience`, and one of `subscriber` and `external_id`."""

    rule = serializers.JSONField(required=False, help_text=RULE)
    audience = serializers.UUIDField(required=False, help_text="A named audience.")
    subscriber = serializers.UUIDField(required=False, help_text="The person's id here.")
    external_id = serializers.CharField(
        required=False, max_length=255, help_text="The site's own id of the person."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        for one, other in (("rule", "audience"), ("subscriber", "external_id")):
            if (one in attrs) == (other in attrs):
                sentence = _("Name one of %(one)s and %(other)s.") % {"one": one, "other": other}
                raise ValidationError({one: [sentence]})
        return attrs


class StepSerializer(serializers.Serializer[Any]):
    """A group or a condition of a rule, and whether it holds."""

    path = serializers.CharField(help_text="Such as all.0.any.1.")
    holds = serializers.BooleanField()
    match = serializers.ChoiceField(
        [match.value for match in Match], allow_null=True, help_text="Of a group."
    )
    name = serializers.CharField(allow_blank=True, help_text="Of a group that is a named audience.")
    field = serializers.CharField(allow_blank=True, help_text="Of a condition.")
    clause = serializers.CharField(allow_blank=True, help_text="A condition in words.")
    value = serializers.CharField(
        allow_blank=True, help_text="What is known of the person, for a condition."
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {**super().get_fields(), "steps": StepSerializer(many=True)}


class ExplanationSerializer(serializers.Serializer[Any]):
    """Why a person is in an audience, or is not; about the device that comes closest."""

    subscriber = serializers.UUIDField()
    subscription = serializers.UUIDField(allow_null=True, help_text="That device.")
    matches = serializers.BooleanField(help_text="One of the person's devices fits the rule.")
    reachable = serializers.BooleanField(help_text="One that fits can be reached.")
    sentence = serializers.CharField()
    root = StepSerializer()


class ParameterSerializer(serializers.Serializer[Any]):
    """What a condition has beside `field` and `op`."""

    name = serializers.CharField()
    kind = serializers.CharField(help_text="Such as texts, number or days.")
    required = serializers.BooleanField()  # type: ignore[assignment]


class OperatorSerializer(serializers.Serializer[Any]):
    op = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    params = ParameterSerializer(many=True)


class FieldSerializer(serializers.Serializer[Any]):
    """Something that a rule may ask."""

    field = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    group = serializers.CharField()
    help = serializers.CharField(allow_blank=True)
    params = ParameterSerializer(many=True, help_text="Of each of its operators.")
    ops = OperatorSerializer(many=True)


class CatalogueSerializer(serializers.Serializer[Any]):
    """All that a rule of a version may ask."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # A serializer has an attribute `fields` of its own.
        return {"version": serializers.IntegerField(), "fields": FieldSerializer(many=True)}
