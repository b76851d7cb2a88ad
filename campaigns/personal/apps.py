"""What the push services of apps are given: FCM's `message`, and the body of APNs.

Fields as in Firebase's "REST Resource: projects.messages" (HTTP v1) and in Apple's "Generating a
remote notification". Both refuse more than LIMIT bytes. An app finds what is ours in FCM's `data`
(texts only) and on iOS, however it came there, under "beckon" in `userInfo`:

    t        the token of this delivery, for receipts
    u        where receipts are reported to
    link     what a tap opens: the deep link, else the web address
    url      the web address, for an app that does not know the link
    image    the picture (iOS only: on Android it is the notification's)
    buttons  [{"title": str, "url": str}], in `data` as JSON; the app draws them
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from time import time
from typing import Any

from campaigns.models import Message
from campaigns.personal.scanning import has_liquid
from campaigns.personal.wire import Content, receipts_url
from subscribers.models import Channel

LIMIT = 4_096
# Bytes of a message to both systems that are no words, and how often it says a word, at most.
FRAME, REPEATED = 1_000, 4
ANDROID, IOS = "android", "ios"
SYSTEMS = (ANDROID, IOS)
_SYSTEM_OF = {"Android": ANDROID, "iOS": IOS, "iPadOS": IOS}
# Apple's priorities: 10 at once, 5 by the battery, 1 without waking the device.
_PRIORITIES = {"very-low": "1", "low": "5", "normal": "10", "high": "10"}
# What differs between two deliveries. Random, so that no text holds one.
_TOKEN, _TAG, _TTL, _ENDS = (secrets.token_hex(12) for _ in range(4))
# Apple knows no \u escapes, and they would cost three times the bytes of most scripts.
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def systems_of(channel: str, platform: str) -> tuple[str, ...]:
    """For which systems a message is made: both, where a device of FCM did not say its own."""
    own = IOS if channel == Channel.APNS else _SYSTEM_OF.get(platform)
    return (own,) if own else SYSTEMS


@dataclass(frozen=True)
class Options:
    """What a message tells apps besides the texts; the same for all who get it."""

    message: Message

    def of(self, system: str) -> Mapping[str, Any]:
        """What was chosen for one of SYSTEMS (`campaigns.content` says what may stand there)."""
        found: Mapping[str, Any] = self.message.app.get(system) or {}
        return found

    def link(self, system: str) -> str:
        """The deep link as its author wrote it, with Liquid."""
        return self.of(system).get("link") or ""

    def surely_fit(self, content: Content) -> bool:
        """Whether neither the links nor the size need a closer look: this takes little time."""
        said = len(str(content).encode()) * REPEATED + len(str(self.message.app).encode()) * 2
        liquid = any(has_liquid(self.link(system)) for system in SYSTEMS)
        return not liquid and said + FRAME < LIMIT

    @cached_property
    def thread(self) -> str:
        """The campaign's topic: what belongs together on iOS."""
        return self.message.campaign.topic if self.message.campaign_id else ""

    @cached_property
    def receipts(self) -> str:
        """Where devices report to; asked once."""
        return receipts_url()


class Template:
    """A payload with gaps, so that what all have in common is written only once."""

    def __init__(
        self, channel: str, content: Content, options: Options, systems: tuple[str, ...]
    ) -> None:
        apple = channel == Channel.APNS
        made = _apns(content, options) if apple else _fcm(content, options, systems)
        self._text = _json(made)
        self._times = (-1, -1)
        self._pieces: list[list[str]] = []

    def fill(self, token: str, tag: str, ttl: int) -> bytes:
        """One recipient's payload, UTF-8. Both texts are base64url; `ttl` in seconds."""
        times = (ttl, int(time()))
        if times != self._times:
            self._times, self._pieces = times, self._timed(*times)
        return token.join([tag.join(pieces) for pieces in self._pieces]).encode()

    def _timed(self, ttl: int, now: int) -> list[list[str]]:
        """What stands between the tags between the tokens, for a second."""
        ends = str(now + ttl) if ttl else "0"
        text = self._text.replace(_TTL, f"{ttl}s").replace(_ENDS, ends)
        return [piece.split(_TAG) for piece in text.split(_TOKEN)]


def _fcm(content: Content, options: Options, systems: tuple[str, ...]) -> dict[str, Any]:
    shown = {"title": content.title, "body": content.body, "image": content.image}
    made: dict[str, Any] = {"notification": _kept(shown)}
    if ANDROID in systems:
        made["data"] = _data(content, options)
        made["android"] = _android(options)
    if IOS in systems:
        made["apns"] = {
            "headers": {
                "apns-priority": _PRIORITIES[options.message.urgency],
                "apns-expiration": _ENDS,
                "apns-collapse-id": _TAG,
            },
            # FCM adds the alert: the common title and text.
            "payload": {"aps": _aps(content, options), "beckon": _beckon(content, options, IOS)},
        }
        if content.image:
            made["apns"]["fcm_options"] = {"image": content.image}
    return made


def _android(options: Options) -> dict[str, Any]:
    chosen = options.of(ANDROID)
    urgent = options.message.urgency == Message.Urgency.HIGH
    shown = {
        "channel_id": chosen.get("channel_id"),
        "sound": chosen.get("sound"),
        # The same delivery a second time is shown in place of the first.
        "tag": _TAG,
    }
    return {
        "priority": "HIGH" if urgent else "NORMAL",
        "ttl": _TTL,
        "collapse_key": _TAG,
        "notification": _kept(shown),
    }


def _apns(content: Content, options: Options) -> dict[str, Any]:
    alert = _kept({"title": content.title, "body": content.body})
    return {
        "aps": {"alert": alert} | _aps(content, options),
        "beckon": _beckon(content, options, IOS),
    }


def _aps(content: Content, options: Options) -> dict[str, Any]:
    """All but the alert."""
    chosen = options.of(IOS)
    badge = chosen.get("badge")
    return _kept(
        {
            "sound": chosen.get("sound"),
            "category": chosen.get("category"),
            "interruption-level": chosen.get("interruption_level"),
            "thread-id": options.thread,
            # Lets the app's extension fetch the picture before it is shown.
            "mutable-content": 1 if content.image else None,
        }
    ) | ({} if badge is None else {"badge": badge})


def _beckon(content: Content, options: Options, system: str) -> dict[str, Any]:
    buttons = [{"title": title, "url": url} for title, url in content.actions]
    return _kept(
        {
            "t": _TOKEN,
            "u": options.receipts,
            "link": content.link(system),
            "url": content.url,
            "image": content.image,
            "buttons": buttons,
        }
    )


def _data(content: Content, options: Options) -> dict[str, str]:
    """The same as texts."""
    found = _beckon(content, options, ANDROID)
    found.pop("image", None)
    if "buttons" in found:
        found["buttons"] = _json(found["buttons"])
    return found


def _kept(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
