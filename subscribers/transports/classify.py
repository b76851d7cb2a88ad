"""What an answer of a push service means for the message, the subscription and our keys.

Only RETRY says that the message was not accepted and may be sent again, so every answer that is
not known to mean that is something else. Services disagree in their details: Chrome's and Apple's
documents, and the source of Mozilla's autopush, are where the rows below come from.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from .endpoints import APPLE_SUFFIX, MOZILLA_SUFFIX, PUSH_HOSTS, WNS_SUFFIX
from .messages import MAX_DETAIL, MAX_LOCATION, Outcome, OutcomeKind

THROTTLED_SECONDS = 60.0  # 429 without Retry-After
UNAVAILABLE_SECONDS = 10.0  # 503 without one; FCM asks never to repeat within 10 s
MAX_RETRY_SECONDS = 3600.0
MAX_TTL = 10 * 365 * 86400

# autopush errno 901 and 902: its bridge could not sign in or connect, so nothing was passed on.
# 903 is a bridge that did not answer, which may have passed the message on.
_MOZILLA_NOT_PASSED_ON = frozenset({901, 902})
_APPLE_KEY_REASONS = frozenset(
    {"BadAuthorizationHeader", "BadJwtToken", "BadVapidPublicKey", "ExpiredJwtToken"}
)
_WNS_NOT_DELIVERED = frozenset({"dropped", "channelthrottled"})
_ADDRESS = re.compile(r"https?://\S*")
_SECONDS = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)


def classify(host: str, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    """The outcome of one answer.

    `host`: of the endpoint, lower case; `headers`: names in lower case; `body`: what was read.
    Never raises: whatever stands in an answer was written by a stranger.
    """
    if status in (200, 201, 202):
        return _accepted(host, status, headers)
    kind, reason, wait = _failure(host, status, headers, body)
    return Outcome(
        kind=kind,
        status_code=status,
        reason=reason,
        retry_after=retry_after(headers, default=wait) if kind is OutcomeKind.RETRY else None,
        detail=excerpt(body) or excerpt(_wns_error(headers).encode("utf-8", "replace")),
    )


def retry_after(headers: Mapping[str, str], *, default: float) -> float:
    """Seconds to wait by `Retry-After` (seconds or HTTP date), from 0 to 3,600, else `default`."""
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError, OSError):
            return default
    return min(max(seconds, 0.0), MAX_RETRY_SECONDS)


def excerpt(body: bytes) -> str:
    """A printable line of at most 200 characters, with web addresses (which may be secret) cut."""
    text = body.decode("utf-8", "replace")
    line = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(_ADDRESS.sub("…", line).split())[:MAX_DETAIL]


def _accepted(host: str, status: int, headers: Mapping[str, str]) -> Outcome:
    reason = str(status)
    if host.endswith(WNS_SUFFIX):
        wns_status = headers.get("x-wns-status", "").strip().lower()
        # Taken, so never sent again, but Windows says at once that it will not show it.
        if wns_status in _WNS_NOT_DELIVERED:
            reason = f"wns_{wns_status}"
    return Outcome(
        kind=OutcomeKind.ACCEPTED,
        status_code=status,
        reason=reason,
        message_location=_location(headers),
        ttl=_echoed_ttl(headers),
    )


def _location(headers: Mapping[str, str]) -> str:
    for name in ("location", "apns-id", "x-wns-msg-id"):
        value = headers.get(name, "").strip()
        if value and len(value) <= MAX_LOCATION and value.isascii() and value.isprintable():
            return value
    return ""


def _echoed_ttl(headers: Mapping[str, str]) -> int | None:
    text = headers.get("ttl", "").strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 12:
        return None
    return min(int(text), MAX_TTL)


_Verdict = tuple[OutcomeKind, str, float]


def _failure(host: str, status: int, headers: Mapping[str, str], body: bytes) -> _Verdict:
    specific = _by_service(host, status, headers, body)
    if specific is not None:
        return specific
    code = str(status)
    if status < 300:
        # A success that no push service has defined: it may well have been accepted.
        return OutcomeKind.UNKNOWN, code, 0.0
    if status < 400:
        return OutcomeKind.REFUSED, "redirect", 0.0
    if status in (401, 403):
        return OutcomeKind.CONFIG, "vapid_rejected", 0.0
    if status in (404, 410):
        return OutcomeKind.GONE, code, 0.0
    if status == 413:
        return OutcomeKind.REFUSED, "payload_too_large", 0.0
    if status == 429:
        return OutcomeKind.RETRY, code, THROTTLED_SECONDS
    if status == 503:
        return OutcomeKind.RETRY, code, UNAVAILABLE_SECONDS
    if status == 408 or status >= 500:
        return OutcomeKind.UNKNOWN, code, 0.0
    return OutcomeKind.REFUSED, code, 0.0


def _by_service(host: str, status: int, headers: Mapping[str, str], body: bytes) -> _Verdict | None:
    if host in PUSH_HOSTS:
        return _by_fcm(status, body)
    if host.endswith(MOZILLA_SUFFIX):
        return _by_mozilla(status, body)
    if host.endswith(APPLE_SUFFIX):
        return _by_apple(status, body)
    if host.endswith(WNS_SUFFIX):
        return _by_wns(status, headers, body)
    return None


def _by_fcm(status: int, body: bytes) -> _Verdict | None:
    text = body.lower()
    if status == 400 and b"unauthorizedregistration" in text:
        return OutcomeKind.CONFIG, "vapid_rejected", 0.0
    if status in (400, 401, 403) and b"correspond to the" in text:
        return OutcomeKind.CONFIG, "vapid_mismatch", 0.0
    return None


def _by_mozilla(status: int, body: bytes) -> _Verdict | None:
    answer = _json_object(body)
    errno = answer.get("errno")
    if not isinstance(errno, int) or isinstance(errno, bool) or not 0 < errno < 10_000:
        return None
    if status == 401 and errno == 109:
        mismatch = "mismatch" in str(answer.get("message", "")).lower()
        return OutcomeKind.CONFIG, "vapid_mismatch" if mismatch else "vapid_rejected", 0.0
    if status == 502 and errno in _MOZILLA_NOT_PASSED_ON:
        return OutcomeKind.RETRY, f"mozilla_{errno}", UNAVAILABLE_SECONDS
    if status == 502:
        return OutcomeKind.UNKNOWN, f"mozilla_{errno}", 0.0
    if status == 400:
        return OutcomeKind.REFUSED, f"mozilla_{errno}", 0.0
    return None


def _by_apple(status: int, body: bytes) -> _Verdict | None:
    reason = _json_object(body).get("reason")
    if not isinstance(reason, str) or not re.fullmatch(r"[A-Za-z0-9]{1,40}", reason):
        return None
    if status in (400, 403) and reason == "VapidPkHashMismatch":
        return OutcomeKind.CONFIG, "vapid_mismatch", 0.0
    if status in (400, 403) and reason in _APPLE_KEY_REASONS:
        return OutcomeKind.CONFIG, "vapid_rejected", 0.0
    if status == 400:
        return OutcomeKind.REFUSED, f"apple_{reason.lower()}", 0.0
    return None


def _by_wns(status: int, headers: Mapping[str, str], body: bytes) -> _Verdict | None:
    if status == 406:
        return OutcomeKind.RETRY, "406", THROTTLED_SECONDS
    said = _wns_error(headers).lower().encode("utf-8", "replace") + body.lower()
    if status == 410 and b"domain blocked" in said:
        # About us, not about the device: the subscription must not be dropped.
        return OutcomeKind.CONFIG, "wns_domain_blocked", 0.0
    return None


def _wns_error(headers: Mapping[str, str]) -> str:
    return headers.get("x-wns-error-description", "")


def _json_object(body: bytes) -> dict[str, object]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
