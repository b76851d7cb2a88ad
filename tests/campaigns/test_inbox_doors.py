"""Who comes in: the signed identity, origins, limits, and what else strangers send."""

import json
import time
from typing import Any

import pytest
from django.http import HttpResponse
from pytest_django import Settings

from accounts.models import Site
from subscribers import limits
from tests.campaigns.inboxes import Visitor, identity, kari, said, sent
from tests.factories import make_site

ADDRESSES = [("GET", ""), ("POST", ""), ("GET", "unread/"), ("POST", "read/")]
ADDRESSES += [("DELETE", "x" * 22 + "/")]


@pytest.fixture
def site(db: None) -> Site:
    made = make_site()
    sent(made, kari(made), "Mine")
    return made


def refused(answer: HttpResponse, status: int, code: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.content)
    assert (answer.status_code, found["error"]) == (status, code)
    assert found["detail"]
    assert answer["Cache-Control"] == "no-store"
    return found


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic a2FyaTp4", "Bearer x.y.z", "kari", "Bearer \xe5"]
)
def test_without_an_identity(method: str, path: str, header: str, site: Site) -> None:
    answer = Visitor(site).ask(method, path, {}, Authorization=header)
    assert refused(answer, 403, "identity")["field"] == "identity"
    assert answer["Access-Control-Allow-Origin"] == "https://shop.example"


def test_with_one_that_does_not_hold(site: Site) -> None:
    other = make_site(name="Other")
    over = identity(site, exp=int(time.time()) - 120)
    refused(Visitor(site, token=over).ask("GET"), 403, "identity_expired")
    for token in (
        identity(other),
        identity(site, aud=other.key),
        identity(site, exp=int(time.time()) + 9_000),
        identity(site) + "x",
    ):
        refused(Visitor(site, token=token).ask("GET"), 403, "identity")


def test_the_token_is_never_taken_from_the_address(site: Site) -> None:
    token = identity(site)
    answer = Visitor(site).ask("GET", f"?token={token}&identity={token}", Authorization="")
    refused(answer, 403, "identity")


def test_a_preflight(site: Site) -> None:
    answer = Visitor(site).ask("OPTIONS", "read/", Authorization="")
    assert answer.status_code == 204
    assert answer["Access-Control-Allow-Origin"] == "https://shop.example"
    assert answer["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
    assert answer["Access-Control-Allow-Methods"] == "POST, OPTIONS"
    assert "Access-Control-Allow-Credentials" not in answer


@pytest.mark.parametrize(("method", "path"), [("OPTIONS", ""), *ADDRESSES])
def test_foreign_origins_stay_out(method: str, path: str, site: Site) -> None:
    answer = Visitor(site, origin="https://evil.example").ask(method, path, {})
    refused(answer, 403, "origin")
    assert "Access-Control-Allow-Origin" not in answer


def test_an_app_has_no_origin(site: Site) -> None:
    answer = Visitor(site, origin="").ask("GET")
    assert len(said(answer)["items"]) == 1
    assert "Access-Control-Allow-Origin" not in answer


def test_no_site(site: Site) -> None:
    site.key = "none"
    refused(Visitor(site).ask("GET"), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "", "GET, POST, OPTIONS"),
        ("POST", "unread/", "GET, OPTIONS"),
        ("GET", "read/", "POST, OPTIONS"),
        ("GET", "x" * 22 + "/", "DELETE, POST, OPTIONS"),
        ("POST", "x" * 22 + "/", "DELETE, POST, OPTIONS"),
    ],
)
def test_other_methods(method: str, path: str, allowed: str, site: Site) -> None:
    answer = Visitor(site).ask(method, path, {})
    refused(answer, 405, "method")
    assert answer["Allow"] == allowed


@pytest.mark.parametrize("item", ["x", "x" * 500, "%00", "%ff", "..%2f", "å", "x" * 21 + "="])
def test_an_item_that_is_none(item: str, site: Site) -> None:
    assert Visitor(site).ask("DELETE", f"{item}/").status_code == 404


@pytest.mark.parametrize("path", ["", "read/"])
@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b'{"a":"\\u0000"}', b"[" * 4_000])
def test_bodies_that_are_none(path: str, body: bytes, site: Site) -> None:
    visitor = Visitor(site)
    answer = visitor.client.post(
        f"/push/{site.key}/inbox/{path}",
        body,
        "application/json",
        headers={"Authorization": f"Bearer {identity(site)}"},
    )
    assert answer.status_code == 400
    assert json.loads(answer.content)["error"] in {"json", "characters"}


def test_a_body_that_is_too_large(site: Site) -> None:
    refused(Visitor(site).ask("POST", "read/", {"ids": ["x" * 5_000]}), 413, "too_large")


def test_a_person_is_limited(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PER_PERSON", 2)
    answers = [Visitor(site).ask("GET") for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    refused(answers[2], 429, "rate")
    assert 1 <= int(answers[2]["Retry-After"]) <= 60
    assert Visitor(site, "ola").ask("GET").status_code == 200


def test_an_address_is_limited_before_its_token_is_read(site: Site, settings: Settings) -> None:
    settings.INGEST_PER_ADDRESS = 1
    visitor = Visitor(site, token="x.y.z")
    refused(visitor.ask("GET"), 403, "identity")
    refused(visitor.ask("GET"), 429, "rate")


def test_the_inbox_takes_nothing_from_the_share_of_subscriptions(
    site: Site, settings: Settings
) -> None:
    settings.INGEST_PER_SITE = 1
    assert [Visitor(site).ask("GET").status_code for _ in range(2)] == [200, 429]
    assert limits.wait(site.key, "192.0.2.1") == 0
