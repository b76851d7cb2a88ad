"""A shop's people, with what they are and what they did, in any number.

The rows are made by PostgreSQL itself, in the product's own tables and with its indexes in place.
The proportions are a shop's: a few visitors do most of what is done, attributes are missing for
some, and every twelfth has a cart.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from subscribers.transports.keys import AUTH_BYTES, generate_vapid

if TYPE_CHECKING:
    from accounts.models import Site

KEYS = 300
MONTHS = 12
# Of each name, the share of all events in twentieths.
NAMES = {
    "page_viewed": 6,
    "product_viewed": 7,
    "cart_updated": 2,
    "wishlist_added": 2,
    "search": 1,
    "checkout_started": 1,
    "purchase": 1,
}
# Named lists, and the share of the people that is on each.
LISTS = {"Loyalty card": 0.2, "Trade customers": 0.02, "Winter fair": 0.002}
# Days since each campaign was sent to everybody.
CAMPAIGNS = {"Spring": 70, "Summer": 35, "Autumn": 9}

# `rank` 1 is the most active person. It has nothing to do with where the row lies.
CROWD = """
CREATE TEMPORARY TABLE crowd AS
SELECT n, gen_random_uuid() AS id, row_number() OVER (ORDER BY random())::int AS rank,
    now() - power(1 - n::float / %(people)s, 1.3) * interval '700 days' AS created_at
FROM generate_series(1, %(people)s) AS n;
CREATE INDEX ON crowd (rank);
ANALYZE crowd;
"""
PEOPLE = """
INSERT INTO subscribers_subscriber
    (id, site_id, external_id, tags, attributes, topics, email_hash, created_at, last_seen_at)
SELECT id, %(site)s, CASE WHEN random() < 0.6 THEN 'cust-' || n ELSE '' END,
    array_remove(ARRAY[CASE WHEN random() < 0.1 THEN 'vip' END,
        CASE WHEN random() < 0.2 THEN 'newsletter' END,
        CASE WHEN random() < 0.05 THEN 'sale' END], NULL),
    jsonb_strip_nulls(jsonb_build_object(
        'first_name', 'Name' || n %% 5000,
        'plan', (ARRAY['free', 'free', 'free', 'plus', 'gold'])[ceil(random() * 5)],
        'age', CASE WHEN random() < 0.7 THEN 18 + floor(random() * 60)::int END,
        'birthday', CASE WHEN random() < 0.4
            THEN to_char(date '1950-01-01' + floor(random() * 20000)::int, 'YYYY-MM-DD') END,
        'member', CASE WHEN random() < 0.8 THEN random() < 0.3 END,
        'city', (ARRAY['Oslo', 'Bergen', 'Stockholm', 'Malmö', 'Copenhagen', 'Aarhus', 'Berlin',
            'Hamburg', 'Helsinki', NULL])[ceil(power(random(), 1.5) * 10)],
        'interests', array_to_json(array_remove(ARRAY[
            CASE WHEN random() < 0.3 THEN 'skiing' END, CASE WHEN random() < 0.2 THEN 'running' END,
            CASE WHEN random() < 0.1 THEN 'climbing' END], NULL)))),
    array_remove(ARRAY[CASE WHEN random() < 0.5 THEN 'offers' END,
        CASE WHEN random() < 0.3 THEN 'news' END], NULL),
    CASE WHEN random() < 0.5
        THEN encode(sha256(convert_to(n || '@shop.example', 'UTF8')), 'hex') ELSE '' END,
    created_at, greatest(created_at, now() - power(rank::float / %(people)s, 2)
        * (0.8 + 0.4 * random()) * interval '200 days')
FROM crowd ORDER BY n
"""
# Every tenth has two devices and every tenth three: 1.3 each. An address is as long as FCM's.
DEVICES = """
INSERT INTO subscribers_subscription
    (public_id, site_id, subscriber_id, channel, state, state_at, endpoint, endpoint_hash,
     p256dh, auth, credential_id, install_id, language, time_zone, browser, platform, app_version,
     created_at, last_seen_at)
