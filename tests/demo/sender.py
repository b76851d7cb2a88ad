"""A sender for tests of the sandbox push service: the reference encryption and signature."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02
from pywebpush import WebPusher


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def ask(method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Answer:
    """One request; redirects are not followed, errors are answers too."""
    request = urllib.request.Request(url, method=method, data=body, headers=headers)  # noqa: S310
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=10) as answer:
            return Answer(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read())
    except urllib.error.URLError as error:
        # What the connection said: a reset while the body was still on its way, say.
        raise error.reason if isinstance(error.reason, OSError) else error from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


class Sender:
    """Sends with a VAPID key of its own; `origin` is the push service's."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.vapid = Vapid02()
        self.vapid.generate_keys()
        point = self.vapid.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.key = base64.urlsafe_b64encode(point).rstrip(b"=").decode()

    def authorization(self, **claims: Any) -> str:
        usual = {"aud": self.origin, "exp": int(time.time()) + 3600, "sub": "mailto:a@example.no"}
        return str(self.vapid.sign(usual | claims)["Authorization"])

    def post(
        self, subscription: dict[str, Any], text: str, *, spoil: bool = False, **headers: str
    ) -> Answer:
        """Encrypt and POST `text`. A header given as "" is left out; `_` in names means `-`."""
        body = WebPusher(subscription).encode(text.encode(), content_encoding="aes128gcm")["body"]
        if spoil:
            body = body[:-1] + bytes([body[-1] ^ 1])
        return self.post_raw(subscription["endpoint"], body, **headers)

    def post_raw(self, endpoint: str, body: bytes, **headers: str) -> Answer:
        usual = {
            "TTL": "60",
            "Content-Encoding": "aes128gcm",
            "Authorization": headers.get("Authorization") or self.authorization(),
            "Content-Type": "application/octet-stream",
        }
        given = usual | {name.replace("_", "-"): value for name, value in headers.items()}
        return ask("POST", endpoint, body, {k: v for k, v in given.items() if v})

    def control(self, method: str, path: str, data: object = None, **headers: str) -> Answer:
        """A request to the sandbox's own API."""
        body = None if data is None else json.dumps(data).encode()
        usual = {} if body is None else {"Content-Type": "application/json"}
        given = usual | {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(method, self.origin + path, body, {k: v for k, v in given.items() if v})

    def device(self, **options: Any) -> dict[str, Any]:
        """Make one virtual browser; what its `PushSubscription.toJSON()` gives."""
        answer = self.control("POST", "/devices", {"applicationServerKey": self.key} | options)
        assert answer.status == 201, answer.body
        found: dict[str, Any] = answer.json()["devices"][0]
        return found

    def misbehave(self, **rule: Any) -> None:
        answer = self.control("PUT", "/misbehave", rule)
        assert answer.status == 200, answer.body

    def messages(self, subscription: dict[str, Any]) -> list[dict[str, Any]]:
        """What the virtual browser has, newest first."""
        path = "/devices/" + token_of(subscription)
        found: list[dict[str, Any]] = self.control("GET", path).json()["messages"]
        return found

    def log(self, since: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.control("GET", f"/log?since={since}").json()["entries"]
        return found


def token_of(subscription: dict[str, Any]) -> str:
    return str(subscription["endpoint"]).rpartition("/")[2]
