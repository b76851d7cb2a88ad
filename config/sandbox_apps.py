"""The demo's apps: keys that the stand-in for FCM and APNs knows, and phones at it."""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.error import URLError

from django.conf import settings
from django.db import transaction

from accounts.models import Site, User
from subscribers import app_credentials, app_registration
from subscribers.models import Channel, Credential
from subscribers.transports import addresses

SECONDS = 60
VERSION = "4.12.0"
# Of all devices. (channel, what the stand-in calls it, platform, share)
SHARES = ((Channel.FCM, "fcm", "Android", 0.15), (Channel.APNS, "apns", "iOS", 0.1))


def connect(site: Site, owner: User) -> None:
    """Let the demo's apps register, and their messages leave; without the stand-in, do nothing."""
    try:
        keys = ask("/keys")
    except URLError:
        return  # the shop works without apps
    apple = keys["apple"]
    with transaction.atomic():
        app_credentials.add_fcm(site, json.dumps(keys["google"]).encode(), owner)
        app_credentials.add_apns(
            site,
            apple["p8"].encode(),
            apple["key_id"],
            apple["team_id"],
            apple["bundle_ids"],
            owner,
        )
        key = app_registration.make_app_key(site, by=owner)
    (settings.VAR_DIR / "demo_app_key").write_text(key)


def new_devices(site: Site, count: int) -> list[dict[str, Any]]:
    """Phones with the app, some of `count` devices: the columns that say where each is reached."""
    found: list[dict[str, Any]] = []
    for channel, service, platform, share in SHARES:
        key = app_credentials.current(site, channel)
        if key is None or not (some := round(count * share)):
            continue
        bundle = key.details.get("bundle_ids", [""])[0]
        wanted = {"count": some, "service": service, "app": bundle or key.name}
        for device in ask("/devices", wanted)["devices"]:
            found.append(
                {
                    "channel": channel,
                    "credential": key,
                    "endpoint": address(key, device),
                    "install_id": device["install"],
                    "platform": platform,
                    "app_version": VERSION,
                }
            )
    return found


def address(key: Credential, device: dict[str, str]) -> str:
    if key.channel == Channel.FCM:
        return addresses.fcm(device["app"], device["token"])
    return addresses.apns(device["app"], device["token"])


def ask(path: str, data: dict[str, Any] | None = None) -> Any:
    """What the stand-in says; URLError if it does not answer."""
    request = urllib.request.Request(  # noqa: S310 - our own address, not somebody's input
        f"http://127.0.0.1:{settings.APPS_PORT}{path}",
        None if data is None else json.dumps(data).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
        return json.load(answer)
