"""The demo's own acts, on only where `up` runs the shop and the sandbox push service (DEMO).

The shop's site, and sample subscribers whose devices live at the sandbox, so that everything can
be tried without the internet.
"""

import hashlib
import json
import random
import urllib.request
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import identity
from accounts.models import Site, User
from config import sandbox_apps, sandbox_shopping
from subscribers import emails, vapid
from subscribers.models import ConsentRecord, Credential, Prompt, Subscriber, Subscription
from subscribers.onboarding import create_site
from subscribers.transports.keys import parse_auth, parse_p256dh

CHUNK = 500
SAMPLES = 10_000
DAYS = 90

FIRST_NAMES = [
    *("Ingrid", "Marit", "Liv", "Tuva", "Emil", "Jonas", "Nora", "Sofie", "Lars", "Ola", "Kari"),
    *("Astrid", "Henrik", "Maja", "Oskar", "Elin", "Anna", "Mia", "Lukas", "Emma", "Paul", "Lena"),
    *("Felix", "Clara", "Hugo", "Alice", "Louis", "Chloé", "Erik", "Saga", "Nils", "Ebba", "Tom"),
    *("Grace", "Jack", "Olivia", "Yuki", "Haruto", "Aoi", "Ren"),
]
# (language, time zone, weight)
PLACES = (
    ("nb-NO", "Europe/Oslo", 46),
    ("sv-SE", "Europe/Stockholm", 14),
    ("de-DE", "Europe/Berlin", 12),
    ("en-GB", "Europe/London", 10),
    ("da-DK", "Europe/Copenhagen", 6),
    ("fr-FR", "Europe/Paris", 4),
    ("en-US", "America/New_York", 5),
    ("ja-JP", "Asia/Tokyo", 2),
    ("", "", 1),
)
# (browser, platform, weight)
DEVICES = (
    ("Chrome", "Android", 41),
    ("Chrome", "Windows", 17),
    ("Edge", "Windows", 10),
    ("Safari", "iOS", 9),
    ("Safari", "macOS", 7),
    ("Chrome", "macOS", 6),
    ("Firefox", "Windows", 4),
    ("Firefox", "Linux", 3),
    ("Samsung Internet", "Android", 3),
)
TAGS = (("member", 0.32), ("vip", 0.06), ("gloves", 0.12), ("ski", 0.21), ("newsletter", 0.4))


def demo_site(owner: User) -> Site:
    """The site of the demo shop, and its key where the shop looks for it."""
    origins = [f"http://127.0.0.1:{settings.SHOP_PORT}", f"http://localhost:{settings.SHOP_PORT}"]
    site = create_site(
        name="Fjell & Fjord",
        origins=origins,
        time_zone="Europe/Oslo",
        default_url=f"{origins[0]}/",
        owner=owner,
    )
    (settings.VAR_DIR / "demo_site_key").write_text(site.key)
    secret = settings.VAR_DIR / "demo_token_secret"
    secret.touch(mode=0o600)
    secret.write_bytes(identity.token_secret(site))
    sandbox_apps.connect(site, owner)
    return site


