"""What a campaign would do, asked of the planner before it does it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from accounts.models import User
from campaigns.models.campaigns import Campaign


class DryRun(models.Model):
    """One forecast of a campaign: the planner without the commit."""

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        # Somebody asked again, or edited the campaign.
        CANCELLED = "cancelled"

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="dry_runs")
    # Of what it is a forecast, campaigns.approvals.digest.
    digest = models.CharField(max_length=64)
    parts = models.JSONField(default=dict)
    state = models.CharField(max_length=9, choices=State.choices, default=State.RUNNING)
    # As of when: the moment at which the campaign would start.
    starts_at = models.DateTimeField()
    asked_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    # Progress: subscriptions up to `seen_through` of `last_subscription`.
    last_subscription = models.BigIntegerField(default=0)
    seen_through = models.BigIntegerField(default=0)
    # The rule with the audiences that it names written out, as of `asked_at`.
    rule = models.JSONField(default=dict)
    # Devices by outcome ("send", "later", or why not), and people by outcome.
    counts = models.JSONField(default=dict)
    people = models.JSONField(default=dict)
    # [{"zone": str, "at": ISO 8601 in UTC, "devices": int}], and by variant and language.
    zones = models.JSONField(default=list)
    variants = models.JSONField(default=dict)
    languages = models.JSONField(default=dict)
    # What would fall to a default: {variable: devices}; whether texts were read for a sample only.
    defaults = models.JSONField(default=dict)
    sampled = models.PositiveIntegerField(null=True)
    error = models.CharField(max_length=400, blank=True)

    class Meta:
        ordering = ["-asked_at"]
        get_latest_by = "asked_at"
        constraints = [
            models.UniqueConstraint(
                fields=["campaign"],
                condition=models.Q(state="running"),
                name="dry_run_one_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"Dry run {self.pk}"
