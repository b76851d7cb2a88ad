"""What the sandbox keeps: devices (subscriptions) and messages."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    VIRTUAL = "virtual"
    """A browser that exists only here; the sandbox holds its private key."""
    BROWSER = "browser"
    """A real Firefox, connected by websocket; it keeps its keys to itself."""


class State(StrEnum):
    WAITING = "waiting"
    """Kept for a device that is offline, until its TTL ends."""
    ARRIVED = "arrived"
    """At the device, not decrypted yet (or, for a real browser, handed over)."""
    READ = "read"
    """Decrypted by a virtual device, or acknowledged by a real browser."""


@dataclass(slots=True)
class Device:
    """One subscription. `key` is the applicationServerKey (base64url) it was made with, or ""."""

    token: str
    kind: Kind
    key: str
    created_at: float
    name: str = ""
    agent: str = ""
    origin: str = ""
    private: bytes = b""
    public: bytes = b""
    auth: bytes = b""
    displayed: float = 0.0
    """Share of messages that it reports as displayed; `clicked`, `dismissed`: shares of those."""
    clicked: float = 0.0
    dismissed: float = 0.0
    online: bool = True
    gone: bool = False
    uaid: str = ""
    channel: str = ""
    subscription_id: str = ""
    """What the campaign server calls it, once it is registered there."""

    @property
    def watched(self) -> bool:
        """Made one by one, by name: a person looks at it, so its messages are read at once."""
        return self.kind is Kind.VIRTUAL and bool(self.name)

    @property
    def reports(self) -> bool:
        return self.displayed > 0


@dataclass(slots=True)
class Message:
    """A message that was accepted. Times are seconds since the epoch, `ttl` seconds."""

    id: str
    token: str
    accepted_at: float
    ttl: int
    body: bytes
    topic: str = ""
    urgency: str = "normal"
    state: State = State.ARRIVED
    payload: str = ""
    error: str = ""
    ack: int = 0
    events: dict[str, float] = field(default_factory=dict)

    @property
    def expires_at(self) -> float:
        return self.accepted_at + self.ttl


def encode(data: bytes) -> str:
    """base64url without padding, as everywhere in web push."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Bytes of base64url, with or without padding; ValueError if it is not."""
    if not isinstance(text, str) or not text.isascii():
        raise ValueError("not base64url")
    cleaned = text.rstrip("=")
    if not all(c.isalnum() or c in "-_" for c in cleaned):
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(cleaned + "=" * (-len(cleaned) % 4))


def subscription(device: Device, origin: str) -> dict[str, Any]:
    """What `PushSubscription.toJSON()` gives in a browser."""
    return {
        "endpoint": f"{origin}/wpush/v2/{device.token}",
        "expirationTime": None,
        "keys": {"p256dh": encode(device.public), "auth": encode(device.auth)},
    }
