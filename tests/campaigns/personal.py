"""What the tests of personal texts share: a site, messages and readers that no database knows."""

from __future__ import annotations

import json
import uuid
from typing import Any

from accounts.models import Site
from campaigns.models import Message
from campaigns.personal import Reader, Renderer

SITE = Site(
    name="Fjell & Fjord",
    origins=["https://shop.example", "https://www.fjell.example:8443"],
    language="en",
    time_zone="Europe/Oslo",
    icon_url="https://shop.example/icon.png",
)


def message(**fields: Any) -> Message:
    fields.setdefault("title", "Winter layers")
    fields.setdefault("url", "https://shop.example/down")
    return Message(**fields)


def renderer(site: Site = SITE, **fields: Any) -> Renderer:
    return Renderer(message(**fields), site)


def reader(language: str = "en", platform: str = "Linux", **context: Any) -> Reader:
    """Somebody of whom the texts know the given things: `subscriber={"first_name": "Kari"}`."""
    return Reader(7, uuid.UUID(int=1), language, platform, "Europe/Oslo", context)


def kari(first_name: Any = "Kari", **attributes: Any) -> Reader:
    return reader(subscriber={"first_name": first_name, **attributes})


def notification(of: Renderer, who: Reader | None = None, variant: int | None = None) -> Any:
    """What a device would show."""
    return json.loads(of.payload(who, variant, token="tok", tag="tag"))["notification"]


def app(of: Renderer, channel: str, who: Reader | None = None, **options: Any) -> Any:
    """What FCM or APNs is given: token "tok", tag "tag"."""
    return json.loads(of.payload(who, token="tok", tag="tag", channel=channel, **options))