SELECT gen_random_uuid(), %(site)s, id, 'web',
    CASE WHEN state < 0.88 THEN 'active' WHEN state < 0.96 THEN 'gone' ELSE 'unsubscribed' END,
    created_at, endpoint, sha256(convert_to(endpoint, 'UTF8')),
    (%(p256dh)s::bytea[])[1 + n %% %(keys)s], (%(auth)s::bytea[])[1 + n %% %(keys)s], %(vapid)s,
    gen_random_uuid(),
    (ARRAY['nb', 'nb', 'nb-NO', 'nn', 'sv', 'sv-SE', 'da', 'de', 'en', 'en-GB'])[ceil(tongue * 10)],
    (ARRAY['Europe/Oslo', 'Europe/Oslo', 'Europe/Stockholm', 'Europe/Copenhagen', 'Europe/Berlin',
        'Europe/London'])[ceil(tongue * 6)],
    (ARRAY['Chrome', 'Chrome', 'Safari', 'Firefox', 'Edge'])[ceil(random() * 5)],
    (ARRAY['Android', 'Android', 'Windows', 'macOS', 'iOS', 'Linux'])[ceil(random() * 6)],
    '', created_at, last_seen_at
FROM (
    SELECT crowd.n, person.id, person.created_at, person.last_seen_at, random() AS state,
        random() AS tongue, 'https://fcm.googleapis.com/fcm/send/' || %(site)s || '-' || crowd.n
            || '-' || device || repeat(md5(crowd.n::text), 4) AS endpoint
    FROM crowd JOIN subscribers_subscriber AS person ON person.id = crowd.id
    CROSS JOIN generate_series(1, 3) AS device
    WHERE device = 1 OR crowd.n %% 10 = 0 OR (crowd.n %% 10 = 1 AND device = 2)
    ORDER BY crowd.n
) AS devices
"""
# In the order of time, as events come.
EVENTS = """
INSERT INTO subscribers_event (name_id, subscriber_id, at, number, received_at, properties)
SELECT (%(names)s::int[])[kind], crowd.id, at, (random() * 9e18)::bigint, at,
    CASE (%(kinds)s::text[])[kind]
    WHEN 'page_viewed' THEN jsonb_build_object('url', 'https://shop.example/p/' || product)
    WHEN 'search' THEN jsonb_build_object('query', 'word ' || product)
    ELSE jsonb_build_object('product', 'SKU-' || product, 'value', value, 'currency', 'NOK',
        'category', (ARRAY['Gloves', 'Mitts', 'Boots', 'Jackets', 'Socks'])[1 + product %% 5])
    END
FROM (
    SELECT ceil(power(random(), 1.7) * %(people)s)::int AS rank,
        ceil(random() * %(parts)s)::int AS kind,
        floor(random() * 3000)::int AS product,
        round((power(random(), 2) * 400)::numeric, 2) AS value,
        %(first)s::timestamptz + (n - random()) / %(events)s
            * (%(last)s::timestamptz - %(first)s::timestamptz) AS at
    FROM generate_series(1, %(events)s) AS n
) AS happened JOIN crowd USING (rank)
"""
CARTS = """
INSERT INTO subscribers_cart
    (subscriber_id, site_id, key, state, items, value, currency, opened_at, updated_at)
SELECT id, %(site)s, '', (ARRAY['open', 'open', 'open', 'bought', 'empty'])[ceil(random() * 5)],
    jsonb_build_array(jsonb_build_object('product', 'SKU-' || n %% 3000,
        'name', (ARRAY['Frost Mitt', 'Trail Boot', 'Wool Sock'])[1 + n %% 3], 'quantity', 1,
        'price', value)),
    value, 'NOK', at - interval '20 minutes', at
FROM (
    SELECT id, n, round((power(random(), 2) * 400)::numeric, 2) AS value,
        now() - power(random(), 2) * interval '60 days' AS at
    FROM crowd WHERE random() < 0.08
) AS carts
"""
MEMBERS = """
INSERT INTO audiences_listmember (list_id, subscriber_id, added_id)
SELECT %(list)s, id, %(upload)s FROM crowd WHERE random() < %(share)s
"""
DELIVERIES = """
INSERT INTO campaigns_delivery
    (month, run_id, subscription_id, state, attempts, status_code, version, took_ms, sent_at,
     settled_at, displayed_at, clicked_at, dismissed_at, reason, message_location)
SELECT %(month)s, %(run)s, id, CASE WHEN state < 0.96 THEN 2 WHEN state < 0.99 THEN 4 ELSE 3 END, 1,
    CASE WHEN state < 0.96 THEN 201 WHEN state < 0.99 THEN 410 ELSE 400 END, 1, 40, %(at)s, %(at)s,
    CASE WHEN state < 0.6 THEN %(at)s + interval '1 minute' END,
    CASE WHEN state < 0.03 THEN %(at)s + interval '2 minutes' END,
    CASE WHEN state BETWEEN 0.1 AND 0.3 THEN %(at)s + interval '3 minutes' END, '', ''
