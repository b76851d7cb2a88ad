"""Runs, their batches, and the ledger of what was sent to whom."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Message
from subscribers.models import Subscription


class Run(models.Model):
    """One execution of a campaign, or of a test of it: an audience frozen into the ledger."""

    class Kind(models.TextChoices):
        CAMPAIGN = "campaign", _("Campaign")
        TEST = "test", _("Test")

    class State(models.TextChoices):
        PLANNING = "planning", _("Planning")
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        FINISHED = "finished", _("Finished")
        CANCELLED = "cancelled", _("Cancelled")

    # Sending begins with the first planned batch, not with the last.
    SENDING = (State.PLANNING, State.RUNNING)

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="runs")
    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="runs")
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.CAMPAIGN)
    state = models.CharField(max_length=9, choices=State.choices, default=State.PLANNING)
    # First day of the month: the partition of its deliveries.
    month = models.DateField()
    # The frozen bound: subscriptions with a larger id came later.
    last_subscription = models.BigIntegerField()
    # The rule as it was when the run began, with the audiences that it names written out.
    rule = models.JSONField(null=True)
    # Planning has passed this subscription.
    planned_through = models.BigIntegerField(default=0)
    planned_at = models.DateTimeField(null=True)
    pause_reason = models.CharField(max_length=400, blank=True)
    started_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    started_by_name = models.CharField(max_length=150, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    # From then on nothing more of it is sent.
    expires_at = models.DateTimeField(null=True)
    # With variants: when the winner is chosen, which one it is and since when.
    decide_at = models.DateTimeField(null=True)
    winner = models.PositiveSmallIntegerField(null=True)
    winner_at = models.DateTimeField(null=True)
    # What was foretold before it began.
    forecast = models.ForeignKey(
        "DryRun", null=True, on_delete=models.SET_NULL, related_name="runs"
    )
    # When the ticker last handed it to the queue for planning.
    enqueued_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # However often "send" is pressed, one run.
            models.UniqueConstraint(
                fields=["campaign"], condition=Q(kind="campaign"), name="run_once_per_campaign"
            )
        ]
        indexes = [
            # Serves the ticker: what is open.
            models.Index(
                fields=["state"],
                condition=Q(state__in=["planning", "running"]),
                name="run_open",
            )
        ]

    def __str__(self) -> str:
        return f"Run {self.pk}"

    @property
    def awaits_winner(self) -> bool:
        """Whether those without a variant wait for the one that wins."""
        return self.decide_at is not None and self.winner is None

    @property
    def waited(self) -> datetime | None:
        """Until when they were planned to wait, where they need not any more; load `campaign`.

        By people's own time that moment may be their own hour too, so it is kept.
        """
        everywhere = self.campaign.timing == Campaign.Timing.ZONE
        return self.decide_at if everywhere and self.winner is not None else None


class Batch(models.Model):
    """The unit of a job: a keyset range of a run's deliveries, with a lease and its counters."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="batches")
    # Subscription ids, both inclusive.
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    # Grows with every lease; a sender whose token is old may not claim or record (fencing).
    token = models.PositiveIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    # When something of it is next due; null when everything is settled.
    due_at = models.DateTimeField(null=True)
    enqueued_at = models.DateTimeField(null=True)
    # How often in a row a lease ended by its sender's death or fault. After three, nobody takes the
    # batch any more until a person has looked: `parked_at`, and the last fault that was told of.
    recoveries = models.PositiveSmallIntegerField(default=0)
    parked_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True)

    audience = models.PositiveIntegerField()
    pending = models.PositiveIntegerField()
    accepted = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    gone = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    expired = models.PositiveIntegerField(default=0)
    cancelled = models.PositiveIntegerField(default=0)
    unknown = models.PositiveIntegerField(default=0)
    holdout = models.PositiveIntegerField(default=0)
    displayed = models.PositiveIntegerField(default=0)
    clicked = models.PositiveIntegerField(default=0)
    dismissed = models.PositiveIntegerField(default=0)
    # Of `unknown`, how many a person had sent again.
    resent = models.PositiveIntegerField(default=0)
    skipped_by_reason = models.JSONField(default=dict)
    # {channel: {"displayed": int, "clicked": int, "dismissed": int}}
    receipts = models.JSONField(default=dict)
    # Answers by push service, see campaigns.tallies.
    tallies = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "first"], name="batch_range_once"),
            # The books balance in every committed state.
            models.CheckConstraint(
                condition=Q(
                    audience=F("pending")
                    + F("accepted")
                    + F("refused")
                    + F("gone")
                    + F("skipped")
                    + F("expired")
                    + F("cancelled")
                    + F("unknown")
                    + F("holdout")
                ),
                name="batch_adds_up",
            ),
        ]
        indexes = [
            # Serves the ticker: what is due.
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="batch_due")
        ]

    def __str__(self) -> str:
        return f"Batch {self.pk} of run {self.run_id}"


