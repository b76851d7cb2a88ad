"""A site with many devices, all of them known to the push service, made once for many runs."""

from __future__ import annotations

import base64
import hashlib
import uuid
from dataclasses import dataclass
from random import Random
from typing import Any

from accounts.models import Site
from subscribers.models import Credential, Subscriber, Subscription
from tests.chaos.pushing import PushService
from tests.factories import make_site

BROWSERS = (("Chrome", "Android"), ("Chrome", "Windows"), ("Firefox", "Linux"), ("Safari", "iOS"))
LANGUAGES = ("nb", "en", "de")
CHUNK = 2_000


@dataclass(frozen=True)
class Device:
    """`token`: its name at the push service; `id`: its name in the ledger."""

    id: int
    token: str
    language: str


@dataclass(frozen=True)
class Population:
    site: Site
    devices: tuple[Device, ...]

    def revive(self) -> None:
        """Everybody is subscribed again, whatever the run before did to them."""
        Subscription.objects.filter(site=self.site).exclude(state=Subscription.State.ACTIVE).update(
            state=Subscription.State.ACTIVE
        )


def populate(push: PushService, count: int) -> Population:
    """The same mix of browsers and languages each time."""
    site = make_site()
    key = Credential.objects.get(site=site, retired_at=None)
    rng = Random(0)  # noqa: S311 - a mix, no secret
    for first in range(0, count, CHUNK):
        made = push.make_devices(encode(bytes(key.public_key)), min(CHUNK, count - first))
        people = Subscriber.objects.bulk_create(Subscriber(site=site) for _device in made)
        Subscription.objects.bulk_create(
            subscription(person, key, device, rng)
            for person, device in zip(people, made, strict=True)
        )
    rows = Subscription.objects.filter(site=site).order_by("pk")
    return Population(
        site,
        tuple(
            Device(pk, endpoint.rpartition("/")[2], language)
            for pk, endpoint, language in rows.values_list("pk", "endpoint", "language")
        ),
    )


def subscription(
    person: Subscriber, key: Credential, device: dict[str, Any], rng: Random
) -> Subscription:
    browser, platform = rng.choice(BROWSERS)
    return Subscription(
        site=person.site,
        subscriber=person,
        endpoint=device["endpoint"],
        endpoint_hash=hashlib.sha256(device["endpoint"].encode()).digest(),
        p256dh=decode(device["keys"]["p256dh"]),
        auth=decode(device["keys"]["auth"]),
        credential=key,
        install_id=uuid.UUID(int=rng.getrandbits(128), version=4),
        browser=browser,
        platform=platform,
        language=rng.choice(LANGUAGES),
        time_zone="Europe/Oslo",
    )


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
