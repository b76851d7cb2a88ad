"""What must be known of an erased person: which browser, or name, not to take back by itself.

The snippet repairs a lost record once a day. Without this it would bring back, as a new person, a
browser whose person asked to be forgotten; so would a page with an inbox, in any browser of theirs.
Kept are keyed hashes that say nothing without the key.
"""

import hashlib
import hmac
from collections.abc import Iterable
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from accounts.models import Site
from subscribers.models import ErasedMark, Subscriber, Subscription


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


def remember_name(person: Subscriber) -> None:
    """Mark the site's own id of a person who is being erased."""
    if person.external_id:
        mark = _keyed(person.site_id, f"person {person.external_id}")
        ErasedMark.objects.get_or_create(site_id=person.site_id, mark=mark)


def is_name(site: Site, external_id: str) -> bool:
    """Whether somebody whom the site called so was erased."""
    mark = _keyed(site.pk, f"person {external_id}")
    return ErasedMark.objects.filter(site=site, mark=mark).exists()


def found(site: Site, endpoint: str, install_id: UUID | None) -> QuerySet[ErasedMark]:
    """The marks of this address or browser; none if nobody with them was erased."""
    return ErasedMark.objects.filter(site=site, mark__in=_marks(site.pk, endpoint, install_id))


def _marks(site_id: UUID, endpoint: str, install_id: UUID | None) -> list[bytes]:
    texts = [f"endpoint {endpoint}", *([f"install {install_id}"] if install_id else [])]
    return [_keyed(site_id, text) for text in texts]


def _keyed(site_id: UUID, text: str) -> bytes:
    key = hashlib.sha256(b"beckon.erased\0" + settings.SECRET_KEY.encode()).digest()
    return hmac.digest(key, f"{site_id} {text}".encode(), "sha256")
