"""Campaigns, the ledger of what was sent to whom, and what the engine remembers."""

from campaigns.models.campaigns import Campaign
from campaigns.models.engine import Epoch, Gate, Leader, QueueMinute, ServiceMinute, Throttle, Trial
from campaigns.models.forecasts import DryRun
from campaigns.models.inbox import InboxMark
from campaigns.models.ledger import (
    LETTERS,
    PUBLIC_COUNTS,
    Batch,
    Delivery,
    Run,
    month_of,
    no_counts,
)
from campaigns.models.messages import Message, Picture, Rendition, SavedMessage
from campaigns.models.policies import Approval, Cap, Policy

__all__ = [
    "LETTERS",
    "PUBLIC_COUNTS",
    "Approval",
    "Batch",
    "Campaign",
    "Cap",
    "Delivery",
    "DryRun",
    "Epoch",
    "Gate",
    "Leader",
    "InboxMark",
    "Message",
    "Picture",
    "Policy",
    "QueueMinute",
    "Rendition",
    "Run",
    "SavedMessage",
    "ServiceMinute",
    "Throttle",
    "Trial",
    "month_of",
    "no_counts",
]
