"""A message's payload where no recipient is in sight: its size, where it leads, its bytes."""

from __future__ import annotations

from accounts.models import Site
from campaigns.models import Message
from campaigns.personal import wire
from campaigns.personal.rendering import ASSUMED, UTM, Renderer
from campaigns.personal.scanning import has_liquid
from campaigns.personal.wire import receipts_url

__all__ = ["ASSUMED", "HARD_LIMIT", "opens", "payload", "receipts_url", "size", "with_utm"]

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


def size(message: Message, site: Site) -> int:
    """Bytes of the largest payload: tokens and tags are all of one length.

    That of the longest variant, language and platform. A variable counts as ASSUMED characters, and
    of a condition all branches are counted; what becomes too large for a person is not sent to them
    (`too_large`).
    """
    return Renderer(message, site).largest()
