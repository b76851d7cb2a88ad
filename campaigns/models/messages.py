"""What campaigns say: immutable versions, the library, and uploaded pictures."""

from __future__ import annotations

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Site, User
from campaigns.models.campaigns import Campaign


class Message(models.Model):
    """What a campaign says. A version that a run used never changes; an edit makes a new one.

    The texts and addresses may hold Liquid (campaigns.personal). What the columns hold is variant A
    in the site's own language.
    """

    class Urgency(models.TextChoices):  # RFC 8030 section 5.3
        VERY_LOW = "very-low", _("Very low: on power and Wi-Fi")
        LOW = "low", _("Low: on either")
        NORMAL = "normal", _("Normal")
        HIGH = "high", _("High: also on low battery")

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="messages")
    version = models.PositiveSmallIntegerField(default=1)
    title = models.CharField(_("title"), max_length=500)
    body = models.TextField(_("text"), max_length=2000, blank=True)
    url = models.CharField(_("opens"), max_length=1000)
    icon = models.CharField(_("icon"), max_length=500, blank=True)
    image = models.CharField(_("picture"), max_length=500, blank=True)
    badge = models.CharField(_("badge"), max_length=500, blank=True)
    # At most two: [{"title": str, "url": str}]
    actions = models.JSONField(default=list, blank=True)
    # By language ("nb", "pt-BR"), each some of {"title", "body", "url", "image", "actions"}: what
    # is left out, or empty, is as above.
    translations = models.JSONField(default=dict, blank=True)
    # By platform ("android", "windows", "mac", "ios", "linux"), each some of {"title", "body",
    # "url", "image"}; said instead of every language's.
    overrides = models.JSONField(default=dict, blank=True)
    # Variant A's share, and the others: [{"weight": int, ...}], each with all of title, body, url,
    # icon, image, badge, actions, translations and overrides. At most four with A.
    weight = models.PositiveSmallIntegerField(default=50)
    variants = models.JSONField(default=list, blank=True)
    # What apps get beside the texts (campaigns.personal.apps says what may stand here): "android"
    # and "ios", each some of {"link", ...}.
    app = models.JSONField(default=dict, blank=True)
    # What `coupon` means in the texts: some of {"code", "percent", "amount", "expires_at"}.
    coupon = models.JSONField(default=dict, blank=True)
    # Seconds that a push service keeps it for a device that is offline (RFC 8030 section 5.2).
    ttl = models.PositiveIntegerField(
        _("kept for"),
        default=86_400,
        validators=[MinValueValidator(0), MaxValueValidator(2_419_200)],
    )
    urgency = models.CharField(
        _("urgency"), max_length=8, choices=Urgency.choices, default=Urgency.NORMAL
    )
    utm_source = models.CharField(max_length=100, blank=True)
    utm_medium = models.CharField(max_length=100, blank=True)
    utm_campaign = models.CharField(max_length=100, blank=True)
    utm_term = models.CharField(max_length=100, blank=True)
    utm_content = models.CharField(max_length=100, blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-version"]
        get_latest_by = "version"
        constraints = [
            models.UniqueConstraint(fields=["campaign", "version"], name="message_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.title} (version {self.version})"


class SavedMessage(models.Model):
    """A message of the site's library, to start others from."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="saved_messages")
    name = models.CharField(_("name"), max_length=120)
    # The fields of a message by name, as campaigns.drafting.CONTENT lists them.
    content = models.JSONField(default=dict)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["site", "name"], name="saved_message_once")]

    def __str__(self) -> str:
        return self.name


class Picture(models.Model):
    """An uploaded picture, decoded and encoded anew. Its id is its public name."""

    class Kind(models.TextChoices):
        IMAGE = "image", _("Picture")
        ICON = "icon", _("Icon")
        BADGE = "badge", _("Badge")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="pictures")
    kind = models.CharField(max_length=5, choices=Kind.choices)
    # What its file was called, for the library.
    name = models.CharField(max_length=120, blank=True)
    # SHA-256 of the uploaded bytes: the same file is stored once.
    digest = models.BinaryField(max_length=32)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["site", "kind", "digest"], name="picture_once")
        ]

    def __str__(self) -> str:
        return self.name or str(self.pk)


class Rendition(models.Model):
    """A picture in the size that a platform shows."""

    picture = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="renditions")
    # "wide" (Android, ChromeOS), "hero" (Windows), "icon", "badge"
    name = models.CharField(max_length=10)
    content_type = models.CharField(max_length=20)
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["picture", "name"], name="rendition_once")]

    def __str__(self) -> str:
        return f"{self.name} of {self.picture_id}"
