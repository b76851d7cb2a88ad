"""People, the addresses at which they can be reached, the proof, and what they did."""

from subscribers.models.behaviour import Cart, Event, EventName, event_number
from subscribers.models.people import (
    ConsentRecord,
    ErasedMark,
    Installation,
    Prompt,
    Subscriber,
    Subscription,
    TestDevice,
    VapidKey,
    service_of,
)

__all__ = [
    "Cart",
    "ConsentRecord",
    "ErasedMark",
    "Event",
    "EventName",
    "Installation",
    "Prompt",
    "Subscriber",
    "Subscription",
    "TestDevice",
    "VapidKey",
    "event_number",
    "service_of",
]
