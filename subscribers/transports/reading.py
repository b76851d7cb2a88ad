"""What an answer of a push service says, in the words of its service, whatever stands in it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from .messages import MAX_DETAIL, MAX_LOCATION, Service

MAX_RETRY_SECONDS = 3600.0
MAX_TTL = 10 * 365 * 86400

_ADDRESS = re.compile(r"https?://\S*")
_SECONDS = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_REASON = re.compile(r"[A-Za-z0-9_]{1,34}", re.ASCII)  # a reason has 40 with "apple_"
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_TYPE = "type.googleapis.com/google."
_TOKEN_FIELDS = frozenset({"message.token", "message.fid"})
_TOKEN_WORDS = re.compile(r"(registration token|installation id) is not (a )?valid", re.IGNORECASE)
_APNS_BEGAN = datetime(2009, 1, 1, tzinfo=UTC)
_READ_AS_JSON = frozenset({Service.MOZILLA, Service.APPLE, Service.FCM_APPS, Service.APNS})


@dataclass(frozen=True)
class Said:
    """What an answer says beside its status; '' or 0 without.

    `text`: lower case, of the body and of Windows' explaining header; `errno`, `message`:
    autopush's; `reason`: Apple's, or the error code of FCM; `about_token`: FCM says that what is
    wrong is the device's token; `detail`: FCM's sentence; `since`: APNs' time.
    """

    text: bytes = b""
    errno: int = 0
    message: str = ""
    reason: str = ""
    about_token: bool = False
    detail: str = ""
    since: datetime | None = None
    page: bool = False  # made by a web server for people, not by a push service

    @property
    def code(self) -> str:
        """The reason as our codes are written: `bad_device_token`, at most 35 characters."""
        return _WORD.sub("_", self.reason).lower()[:35]


def read(service: Service, headers: Mapping[str, str], body: bytes) -> Said:
    """What an answer says; nothing that its service would not say."""
    if service is Service.FCM_APPS:
        return _of_fcm(_json_object(body))
    text = body.lower()
    if service is Service.WNS:
        text = explained(headers).lower().encode("utf-8", "replace") + b"\n" + text
    answer = _json_object(body) if service in _READ_AS_JSON else {}
    errno = answer.get("errno")
    if not isinstance(errno, int) or isinstance(errno, bool) or not 0 < errno < 10_000:
        errno = 0
    page = headers.get("content-type", "").strip().lower().startswith("text/html")
    return Said(
        text=text,
        errno=errno,
        message=str(answer.get("message", "")).lower(),
        reason=_reason(answer.get("reason")),
        since=_moment(answer.get("timestamp")) if service is Service.APNS else None,
        # The second is what Go's servers and Traefik say.
        page=page or b"404 page not found" in text,
    )


def _of_fcm(answer: Mapping[str, object]) -> Said:
    """An error of Google's APIs: {"error": {"message": str, "details": [{"@type": str, …}]}}."""
    error = answer.get("error")
    if not isinstance(error, dict):
        return Said()
    message = error.get("message")
    message = message if isinstance(message, str) else ""
    details = list(_objects(error.get("details")))
    codes = [one.get("errorCode") for one in details if _is(one, "firebase.fcm.v1.FcmError")]
    reason = _reason(codes[0]) if codes else ""
    about = reason == "INVALID_ARGUMENT" and _is_about_token(message, details)
    return Said(reason=reason, about_token=about, detail=message)


def _is_about_token(message: str, details: list[dict[str, object]]) -> bool:
    """Whether an invalid argument, of which there are many, is the token and nothing else."""
    apple = [one for one in details if _is(one, "firebase.fcm.v1.ApnsError")]
    if apple:
        # Of an iPhone that Firebase passed the message on to.
        return all(one.get("statusCode") == 410 for one in apple)
    requests = [one for one in details if _is(one, "rpc.BadRequest")]
    fields = {
        violation.get("field")
        for one in requests
        for violation in _objects(one.get("fieldViolations"))
    }
    if requests:
        return bool(fields) and fields <= _TOKEN_FIELDS
    return _TOKEN_WORDS.search(message) is not None


def _is(detail: Mapping[str, object], name: str) -> bool:
    return detail.get("@type") == _TYPE + name


def _objects(value: object) -> Iterator[dict[str, object]]:
    for one in value if isinstance(value, list) else ():
        if isinstance(one, dict):
            yield one


def _reason(value: object) -> str:
    return value if isinstance(value, str) and _REASON.fullmatch(value) else ""


def _moment(value: object) -> datetime | None:
    """Milliseconds since 1970; None for what can't be, such as a time to come."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    try:
        moment = datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if _APNS_BEGAN < moment < datetime.now(UTC) + timedelta(days=1) else None


def retry_after(headers: Mapping[str, str], *, default: float) -> float:
    """Seconds to wait by `Retry-After` (seconds or HTTP date), from 0 to 3,600, else `default`."""
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        try:
            date = parsedate_to_datetime(text)
            # A date of HTTP is in UTC, also where it does not say so.
            seconds = date.replace(tzinfo=date.tzinfo or UTC).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError, OSError):
            return default
    return min(max(seconds, 0.0), MAX_RETRY_SECONDS)


def excerpt(body: bytes) -> str:
    """A printable line of at most 200 characters, with web addresses (which may be secret) cut."""
    text = body.decode("utf-8", "replace")
    line = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(_ADDRESS.sub("…", line).split())[:MAX_DETAIL]


def location(service: Service, headers: Mapping[str, str], body: bytes) -> str:
    """What a service calls a message that it took: an address or a name, at most 500 characters."""
    if service is Service.FCM_APPS:
        name = _json_object(body).get("name")
        return _printable(name) if isinstance(name, str) else ""
    names = ("location", "apns-id", "x-wns-msg-id")
    return next(filter(None, (_printable(headers.get(name, "")) for name in names)), "")


def _printable(text: str) -> str:
    text = text.strip()
    fine = len(text) <= MAX_LOCATION and text.isascii() and text.isprintable()
    return text if fine else ""


def echoed_ttl(headers: Mapping[str, str]) -> int | None:
    """Seconds that a service says it keeps a message; None where it does not say."""
    text = headers.get("ttl", "").strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 12:
        return None
    return min(int(text), MAX_TTL)


def explained(headers: Mapping[str, str]) -> str:
    """Windows' explanation."""
    return headers.get("x-wns-error-description", "")


def _json_object(body: bytes) -> dict[str, object]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
