"""What people did, and what lies in their cart."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KeyTransform
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Site
from subscribers.models.people import Subscriber


class EventName(models.Model):
    """The name of a kind of event, written once for a site: events carry its number."""

    id = models.AutoField(primary_key=True)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="event_names")
    name = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "name"], name="event_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Event(models.Model):
    """Something that a person did, at a moment, with properties.

    The table is range-partitioned by `at` in months (subscribers.partitions). Its key stands in the
    order in which audiences ask: who did this, when; and what did this person do.
    """

    pk = models.CompositePrimaryKey("name_id", "subscriber_id", "at", "number")
    name = models.ForeignKey(
        EventName, on_delete=models.DO_NOTHING, related_name="events", db_constraint=False
    )
    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.DO_NOTHING, related_name="events", db_constraint=False
    )
    at = models.DateTimeField()
    # Tells apart what happened in the same microsecond; the same number again is the same event.
    number = models.BigIntegerField()
    received_at = models.DateTimeField(default=timezone.now)
    properties = models.JSONField(default=dict)
    # What it is worth, read once: the key carries it, so that sums need no look at the rows.
    value = models.GeneratedField(
        expression=models.Func(KeyTransform("value", "properties"), function="beckon_number"),
        output_field=models.DecimalField(max_digits=100, decimal_places=50),
        db_persist=True,
    )

    class Meta:
        db_table = "subscribers_event"  # made partitioned by its migration

    def __str__(self) -> str:
        return f"Event {self.number} at {self.at:%Y-%m-%d %H:%M}"


class Cart(models.Model):
    """What a person has in the cart, derived from events. One row a person: the latest cart."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        BOUGHT = "bought", _("Bought")
        EMPTY = "empty", _("Emptied")

    subscriber = models.OneToOneField(
        Subscriber, on_delete=models.CASCADE, primary_key=True, related_name="cart"
    )
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    # The shop's own id of the cart, if it has one.
    key = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    # [{"product": "SKU-1", "name": "Frost Mitt", "quantity": 1, "price": 399.0}, …]
    items = models.JSONField(default=list)
    value = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    currency = models.CharField(max_length=3, blank=True)
    opened_at = models.DateTimeField(default=timezone.now)
    # Of the latest event that changed it: an older one that comes late changes nothing.
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            # Serves audiences: whose cart lies there since when.
            models.Index(
                fields=["site", "updated_at"], condition=Q(state="open"), name="cart_open"
            ),
        ]

    def __str__(self) -> str:
        return f"Cart of {self.subscriber_id} ({self.state})"


def event_number() -> int:
    """A number for an event that has none of its own: 63 random bits."""
    return uuid.uuid4().int >> 65
