"""Whatever is typed into a form: an answer, never a 500. Found by the forms' own fields."""

import re

from django.test import Client

from tests.access_table import ROUTES, Page
from tests.test_access_matrix import PAGES, World, ask, world

__all__ = ["world"]

FIELD = re.compile(r'<(?:input|textarea|select|button)\b[^>]*?\bname="([^"]+)"')
VALUES = {
    "NUL": "a\x00b",
    "NUL alone": "\x00",
    "a long text": "x" * 100_000,
    "a huge number": "9" * 40,
    "a longer number than Python reads": "9" * 5_000,
    "below zero": "-1",
    "the end of time": "9999-12-31T23:59",
    "before all time": "0001-01-01T00:00",
    "script": "<script>alert(1)</script>",
    "an address that is none": "http://[",
    "an address with a script": "javascript:alert(1)",
    "a reading direction": "\u202e\u2066",
    "a lone accent and an emoji": "\u0301\U0001f468\u200d\U0001f469",
}


def names(world: World, client: Client) -> list[str]:
    """The names of all fields of all pages."""
    found: set[str] = set()
    for name in PAGES:
        rule = ROUTES[name]
        if isinstance(rule, Page) and rule.get:
            answer = ask(client, "GET", world.path(name), {})
            if not answer.streaming:
                found |= set(FIELD.findall(answer.content.decode()))  # type: ignore[attr-defined]
    return sorted(found - {"csrfmiddlewaretoken"})


def test_forms(world: World) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(world.actors["owner"], backend="django.contrib.auth.backends.ModelBackend")
    fields = names(world, client)
    assert {"email", "title", "origins", "name"} <= set(fields)
    broken = []
    for name in PAGES:
        rule = ROUTES[name]
        if not isinstance(rule, Page) or not rule.post or name == "accounts:signout":
            continue
        for kind, value in VALUES.items():
            body = dict.fromkeys(fields, value) | rule.data
            answer = ask(client, "POST", world.path(name), body)
            if answer.status_code >= 500:
                broken.append((name, kind))
    assert not broken
