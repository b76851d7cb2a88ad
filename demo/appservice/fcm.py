"""FCM HTTP v1: what of a request is checked, and how it is answered.

firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send and .../rest/v1/ErrorCode
"""

from __future__ import annotations

import json
import os
import re
import time
from typing import Any

from demo.appservice.fcm_schema import BODY, Violation, check
from demo.appservice.google import Google
from demo.appservice.http import Answer, Request
from demo.appservice.model import Incoming

PATH = re.compile(r"/v1/projects/([^/]+)/messages:send")
MAX_PAYLOAD = 4096
MAX_TTL = 28 * 24 * 3600
TARGETS = ("token", "fid", "topic", "condition")
TOKEN = re.compile(r"[A-Za-z0-9_:-]{20,1024}")
FID = re.compile(r"[A-Za-z0-9_-]{22}")
# "from", "message_type", or any word starting with "google." or "gcm."
RESERVED = re.compile(r"from|message_type|google\..*|gcm\..*")
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
JSON = ("content-type", "application/json; charset=UTF-8")
NO_CREDENTIALS = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
# By FcmError code: HTTP status, status in words, message.
ERRORS: dict[str, tuple[int, str, str]] = {
    "UNREGISTERED": (404, "NOT_FOUND", "Requested entity was not found."),
    "INVALID_ARGUMENT": (
        *(400, "INVALID_ARGUMENT"),
        "The registration token is not a valid FCM registration token",
    ),
    "SENDER_ID_MISMATCH": (403, "PERMISSION_DENIED", "SenderId mismatch"),
    "QUOTA_EXCEEDED": (
        *(429, "RESOURCE_EXHAUSTED"),
        "Quota exceeded for quota metric 'Send requests' and limit 'Send requests per minute'.",
    ),
    "UNAVAILABLE": (503, "UNAVAILABLE", "The service is currently unavailable."),
    "INTERNAL": (500, "INTERNAL", "Internal error encountered."),
    "THIRD_PARTY_AUTH_ERROR": (
        *(401, "UNAUTHENTICATED"),
        "Request is missing required authentication credential. " + NO_CREDENTIALS,
    ),
    "UNSPECIFIED_ERROR": (400, "UNKNOWN", "Unknown error."),
}


class Refused(Exception):
    """The message is not accepted."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def error(code: str) -> Answer:
    """The answer for an `FcmError` code."""
    status, words, message = ERRORS[code]
    details: list[dict[str, Any]] = [{"@type": FCM_ERROR, "errorCode": code}]
    if code == "THIRD_PARTY_AUTH_ERROR":
        apns = "type.googleapis.com/google.firebase.fcm.v1.ApnsError"
        details.append({"@type": apns, "statusCode": 403, "reason": "InvalidProviderToken"})
    return _answer(status, words, message, details)


def invalid(violations: list[Violation], *, fcm: bool = False) -> Answer:
    """INVALID_ARGUMENT about the message. `fcm`: FCM itself says so, not the JSON reader."""
    fields = [{"field": field, "description": words} for field, words in violations]
    details: list[dict[str, Any]] = [{"@type": BAD_REQUEST, "fieldViolations": fields}]
    if fcm:
        details.insert(0, {"@type": FCM_ERROR, "errorCode": "INVALID_ARGUMENT"})
    message = "\n".join(words for _, words in violations)
    return _answer(400, "INVALID_ARGUMENT", message, details)


def unauthenticated(reason: str) -> Answer:
    if reason == "CREDENTIALS_MISSING":
        message = "Request is missing required authentication credential. " + NO_CREDENTIALS
    else:
        message = "Request had invalid authentication credentials. " + NO_CREDENTIALS
    details = [{"@type": ERROR_INFO, "reason": reason, "domain": "googleapis.com"}]
    answer = _answer(401, "UNAUTHENTICATED", message, details)
    realm = 'Bearer realm="https://accounts.google.com/"'
    if reason != "CREDENTIALS_MISSING":
        realm += ', error="invalid_token"'
    return answer._replace(headers=(*answer.headers, ("www-authenticate", realm)))


def not_allowed(project: str) -> Answer:
    resource = f"//cloudresourcemanager.googleapis.com/projects/{project}"
    permission = "cloudmessaging.messages.create"
    message = f"Permission '{permission}' denied on resource '{resource}' (or it may not exist)."
    details = [
        {"@type": ERROR_INFO, "reason": "IAM_PERMISSION_DENIED", "domain": "iam.googleapis.com"}
    ]
    return _answer(403, "PERMISSION_DENIED", message, details)


def not_found() -> Answer:
    """Google's page for an address that it does not have: no JSON, no code."""
    page = b"<!DOCTYPE html><html lang=en><title>Error 404 (Not Found)!!1</title>"
    return Answer(404, page, (("content-type", "text/html; charset=UTF-8"),))


