"""Who gets a campaign: rules over people and their devices, and lists of people."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Site, User
from subscribers.models import Subscriber


def everyone() -> dict[str, Any]:
    """The rule that holds for every active subscription."""
    return {"version": 2, "all": []}


class Audience(models.Model):
    """A rule (audiences.rules) with, for one that is kept for reuse, a name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="audiences")
    # Empty: belongs to one campaign.
    name = models.CharField(_("name"), max_length=120, blank=True)
    rule = models.JSONField(default=everyone)
    # Counts up with each change: who saves must have seen the latest.
    revision = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "site", Lower("name"), condition=~Q(name=""), name="audience_name_once"
            )
        ]

    def __str__(self) -> str:
        return self.name or str(self.id)


class AudienceSize(models.Model):
    """How large a named audience was on a day of its site's calendar."""

    audience = models.ForeignKey(Audience, on_delete=models.CASCADE, related_name="sizes")
    day = models.DateField()
    people = models.PositiveIntegerField()
    devices = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["audience", "day"], name="audience_size_once")
        ]

    def __str__(self) -> str:
        return f"{self.people} on {self.day}"


class AttributeType(models.Model):
    """What an admin says an attribute is, where its values alone would not say."""

    class Kind(models.TextChoices):
        TEXT = "text", _("Text")
        NUMBER = "number", _("Number")
        BOOLEAN = "boolean", _("Yes or no")
        DATE = "date", _("Date")
        LIST = "list", _("List")

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="attribute_types")
    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=7, choices=Kind.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "name"], name="attribute_type_once")]

    def __str__(self) -> str:
        return f"{self.name}: {self.kind}"


class StaticList(models.Model):
    """People named one by one in uploaded files."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="static_lists")
    name = models.CharField(_("name"), max_length=120)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint("site", Lower("name"), name="static_list_name_once")]

    def __str__(self) -> str:
        return self.name


class ListUpload(models.Model):
    """One file that changed a list: who, when, and what became of its rows."""

    class Mode(models.TextChoices):
        REPLACE = "replace", _("Replace the list")
        ADD = "add", _("Add to the list")
        REMOVE = "remove", _("Remove from the list")

    class Names(models.TextChoices):
        EXTERNAL_ID = "external_id", _("External ids")
        EMAIL_HASH = "email_hash", _("SHA-256 of e-mail addresses")

    list = models.ForeignKey(StaticList, on_delete=models.CASCADE, related_name="uploads")
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    by_name = models.CharField(max_length=150, blank=True)
    file_name = models.CharField(max_length=200, blank=True)
    mode = models.CharField(max_length=7, choices=Mode.choices)
    names = models.CharField(max_length=11, choices=Names.choices)
    # rows = matched + unmatched + malformed + repeated
    rows = models.PositiveIntegerField(default=0)
    matched = models.PositiveIntegerField(default=0)
    unmatched = models.PositiveIntegerField(default=0)
    malformed = models.PositiveIntegerField(default=0)
    repeated = models.PositiveIntegerField(default=0)
    # What it did to the list.
    added = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    members = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.mode} {self.at:%Y-%m-%d %H:%M}"


class ListProblem(models.Model):
    """A row of an upload that named nobody, for its report."""

    class Kind(models.TextChoices):
        UNMATCHED = "unmatched", _("Nobody has it")
        MALFORMED = "malformed", _("Malformed")

    upload = models.ForeignKey(ListUpload, on_delete=models.CASCADE, related_name="problems")
    line = models.PositiveIntegerField()
    kind = models.CharField(max_length=9, choices=Kind.choices)
    value = models.CharField(max_length=200)

    class Meta:
        indexes = [models.Index(fields=["upload", "line"], name="list_problem_order")]

    def __str__(self) -> str:
        return f"Line {self.line}: {self.value}"


class ListMember(models.Model):
    """A person on a list, from the upload that added them to the one that removed them."""

    list = models.ForeignKey(StaticList, on_delete=models.CASCADE, related_name="members")
    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="+")
    # Uploads go with their list, as members do. An index and a check on each would be most of
    # what a million rows cost.
    added = models.ForeignKey(
        ListUpload, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    # Null: still on it.
    removed = models.ForeignKey(
        ListUpload,
        models.DO_NOTHING,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["list", "subscriber"],
                condition=Q(removed=None),
                name="list_member_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.subscriber_id} on {self.list_id}"
