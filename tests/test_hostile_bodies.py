"""Whatever stands in the JSON of a request: an answer with a sentence, never a 500."""

import json
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from accounts import api_keys
from campaigns import drafting, policies
from campaigns.api.message_shapes import MessageFields
from campaigns.api.schedule_shapes import ScheduleFields
from subscribers.api_devices import DeviceChangeSerializer, DeviceSerializer
from tests.test_access_matrix import World, world

__all__ = ["world"]

HALF = "\ud800"
VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "a NUL": "a\x00b",
    "half a surrogate pair": HALF,
    "half of one as a key": {HALF: HALF},
    "a long text": "x" * 100_000,
    "a long Liquid text": "{% if a %}" * 5_000,
    "below zero": -1,
    "a huge number": 10**40,
    "a huge number in words": "9" * 5_000,
    "no number": float("nan"),
    "the end of time": "9999-12-31T23:59:59-23:59",
    "before all time": "0001-01-01T00:00:00+23:59",
    "a list": [],
    "an object": {},
    "a list of lists": [[]],
    "a list of objects": [{}],
    "a part of each language": {"nb": {"title": HALF, "actions": [{"title": 1, "url": {}}]}},
    "a part that is none": {"nb": None},
    "parts in parts": [{"weight": 1, "translations": {"nb": {"title": {}}}, "overrides": []}],
    "an address that is none": "http://[",
    "an address with half a pair": f"https://example.com/{HALF}",
    "a coupon": {"code": HALF, "percent": float("nan"), "expires_at": "9999-12-31T23:59-23:59"},
    "half a pair as the key of a part": {HALF: {HALF: HALF}, "ios": {HALF: {}}},
    "options of apps": {
        "ios": {"badge": 10**40, "link": f"{HALF}:x", "sound": [], "category": {}},
        "android": {"link": "{{" * 500, "channel_id": HALF},
    },
    "a link with Liquid": {"ios": {"link": "{% if a %}" * 90}},
    "a day at the end": ["9999-12-31"],
    "a rule": "FREQ=DAILY;COUNT=" + "9" * 5_000,
    "a rule of ever": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
}

# Read as other texts and addresses are.
ALIKE = {"body", "icon", "badge", "utm_source", "utm_medium", "utm_campaign", "utm_content"}


@pytest.fixture
def api(world: World) -> Client:
    _key, text = api_keys.create(world.site, "Shop", ["all"])
    return Client(raise_request_exception=False, headers={"Authorization": f"Bearer {text}"})


def status(api: Client, method: str, path: str, body: Any) -> int:
    """Of a request whose changes are undone."""
    text = json.dumps(body)
    with transaction.atomic():
        answer = api.generic(method, path, text, content_type="application/json")
        transaction.set_rollback(True)
    return answer.status_code


def broken(api: Client, method: str, path: str, bodies: dict[str, Any]) -> list[str]:
    return [name for name, body in bodies.items() if status(api, method, path, body) >= 500]


def fields(names: Any) -> dict[str, Any]:
    """A body with each value in each field."""
    return {f"{name}: {kind}": {name: value} for name in names for kind, value in VALUES.items()}


def test_campaigns(api: Client, world: World) -> None:
    names = {*MessageFields().fields, *ScheduleFields().fields, "name", "audience", "throttle"}
    names -= ALIKE
    assert not broken(
        api, "PATCH", world.path("campaigns_api:detail"), fields([*sorted(names), HALF])
    )


def test_saved_messages(api: Client, world: World) -> None:
    contents = fields([*sorted({*drafting.CONTENT} - ALIKE), HALF])
    bodies = {name: {"content": {"title": "One"} | body} for name, body in contents.items()}
    bodies |= fields(["name", "content", HALF])
    assert not broken(api, "PATCH", world.path("campaigns_api:saved_message"), bodies)


def test_policies(api: Client, world: World) -> None:
    bodies = fields([*policies.FIELDS, "caps", HALF])
    for kind, value in VALUES.items():
        cap = {"topic": "", "most": 1, "days": 1}
        bodies |= {f"cap of {name}: {kind}": {"caps": [cap | {name: value}]} for name in cap}
    assert not broken(api, "PUT", world.path("campaigns_api:policies"), bodies)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("campaigns_api:approval", ["note"]),
        ("campaigns_api:start", ["at", "time_zone"]),
        ("campaigns_api:winner", ["variant"]),
        ("campaigns_api:resend_unknown", ["expected"]),
        ("campaigns_api:saved_messages", ["name", "content"]),
    ],
)
def test_acts(name: str, asked: list[str], api: Client, world: World) -> None:
    bodies = fields([*asked, HALF]) | VALUES
    assert not broken(api, "POST", world.path(name), bodies)


def test_devices(api: Client, world: World) -> None:
    good: dict[str, Any] = {"install": "6f1c2a34-5b7d-4e8f-9a0b-1c2d3e4f5a6b", "platform": "ios"}
    good |= {"channel": "fcm", "token": None}
    bodies = {
        name: good | body
        for name, body in fields([*sorted(DeviceSerializer().fields), HALF]).items()
    }
    for kind, value in VALUES.items():
        for name in ("at", "source", "text"):
            bodies[f"consent of {name}: {kind}"] = good | {"consent": {name: value}}
        bodies[f"tags: {kind}"] = good | {"tags": {"add": value, "remove": [value]}}
        bodies[f"attributes: {kind}"] = good | {"attributes": {"a": value, "b": [value]}}
    assert not broken(api, "POST", "/api/v1/devices/", bodies | VALUES)
    changes = fields([*sorted(DeviceChangeSerializer().fields), HALF])
    assert not broken(api, "PATCH", world.path("api_device"), changes | VALUES)
