"""Which systems the devices of an audience have: they show a notification differently."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count

from accounts.models import Site
from audiences import rules
from audiences.rules import Rule
from subscribers.models import Subscription

IOS = frozenset({"iOS", "iPadOS"})


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


def kind_of(platform: str, browser: str) -> str:
    """The field of Platforms that a device counts in."""
    if platform == "Android":
        return "android"
    if platform == "Windows":
        return "windows"
    if platform in IOS:
        return "ios"
    # On a Mac, other browsers bring a window of their own.
    return "macos" if platform == "macOS" and browser == "Safari" else "other"


def count(site: Site, rule: Rule) -> Platforms:
    """The active devices that a rule holds for, in one query."""
    rows = (
        Subscription.objects.active()
        .filter(rules.compile(rule), site=site)
        .values_list("platform", "browser")
        .annotate(devices=Count("pk"))
    )
    counts = dict.fromkeys(Platforms.__dataclass_fields__, 0)
    for platform, browser, devices in rows:
        counts[kind_of(platform, browser)] += devices
    return Platforms(**counts)