FROM (
    SELECT id, random() AS state FROM subscribers_subscription
    WHERE site_id = %(site)s AND state = 'active' ORDER BY id
) AS devices
"""
TABLES = (
    "subscribers_subscriber",
    "subscribers_subscription",
    "subscribers_event",
    "subscribers_cart",
    "audiences_listmember",
    "campaigns_delivery",
)


def fill(site: Site, people: int, events: int) -> None:
    """Give a site that many people, with 1.3 devices each, and that many events in twelve months.

    Takes about five minutes for 1,000,000 and 20,000,000, and 8 GB of disk. PostgreSQL's statistics
    and maps of visible rows are up to date afterwards, as autovacuum would have them.
    """
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("DROP TABLE IF EXISTS crowd")
        shared: dict[str, Any] = {"site": site.pk, "people": people}
        cursor.execute(CROWD, shared)
        cursor.execute(PEOPLE, shared)
        cursor.execute(DEVICES, shared | keys(site))
        kinds = names(site)
        for month in months(datetime.now(UTC), events):
            cursor.execute(EVENTS, shared | kinds | month)
        cursor.execute(CARTS, shared)
        for name, share in LISTS.items():
            cursor.execute(MEMBERS, static_list(site, name) | {"share": share})
        for name, days in CAMPAIGNS.items():
            cursor.execute(DELIVERIES, shared | run_of(site, name, days))
        cursor.execute("DROP TABLE crowd")
        for table in TABLES:
            cursor.execute(f"VACUUM ANALYZE {table}")
        cursor.execute("SET synchronous_commit = on")


def keys(site: Site) -> dict[str, Any]:
    """A few hundred real pairs of keys, which the devices share."""
    from subscribers import vapid

    return {
        "vapid": vapid.current(site).pk,
        "keys": KEYS,
        "p256dh": [generate_vapid()[1] for _ in range(KEYS)],
        "auth": [os.urandom(AUTH_BYTES) for _ in range(KEYS)],
    }


def names(site: Site) -> dict[str, Any]:
    """A row for each name of an event; a name stands in the lists as often as its share says."""
    from subscribers.models import EventName

    kinds = [name for name, share in NAMES.items() for _ in range(share)]
    numbers = {name: EventName.objects.create(site=site, name=name).pk for name in NAMES}
    return {
        "kinds": kinds,
        "names": [numbers[name] for name in kinds],
        "parts": len(kinds),
    }


def months(now: datetime, events: int) -> Iterator[dict[str, Any]]:
    """The calendar months of the year before `now`, each with its share of the events."""
    from subscribers import partitions

    first = begin = now - timedelta(days=365)
    while begin < now:
        following = (begin.replace(day=1) + timedelta(days=32)).replace(
            day=1, hour=0, minute=0, second=0, microsecond=0
        )
        last = min(following, now)
        partitions.ensure(begin.date().replace(day=1))
        share = (last - begin) / (now - first)
        yield {"first": begin, "last": last, "events": round(events * share)}
        begin = last


def static_list(site: Site, name: str) -> dict[str, Any]:
    """A list, and the upload that its members come from."""
    from audiences.models import ListUpload, StaticList

    made = StaticList.objects.create(site=site, name=name)
    upload = ListUpload.objects.create(
        list=made, mode=ListUpload.Mode.ADD, names=ListUpload.Names.EXTERNAL_ID
    )
    return {"list": made.pk, "upload": upload.pk}


def run_of(site: Site, name: str, days: int) -> dict[str, Any]:
    """A campaign that was sent so many days ago."""
    from audiences.models import Audience
    from campaigns import partitions
    from campaigns.models import Campaign, Message, Run, month_of
    from subscribers.models import Subscription

    at = datetime.now(UTC) - timedelta(days=days)
    audience = Audience.objects.create(site=site)
    campaign = Campaign.objects.create(
        site=site, name=name, audience=audience, state=Campaign.State.FINISHED, created_at=at
    )
    message = Message.objects.create(campaign=campaign, title=name, url="https://shop.example/")
    last = Subscription.objects.filter(site=site).latest("pk").pk
    run = Run.objects.create(
        campaign=campaign,
        message=message,
        state=Run.State.FINISHED,
        month=month_of(at),
        last_subscription=last,
        planned_through=last,
        planned_at=at,
        started_at=at,
        finished_at=at,
    )
    partitions.ensure(run.month)
    return {"month": run.month, "run": run.pk, "at": at}
