"""A message's payload where no recipient is in sight: its size, where it leads, its bytes."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.models import Site
from campaigns.models import Message
from campaigns.personal import apps, wire
from campaigns.personal.rendering import APPS, ASSUMED, UTM, WEB, Renderer
from campaigns.personal.scanning import has_liquid
from campaigns.personal.wire import receipts_url
from subscribers.models import Credential

__all__ = [
    "ASSUMED",
    "HARD_LIMIT",
    "limit",
    "must_fit",
    "opens",
    "payload",
    "receipts_url",
    "size",
    "with_utm",
]

# RFC 8291 section 4: 4,096 octets less the header, the delimiter and the tag.
HARD_LIMIT = 3_993


def with_utm(url: str, message: Message) -> str:
    """The address with the message's UTM parameters; those that it already has stay."""
    return wire.with_parameters(url, {name: getattr(message, name) for name in UTM})


def opens(message: Message) -> str:
    """Where a click on the notification leads: the address as its author wrote it, with Liquid."""
    if not any(has_liquid(getattr(message, name)) for name in UTM):
        return with_utm(message.url, message)
    wanted = Renderer(message, message.campaign.site).parameters()
    return wire.with_parameters(message.url, wanted)


def payload(message: Message, site: Site, *, token: str = "", tag: str = "") -> bytes:
    """The payload of somebody of whom nothing is known, UTF-8. Aborted if they get nothing."""
    return Renderer(message, site).payload(token=token, tag=tag)


def size(message: Message, site: Site, channel: str = WEB) -> int:
    """Bytes of the largest payload: tokens and tags are all of one length.

    That of the longest variant, language and platform. A variable counts as ASSUMED characters, and
    of a condition all branches are counted; what becomes too large for a person is not sent to them
    (`too_large`).
    """
    return Renderer(message, site).largest(channel)


def limit(channel: str) -> int:
    """Bytes that a payload may have."""
    return settings.PAYLOAD_LIMIT if channel == WEB else apps.LIMIT


def must_fit(message: Message, site: Site) -> None:
    """ValidationError, by `body`, for what is too large for one of the site's channels."""
    renderer = Renderer(message, site)
    for channel in (WEB, *APPS):
        bytes_, most = renderer.largest(channel), limit(channel)
        if bytes_ > most and (channel == WEB or _has(site, channel)):
            words = {"over": bytes_ - most, "size": bytes_, "limit": most}
            raise ValidationError({"body": _too_large(channel) % words})


def _too_large(channel: str) -> str:
    if channel == WEB:
        return _(
            "The notification is %(over)d bytes too large for push services "
            "(%(size)d of %(limit)d). Shorten the text or the addresses."
        )
    return _(
        "The notification is %(over)d bytes too large for apps "
        "(%(size)d of %(limit)d). Shorten the text, the addresses or the links."
    )


def _has(site: Site, channel: str) -> bool:
    return Credential.objects.filter(site=site, channel=channel).exists()
