"""Web push: one encrypted, signed POST for an endpoint and a message (RFC 8030, 8291, 8292)."""

from __future__ import annotations

import hmac
import os

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .endpoints import WNS_SUFFIX, origin_of
from .keys import AUTH_BYTES, P256DH_BYTES, BadKey, VapidSigner, public_point
from .messages import BadMessage, Endpoint, Message, Request

# 4,096 bytes, which every push service takes, less the header (86), delimiter (1) and tag (16).
MAX_PAYLOAD = 3993
SALT_BYTES = 16
_CURVE = ec.SECP256R1()
_ECDH = ec.ECDH()
_RECORD_SIZE = (4096).to_bytes(4, "big")
_LAST_RECORD = b"\x02"  # RFC 8188 section 2: the delimiter of the last record
# HKDF-Expand (RFC 5869) for at most 32 bytes is one HMAC over the info and a 1.
_KEY_INFO = b"WebPush: info\0"
_CEK_INFO = b"Content-Encoding: aes128gcm\0\x01"
_NONCE_INFO = b"Content-Encoding: nonce\0\x01"


class PayloadTooLarge(BadMessage):
    """More than 3,993 bytes would need a second record, which RFC 8291 section 4 forbids."""

    def __init__(self, size: int) -> None:
        super().__init__(
            "payload_too_large", f"The message has {size} bytes; at most {MAX_PAYLOAD} can be sent."
        )


def encrypt(payload: bytes, p256dh: bytes, auth: bytes) -> bytes:
    """The `aes128gcm` body, 103 bytes longer than `payload`, under a new key and salt each time.

    Raises `PayloadTooLarge` before anything else, `BadMessage` for an empty payload, and `BadKey`
    for keys that `parse_p256dh` and `parse_auth` would not have let through.
    """
    if len(payload) > MAX_PAYLOAD:
        raise PayloadTooLarge(len(payload))
    if not payload:
        # A body without a record is one that no browser can read.
        raise BadMessage("payload_empty", "The message is empty.")
    if len(auth) != AUTH_BYTES:
        raise BadKey("auth", "The authentication secret must be 16 bytes.")
    if len(p256dh) != P256DH_BYTES:
        raise BadKey("p256dh", "The key must be an uncompressed P-256 point of 65 bytes.")
    # RFC 8291 section 3.1: a key pair of its own for every message.
    key = ec.generate_private_key(ec.SECP256R1())
    try:
        return sealed(payload, p256dh, auth, key=key, salt=os.urandom(SALT_BYTES))
    except ValueError:
        raise BadKey("p256dh", "The key is not a point on the P-256 curve.") from None


def sealed(
    payload: bytes, p256dh: bytes, auth: bytes, *, key: ec.EllipticCurvePrivateKey, salt: bytes
) -> bytes:
    """RFC 8291 section 3.4 and RFC 8188 section 2 with a key and a salt that are used only once.

    Raises ValueError when `p256dh` is no point on the curve. Byte for byte what `http_ece` makes,
    which the tests hold it against; here it costs less.
    """
    browser = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, p256dh)
    ours = public_point(key)
    shared = hmac.digest(auth, key.exchange(_ECDH, browser), "sha256")
    secret = hmac.digest(shared, b"%b%b%b\x01" % (_KEY_INFO, p256dh, ours), "sha256")
    prk = hmac.digest(salt, secret, "sha256")
    cek = hmac.digest(prk, _CEK_INFO, "sha256")[:16]
    nonce = hmac.digest(prk, _NONCE_INFO, "sha256")[:12]
    record = AESGCM(cek).encrypt(nonce, payload + _LAST_RECORD, None)
    return b"%b%b%c%b%b" % (salt, _RECORD_SIZE, len(ours), ours, record)


def request_for(endpoint: Endpoint, message: Message, signer: VapidSigner) -> Request:
    """The request that delivers `message` to `endpoint`.

    Raises `BadMessage`, `BadKey` or `EndpointRefused`: nothing has been sent then.
    """
    message.check()
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
