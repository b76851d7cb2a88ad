"""make_*(): one valid object each, with the fields that a test cares about as keywords."""

import secrets
import uuid
from datetime import timedelta
from functools import cache
from typing import Any

from django.contrib.auth.hashers import make_password
from django.utils import timezone

from accounts import crypto
from accounts.models import Membership, Role, Site, User, normal_email
from audiences.models import Audience
from campaigns.models import Campaign, Message, Picture, Rendition
from subscribers.models import Channel, Credential, Subscriber, Subscription
from subscribers.transports import addresses

PASSWORD = "correct horse battery"
PUSH_ORIGIN = "http://127.0.0.1:8002"


def make_user(email: str = "", **fields: Any) -> User:
    email = email or f"{secrets.token_hex(4)}@example.com"
    password = hashed(fields.pop("password", PASSWORD))
    return User.objects.create(email=normal_email(email), password=password, **fields)


@cache
def hashed(password: str) -> str:
    """Argon2 is slow on purpose: once for each password is enough."""
    return make_password(password)


def make_site(**fields: Any) -> Site:
    """A site with its VAPID key, as `create_site` makes it."""
    from subscribers.onboarding import create_site

    fields.setdefault("name", "Fjell & Fjord")
    fields.setdefault("origins", ["https://shop.example"])
    return create_site(**fields)


def make_member(site: Site, role: Role, email: str = "") -> User:
    user = make_user(email)
    Membership.objects.create(site=site, user=user, role=role)
    return user


def make_subscriber(site: Site, **fields: Any) -> Subscriber:
    return Subscriber.objects.create(site=site, **fields)


def browser_keys() -> tuple[bytes, bytes]:
    """(p256dh, auth) of a new virtual browser."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint), secrets.token_bytes(
        16
    )


def make_subscription(site: Site, **fields: Any) -> Subscription:
    """An active device of a new person, at a push service that only tests know."""
    import hashlib

    endpoint = fields.pop("endpoint", f"{PUSH_ORIGIN}/wpush/v2/{secrets.token_urlsafe(16)}")
    if "subscriber" not in fields:
        fields["subscriber"] = make_subscriber(site)
    if "p256dh" not in fields:
        fields["p256dh"], fields["auth"] = browser_keys()
    if "credential" not in fields:
        web = Credential.objects.filter(site=site, channel=Channel.WEB, retired_at=None)
        fields["credential"] = web.get()
    fields.setdefault("install_id", uuid.uuid4())
    fields.setdefault("browser", "Firefox")
    fields.setdefault("platform", "Linux")
    fields.setdefault("language", "en")
    fields.setdefault("time_zone", "Europe/Oslo")
    return Subscription.objects.create(
        site=site,
        endpoint=endpoint,
        endpoint_hash=hashlib.sha256(endpoint.encode()).digest(),
        **fields,
    )


def make_credential(site: Site, channel: Channel = Channel.FCM, **fields: Any) -> Credential:
    """Of a Firebase project "shop-app" or of team TEAM123456, with a token that works."""
    is_fcm = channel == Channel.FCM
    fields.setdefault("name", "shop-app" if is_fcm else "TEAM123456")
    apns = {"key_id": "KEY1234567", "bundle_ids": ["com.example.shop"]}
    fields.setdefault("details", {} if is_fcm else apns)
    fields.setdefault("token", crypto.encrypt(b"a token"))
    fields.setdefault("token_at", timezone.now())
    fields.setdefault("token_until", timezone.now() + timedelta(hours=1))
    fields.setdefault("private_key", crypto.encrypt(b"no key"))
    return Credential.objects.create(site=site, channel=channel, **fields)


def make_app(site: Site, channel: Channel = Channel.FCM, **fields: Any) -> Subscription:
    """An app on a phone of a new person, with the site's credential of the channel."""
    if "credential" not in fields:
        held = Credential.objects.filter(site=site, channel=channel, retired_at=None).first()
        fields["credential"] = held or make_credential(site, channel)
    if channel == Channel.FCM:
        fields.setdefault("endpoint", addresses.fcm("shop-app", secrets.token_urlsafe(60)))
        fields.setdefault("platform", "Android")
    else:
        fields.setdefault("endpoint", addresses.apns("com.example.shop", secrets.token_hex(32)))
        fields.setdefault("platform", "iOS")
    own = {"channel": channel, "browser": "", "p256dh": b"", "auth": b""}
    return make_subscription(site, **{**own, **fields})


def make_inbox(site: Site, **fields: Any) -> Subscription:
    """A device of a new person that has no push, only the inbox."""
    install_id = fields.setdefault("install_id", uuid.uuid4())
    fields.setdefault("endpoint", f"inbox:{install_id}")
    own = {"credential": None, "state": Subscription.State.INBOX, "p256dh": b"", "auth": b""}
    return make_subscription(site, **{**own, **fields})


def make_campaign(site: Site, **fields: Any) -> Campaign:
    """A draft to everyone, with a message."""
    message = {
        "title": "Winter layers",
        "body": "20 % off down",
        "url": "https://shop.example/down",
    }
    message |= fields.pop("message", {})
    rule = fields.pop("rule", None)
    audience = Audience.objects.create(site=site, **({"rule": rule} if rule else {}))
    fields.setdefault("name", "Winter layers: 20% off down")
    campaign = Campaign.objects.create(site=site, audience=audience, **fields)
    Message.objects.create(campaign=campaign, **message)
    return campaign


def make_picture(site: Site, **fields: Any) -> Picture:
    """A wide picture that no message names."""
    fields.setdefault("kind", Picture.Kind.IMAGE)
    picture = Picture.objects.create(site=site, digest=secrets.token_bytes(32), **fields)
    Rendition.objects.create(
        picture=picture, name="wide", content_type="image/jpeg", width=2, height=1, data=b"jpeg"
    )
    return picture
