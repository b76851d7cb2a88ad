"""Apple Push Notification service: one POST for a device and a message.

developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
"""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode
from uuid import UUID

from .addresses import APNS_SANDBOX
from .messages import AppEndpoint, BadMessage, Message, Request, Service, Urgency

MAX_PAYLOAD = 4096
# 10: at once; 5: when the device's power allows; 1: without waking it.
_PRIORITIES = {
    Urgency.HIGH: "10",
    Urgency.NORMAL: "10",
    Urgency.LOW: "5",
    Urgency.VERY_LOW: "1",
}


def request_for(endpoint: AppEndpoint, message: Message) -> Request:
    """The request that delivers `message`, whose payload is the whole body, to `endpoint`.

    Its topic is the collapse id and makes the `apns-id`, which so is the same whenever the same
    delivery is sent again. Raises `BadMessage`: nothing has been sent then.
    """
    _check(message)
    address, key = endpoint.address, endpoint.key
    headers = [
        ("authorization", f"bearer {key.token}"),
        ("apns-topic", address.app),
        ("apns-push-type", "alert"),
        ("apns-priority", _PRIORITIES[message.urgency]),
        # 0: deliver now or never.
        ("apns-expiration", str(int(time.time()) + message.ttl) if message.ttl else "0"),
        ("content-type", "application/json"),
    ]
    if message.topic:
        headers.append(("apns-collapse-id", message.topic))
        headers.append(("apns-id", _id_of(message.topic)))
    base = key.sandbox if address.service == APNS_SANDBOX else key.base
    return Request(
        url=f"{base}/3/device/{address.value}",
        headers=tuple(headers),
        body=message.payload,
        service=Service.APNS,
        # The head of a token (RFC 7519 section 3) names the key and stays when it is renewed.
        apart=key.token.partition(".")[0],
    )


def _id_of(topic: str) -> str:
    """A UUID made of the first of a topic's 24 bytes, which are a digest."""
    # Version 5 is the one of digests (RFC 9562 section 5.5).
    return str(UUID(bytes=urlsafe_b64decode(topic)[:16], version=5))


def _check(message: Message) -> None:
    message.check()
    if len(message.payload) > MAX_PAYLOAD:
        size = len(message.payload)
        sentence = f"The message has {size} bytes; at most {MAX_PAYLOAD} can be sent."
        raise BadMessage("payload_too_large", sentence)
    if not message.payload:
        raise BadMessage("payload_empty", "The message is empty.")
