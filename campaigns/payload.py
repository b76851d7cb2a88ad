"""The bytes that a device gets: Declarative Web Push JSON, the same for every browser.

Safari 18.4 and newer show it without a worker; elsewhere our worker reads the same keys
(WebKit's explainer of Declarative Web Push; push-reference section 2).
"""

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.urls import reverse

from accounts.models import Site
from campaigns import tokens
from campaigns.models import Message

# RFC 8291 section 4: 4,096 octets less the header, the delimiter and the tag.
HARD_LIMIT = 3_993


def with_utm(url: str, message: Message) -> str:
    """The address with the message's UTM parameters; those that it already has stay."""
    wanted = {
        "utm_source": message.utm_source,
        "utm_medium": message.utm_medium,
        "utm_campaign": message.utm_campaign,
    }
    parts = urlsplit(url)
    present = {name for name, _value in parse_qsl(parts.query, keep_blank_values=True)}
    added = urlencode({k: v for k, v in wanted.items() if v and k not in present})
    query = "&".join(part for part in (parts.query, added) if part)
    return urlunsplit(parts._replace(query=query))


def opens(message: Message) -> str:
    """Where a click on the notification leads."""
    return with_utm(message.url, message)


def receipts_url() -> str:
    """Where devices report to."""
    return settings.PUBLIC_URL + reverse("campaigns_public:events")


def notification(message: Message, site: Site) -> dict[str, Any]:
    """What every recipient of a message has in common."""
    fields: dict[str, Any] = {
        "title": message.title,
        "body": message.body,
        "navigate": opens(message),
        "lang": site.language,
        "dir": "auto",
        "icon": message.icon or site.icon_url,
        "image": message.image,
        "badge": message.badge,
        "actions": [
            {
                "action": f"a{number}",
                "title": action["title"],
                "navigate": with_utm(action["url"], message),
            }
            for number, action in enumerate(message.actions)
        ],
    }
    return {name: value for name, value in fields.items() if value}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Template:
    """A message's payload with two gaps, so that what all have in common is written only once."""

    def __init__(self, message: Message, site: Site) -> None:
        common = {"web_push": 8030, "notification": notification(message, site)}
        self._head = _json(common).removesuffix("}}")
        self._tail = f'","u":{_json(receipts_url())}}}}}}}'

    def fill(self, *, token: str, tag: str) -> bytes:
        """One recipient's payload, UTF-8. Both texts are base64url, which JSON takes as it is."""
        return f'{self._head},"tag":"{tag}","data":{{"t":"{token}{self._tail}'.encode()


def payload(message: Message, site: Site, *, token: str = "", tag: str = "") -> bytes:
    """The payload of one recipient, UTF-8."""
    return Template(message, site).fill(token=token, tag=tag)


def size(message: Message, site: Site) -> int:
    """Bytes that every recipient's payload has: tokens and tags are all of one length."""
    return len(payload(message, site, token="t" * tokens.LENGTH, tag="t" * 32))
