"""Whatever stands behind the ? of an address: a page or an API view never breaks."""

import base64
from urllib.parse import quote

from django.test import Client

from accounts import api_keys
from tests.access_table import ROUTES, Page
from tests.test_access_matrix import APIS, PAGES, World, ask, world

__all__ = ["world"]

NAMES = (
    *("action", "after", "before", "cursor", "days", "external_id", "focus", "key", "known"),
    *("as", "back", "cell", "code", "count", "day", "for", "from", "kind", "languages", "look"),
    *("month", "occurrence", "outcome", "person", "see", "seen", "to", "week", "who"),
    *("limit", "next", "page", "page_size", "q", "samples", "state", "tag", "wall", "when", "zone"),
)


def cursor(position: str) -> str:
    return quote(base64.b64encode(f"p={quote(position)}".encode()))


VALUES = {
    "NUL": "%00",
    "a NUL within": "active%00",
    "half a surrogate pair": "%ED%A0%80",
    "no UTF-8": "%FF%FE",
    "a huge number": "9" * 30,
    "a longer number than Python reads": "9" * 5_000,
    "below zero": "-1",
    "a fraction": "1.5",
    "no number": "nan",
    "digits that are not ASCII": quote("٣²"),
    "the end of time": "9999-12-31T23:59:59.999999-23:59",
    "a cursor without a position": cursor(""),
    "a cursor of words": cursor("x"),
    "a cursor with NUL": cursor("\x00"),
    "a huge cursor": cursor("9" * 40),
    "a longer cursor than Python reads": cursor("9" * 5_000),
    "a cursor before all time": cursor("0001-01-01 00:00:00+14:00"),
    "a cursor that is none": quote(base64.b64encode(b"\xff\xfe")),
}


def query(value: str) -> str:
    return "&".join(f"{name}={value}" for name in NAMES)


def broken_by(world: World, client: Client, names: list[str], asked: str) -> list[str]:
    answers = {name: ask(client, "GET", f"{world.path(name)}?{asked}", {}) for name in names}
    return [name for name, answer in answers.items() if answer.status_code >= 500]


def test_pages(world: World) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(world.actors["owner"], backend="django.contrib.auth.backends.ModelBackend")
    rules = {name: ROUTES[name] for name in PAGES}
    read = [name for name, rule in rules.items() if isinstance(rule, Page) and rule.get]
    broken = {kind: broken_by(world, client, read, query(VALUES[kind])) for kind in VALUES}
    assert not {kind: names for kind, names in broken.items() if names}


def test_api(world: World) -> None:
    _key, text = api_keys.create(world.site, "Shop", ["all"])
    client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {text}"})
    broken = {kind: broken_by(world, client, APIS, query(VALUES[kind])) for kind in VALUES}
    broken |= {
        f"{kind} alone": broken_by(world, client, APIS, f"cursor={VALUES[kind]}") for kind in VALUES
    }
    assert not {kind: names for kind, names in broken.items() if names}


def test_a_cursor_that_is_none_is_not_found(world: World) -> None:
    _key, text = api_keys.create(world.site, "Shop", ["all"])
    client = Client(headers={"Authorization": f"Bearer {text}"})
    for name in ("campaigns_api:list", "campaigns_api:deliveries", "api_subscribers"):
        answer = client.get(f"{world.path(name)}?cursor={cursor('x')}")
        assert (answer.status_code, answer.json()) == (404, {"detail": "Invalid cursor"})
