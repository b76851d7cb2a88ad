"""What encryption alone allows: one aes128gcm body for each message (RFC 8188, RFC 8291).

Two figures bound a sender. `reference` is pywebpush's own encoder. `direct` makes the same bytes
with `cryptography` and nothing around it; both make a fresh key for each message, as they must.
"""

from __future__ import annotations

import hmac
import os
import struct
import time
from collections.abc import Callable

import http_ece
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CURVE = ec.SECP256R1()
RECORD_SIZE = 4096
Encrypt = Callable[[bytes, bytes, bytes], bytes]


def reference(payload: bytes, p256dh: bytes, auth: bytes) -> bytes:
    """As `pywebpush.WebPusher.encode` does it."""
    body: bytes = http_ece.encrypt(
        payload,
        private_key=ec.generate_private_key(CURVE),
        dh=p256dh,
        auth_secret=auth,
        version="aes128gcm",
    )
    return body


def direct(payload: bytes, p256dh: bytes, auth: bytes) -> bytes:
    """RFC 8291 section 3.4, then RFC 8188 section 2, in one record."""
    key = ec.generate_private_key(CURVE)
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    shared = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, p256dh))
    salt = os.urandom(16)
    info = b"WebPush: info\0" + p256dh + point + b"\1"
    secret = hmac.digest(hmac.digest(auth, shared, "sha256"), info, "sha256")
    pseudo = hmac.digest(salt, secret, "sha256")
    content_key = hmac.digest(pseudo, b"Content-Encoding: aes128gcm\0\1", "sha256")[:16]
    nonce = hmac.digest(pseudo, b"Content-Encoding: nonce\0\1", "sha256")[:12]
    header = salt + struct.pack("!LB", RECORD_SIZE, len(point)) + point
    return header + AESGCM(content_key).encrypt(nonce, payload + b"\2", None)


def a_second(encrypt: Encrypt, size: int, count: int) -> float:
    """How many bodies one core makes in a second of its time."""
    payload, auth = os.urandom(size), os.urandom(16)
    keys = [new_point() for _ in range(50)]
    started = time.process_time()
    for number in range(count):
        encrypt(payload, keys[number % len(keys)], auth)
    return count / (time.process_time() - started)


def new_point() -> bytes:
    """The public key of a browser that nobody has."""
    return (
        ec.generate_private_key(CURVE)
        .public_key()
        .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    )


def check() -> None:
    """Both make bodies that a browser can read."""
    key, auth = ec.generate_private_key(CURVE), os.urandom(16)
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    for encrypt in (reference, direct):
        body = encrypt(b"hello", point, auth)
        read = http_ece.decrypt(body, private_key=key, auth_secret=auth, version="aes128gcm")
        assert read == b"hello"
