"""What holds for all campaigns of a site, and who said yes to one."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Site, User
from campaigns.models.campaigns import Campaign


class Policy(models.Model):
    """A site's rules for its campaigns. A site without a row has the defaults."""

    class QuietAction(models.TextChoices):
        HOLD = "hold", _("Hold until they end")
        SKIP = "skip", _("Skip the person")

    class Approval(models.TextChoices):
        NEVER = "never", _("Nobody has to approve")
        OVER = "over", _("Large campaigns are approved")
        ALWAYS = "always", _("Every campaign is approved")

    site = models.OneToOneField(Site, on_delete=models.CASCADE, related_name="policy")
    # Wall times on each person's own clock; from `quiet_start` until `quiet_end`, which may be on
    # the next day. Both null: none.
    quiet_start = models.TimeField(_("from"), null=True, blank=True)
    quiet_end = models.TimeField(_("until"), null=True, blank=True)
    quiet_action = models.CharField(
        max_length=4, choices=QuietAction.choices, default=QuietAction.HOLD
    )
    # Minutes between two messages to a person; null: none.
    gap_minutes = models.PositiveIntegerField(
        _("minimum gap"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    approval = models.CharField(max_length=6, choices=Approval.choices, default=Approval.NEVER)
    # Devices beyond which Approval.OVER asks, and beyond which the site's name is typed.
    approval_over = models.PositiveIntegerField(default=25_000)
    type_over = models.PositiveIntegerField(default=1_000)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_start=None, quiet_end=None)
                | (
                    Q(quiet_start__isnull=False, quiet_end__isnull=False)
                    & ~Q(quiet_start=models.F("quiet_end"))
                ),
                name="policy_quiet_whole",
            )
        ]

    def __str__(self) -> str:
        return f"Policy of {self.site_id}"


class Cap(models.Model):
    """At most `most` messages to a person within any `days` times 24 hours."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="caps")
    # Of one topic; "": of all.
    topic = models.CharField(_("topic"), max_length=64, blank=True)
    most = models.PositiveSmallIntegerField(_("messages"), validators=[MinValueValidator(1)])
    days = models.PositiveSmallIntegerField(
        _("days"), validators=[MinValueValidator(1), MaxValueValidator(30)]
    )

    class Meta:
        ordering = ["topic", "days"]
        constraints = [models.UniqueConstraint(fields=["site", "topic", "days"], name="cap_once")]

    def __str__(self) -> str:
        return f"{self.most} in {self.days} days"


class Approval(models.Model):
    """Somebody was asked to approve a campaign as it then was.

    `digest` is of its content, audience, schedule and caps: any edit changes it, which makes the
    answer void.
    """

    class Verdict(models.TextChoices):
        OPEN = "", _("Asked")
        APPROVED = "approved", _("Approved")
        DECLINED = "declined", _("Declined")

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="approvals")
    # Hex SHA-256, campaigns.approvals.digest.
    digest = models.CharField(max_length=64)
    asked_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    asked_by_name = models.CharField(max_length=150, blank=True)
    asked_at = models.DateTimeField(default=timezone.now)
    asked_note = models.CharField(max_length=400, blank=True)
    # Digests of what `digest` is of, by part: "content", "audience", "schedule", "policies". What
    # of it was changed can be said.
    parts = models.JSONField(default=dict)
    verdict = models.CharField(
        max_length=8, choices=Verdict.choices, default=Verdict.OPEN, blank=True
    )
    decided_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=400, blank=True)

    class Meta:
        ordering = ["-asked_at"]
        get_latest_by = "asked_at"

    def __str__(self) -> str:
        return f"Approval {self.pk}"