def new_devices(key: Credential, count: int) -> list[dict[str, Any]]:
    """Virtual browsers at the sandbox: the columns that say where each is reached."""
    request = urllib.request.Request(  # noqa: S310 - our own address, not somebody's input
        f"http://127.0.0.1:{settings.PUSH_PORT}/devices",
        json.dumps({"applicationServerKey": vapid.public_text(key), "count": count}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        devices: list[dict[str, Any]] = json.load(answer)["devices"]
    return [
        {
            "credential": key,
            "endpoint": device["endpoint"],
            "p256dh": parse_p256dh(device["keys"]["p256dh"]),
            "auth": parse_auth(device["keys"]["auth"]),
        }
        for device in devices
    ]


def add_samples(site_id: str | UUID, count: int = SAMPLES) -> None:
    """Believable people with one or two virtual devices each, over the last 90 days."""
    site = Site.objects.get(pk=site_id)
    key = vapid.current(site)
    prompt = site.prompts.order_by("-version").first()
    for start in range(0, count, CHUNK):
        some = min(CHUNK, count - start)
        chance, now = random.Random(), timezone.now()  # noqa: S311 - sample data
        devices = sandbox_apps.new_devices(site, some)
        devices += new_devices(key, some - len(devices))
        chance.shuffle(devices)
        people = add_chunk(site, prompt, devices, chance)
        sandbox_shopping.go_shopping(people, now, chance)


@transaction.atomic
def add_chunk(
    site: Site,
    prompt: Prompt | None,
    devices: list[dict[str, Any]],
    chance: random.Random,
) -> list[Subscriber]:
    """One transaction's worth of people; a device in twelve has left since."""
    now = timezone.now()
    people: list[Subscriber] = []
    subscriptions: list[Subscription] = []
    for device in devices:
        if not people or chance.random() > 0.08:
            people.append(person(site, now, chance))
        subscriptions.append(subscription(people[-1], device, chance))
    Subscriber.objects.bulk_create(people)
    Subscription.objects.bulk_create(subscriptions)
    records = [granted(one, prompt) for one in subscriptions]
    for one in subscriptions:
        if one.state == Subscription.State.UNSUBSCRIBED:
            records.append(left(one, chance))
    ConsentRecord.objects.bulk_create(records)
    return people


def person(site: Site, now: datetime, chance: random.Random) -> Subscriber:
    """Somebody who came some time in the last 90 days, recently more likely than long ago."""
    born = now - timedelta(days=DAYS * chance.random() ** 1.3)
    known = chance.random() < 0.45
    number = chance.randrange(10**6)
    name = f"{chance.choice(FIRST_NAMES)} {chance.choice('ABDEFGHJKLMNPRSTV')}."
    called = {"name": name, "first_name": name.split()[0]}
    attributes = {**called, **sandbox_shopping.profile(chance)} if known else {}
    if known:
        attributes["email"] = f"{number}@example.com"
    return Subscriber(
        site=site,
        external_id=f"FF-{number:06}-{chance.randrange(16**6):06x}" if known else "",
        attributes=attributes,
        email_hash=emails.hash_of(attributes),
        topics=sandbox_shopping.topics(chance),
        tags=[tag for tag, share in TAGS if chance.random() < share],
        created_at=born,
        last_seen_at=born + (now - born) * chance.random(),
    )


def subscription(of: Subscriber, device: dict[str, Any], chance: random.Random) -> Subscription:
    """One device of a person, at the sandbox. `device`: the columns that say where it is."""
    language, zone, _weight = chance.choices(PLACES, [place[2] for place in PLACES])[0]
    browser, platform, _weight = chance.choices(DEVICES, [kind[2] for kind in DEVICES])[0]
    named = {} if "platform" in device else {"browser": browser, "platform": platform}
    has_left = chance.random() < 1 / 12
    return Subscription(
        site=of.site,
        subscriber=of,
        state=Subscription.State.UNSUBSCRIBED if has_left else Subscription.State.ACTIVE,
        state_at=of.last_seen_at if has_left else of.created_at,
        endpoint_hash=hashlib.sha256(device["endpoint"].encode()).digest(),
        language=language,
        time_zone=zone,
        created_at=of.created_at,
        last_seen_at=of.last_seen_at,
        **device,
        **named,
    )


def granted(of: Subscription, prompt: Prompt | None) -> ConsentRecord:
    return record(of, ConsentRecord.Action.GRANTED, of.created_at, prompt)


def left(of: Subscription, chance: random.Random) -> ConsentRecord:
    action = chance.choices(
        [ConsentRecord.Action.DENIED, ConsentRecord.Action.UNSUBSCRIBED], [3, 1]
    )[0]
    return record(of, action, of.state_at, None)


def record(
    of: Subscription, action: ConsentRecord.Action, at: datetime, prompt: Prompt | None
) -> ConsentRecord:
    return ConsentRecord(
        site=of.site,
        subscriber=of.subscriber,
        subscription=of,
        action=action,
        at=at,
        prompt=prompt,
        page=of.site.default_url,
        language=of.language,
        time_zone=of.time_zone,
        browser=of.browser,
        platform=of.platform,
    )
