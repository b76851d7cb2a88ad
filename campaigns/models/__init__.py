"""Campaigns, the ledger of what was sent to whom, and what the engine remembers."""

from campaigns.models.campaigns import Campaign, Message
from campaigns.models.engine import Epoch, Gate, Leader, QueueMinute, ServiceMinute, Throttle, Trial
from campaigns.models.ledger import PUBLIC_COUNTS, Batch, Delivery, Run, month_of, no_counts

__all__ = [
    "PUBLIC_COUNTS",
    "Batch",
    "Campaign",
    "Delivery",
    "Epoch",
    "Gate",
    "Leader",
    "Message",
    "QueueMinute",
    "Run",
    "ServiceMinute",
    "Throttle",
    "Trial",
    "month_of",
    "no_counts",
]
