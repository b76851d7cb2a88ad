"""The keys of web push: a browser's two (RFC 8291) and the site's own VAPID pair (RFC 8292)."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import jwt

P256DH_BYTES = 65
AUTH_BYTES = 16
PRIVATE_BYTES = 32
TOKEN_SECONDS = 12 * 3600  # RFC 8292 allows 24 h; services refuse that on a small clock difference
RENEW_SECONDS = TOKEN_SECONDS // 2
MAX_TOKENS = 4096  # origins per key are few; this only bounds a process that serves very many sites
_MAX_KEY_TEXT = 128
_BASE64URL = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_LOCAL_SUFFIXES = (".localhost", ".local", ".localdomain", ".internal", ".invalid")


class BadKey(ValueError):
    """A key or VAPID subject that cannot be used.

    `field` names it (`p256dh`, `auth`, `private_key`, `public_key`, `subject`); `sentence` is plain
    English for a developer. Neither repeats the value.
    """

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
        self.sentence = sentence


def encode_base64url(value: bytes) -> str:
    """Base64url without padding, as browsers and RFC 8292 write keys."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def _decode(field: str, text: object) -> bytes:
    if not isinstance(text, str):
        raise BadKey(field, "The key must be text.")
    if len(text) > _MAX_KEY_TEXT:
        raise BadKey(field, "The key is too long.")
    bare = text.replace("+", "-").replace("/", "_")
    # At most two signs of padding, as base64 defines it; more is not base64.
    bare = bare.removesuffix("=").removesuffix("=")
    if not bare or not _BASE64URL.issuperset(bare):
        raise BadKey(field, "The key is not base64url.")
    try:
        return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except binascii.Error:
        raise BadKey(field, "The key is not base64url.") from None


def _check_point(field: str, point: bytes) -> bytes:
    if len(point) != P256DH_BYTES or point[0] != 4:
        raise BadKey(field, "The key must be an uncompressed P-256 point of 65 bytes.")
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise BadKey(field, "The key is not a point on the P-256 curve.") from None
    return point


def parse_p256dh(text: object) -> bytes:
    """The browser's public key: 65 bytes, checked to be on the curve (RFC 8291 section 7).

    Takes base64url or base64, padded or not. Raises `BadKey` and nothing else.
    """
    return _check_point("p256dh", _decode("p256dh", text))


def parse_auth(text: object) -> bytes:
    """The browser's secret: exactly 16 bytes (RFC 8291 section 3.2). Raises `BadKey`."""
    secret = _decode("auth", text)
    if len(secret) != AUTH_BYTES:
        raise BadKey("auth", "The authentication secret must be 16 bytes.")
    return secret


def generate_vapid() -> tuple[bytes, bytes]:
    """A new P-256 pair: private scalar (32 bytes), uncompressed public point (65 bytes)."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_numbers().private_value.to_bytes(PRIVATE_BYTES, "big")
    return private, public_point(key)


def public_point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The uncompressed public point (65 bytes) that belongs to `key`."""
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def check_subject(subject: str) -> str:
    """Return `subject` if push services accept it as a VAPID contact, else raise `BadKey`.

    Apple answers 403 BadJwtToken to a local name, a bare address, or `mailto: <a@b>` with a space
    or brackets, so those are refused here rather than one message at a time.
    """
    scheme, _, rest = subject.partition(":")
    plain = subject.isascii() and subject.isprintable() and not set(subject) & set(' <>"\\,;')
    if scheme == "mailto" and plain:
        local, _, domain = rest.rpartition("@")
        good = bool(local) and "@" not in local and "?" not in domain and _public_name(domain)
    elif scheme == "https" and plain:
        good = _public_address(subject)
    else:
        good = False
    if not good or len(subject) > 255:
        raise BadKey("subject", "The contact must be a real mailto: or https: address.")
    return subject


def _public_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.username is None and _public_name(parts.hostname or "")
    except ValueError:
        return False


def _public_name(domain: str) -> bool:
    labels = domain.lower().split(".")
    if len(labels) < 2 or f".{domain.lower()}".endswith(_LOCAL_SUFFIXES):
        return False
    if not all(label and label.replace("-", "").isalnum() for label in labels):
        return False
    try:
        ipaddress.ip_address(domain)
    except ValueError:
        return not labels[-1].isdigit()
    return False


@dataclass(frozen=True)
class VapidIdentity:
    """One VAPID key of one site. `private_key`: 32 bytes; `public_key`: 65 bytes."""

    key_id: str | int
    private_key: bytes = field(repr=False)
    public_key: bytes
    subject: str


@dataclass(frozen=True)
class _Token:
    header: str
    signed_at: float


class VapidSigner:
    """Signs `Authorization` values and keeps one per key and origin.

    RFC 8292 encourages reuse, and signing for each message costs a third of its CPU time. A token
    lives 12 hours and is renewed after 6. Safe to share between threads.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._tokens: dict[tuple[str | int, bytes, str, str], _Token] = {}

    def authorization(self, identity: VapidIdentity, origin: str) -> str:
        """`vapid t=…, k=…` for `origin` (`scheme://host[:port]`). Raises `BadKey`."""
        key = (identity.key_id, identity.public_key, identity.subject, origin)
        now = self._now()
        with self._lock:
            token = self._tokens.get(key)
            # A clock that was set back also renews: the token would be too far in the future.
            if token is None or not 0 <= now - token.signed_at < RENEW_SECONDS:
                token = _Token(_sign(identity, origin, now), now)
                self._make_room()
                self._tokens[key] = token
            return token.header

    def _make_room(self) -> None:
        if len(self._tokens) >= MAX_TOKENS:
            # Dictionaries keep insertion order: the first is the one signed longest ago.
            self._tokens.pop(next(iter(self._tokens)))


def _sign(identity: VapidIdentity, origin: str, now: float) -> str:
    subject = check_subject(identity.subject)
    if len(identity.private_key) != PRIVATE_BYTES:
        raise BadKey("private_key", "The private key must be 32 bytes.")
    try:
        key = ec.derive_private_key(int.from_bytes(identity.private_key, "big"), ec.SECP256R1())
    except ValueError:
        raise BadKey("private_key", "The private key is not a P-256 scalar.") from None
    if public_point(key) != identity.public_key:
        raise BadKey("public_key", "The public key does not belong to the private key.")
    claims = {"aud": origin, "exp": int(now) + TOKEN_SECONDS, "sub": subject}
    return f"vapid t={jwt.sign(claims, key)}, k={encode_base64url(identity.public_key)}"
