"""Campaigns and their immutable messages."""

from __future__ import annotations

import uuid
from zoneinfo import ZoneInfo

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Site, User
from audiences.models import Audience


class Campaign(models.Model):
    """One promotion: a message, who gets it, and when."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        SCHEDULED = "scheduled", _("Scheduled")
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        FINISHED = "finished", _("Finished")
        CANCELLED = "cancelled", _("Cancelled")

    EDITABLE = (State.DRAFT, State.SCHEDULED)
    OPEN = (State.RUNNING, State.PAUSED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="campaigns")
    name = models.CharField(_("name"), max_length=120)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    state_at = models.DateTimeField(default=timezone.now)
    audience = models.OneToOneField(Audience, on_delete=models.PROTECT)
    # The wall time and zone that were asked for, and the instant that they mean.
    scheduled_wall = models.DateTimeField(null=True)
    scheduled_zone = models.CharField(max_length=64, blank=True)
    scheduled_for = models.DateTimeField(null=True)
    # At most so many messages a minute, over any ten seconds; null: as fast as it goes.
    throttle = models.PositiveIntegerField(
        _("messages a minute"), null=True, blank=True, validators=[MinValueValidator(6)]
    )
    # Why it needs a person: a paused run, or a start that came too late.
    attention = models.CharField(max_length=400, blank=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="scheduled") | Q(scheduled_for__isnull=False),
                name="campaign_scheduled_has_time",
            )
        ]
        indexes = [
            # Serves the list of a site, newest first.
            models.Index(fields=["site", "-created_at"], name="campaign_newest"),
            # Serves the ticker: what is due.
            models.Index(
                fields=["scheduled_for"], condition=Q(state="scheduled"), name="campaign_due"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.scheduled_zone or self.site.time_zone)


class Message(models.Model):
    """What a campaign says. A version that a run used never changes; an edit makes a new one."""

    class Urgency(models.TextChoices):  # RFC 8030 section 5.3
        VERY_LOW = "very-low", _("Very low: on power and Wi-Fi")
        LOW = "low", _("Low: on either")
        NORMAL = "normal", _("Normal")
        HIGH = "high", _("High: also on low battery")

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="messages")
    version = models.PositiveSmallIntegerField(default=1)
    title = models.CharField(_("title"), max_length=200)
    body = models.TextField(_("text"), max_length=1000, blank=True)
    url = models.URLField(_("opens"), max_length=1000)
    icon = models.URLField(_("icon"), max_length=500, blank=True)
    image = models.URLField(_("picture"), max_length=500, blank=True)
    badge = models.URLField(_("badge"), max_length=500, blank=True)
    # At most two: [{"title": str, "url": str}]
    actions = models.JSONField(default=list, blank=True)
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
