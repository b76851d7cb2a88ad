"""Sites with any number of devices at the sink, and campaigns to all of them.

The rows are made by PostgreSQL itself. A few hundred real pairs of keys are shared out among the
devices: encryption does not know, and making a million pairs would take minutes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from subscribers.transports.keys import AUTH_BYTES, generate_vapid

if TYPE_CHECKING:
    from accounts.models import Site
    from campaigns.models import Campaign, Run

KEYS = 300
CHUNK = 100_000
PAYLOAD = 340

# An address is as long as FCM's: about 190 characters.
INSERT = """
WITH numbers AS (
    SELECT n, gen_random_uuid() AS person FROM generate_series(%(first)s::int, %(last)s::int) AS n
), people AS (
    INSERT INTO subscribers_subscriber
        (id, site_id, external_id, tags, topics, email_hash, attributes, created_at, last_seen_at)
    SELECT person, %(site)s, '', '{}', '{}', '', '{}', now(), now() FROM numbers
), devices AS (
    SELECT n, person, %(origin)s || '/wpush/v2/' || n || repeat(md5(n::text), 5) AS endpoint
    FROM numbers
)
INSERT INTO subscribers_subscription
    (public_id, site_id, subscriber_id, channel, state, state_at, endpoint, endpoint_hash,
     p256dh, auth, credential_id, language, time_zone, browser, platform, created_at, last_seen_at)
SELECT gen_random_uuid(), %(site)s, person, 'web', 'active', now(), endpoint,
    sha256(convert_to(endpoint, 'UTF8')), (%(p256dh)s::bytea[])[1 + n %% %(keys)s],
    (%(auth)s::bytea[])[1 + n %% %(keys)s], %(vapid)s, 'en', 'Europe/Oslo', 'Chrome', 'Android',
    now(), now()
FROM devices
"""


def site_with(devices: int, origin: str) -> Site:
    """A site with that many active devices at `origin`, and PostgreSQL's statistics up to date."""
    from django.db import connection

    from subscribers import vapid
    from subscribers.onboarding import create_site

    site = create_site(name="Bench", origins=["https://shop.example"])
    parameters: dict[str, Any] = {
        "site": site.pk,
        "origin": origin,
        "vapid": vapid.current(site).pk,
        "keys": KEYS,
        "p256dh": [generate_vapid()[1] for _ in range(KEYS)],
        "auth": [os.urandom(AUTH_BYTES) for _ in range(KEYS)],
    }
    with connection.cursor() as cursor:
        for first in range(1, devices + 1, CHUNK):
            last = min(first + CHUNK - 1, devices)
            cursor.execute(INSERT, parameters | {"first": first, "last": last})
        cursor.execute("VACUUM ANALYZE subscribers_subscription")
    return site


def campaign(site: Site) -> Campaign:
    """A campaign to everybody on a site, its payload of exactly 340 bytes for each device."""
    from audiences.models import Audience
    from campaigns import payload
    from campaigns.models import Campaign, Message

    audience = Audience.objects.create(site=site)
    made = Campaign.objects.create(site=site, name="Bench", audience=audience)
    message = Message(campaign=made, title="Winter layers", url="https://shop.example/")
    message.body = "."
    missing = PAYLOAD - payload.size(message, site)
    assert missing >= 0, "the shortest payload is longer than that"
    message.body += "a" * missing
    message.save()
    assert payload.size(message, site) == PAYLOAD
    return made


def planned(site: Site) -> Run:
    """A run of a new campaign, everybody on its ledger and nothing sent."""
    from campaigns import planning, starting

    run = starting.start(campaign(site))
    planning.plan(run.pk)
    run.refresh_from_db()
    return run
