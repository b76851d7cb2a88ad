"""What a browser does with a push, written from the RFCs and with nothing of ours or http_ece.

RFC 8188 section 2 (`aes128gcm`), RFC 8291 section 3 (its keys). It reads several records, which a
push may not have, so that RFC 8188's own examples can be read as well.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CEK_INFO = b"Content-Encoding: aes128gcm\x00"
NONCE_INFO = b"Content-Encoding: nonce\x00"
TAG = 16


class Body(NamedTuple):
    """An `aes128gcm` body in its parts."""

    salt: bytes
    record_size: int
    key_id: bytes
    records: bytes


class Keys(NamedTuple):
    """What RFC 8291 Appendix A calls by these names."""

    ecdh_secret: bytes
    key_info: bytes
    prk_key: bytes
    ikm: bytes


def decode(text: str) -> bytes:
    """Base64url without padding, as the RFCs print bytes."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def extract(salt: bytes, material: bytes) -> bytes:
    """HKDF-Extract with SHA-256 (RFC 5869)."""
    return hmac.digest(salt, material, hashlib.sha256)


def expand(key: bytes, info: bytes, length: int) -> bytes:
    """HKDF-Expand for at most 32 bytes."""
    return hmac.digest(key, info + b"\x01", hashlib.sha256)[:length]


def take_apart(body: bytes) -> Body:
    """Split a body into its header and its records."""
    end = 21 + body[20]
    return Body(body[:16], int.from_bytes(body[16:20], "big"), body[21:end], body[end:])


def content_keys(salt: bytes, ikm: bytes) -> tuple[bytes, bytes, bytes]:
    """PRK, content encryption key and nonce (RFC 8188 section 2.2 and 2.3)."""
    prk = extract(salt, ikm)
    return prk, expand(prk, CEK_INFO, 16), expand(prk, NONCE_INFO, 12)


def decrypt(body: bytes, ikm: bytes) -> bytes:
    """The plain text of a body; raises when anything of it is not as the RFC has it."""
    parts = take_apart(body)
    _prk, cek, nonce = content_keys(parts.salt, ikm)
    plain = b""
    for number, start in enumerate(range(0, len(parts.records), parts.record_size)):
        record = parts.records[start : start + parts.record_size]
        last = start + parts.record_size >= len(parts.records)
        mask = int.from_bytes(nonce, "big") ^ number
        padded = AESGCM(cek).decrypt(mask.to_bytes(12, "big"), record, None).rstrip(b"\x00")
        if padded[-1:] != (b"\x02" if last else b"\x01"):
            raise ValueError("Wrong delimiter.")
        plain += padded[:-1]
    return plain


def web_push_keys(
    private: ec.EllipticCurvePrivateKey, own: bytes, sender: bytes, auth: bytes
) -> Keys:
    """The keys of RFC 8291 section 3.3 and 3.4. `own`, `sender`: uncompressed points."""
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
    secret = private.exchange(ec.ECDH(), point)
    info = b"WebPush: info\x00" + own + sender
    prk_key = extract(auth, secret)
    return Keys(secret, info, prk_key, expand(prk_key, info, 32))


def receive(body: bytes, private: ec.EllipticCurvePrivateKey, own: bytes, auth: bytes) -> bytes:
    """What a browser reads in a push; raises for what RFC 8291 section 4 does not let it take."""
    parts = take_apart(body)
    if len(parts.key_id) != 65:
        raise ValueError("The header has no key.")
    if len(parts.records) > parts.record_size or len(parts.records) <= TAG + 1:
        raise ValueError("It is not one record.")
    return decrypt(body, web_push_keys(private, own, parts.key_id, auth).ikm)
