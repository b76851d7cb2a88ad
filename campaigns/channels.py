"""A run's figures by channel: browsers, apps through Firebase, apps through Apple."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from accounts.models import Site
from campaigns.answers import COUNTED
from campaigns.reports import RECEIPTS, Sums
from subscribers.models import Channel, Credential

# What the origins of apps begin with (subscribers.transports.addresses); all others are the web's.
SCHEMES: Final[Mapping[str, Channel]] = {
    "fcm": Channel.FCM,
    "apns": Channel.APNS,
    "apns+sandbox": Channel.APNS,
}
# Beside figures, where Channel's own labels are too long.
LABELS: Final[Mapping[str, Promise]] = {
    Channel.WEB: gettext_lazy("Browsers"),
    Channel.FCM: gettext_lazy("Apps through Firebase"),
    Channel.APNS: gettext_lazy("Apps through Apple"),
}


@dataclass
class Figures:
    """What became of the requests of one channel, and what its devices reported, in devices.

    `waits`: how often a push service asked us to come later.
    """

    channel: Channel
    accepted: int = 0
    refused: int = 0
    gone: int = 0
    unknown: int = 0
    waits: int = 0
    displayed: int = 0
    clicked: int = 0
    dismissed: int = 0

    @property
    def label(self) -> str:
        return str(LABELS[self.channel])

    @property
    def requests(self) -> int:
        return sum(getattr(self, name) for name in COUNTED)

    @property
    def any(self) -> bool:
        return bool(self.requests or self.waits or self.displayed or self.clicked)

    def as_dict(self) -> dict[str, Any]:
        """As the REST API gives it."""
        return {"channel": self.channel.value, **{name: getattr(self, name) for name in FIGURES}}


FIGURES: Final = (*COUNTED, "waits", *RECEIPTS)


def of_apps(site: Site) -> list[str]:
    """The channels by which a site sends to apps, or did: a credential stays as long as its
    devices."""
    held = Credential.objects.filter(site=site).exclude(channel=Channel.WEB)
    return sorted(set(held.values_list("channel", flat=True)), reverse=True)


def channel_of(origin: str) -> Channel:
    """The channel of a push service's origin, as tallies name it."""
    return SCHEMES.get(origin.partition("://")[0], Channel.WEB)


def figures(sums: Sums) -> list[Figures]:
    """The channels that anything of a run went through, browsers first.

    Of browsers' reports there are no sums of their own: they are what apps leave of all. Requests
    of which nobody noted the push service are in the sums of the run alone.
    """
    found = {channel: Figures(channel) for channel in Channel}
    for origin, tally in sums.answers.items():
        mine = found[channel_of(origin)]
        for name in (*COUNTED, "waits"):
            setattr(mine, name, getattr(mine, name) + tally[name])
    for name in RECEIPTS:
        rest = sums.counts[name]
        for channel in (Channel.FCM, Channel.APNS):
            reported = sums.receipts[channel][name] if channel in sums.receipts else 0
            setattr(found[channel], name, reported)
            rest -= reported
        setattr(found[Channel.WEB], name, rest)
    return [one for one in found.values() if one.any]
