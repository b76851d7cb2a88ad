"""/api/v1/events/"""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Site
from subscribers.models import Cart, Event
from tests.factories import make_site, make_subscriber
from tests.subscribers.test_api import api

URL = "/api/v1/events/"


def send(site: Site, body: Any, *scopes: str) -> tuple[int, Any]:
    text = body if isinstance(body, bytes) else json.dumps(body)
    client = api(site, *scopes)
    response = client.post(URL, text, content_type="application/json")
    return response.status_code, response.json()


def test_a_result_for_each(site: Site) -> None:
    person = make_subscriber(site, external_id="ann")
    make_subscriber(make_site(), external_id="ben")
    at = timezone.now() - timedelta(hours=3)
    cart = {
        **{"name": "cart_updated", "external_id": "ann", "at": at.isoformat(), "id": "e-1"},
        "properties": {"items": [{"product": "SKU-1", "price": 399}], "currency": "NOK"},
    }
    wrong = {**cart, "properties": {"items": [{"product": "SKU-1", "price": "kr 5"}]}}
    unknown = {"name": "viewed", "external_id": "ben"}
    viewed = {"name": "viewed", "subscriber": str(person.pk)}
    events = [cart, wrong, viewed, unknown, cart, 5]
    assert send(site, {"events": events}, "events:write") == (
        200,
        {
            "stored": 2,
            "duplicate": 1,
            "refused": 3,
            "results": [
                {"index": 0, "status": "stored"},
                {
                    "index": 1,
                    "status": "refused",
                    "error": {
                        "field": "properties.items.0.price",
                        "message": "Here must be a number from 0 to 999,999,999,999.",
                    },
                },
                {"index": 2, "status": "stored"},
                {
                    "index": 3,
                    "status": "refused",
                    "error": {
                        "field": "external_id",
                        "message": "This site knows nobody with this id.",
                    },
                },
                {"index": 4, "status": "duplicate"},
                {
                    "index": 5,
                    "status": "refused",
                    "error": {"field": "", "message": "An event must be an object."},
                },
            ],
        },
    )
    assert Event.objects.count() == 2
    row = Cart.objects.get(subscriber=person)
    assert (row.updated_at, row.value, row.currency) == (at, Decimal(399), "NOK")


def test_none_and_a_thousand(site: Site) -> None:
    make_subscriber(site, external_id="ann")
    event = {"name": "viewed", "external_id": "ann"}
    assert send(site, {"events": []})[1]["results"] == []
    status, said = send(site, {"events": [event] * 1_000})
    assert (status, said["stored"], Event.objects.count()) == (200, 1_000, 1_000)
    assert send(site, {"events": [event] * 1_001})[0] == 400


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 400, "events"),
        (b"{", 400, "detail"),
        (b'{"events": [NaN]}', 400, "detail"),
        (b"\xff", 400, "detail"),
        (b'{"events": [' + b"[" * 9_999 + b"]" * 9_999 + b"]}", 400, "detail"),
        (b'{"events": [%s]}' % (b"9" * 5_000), 400, "detail"),
        (b'{"events": ["%s"]}' % (b"a" * 2_097_152), 413, "detail"),
        ([], 400, "non_field_errors"),
        (None, 400, "non_field_errors"),
        ({"events": [], "event": []}, 400, "non_field_errors"),
        ({}, 400, "events"),
        ({"events": {}}, 400, "events"),
        ({"events": None}, 400, "events"),
        ({"events": [{}] * 1_001}, 400, "events"),
    ],
    ids=range(14),
)
def test_bodies_refused_as_a_whole(body: Any, status: int, field: str, site: Site) -> None:
    answered, said = send(site, body)
    assert (answered, list(said)) == (status, [field])


def test_a_large_body_is_read(site: Site) -> None:
    make_subscriber(site, external_id="ann")
    event = {"name": "viewed", "external_id": "ann", "properties": {"text": "a" * 1_950}}
    status, said = send(site, {"events": [event] * 1_000})
    assert (status, said["stored"]) == (200, 1_000)


@pytest.mark.parametrize("scope", ["subscribers:write", "subscribers:read", "campaigns:send"])
def test_other_scopes_do_not_let_in(scope: str, site: Site) -> None:
    make_subscriber(site, external_id="ann")
    body = {"events": [{"name": "viewed", "external_id": "ann"}]}
    assert send(site, body, scope)[0] == 403
    assert not Event.objects.exists()


def test_only_by_post(site: Site) -> None:
    client = api(site)
    assert client.get(URL).status_code in {403, 405}
    assert client.delete(URL).status_code in {403, 405}


def test_with_a_key_of_another_site(site: Site) -> None:
    person = make_subscriber(site, external_id="ann")
    events = [
        {"name": "viewed", "external_id": "ann"},
        {"name": "viewed", "subscriber": str(person.pk)},
    ]
    assert send(make_site(), {"events": events})[1]["refused"] == 2
    assert not Event.objects.exists()
