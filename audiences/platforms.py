"""Which systems the devices of an audience have: they show a notification differently."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

IOS = ("iOS", "iPadOS")
# On a Mac, other browsers than Safari bring a window of their own: those are "other".
_OF_KIND = {
    "android": Q(platform="Android"),
    "windows": Q(platform="Windows"),
    "ios": Q(platform__in=IOS),
    "macos": Q(platform="macOS", browser="Safari"),
}
KINDS = (*_OF_KIND, "other")


@dataclass(frozen=True)
class Platforms:
    """Devices by how they show a notification; `other` is what none of the previews is like."""

    android: int = 0
    windows: int = 0
    macos: int = 0
    ios: int = 0
    other: int = 0

    @property
    def total(self) -> int:
        return self.android + self.windows + self.macos + self.ios + self.other


def of_kind(kind: str) -> Q:
    """Subscriptions that count in a field of Platforms."""
    if kind != "other":
        return _OF_KIND[kind]
    known = Q()
    for asked in _OF_KIND.values():
        known |= asked
    return ~known
