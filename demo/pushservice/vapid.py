"""Check the sender's VAPID token (RFC 8292). A token is verified once; senders reuse them."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from demo.pushservice.model import decode, encode

DAY = 24 * 3600
CACHED = 10_000
PARAMETER = re.compile(r'([tk])="?([A-Za-z0-9_.\-=]+)"?')


class VapidError(Exception):
    """`status` 401: no token that could be read; 403: one that does not hold."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Token:
    key: str
    audience: object
    expires: float


class Verifier:
    """Verifies for one push service, whose origin (scheme, host, port) is the only audience."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._verified: dict[str, Token] = {}

    def check(self, header: str, key: str) -> None:
        """Raise VapidError unless `header` is good now, and signed by `key` (base64url)."""
        token = self._verified.get(header)
        if token is None:
            token = verify(header)
            if len(self._verified) >= CACHED:
                self._verified.clear()
            self._verified[header] = token
        if token.audience != self._origin:
            raise VapidError(403, f"aud is {token.audience!r}, must be {self._origin}")
        now = time.time()
        if token.expires <= now:
            raise VapidError(403, "exp has passed")
        if token.expires > now + DAY:
            raise VapidError(403, "exp is more than 24 hours ahead")
        if token.key != key:
            raise VapidError(403, "VAPID public key mismatch: not the key of the subscription")


def verify(header: str) -> Token:
    """Read `vapid t=…, k=…` and verify the ES256 signature; aud, exp, key are still to compare."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "vapid":
        raise VapidError(401, "no Authorization of the scheme vapid")
    parameters = dict(PARAMETER.findall(rest))
    parts = parameters.get("t", "").split(".")
    if len(parts) != 3 or "k" not in parameters:
        raise VapidError(401, "Authorization must have t=<token> and k=<public key>")
    try:
        head, claims = json.loads(decode(parts[0])), json.loads(decode(parts[1]))
        signature, point = decode(parts[2]), decode(parameters["k"])
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise VapidError(401, "the token or the key is not well-formed") from None
    if not isinstance(head, dict) or head.get("alg") != "ES256" or len(signature) != 64:
        raise VapidError(403, "the token must be signed with ES256")
    dss = encode_dss_signature(
        int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    )
    try:
        key.verify(dss, f"{parts[0]}.{parts[1]}".encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise VapidError(403, "the signature does not verify") from None
    return _claims(claims, encode(point))


def _claims(claims: object, key: str) -> Token:
    if not isinstance(claims, dict):
        raise VapidError(403, "the claims must be an object")
    expires, subject = claims.get("exp"), claims.get("sub")
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        raise VapidError(403, "exp must be a number")
    if subject is not None and not str(subject).startswith(("mailto:", "https:")):
        raise VapidError(403, "sub must be a mailto: or https: address")
    return Token(key, claims.get("aud"), expires)


def normal_key(text: str) -> str:
    """An applicationServerKey as this service compares it; ValueError if not a P-256 point."""
    point = decode(text)
    if len(point) != 65:
        raise ValueError("the key must be an uncompressed P-256 point of 65 bytes")
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    return encode(point)
