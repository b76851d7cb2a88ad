"""What goes into a transport and comes out of it. Immutable, so that sends cannot leak state."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum

from .addresses import AppAddress
from .keys import VapidIdentity

MAX_LOCATION = 500
MAX_DETAIL = 200
# RFC 8030 section 5.4 allows at most 32; ours always have 32, so another length is a mistake.
_TOPIC = re.compile(r"[A-Za-z0-9_-]{32}", re.ASCII)


class BadMessage(ValueError):
    """A message that no push service would take. `code`: `ttl`, `topic`, `payload_too_large`, …"""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Service(Enum):
    """Whose rules a request follows. The first four are of browsers."""

    FCM = "fcm"
    MOZILLA = "mozilla"
    APPLE = "apple"
    WNS = "wns"
    FCM_APPS = "fcm_apps"  # HTTP v1
    APNS = "apns"
    ANY = "any"  # in a row: of every service; of a host: one that the operator added


class Urgency(StrEnum):
    """RFC 8030 section 5.3."""

    VERY_LOW = "very-low"
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class OutcomeKind(StrEnum):
    """What one request came to. Only RETRY is proven not accepted and may be sent again."""

    ACCEPTED = "accepted"  # the push service took the message
    REFUSED = "refused"  # this message or endpoint is at fault; nothing was accepted
    GONE = "gone"  # the subscription has ended
    RETRY = "retry"  # proven not accepted; may be repeated after `retry_after`
    CONFIG = "config"  # our keys or account; stop, and keep every subscription
    UNKNOWN = "unknown"  # may have been accepted; never repeated without a person's decision


@dataclass(frozen=True)
class Endpoint:
    """Where one browser is reached. `url` is a capability and stays out of logs.

    `p256dh`: 65 bytes; `auth`: 16 bytes; `vapid`: the key that the browser subscribed with.
    """

    url: str = field(repr=False)
    p256dh: bytes = field(repr=False)
    auth: bytes = field(repr=False)
    vapid: VapidIdentity


@dataclass(frozen=True)
class Message:
    """One rendered message.

    `payload`: plain bytes. Of web push at most 3,993; of APNs the whole body; of FCM the JSON
    object `message` of its HTTP v1 API without the address; of these at most 4,096. `ttl`: seconds;
    `topic`: '' or exactly 32 base64url characters (RFC 8030 section 5.4 allows fewer), also APNs'
    collapse id.
    """

    payload: bytes = field(repr=False)
    ttl: int
    urgency: Urgency
    topic: str

    def check(self) -> None:
        """Raise `BadMessage` for a time to live or topic that no push service would take."""
        if self.ttl < 0:
            raise BadMessage("ttl", "The time to live must not be negative.")
        if self.topic and not _TOPIC.fullmatch(self.topic):
            raise BadMessage("topic", "The topic must be empty or exactly 32 base64url characters.")


@dataclass(frozen=True)
class AppKey:
    """What requests to FCM or APNs are authorised by.

    `token`: the bearer token; `base`: `scheme://host[:port]` that takes them; `sandbox`: the same
    for apps of APNs that were built for development.
    """

    token: str = field(repr=False)
    base: str
    sandbox: str = ""


@dataclass(frozen=True)
class AppEndpoint:
    """Where one app on one device is reached. Its address is a capability and stays out of logs."""

    address: AppAddress = field(repr=False)
    key: AppKey


DeliveryRequest = tuple[Endpoint | AppEndpoint, Message]


@dataclass(frozen=True)
class Request:
    """One POST, ready to leave. Its parts are secret or large, so none of them is in its `repr`.

    `service`: FCM_APPS or APNS for apps, whose addresses are ours; None for an endpoint of a
    browser's, which a stranger wrote: its host then says whose rules it follows. `apart`: requests
    that differ in this share no connection.
    """

    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    service: Service | None = None
    apart: str = field(default="", repr=False)


@dataclass(frozen=True)
class Outcome:
    """The answer to one request.

    `reason`: short machine code, such as `201`, `410`, `timeout_after_request`, `vapid_rejected`.
    `retry_after`: seconds, bounded; given with RETRY. `message_location`: at most 500 characters.
    `detail`: printable excerpt of the answer for admins, at most 200 characters, without addresses.
    `ttl`: seconds that the push service said it keeps the message, when it said so. `latency`:
    seconds from beginning to leave until the answer; None without one; no part of what is equal.
    `since`: since when a device has been GONE, where APNs says so: one that registered again later
    is not gone.
    """

    kind: OutcomeKind
    status_code: int | None
    reason: str
    retry_after: float | None = None
    message_location: str = ""
    detail: str = ""
    ttl: int | None = None
    latency: float | None = field(default=None, compare=False)
    since: datetime | None = None
