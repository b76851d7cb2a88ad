"""A site with many devices, all of them known to the push services, made once for many runs."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from dataclasses import dataclass
from random import Random
from typing import Any

from accounts import crypto
from accounts.models import Site
from subscribers.models import Channel, Credential, Subscriber, Subscription
from subscribers.transports import addresses
from tests.chaos.pushing import PushServices
from tests.factories import make_credential, make_site

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


def populate(push: PushServices, count: int) -> Population:
    """The same mix of channels, browsers and languages each time."""
    site = make_site()
    rng = Random(0)  # noqa: S311 - a mix, no secret
    channels = [Channel(name) for name in push.channels]
    shares = [count // len(channels) + (i < count % len(channels)) for i in range(len(channels))]
    made = [
        device
        for channel, share in zip(channels, shares, strict=True)
        for device in devices_of(push, site, channel, share, rng)
    ]
    # Each batch has devices of all channels.
    rng.shuffle(made)
    for first in range(0, count, CHUNK):
        some = made[first : first + CHUNK]
        Subscriber.objects.bulk_create(device.subscriber for device in some)
        Subscription.objects.bulk_create(some)
    rows = Subscription.objects.filter(site=site).order_by("pk")
    return Population(
        site,
        tuple(
            Device(pk, endpoint.rpartition("/")[2], language)
            for pk, endpoint, language in rows.values_list("pk", "endpoint", "language")
        ),
    )


def devices_of(
    push: PushServices, site: Site, channel: Channel, count: int, rng: Random
) -> list[Subscription]:
    """Of one channel, with their people, not saved."""
    if channel == Channel.WEB:
        key = Credential.objects.get(site=site, channel=channel)
        text, made = encode(bytes(key.public_key)), list[dict[str, Any]]()
        for first in range(0, count, CHUNK):
            made += push.web.make_devices(text, min(CHUNK, count - first))
        return [browser(key, device, rng) for device in made]
    key = connect(site, channel, push.apps.keys())
    return [phone(key, device, rng) for device in push.apps.make_phones(channel.value, count)]


def browser(key: Credential, device: dict[str, Any], rng: Random) -> Subscription:
    name, platform = rng.choice(BROWSERS)
    return subscription(
        key,
        device["endpoint"],
        rng,
        p256dh=decode(device["keys"]["p256dh"]),
        auth=decode(device["keys"]["auth"]),
        browser=name,
        platform=platform,
    )


def phone(key: Credential, device: dict[str, Any], rng: Random) -> Subscription:
    channel = Channel(key.channel)
    platform = "Android" if channel == Channel.FCM else "iOS"
    bare: dict[str, Any] = {"p256dh": b"", "auth": b"", "browser": ""}
    return subscription(
        key, address(channel, device), rng, channel=channel, platform=platform, **bare
    )


def subscription(key: Credential, endpoint: str, rng: Random, **more: Any) -> Subscription:
    return Subscription(
        site=key.site,
        subscriber=Subscriber(site=key.site),
        endpoint=endpoint,
        endpoint_hash=hashlib.sha256(endpoint.encode()).digest(),
        credential=key,
        install_id=uuid.UUID(int=rng.getrandbits(128), version=4),
        language=rng.choice(LANGUAGES),
        time_zone="Europe/Oslo",
        **more,
    )


def address(channel: Channel, phone: dict[str, Any]) -> str:
    make = addresses.fcm if channel == Channel.FCM else addresses.apns
    return make(phone["app"], phone["token"])


def connect(site: Site, channel: Channel, keys: dict[str, Any]) -> Credential:
    """The site's key for a channel of apps, without a token: the senders see to that."""
    bare = {"token": None, "token_at": None, "token_until": None}
    if channel == Channel.FCM:
        google = keys["google"]
        secret = json.dumps(google).encode()
        of_project = {"name": google["project_id"], "private_key": crypto.encrypt(secret)}
        return make_credential(site, channel, **of_project, **bare)
    apple = keys["apple"]
    return make_credential(
        site,
        channel,
        name=apple["team_id"],
        details={"key_id": apple["key_id"], "bundle_ids": apple["bundle_ids"]},
        private_key=crypto.encrypt(apple["p8"].encode()),
        **bare,
    )


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
