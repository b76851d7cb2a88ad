"""What the stand-in keeps: phones with an app, and messages."""

from __future__ import annotations

import secrets
import time
import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    WAITING = "waiting"
    """Kept for a phone that is offline, until its TTL ends."""
    ARRIVED = "arrived"


@dataclass(slots=True)
class Device:
    """One app on one phone. `service`: "fcm", "apns" or "apns+sandbox"; `app`: project or bundle
    id; `install`: what the app calls itself as long as it is installed."""

    token: str
    service: str
    app: str
    platform: str
    created_at: float
    install: str
    name: str = ""
    """What a person called it; "" for one of many made at once."""
    form: str = ""
    """The address that it registers at, and the key that it does so with."""
    app_key: str = ""
    external_id: str = ""
    language: str = "en"
    time_zone: str = "UTC"
    displayed: float = 0.0
    """Share of messages that it reports as displayed; `clicked`, `dismissed`: shares of those."""
    clicked: float = 0.0
    dismissed: float = 0.0
    online: bool = True
    allowed: bool = True
    """Whether its owner lets the app show notifications."""
    gone_at: float = 0.0
    """When the token ended, in seconds since the epoch; 0 while it works."""
    uninstalled: bool = False
    subscription_id: str = ""

    @property
    def gone(self) -> bool:
        return self.gone_at > 0

    @property
    def watched(self) -> bool:
        """Made one by one, by name: a person looks at it."""
        return bool(self.name)


@dataclass(slots=True)
class Incoming:
    """A well-formed request to send. `dry`: only check it; `id`: APNs' own, if it named one."""

    service: str
    app: str
    token: str
    ttl: int
    collapse: str
    priority: str
    body: dict[str, Any]
    id: str = ""
    dry: bool = False


@dataclass(slots=True)
class Message:
    """A message that was accepted; `install`: the phone's app, whose token may be another by now.
    Times are seconds since the epoch, `ttl` seconds."""

    id: str
    token: str
    install: str
    accepted_at: float
    ttl: int
    collapse: str
    priority: str
    body: dict[str, Any]
    state: State = State.ARRIVED
    shown: bool = True
    """False: the owner had switched notifications off when it arrived."""
    events: dict[str, float] = field(default_factory=dict)

    @property
    def expires_at(self) -> float:
        return self.accepted_at + self.ttl


def new_token(service: str) -> str:
    """As long and of the letters that the real ones have."""
    if service == "fcm":
        return f"{secrets.token_urlsafe(16)[:22]}:APA91b{secrets.token_urlsafe(101)[:134]}"
    return secrets.token_hex(32)


def new_device(service: str, app: str, platform: str, **more: Any) -> Device:
    install = more.pop("install", "") or str(uuid.uuid4())
    return Device(new_token(service), service, app, platform, time.time(), install, **more)