def accepted(name: str) -> Answer:
    return Answer(200, b'{\n  "name": "%b"\n}\n' % name.encode(), (JSON,))


def new_name(project: str) -> str:
    return f"projects/{project}/messages/0:{time.time_ns() // 1000}%{os.urandom(8).hex()}"


def receive(request: Request, google: Google) -> Incoming:
    """The message of a request that may send and is well formed; Refused."""
    found = PATH.fullmatch(request.path)
    if found is None:
        raise Refused(not_found())
    if request.method != "POST":
        raise Refused(not_found())
    project = found[1]
    _authorise(request, google, project)
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        words = "Invalid JSON payload received. Unexpected token."
        raise Refused(invalid([("", words)])) from None
    if not isinstance(body, dict):
        raise Refused(invalid([("", "Invalid JSON payload received. Root must be an object.")]))
    clean, wrong = check(body, BODY)
    if wrong:
        raise Refused(invalid(wrong))
    return _understood(project, clean)


def _authorise(request: Request, google: Google, project: str) -> None:
    scheme, _space, token = request.headers.get("authorization", "").partition(" ")
    if not token or scheme.lower() != "bearer":
        raise Refused(unauthenticated("CREDENTIALS_MISSING"))
    owner = google.project_of(token)
    if owner is None:
        raise Refused(unauthenticated("ACCESS_TOKEN_EXPIRED"))
    if owner != project:
        raise Refused(not_allowed(project))


def _understood(project: str, body: dict[str, Any]) -> Incoming:
    message = body.get("message", {})
    targets = [name for name in TARGETS if name in message]
    if len(targets) != 1:
        words = "Recipient of the message is not set."
        raise Refused(invalid([("message", words)], fcm=True))
    kind = targets[0]
    if wrong := _semantic(message):
        raise Refused(invalid(wrong, fcm=True))
    value = message[kind]
    if not (TOKEN if kind == "token" else FID).fullmatch(value):
        raise Refused(error("INVALID_ARGUMENT"))
    android, headers = message.get("android", {}), message.get("apns", {}).get("headers", {})
    # What is for an iPhone has these in Apple's headers only.
    ends = headers.get("apns-expiration", "")
    ttl = max(0.0, float(ends) - time.time()) if ends.isdigit() else MAX_TTL
    return Incoming(
        service="fcm",
        app=project,
        token=value,
        ttl=int(float(android["ttl"][:-1]) if "ttl" in android else ttl),
        collapse=android.get("collapseKey", "") or headers.get("apns-collapse-id", ""),
        priority=android.get("priority", "NORMAL").upper(),
        body=message,
        dry=bool(body.get("validateOnly")),
    )


def _semantic(message: dict[str, Any]) -> list[Violation]:
    """What is of the right type and wrong all the same."""
    android = message.get("android", {})
    wrong: list[Violation] = []
    for place, data in (("message.data", message), ("message.android.data", android)):
        for key in data.get("data", {}):
            if RESERVED.fullmatch(key):
                wrong.append((place, f"Invalid data payload key: {key}"))
    if float(android.get("ttl", "0s")[:-1]) > MAX_TTL:
        wrong.append(("message.android.ttl", "Invalid TTL: it must be at most 4 weeks."))
    if message.get("apns", {}).get("payload", {"aps": {}}).get("aps") is None:
        wrong.append(("message.apns.payload", "The APNs payload must have the key aps."))
    size = payload_size(message)
    if size > MAX_PAYLOAD:
        words = f"Message is too large. The maximum is 4K ({MAX_PAYLOAD} bytes)."
        wrong.append(("message", words))
    return wrong


def payload_size(message: dict[str, Any]) -> int:
    """The bytes that count: notification and data, of whichever platform has more of them."""
    shared = _counted(message)
    android = _counted(message.get("android", {}))
    apple = message.get("apns", {}).get("payload", {})
    return max(_bytes({**shared, **android}), _bytes(apple), _bytes(shared))


def _counted(part: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name in {"notification", "data"}}


def _bytes(value: dict[str, Any]) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _answer(status: int, words: str, message: str, details: list[dict[str, Any]]) -> Answer:
    body = {"error": {"code": status, "message": message, "status": words, "details": details}}
    return Answer(status, json.dumps(body, indent=2).encode(), (JSON,))
