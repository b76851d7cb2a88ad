"""APNs: what of a request is checked, and how it is answered.

developer.apple.com/documentation/usernotifications, "Sending notification requests to APNs",
"Handling notification responses from APNs", "Establishing a token-based connection to APNs".
"""

from __future__ import annotations

import json
import re
import secrets
import string
import time
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from demo.appservice.google import kept
from demo.appservice.http import Answer, Request
from demo.appservice.model import Incoming

BUNDLE = "no.fjellfjord.app"
PATH = re.compile(r"/3/device/([^/]*)")
TOKEN = re.compile(r"([0-9A-Fa-f]{2}){8,100}")
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
MAX_PAYLOAD = 4096
MAX_COLLAPSE_ID = 64
PRIORITIES = {"1", "5", "10"}
PUSH_TYPES = {
    *("alert", "background", "location", "voip", "complication", "fileprovider", "mdm"),
    *("liveactivity", "pushtotalk", "widgets", "controls"),
}
TOKEN_LIFE = 3600
UPDATE_SECONDS = 20 * 60
# Apple lets clocks differ by this many seconds.
SLACK = 300
# By reason: the status. All of "Handling notification responses from APNs", table 4.
REASONS: dict[str, int] = {
    **dict.fromkeys(
        (
            *("BadCollapseId", "BadDeviceToken", "BadExpirationDate", "BadMessageId"),
            *("BadPriority", "BadTopic", "DeviceTokenNotForTopic", "DuplicateHeaders"),
            *("IdleTimeout", "InvalidPushType", "MissingDeviceToken", "MissingTopic"),
            *("PayloadEmpty", "TopicDisallowed"),
        ),
        400,
    ),
    **dict.fromkeys(
        (
            *("BadCertificate", "BadCertificateEnvironment", "ExpiredProviderToken", "Forbidden"),
            *("InvalidProviderToken", "MissingProviderToken", "UnrelatedKeyIdInToken"),
            "BadEnvironmentKeyIdInToken",
        ),
        403,
    ),
    "BadPath": 404,
    "MethodNotAllowed": 405,
    "ExpiredToken": 410,
    "Unregistered": 410,
    "PayloadTooLarge": 413,
    "TooManyProviderTokenUpdates": 429,
    "TooManyRequests": 429,
    "InternalServerError": 500,
    "ServiceUnavailable": 503,
    "Shutdown": 503,
}


class Refused(Exception):
    """The notification is not accepted. `since`: seconds since the epoch, for 410."""

    def __init__(self, reason: str, since: float = 0.0) -> None:
        super().__init__(reason)
        self.reason, self.since = reason, since


class Key(NamedTuple):
    """What an account holder downloads from Apple once."""

    key_id: str
    team_id: str
    p8: bytes
    bundle_ids: tuple[str, ...]


class Apple:
    """The keys that are known, and whose apps they may send to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: dict[str, tuple[str, frozenset[str], Any]] = {}
        self._good: dict[str, tuple[int, str]] = {}  # provider token: (iat, key id)
        for path in sorted(folder.glob("apns-key-*.json")):
            self._know(_read(path))

    def key(self, bundle_ids: tuple[str, ...] = (BUNDLE,), *, name: str = "demo") -> Key:
        """The key called `name`, made at the first call."""
        path = self._folder / f"apns-key-{name}.json"
        if not path.exists():
            kept(path, json.dumps(_new_key(bundle_ids)).encode())
        key = _read(path)
        self._know(key)
        return key

    def revoke(self, key: Key) -> None:
        for path in self._folder.glob("apns-key-*.json"):
            if _read(path).key_id == key.key_id:
                path.unlink()
        del self._keys[key.key_id]
        self._good.clear()

    def _know(self, key: Key) -> None:
        public = serialization.load_pem_private_key(key.p8, None).public_key()
        self._keys[key.key_id] = (key.team_id, frozenset(key.bundle_ids), public)

    def allowed(self, request: Request) -> frozenset[str]:
        """The bundle ids that the request's provider token may send to; Refused."""
        scheme, _space, token = request.headers.get("authorization", "").partition(" ")
        if not token or scheme.lower() != "bearer":
            raise Refused("MissingProviderToken")
        iat, key_id = self._good.get(token) or self._check(token)
        known = self._keys[key_id]
        now = time.time()
        if iat < now - TOKEN_LIFE:
            raise Refused("ExpiredProviderToken")
        _count_updates(request.connection, token, now)
        return known[1]

    def _check(self, token: str) -> tuple[int, str]:
        try:
            key_id = jwt.get_unverified_header(token).get("kid", "")
            team, _bundles, public = self._keys[key_id]
            claims = jwt.decode(token, public, algorithms=["ES256"], options={"verify_iat": False})
        except (jwt.PyJWTError, KeyError, TypeError, ValueError):
            raise Refused("InvalidProviderToken") from None
        iat = claims.get("iat")
        if claims.get("iss") != team or not isinstance(iat, int) or iat > time.time() + SLACK:
            raise Refused("InvalidProviderToken")
        if len(self._good) > 1000:
            self._good.clear()
        self._good[token] = iat, key_id
        return iat, key_id


