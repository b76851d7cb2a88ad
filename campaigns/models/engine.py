"""What the sending engine remembers of push services and of its own limits."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Site
from campaigns.models.ledger import Run
from subscribers.models import Credential


class Throttle(models.Model):
    """When the next message of a throttled run or site may leave."""

    run = models.OneToOneField(Run, null=True, on_delete=models.CASCADE, related_name="+")
    site = models.OneToOneField(Site, null=True, on_delete=models.CASCADE, related_name="+")
    next_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(run=None, site__isnull=False) | Q(run__isnull=False, site=None),
                name="throttle_of_one",
            )
        ]

    def __str__(self) -> str:
        return f"Throttle {self.pk}"


class Trial(models.Model):
    """The first answers that one push service gives to one of our keys in a run.

    The circuit breaker (design section 5): more than 5 % gone, or our key refused, in the first 200
    and the run pauses and asks. A person's "go on" is CONFIRMED: then only a key that is refused
    once more trips it.
    """

    class State(models.TextChoices):
        OPEN = "open"
        PASSED = "passed"
        TRIPPED = "tripped"
        CONFIRMED = "confirmed"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="trials")
    credential = models.ForeignKey(Credential, on_delete=models.CASCADE, related_name="+")
    origin = models.CharField(max_length=255)
    state = models.CharField(max_length=9, choices=State.choices, default=State.OPEN)
    answered = models.PositiveSmallIntegerField(default=0)
    gone = models.PositiveSmallIntegerField(default=0)
    # At most five that speak against going on: [{"status": int | null, "reason": str,
    # "detail": str}]
    samples = models.JSONField(default=list)
    tripped_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "credential", "origin"], name="trial_once")
        ]

    def __str__(self) -> str:
        return f"Trial of {self.origin} in run {self.run_id}"


class Gate(models.Model):
    """How fast a push service lets us go, as the senders have learned it; shared by them all."""

    origin = models.CharField(max_length=255, primary_key=True)
    # Requests a second of one sender; null: no limit was met.
    rate = models.FloatField(null=True)
    # It asked all of us to wait until then.
    closed_until = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.origin


class ServiceMinute(models.Model):
    """What one push service answered in one minute, over all runs. For the health page only: a
    sender that is killed takes its last seconds with it."""

    minute = models.DateTimeField()
    origin = models.CharField(max_length=255)
    accepted = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    gone = models.PositiveIntegerField(default=0)
    unknown = models.PositiveIntegerField(default=0)
    waits = models.PositiveIntegerField(default=0)
    # Counts by campaigns.tallies.BOUNDS_MS.
    ms: ArrayField[list[int], list[int]] = ArrayField(models.IntegerField())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["minute", "origin"], name="service_minute_once")
        ]

    def __str__(self) -> str:
        return f"{self.origin} {self.minute:%H:%M}"


class QueueMinute(models.Model):
    """How many batches waited at the start of a minute. For the health page only."""

    minute = models.DateTimeField(primary_key=True)
    waiting = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.waiting} {self.minute:%H:%M}"


class Leader(models.Model):
    """Which of several processes works while the others stand by. The database's clock decides."""

    name = models.CharField(primary_key=True, max_length=20)
    # Machine and process, for the health page, and something random.
    holder = models.CharField(max_length=200)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name}: {self.holder}"


class Epoch(models.Model):
    """Which database this is, and how far it had come: one row. See campaigns.epochs."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    # The identity that the database server gave when the row was written.
    identity = models.CharField(max_length=200)
    # Only grows. A copy of it is kept in a file outside the database.
    counter = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"Epoch {self.counter}"
