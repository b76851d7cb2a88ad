"""A browser as far as ingest can tell: what it posts, and how."""

import json
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from django.http import HttpResponse
from django.test import Client

from accounts.models import Site
from subscribers.transports.keys import encode_base64url
from tests.factories import PUSH_ORIGIN, browser_keys

ORIGIN = "https://shop.example"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def new_endpoint() -> str:
    return f"{PUSH_ORIGIN}/wpush/v2/{secrets.token_urlsafe(16)}"


@dataclass
class Browser:
    """One visitor's browser on one site."""

    site: Site
    endpoint: str = field(default_factory=new_endpoint)
    keys: tuple[bytes, bytes] = field(default_factory=browser_keys)
    install: str = field(default_factory=lambda: str(uuid.uuid4()))
    origin: str = ORIGIN
    client: Client = field(default_factory=Client)
    id: str = ""

    @property
    def auth(self) -> str:
        return encode_base64url(self.keys[1])

    @property
    def body(self) -> dict[str, Any]:
        keys = {"p256dh": encode_base64url(self.keys[0]), "auth": self.auth}
        return {
            "subscription": {"endpoint": self.endpoint, "expirationTime": None, "keys": keys},
            "language": "en-GB",
            "timezone": "Europe/Oslo",
            "page": "https://shop.example/down",
            "prompt": 1,
            "install": self.install,
        }

    def subscribe(self, **changes: Any) -> HttpResponse:
        response = self.post("subscriptions/", self.body | changes)
        if response.status_code in {200, 201}:
            self.id = json.loads(response.content)["id"]
        return response

    def change(self, **body: Any) -> HttpResponse:
        return self.post(f"subscriptions/{self.id}/?_method=PATCH", {"auth": self.auth} | body)

    def leave(self, **body: Any) -> HttpResponse:
        return self.post(f"subscriptions/{self.id}/?_method=DELETE", {"auth": self.auth} | body)

    def post(self, path: str, body: object, **headers: str) -> HttpResponse:
        data = body if isinstance(body, bytes) else json.dumps(body)
        headers = {"User-Agent": FIREFOX} | headers
        if self.origin:
            headers = {"Origin": self.origin} | headers
        url = f"/push/{self.site.key}/{path}"
        posted = self.client.post(url, data, content_type="text/plain", headers=headers)
        return cast(HttpResponse, posted)


class Answered(Protocol):
    """What a test client's response has."""

    @property
    def content(self) -> bytes: ...


def answer(response: Answered) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(response.content)
    return found
