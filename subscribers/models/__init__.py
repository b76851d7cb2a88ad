"""People, the addresses at which they can be reached, the proof, and what they did."""

from subscribers.models.behaviour import Cart, Event, EventName, event_number
from subscribers.models.credentials import Channel, Credential, service_of
from subscribers.models.people import (
    ConsentRecord,
    ErasedMark,
    Installation,
    Prompt,
    Subscriber,
    Subscription,
    TestDevice,
)

__all__ = [
    "Cart",
    "Channel",
    "ConsentRecord",
    "Credential",
    "ErasedMark",
    "Event",
    "EventName",
    "Installation",
    "Prompt",
    "Subscriber",
    "Subscription",
    "TestDevice",
    "event_number",
    "service_of",
]
