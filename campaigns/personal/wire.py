"""The bytes that a device gets: Declarative Web Push JSON, the same for every browser.

Safari 18.4 and newer show it without a worker; elsewhere our worker reads the same keys
(WebKit's explainer of Declarative Web Push; push-reference section 2).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.urls import reverse

from campaigns.personal.choosing import direction


@dataclass(frozen=True)
class Content:
    """What one person sees: plain text. Addresses have their UTM parameters."""

    title: str
    body: str
    url: str
    icon: str
    image: str
    badge: str
    # (title, address) of each button.
    actions: tuple[tuple[str, str], ...]
    language: str
    # What a tap opens in an app, where that is not the address.
    link_android: str = ""
    link_ios: str = ""

    def link(self, system: str) -> str:
        """What a tap opens in an app for "android" or "ios"."""
        own = self.link_android if system == "android" else self.link_ios
        return own or self.url

    def notification(self) -> dict[str, Any]:
        """As browsers read it, without the tag and the data of one delivery."""
        fields: dict[str, Any] = {
            "title": self.title,
            "body": self.body,
            "navigate": self.url,
            "lang": self.language,
            "dir": direction(self.language),
            "icon": self.icon,
            "image": self.image,
            "badge": self.badge,
            "actions": [
                {"action": f"a{number}", "title": title, "navigate": url}
                for number, (title, url) in enumerate(self.actions)
            ],
        }
        return {name: value for name, value in fields.items() if value}


def with_parameters(url: str, wanted: Mapping[str, str]) -> str:
    """The address with more parameters; those that it already has stay, empty ones are left out."""
    if not url or not any(wanted.values()):
        return url
    if "?" not in url and "#" not in url:
        return f"{url}?{_encoded(tuple(wanted.items()))}"
    parts = urlsplit(url)
    present = {name for name, _value in parse_qsl(parts.query, keep_blank_values=True)}
    added = urlencode({k: v for k, v in wanted.items() if v and k not in present})
    query = "&".join(part for part in (parts.query, added) if part)
    return urlunsplit(parts._replace(query=query))


@lru_cache(maxsize=512)
def _encoded(parameters: tuple[tuple[str, str], ...]) -> str:
    return urlencode([(name, value) for name, value in parameters if value])


def receipts_url() -> str:
    """Where devices report to."""
    return settings.PUBLIC_URL + reverse("campaigns_public:events")


# Escapes would cost three times the bytes of most scripts.
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def tail() -> str:
    """What follows the token in every payload."""
    return f'","u":{_json(receipts_url())}}}}}}}'


class Template:
    """A payload with two gaps, so that what all have in common is written only once."""

    def __init__(self, content: Content, end: str | None = None) -> None:
        common = {"web_push": 8030, "notification": content.notification()}
        self._head = _json(common).removesuffix("}}")
        self._tail = tail() if end is None else end

    def fill(self, *, token: str, tag: str) -> bytes:
        """One recipient's payload, UTF-8. Both texts are base64url, which JSON takes as it is."""
        return f'{self._head},"tag":"{tag}","data":{{"t":"{token}{self._tail}'.encode()
