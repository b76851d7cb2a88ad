"""A phone as far as registration can tell: what its app posts, and how."""

import json
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any, cast

from django.http import HttpResponse
from django.test import Client

from accounts.models import Site

BUNDLE = "com.example.shop"
APP_KEY = "app_5xR2mWq8Yt"


def new_token(*, apple: bool = False) -> str:
    return secrets.token_hex(32) if apple else f"{secrets.token_urlsafe(16)}:APA91b"


@dataclass
class Phone:
    """One app on one phone. `changes` of a request of None leave the field out."""

    site: Site
    apple: bool = False
    token: str | None = ""
    install: str = field(default_factory=lambda: str(uuid.uuid4()))
    client: Client = field(default_factory=Client)

    def __post_init__(self) -> None:
        if self.token == "":
            self.token = new_token(apple=self.apple)

    @property
    def body(self) -> dict[str, Any]:
        channel = {"channel": "apns", "platform": "ios", "app": BUNDLE}
        if not self.apple:
            channel = {"channel": "fcm", "platform": "android"}
        return channel | {
            "install": self.install,
            "token": self.token,
            "app_version": "4.12.0",
            "language": "nb-NO",
            "timezone": "Europe/Oslo",
        }

    def register(self, **changes: Any) -> HttpResponse:
        return self.send("POST", self.body | {"app_key": APP_KEY} | changes)

    def leave(self, **changes: Any) -> HttpResponse:
        return self.send("DELETE", {"app_key": APP_KEY, "install": self.install} | changes)

    def send(self, method: str, body: object, **headers: str) -> HttpResponse:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = f"/push/{self.site.key}/devices/"
        kind = "application/json"
        sent = self.client.generic(method, url, data, content_type=kind, headers=headers)
        return cast(HttpResponse, sent)


def app_site(site: Site) -> Site:
    """A site whose apps may register."""
    site.app_key = APP_KEY
    site.save(update_fields=["app_key"])
    return site