# What variants are called.
LETTERS = "ABCD"


class Delivery(models.Model):
    """The ledger: one row for every considered recipient of a run, whatever happened.

    The table is range-partitioned by `month` (campaigns.partitions), so that an old month is
    dropped, not deleted. `month` is that of the run, so the key is unique per (run, subscription).
    """

    class State(models.IntegerChoices):
        PLANNED = 0, _("Still to send")
        SENDING = 1, _("Being sent")
        ACCEPTED = 2, _("Accepted")
        REFUSED = 3, _("Refused")
        GONE = 4, _("Gone")
        SKIPPED = 5, _("Skipped")
        EXPIRED = 6, _("Expired")
        CANCELLED = 7, _("Cancelled")
        UNKNOWN = 8, _("Unknown")
        HOLDOUT = 9, _("Kept back")

    pk = models.CompositePrimaryKey("month", "run_id", "subscription_id")
    month = models.DateField()
    run = models.ForeignKey(
        Run, on_delete=models.DO_NOTHING, related_name="deliveries", db_constraint=False
    )
    subscription = models.ForeignKey(
        Subscription,
        on_delete=models.DO_NOTHING,
        related_name="deliveries",
        db_constraint=False,
    )
    state = models.PositiveSmallIntegerField(choices=State.choices, default=State.PLANNED)
    attempts = models.PositiveSmallIntegerField(default=0)
    status_code = models.PositiveSmallIntegerField(null=True)
    # The message version that was sent.
    version = models.PositiveSmallIntegerField(null=True)
    # 0 for variant A; null: there are none, or the winner is not chosen yet.
    variant = models.PositiveSmallIntegerField(null=True)
    # Milliseconds from the request to its answer.
    took_ms = models.PositiveSmallIntegerField(null=True)
    # How often a person had it sent again though it was unknown.
    resends = models.PositiveSmallIntegerField(db_default=0)
    not_before = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    displayed_at = models.DateTimeField(null=True)
    clicked_at = models.DateTimeField(null=True)
    dismissed_at = models.DateTimeField(null=True)
    # A short code (campaigns.reasons) and what the push service answered with.
    reason = models.CharField(max_length=80, blank=True, default="")
    message_location = models.TextField(blank=True, default="")

    class Meta:
        db_table = "campaigns_delivery"  # made partitioned by its migration

    def __str__(self) -> str:
        return f"{self.get_state_display()}"

    @property
    def letter(self) -> str:
        """The variant as people call it: A, B, C or D; "" for none."""
        return "" if self.variant is None else LETTERS[self.variant]


def month_of(moment: datetime) -> date:
    """The partition of a moment: the first day of its month in UTC."""
    return moment.astimezone(timezone.get_default_timezone()).date().replace(day=1)


PUBLIC_COUNTS: tuple[str, ...] = (
    "audience",
    "accepted",
    "refused",
    "gone",
    "skipped",
    "expired",
    "cancelled",
    "unknown",
    "holdout",
    "pending",
    "displayed",
    "clicked",
    "dismissed",
)


def no_counts() -> dict[str, Any]:
    """The counts of a campaign that has not started."""
    return dict.fromkeys(PUBLIC_COUNTS, 0)