def _count_updates(connection: dict[str, Any], token: str, now: float) -> None:
    """A connection takes another token every 20 minutes, not sooner."""
    since, current = connection.get("provider", (0.0, ""))
    if token == current:
        return
    if current and now - since < UPDATE_SECONDS:
        raise Refused("TooManyProviderTokenUpdates")
    connection["provider"] = (now, token)


def receive(request: Request, apple: Apple, *, sandbox: bool) -> Incoming:
    """The notification of a request that may send and is well formed; Refused."""
    token = _path(request)
    bundles = apple.allowed(request)
    headers = request.headers
    topic = headers.get("apns-topic", "")
    if not topic:
        raise Refused("MissingTopic")
    if topic not in bundles:
        raise Refused("TopicDisallowed")
    push_type = headers.get("apns-push-type", "")
    if push_type not in PUSH_TYPES:
        raise Refused("InvalidPushType")
    priority = headers.get("apns-priority", "10")
    if priority not in PRIORITIES or (push_type == "background" and priority == "10"):
        raise Refused("BadPriority")
    if len(headers.get("apns-collapse-id", "").encode()) > MAX_COLLAPSE_ID:
        raise Refused("BadCollapseId")
    return Incoming(
        service="apns+sandbox" if sandbox else "apns",
        app=topic,
        token=token,
        ttl=_ttl(headers.get("apns-expiration", "")),
        collapse=headers.get("apns-collapse-id", ""),
        priority=priority,
        body=_payload(request.body),
        id=_id(headers.get("apns-id", "")),
    )


def _path(request: Request) -> str:
    """The device token."""
    if request.repeated:
        raise Refused("DuplicateHeaders")
    if request.method != "POST":
        raise Refused("MethodNotAllowed")
    found = PATH.fullmatch(request.path)
    if found is None:
        raise Refused("BadPath")
    if not found[1]:
        raise Refused("MissingDeviceToken")
    if not TOKEN.fullmatch(found[1]):
        raise Refused("BadDeviceToken")
    return found[1].lower()


def _ttl(text: str) -> int:
    """Seconds that it is kept. Without the header Apple keeps it for 30 days."""
    if not text:
        return 30 * 24 * 3600
    if not (text.isascii() and text.isdigit() and len(text) <= 11):
        raise Refused("BadExpirationDate")
    return max(0, int(text) - int(time.time())) if int(text) else 0


def _id(text: str) -> str:
    if text and not ID.fullmatch(text):
        raise Refused("BadMessageId")
    return text or str(uuid.uuid4()).upper()


def _payload(body: bytes) -> dict[str, Any]:
    if not body:
        raise Refused("PayloadEmpty")
    if len(body) > MAX_PAYLOAD:
        raise Refused("PayloadTooLarge")
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict) or not isinstance(payload.get("aps"), dict):
        # Apple has no word of its own for it: nothing in it is for the device.
        raise Refused("PayloadEmpty")
    return payload


def accepted(message_id: str) -> Answer:
    return Answer(200, b"", (("apns-id", message_id),))


def error(reason: str, *, message_id: str = "", since: float = 0.0) -> Answer:
    """The answer for a reason; `since` in seconds, for Unregistered and ExpiredToken."""
    body: dict[str, Any] = {"reason": reason}
    status = REASONS[reason]
    if status == 410:
        body["timestamp"] = int((since or time.time()) * 1000)
    headers = (("apns-id", message_id or str(uuid.uuid4()).upper()),)
    return Answer(status, json.dumps(body, separators=(",", ":")).encode(), headers)


def _new_key(bundle_ids: tuple[str, ...]) -> dict[str, Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    letters = string.ascii_uppercase + string.digits
    key_id, team_id = ("".join(secrets.choice(letters) for _ in range(10)) for _ in range(2))
    return {
        "key_id": key_id,
        "team_id": team_id,
        "p8": pem.decode(),
        "bundle_ids": list(bundle_ids),
    }


def _read(path: Path) -> Key:
    found = json.loads(path.read_bytes())
    return Key(found["key_id"], found["team_id"], found["p8"].encode(), tuple(found["bundle_ids"]))
