"""Which systems the devices of an audience have: they show a notification differently."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from subscribers.models import Channel

IOS = ("iOS", "iPadOS")
_WEB = Q(channel=Channel.WEB)
# On a Mac, other browsers than Safari bring a window of their own: those are "other".
_OF_KIND = {
    "android": _WEB & Q(platform="Android"),
    "windows": _WEB & Q(platform="Windows"),
    "ios": _WEB & Q(platform__in=IOS),
    "macos": _WEB & Q(platform="macOS", browser="Safari"),
    "android_app": ~_WEB & Q(platform="Android"),
    "ios_app": ~_WEB & Q(platform__in=IOS),
}
KINDS = (*_OF_KIND, "other")


@dataclass(frozen=True)
class Platforms:
    """Devices by how they show a notification; `other` is what none of the previews is like."""

    android: int = 0
    windows: int = 0
    macos: int = 0
    ios: int = 0
    android_app: int = 0
    ios_app: int = 0
    other: int = 0

    @property
    def total(self) -> int:
        return sum(getattr(self, kind) for kind in KINDS)

    @property
    def apps(self) -> int:
        """Devices with the site's own app."""
        return self.android_app + self.ios_app


def of_kind(kind: str) -> Q:
    """Subscriptions that count in a field of Platforms."""
    if kind != "other":
        return _OF_KIND[kind]
    known = Q()
    for asked in _OF_KIND.values():
        known |= asked
    return ~known
