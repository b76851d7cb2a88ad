"""Hostile requests by the thousand: each is answered, none is an error of ours."""

import json
import random
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import Site
from subscribers import incoming
from subscribers.models import Subscription
from tests.factories import browser_keys
from tests.subscribers.browsers import Browser
from tests.subscribers.hostile import XSS

# Over HTTP; without the network and the database, for the shapes alone, ten times as many.
ROUNDS = 1_000
SHAPES = 10_000
JUNK: list[Any] = [
    *XSS,
    *(None, True, False, 0, -1, 2**63, 1.5, "", " ", [], {}, [[]], {"": {}}, {"a": [1]}),
    *("\x00", "\ud800", "é" * 200, "=" * 90, "A" * 87, "A" * 22, "x" * 2500, "../../etc/passwd"),
    *("https://fcm.googleapis.com", "https://fcm.googleapis.com:0/x", "https://[::1]/x"),
    *("http://169.254.169.254/", "https://127.0.0.1:8002/x", "http://127.0.0.1:8002/"),
    *("en" * 30, "Europe/Oslo\n", "00000000-0000-0000-0000-000000000000"),
]
KEYS = browser_keys()
ID = "11111111-1111-1111-1111-111111111111"
FIELDS = (
    "subscription",
    "language",
    "timezone",
    "page",
    "prompt",
    "install",
    "key",
    "auth",
    "sync",
)


def test_hostile_shapes(settings: Settings) -> None:
    chance = random.Random(8291)  # noqa: S311 - the same each time
    site = Site(key="x")
    accepted = 0
    for number in range(SHAPES):
        good = Browser(site, keys=KEYS, id=ID)
        path, body = _request(chance, good)
        read = (
            incoming.read_change
            if path.endswith(("PATCH", "patch"))
            else incoming.read_subscription
        )
        try:
            read(incoming.read_json(json.dumps(body).encode()))
            accepted += 1
        except incoming.Refused as error:
            assert error.status in {400, 413}, (number, body)
            assert error.sentence
    assert 0 < accepted < SHAPES


def test_hostile_subscriptions(site: Site, settings: Settings) -> None:
    settings.INGEST_PER_ADDRESS = settings.INGEST_PER_SITE = 10**6
    chance = random.Random(8030)  # noqa: S311 - the same each time
    # raise_request_exception is on: an error of ours ends the test with its trace.
    good = Browser(site, client=Client())
    good.subscribe()
    statuses: set[int] = set()
    for number in range(ROUNDS):
        path, body = _request(chance, good)
        data = json.dumps(body).encode() if chance.random() < 0.95 else chance.randbytes(200)
        status = good.post(path, data).status_code
        assert 200 <= status < 500, (number, path, body)
        statuses.add(status)
    assert {200, 400, 404, 409, 413} & statuses >= {200, 400, 404}
    kept = Subscription.objects.get(public_id=good.id)
    assert (kept.endpoint, bytes(kept.p256dh)) == (good.endpoint, good.keys[0])


def _request(chance: random.Random, good: Browser) -> tuple[str, Any]:
    if chance.random() < 0.6:
        body = good.body
        for _ in range(chance.randint(1, 3)):
            _spoil(chance, body)
        return "subscriptions/", body
    ids = (good.id, "00000000-0000-0000-0000-000000000000", "nonsense")
    # Never a whole DELETE: the good one has to be there at the end.
    method = chance.choice(("PATCH", "PUT", "patch", ""))
    body = {"auth": good.auth if chance.random() < 0.7 else chance.choice(JUNK)}
    for name in ("external_id", "signature", "tags", "attributes"):
        if chance.random() < 0.5:
            body[name] = chance.choice((_tags(chance), chance.choice(JUNK)))
    return f"subscriptions/{chance.choice(ids)}/?_method={method}", body


def _tags(chance: random.Random) -> Any:
    return {chance.choice(("add", "remove", "x")): [chance.choice(JUNK), chance.choice(JUNK)]}


def _spoil(chance: random.Random, body: dict[str, Any]) -> None:
    where = body
    subscription = body.get("subscription")
    if isinstance(subscription, dict) and chance.random() < 0.6:
        where = subscription
        if isinstance(subscription.get("keys"), dict) and chance.random() < 0.6:
            where = subscription["keys"]
    name = chance.choice(list(where) or ["x"])
    if where is body:
        name = chance.choice(FIELDS)
    if chance.random() < 0.1:
        where.pop(name, None)
    else:
        where[name] = chance.choice(JUNK)


@pytest.mark.parametrize("text", XSS)
def test_hostile_words_from_a_browser_stay_words(text: str, site: Site) -> None:
    """Whatever a browser says of itself is stored as text or not at all."""
    visitor = Browser(site)
    response = visitor.post(
        "subscriptions/",
        visitor.body | {"language": text, "timezone": text, "page": text},
        **{"User-Agent": text.encode("ascii", "ignore").decode(), "Referer": "x"},
    )
    assert response.status_code == 201
    made = Subscription.objects.get()
    assert (made.language, made.time_zone) == ("", "")
