"""What must be known of an erased person: which browser not to take back by itself.

The snippet repairs a lost record once a day. Without this it would bring back, as a new person, a
browser whose person asked to be forgotten. Kept are keyed hashes that say nothing without the key.
"""

import hashlib
import hmac
from collections.abc import Iterable
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from accounts.models import Site
from subscribers.models import ErasedMark, Subscription


def remember(devices: Iterable[Subscription]) -> None:
    """Mark the addresses and browsers of devices that are being erased."""
    ErasedMark.objects.bulk_create(
        [
            ErasedMark(site_id=device.site_id, mark=mark)
            for device in devices
            for mark in _marks(device.site_id, device.endpoint, device.install_id)
        ],
        ignore_conflicts=True,
    )


def found(site: Site, endpoint: str, install_id: UUID | None) -> QuerySet[ErasedMark]:
    """The marks of this address or browser; none if nobody with them was erased."""
    return ErasedMark.objects.filter(site=site, mark__in=_marks(site.pk, endpoint, install_id))


def _marks(site_id: UUID, endpoint: str, install_id: UUID | None) -> list[bytes]:
    texts = [f"endpoint {endpoint}", *([f"install {install_id}"] if install_id else [])]
    key = hashlib.sha256(b"beckon.erased\0" + settings.SECRET_KEY.encode()).digest()
    return [hmac.digest(key, f"{site_id} {text}".encode(), "sha256") for text in texts]
