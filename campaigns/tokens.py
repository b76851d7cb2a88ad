"""The per-delivery token that a device's receipts carry, and the collapse key of a delivery."""

import base64
import hashlib
import hmac
import struct
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings

_PACK = struct.Struct(">IQQ")  # month as YYYYMM, run, subscription
_MAC_BYTES = 12


class DeliveryKey(NamedTuple):
    """Which row of the ledger."""

    month: date
    run_id: int
    subscription_id: int


class BadToken(ValueError):
    """Not a token that this server made."""


@lru_cache(maxsize=4)
def _keyed(secret: str) -> hmac.HMAC:
    """HMAC-SHA256 with our key taken in, to be copied: that is half of the work."""
    key = hashlib.sha256(b"beckon.receipt\0" + secret.encode()).digest()
    return hmac.new(key, digestmod="sha256")


def _mac(packed: bytes) -> bytes:
    mac = _keyed(settings.SECRET_KEY).copy()
    mac.update(packed)
    return mac.digest()[:_MAC_BYTES]


def make(key: DeliveryKey) -> str:
    """A token of 43 URL-safe characters: the row's key and 96 bits of HMAC-SHA256."""
    packed = _PACK.pack(key.month.year * 100 + key.month.month, key.run_id, key.subscription_id)
    return base64.urlsafe_b64encode(packed + _mac(packed)).rstrip(b"=").decode()


def read(token: str) -> DeliveryKey:
    """The row that a token was made for; BadToken if it is forged or malformed."""
    if len(token) != LENGTH or not token.isascii():
        raise BadToken
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        raise BadToken from None
    packed, mac = raw[: _PACK.size], raw[_PACK.size :]
    if not hmac.compare_digest(mac, _mac(packed)):
        raise BadToken
    month, run_id, subscription_id = _PACK.unpack(packed)
    return DeliveryKey(date(month // 100, month % 100, 1), run_id, subscription_id)


LENGTH = -(-(_PACK.size + _MAC_BYTES) * 4 // 3)


def topic(run_id: int, subscription_id: int) -> str:
    """Exactly 32 URL-safe characters that name a delivery and tell nothing (RFC 8030 section 5.4).

    The same for every request that this delivery could ever cause, so that a push service replaces
    instead of queueing twice, and a browser re-shows instead of alerting twice.
    """
    digest = hashlib.sha256(struct.pack(">QQ", run_id, subscription_id)).digest()
    return base64.urlsafe_b64encode(digest[:24]).decode()
