"""Web push: one encrypted, signed POST for an endpoint and a message (RFC 8030, 8291, 8292)."""

from __future__ import annotations

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec

from .endpoints import WNS_SUFFIX, origin_of
from .keys import AUTH_BYTES, P256DH_BYTES, BadKey, VapidSigner
from .messages import Endpoint, Message, Request

# 4,096 bytes, which every push service takes, less the header (86), delimiter (1) and tag (16).
MAX_PAYLOAD = 3993
MAX_TOPIC = 32
_TOPIC_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


class BadMessage(ValueError):
    """A message that no push service would take. `code`: `ttl`, `topic`, `payload_too_large`, …"""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class PayloadTooLarge(BadMessage):
    """More than 3,993 bytes would need a second record, which RFC 8291 section 4 forbids."""

    def __init__(self, size: int) -> None:
        super().__init__(
            "payload_too_large", f"The message has {size} bytes; at most {MAX_PAYLOAD} can be sent."
        )


def encrypt(payload: bytes, p256dh: bytes, auth: bytes) -> bytes:
    """The `aes128gcm` body, 103 bytes longer than `payload`, under a new key each time.

    Raises `PayloadTooLarge` before anything else, `BadMessage` for an empty payload, and `BadKey`
    for keys that `parse_p256dh` and `parse_auth` would not have let through.
    """
    if len(payload) > MAX_PAYLOAD:
        raise PayloadTooLarge(len(payload))
    if not payload:
        # http_ece would write a header without a record, which no browser can read.
        raise BadMessage("payload_empty", "The message is empty.")
    if len(auth) != AUTH_BYTES:
        raise BadKey("auth", "The authentication secret must be 16 bytes.")
    if len(p256dh) != P256DH_BYTES:
        raise BadKey("p256dh", "The key must be an uncompressed P-256 point of 65 bytes.")
    try:
        body: bytes = http_ece.encrypt(
            payload,
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=p256dh,
            auth_secret=auth,
            version="aes128gcm",
        )
    except ValueError:
        raise BadKey("p256dh", "The key is not a point on the P-256 curve.") from None
    return body


def request_for(endpoint: Endpoint, message: Message, signer: VapidSigner) -> Request:
    """The request that delivers `message` to `endpoint`.

    Raises `BadMessage`, `BadKey` or `EndpointRefused`: nothing has been sent then.
    """
    _check(message)
    body = encrypt(message.payload, endpoint.p256dh, endpoint.auth)
    origin = origin_of(endpoint.url)
    authorization = signer.authorization(endpoint.vapid, origin)
    headers = [
        ("TTL", str(message.ttl)),
        ("Urgency", message.urgency.value),
        ("Content-Encoding", "aes128gcm"),
        ("Content-Type", "application/octet-stream"),
        ("Authorization", authorization),
    ]
    if message.topic:
        headers.append(("Topic", message.topic))
    if origin.endswith(WNS_SUFFIX):
        # Windows answers 400 when its own header and the TTL disagree.
        headers.append(("X-WNS-Cache-Policy", "cache" if message.ttl else "no-cache"))
    return Request(url=endpoint.url, headers=tuple(headers), body=body)


def _check(message: Message) -> None:
    if message.ttl < 0:
        raise BadMessage("ttl", "The time to live must not be negative.")
    if len(message.topic) > MAX_TOPIC or not _TOPIC_CHARACTERS.issuperset(message.topic):
        raise BadMessage("topic", f"The topic must be at most {MAX_TOPIC} base64url characters.")
