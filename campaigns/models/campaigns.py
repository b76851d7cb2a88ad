"""Campaigns: who gets what, when, and under which rules."""

from __future__ import annotations

import uuid
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import ArrayField
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

    class Timing(models.TextChoices):
        ZONE = "zone", _("At one moment everywhere")
        LOCAL = "local", _("At each person's own time")

    class Late(models.TextChoices):
        SEND = "send", _("Send at once")
        NEXT_DAY = "next_day", _("Send at that time the next day")
        SKIP = "skip", _("Skip them")

    class NoZone(models.TextChoices):
        SITE = "site", _("Use the site's time zone")
        SKIP = "skip", _("Skip them")

    class Quiet(models.TextChoices):
        SITE = "site", _("As the site does")
        HOLD = "hold", _("Hold until they end")
        SKIP = "skip", _("Skip the person")
        OFF = "off", _("Send anyway")

    class Caps(models.TextChoices):
        SITE = "site", _("As the site does")
        OFF = "off", _("Send anyway")

    class WinnerBy(models.TextChoices):
        NEVER = "never", _("Never: share by weight")
        CLICK = "click", _("Most clicks")
        CONVERSION = "conversion", _("Most conversions")
        HAND = "hand", _("I choose")

    class Devices(models.TextChoices):
        EVERY = "every", _("Every device of a person")
        RECENT = "recent", _("The device that they used last")
        MOBILE = "mobile", _("Their apps if they have any, else their browsers")

    EDITABLE = (State.DRAFT, State.SCHEDULED)
    OPEN = (State.RUNNING, State.PAUSED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="campaigns")
    name = models.CharField(_("name"), max_length=120)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    state_at = models.DateTimeField(default=timezone.now)
    audience = models.OneToOneField(Audience, on_delete=models.PROTECT)
    # The wall time and zone that were asked for, and the instant at which it starts. LOCAL: the
    # wall time on each person's own clock, so it starts when the first zone's clock says so.
    timing = models.CharField(max_length=5, choices=Timing.choices, default=Timing.ZONE)
    scheduled_wall = models.DateTimeField(null=True)
    scheduled_zone = models.CharField(max_length=64, blank=True)
    scheduled_for = models.DateTimeField(null=True)
    # LOCAL only: what becomes of zones where the moment has passed, and of people without a zone.
    late = models.CharField(max_length=8, choices=Late.choices, default=Late.NEXT_DAY)
    no_zone = models.CharField(max_length=4, choices=NoZone.choices, default=NoZone.SITE)
    # An RRULE (RFC 5545 section 3.3.10) from `scheduled_wall` on, "" for once; days that it leaves
    # out. Each occurrence is a campaign of its own with one run: `parent` and its wall time.
    recurrence = models.CharField(max_length=300, blank=True)
    exceptions = ArrayField(models.DateField(), default=list, blank=True)
    parent = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="occurrences"
    )
    occurrence = models.DateTimeField(null=True)
    # Minutes after its (last) moment from which nothing more is sent; null: no end but the TTL's.
    expiry_minutes = models.PositiveIntegerField(null=True, blank=True)
    # At most so many messages a minute, over any ten seconds; null: as fast as it goes.
    throttle = models.PositiveIntegerField(
        _("messages a minute"), null=True, blank=True, validators=[MinValueValidator(6)]
    )
    # 0 to 100: whose messages count first where a cap leaves room for one.
    priority = models.PositiveSmallIntegerField(
        _("priority"), default=50, validators=[MaxValueValidator(100)]
    )
    # As the site names it; "" for none. Caps may be by topic.
    topic = models.CharField(_("topic"), max_length=64, blank=True)
    # Answers something that the person did: no cap, gap or quiet hours hold it.
    transactional = models.BooleanField(_("transactional"), default=False)
    # Whether it takes a place under the caps of other campaigns.
    counted = models.BooleanField(_("counts toward caps"), default=True)
    # What it does instead of the site's policies, and why (required where it does).
    quiet = models.CharField(max_length=4, choices=Quiet.choices, default=Quiet.SITE)
    caps = models.CharField(max_length=4, choices=Caps.choices, default=Caps.SITE)
    override_reason = models.CharField(max_length=200, blank=True)
    # Of all campaigns with the same key a person gets one; "" for none.
    once_key = models.CharField(_("send-once key"), max_length=64, blank=True)
    # Percent of the people who are kept back at the moment that they would have been sent.
    holdout = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(50)])
    # How one of several variants wins: among `sample` percent of the people, `decide_minutes` after
    # the start. NEVER: all people are shared out by weight.
    winner_by = models.CharField(max_length=10, choices=WinnerBy.choices, default=WinnerBy.NEVER)
    sample = models.PositiveSmallIntegerField(
        default=20, validators=[MinValueValidator(1), MaxValueValidator(90)]
    )
    decide_minutes = models.PositiveIntegerField(default=240, validators=[MinValueValidator(5)])
    # The event that counts as one, for WinnerBy.CONVERSION and the report.
    conversion = models.CharField(max_length=64, default="purchase", blank=True)
    # On which devices of a person it is shown.
    devices = models.CharField(max_length=6, choices=Devices.choices, default=Devices.EVERY)
    # Whether it is also in the inbox, and for how many days.
    inbox = models.BooleanField(_("also in the inbox"), default=False)
    inbox_days = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(1), MaxValueValidator(90)]
    )
    # Ids of the users who wrote any of it, also by an API key that they made: none approves it.
    authors = ArrayField(models.BigIntegerField(), default=list, blank=True)
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
            ),
            # However often the ticker looks, an occurrence goes out once.
            models.UniqueConstraint(
                fields=["parent", "occurrence"], name="campaign_occurrence_once"
            ),
        ]
        indexes = [
            # Serves the list of a site, newest first.
            models.Index(fields=["site", "-created_at"], name="campaign_newest"),
            # Serves the inbox: the few of a site that are in it.
            models.Index(fields=["site"], condition=Q(inbox=True), name="campaign_inbox"),
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
