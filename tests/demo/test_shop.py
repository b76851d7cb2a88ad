"""The demo shop over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest

from demo.serving import in_thread
from demo.shop.app import WORKER, Shop, build
from demo.shop.products import COLLECTIONS, PRODUCTS
from tests.demo.sender import Answer, ask

BECKON = "http://127.0.0.1:8000"
PAGES = [
    "/",
    *(f"/{slug}" for slug in COLLECTIONS),
    *(f"/products/{product.slug}" for product in PRODUCTS),
    "/cart",
    "/thanks",
]


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    shop = Shop(beckon=BECKON + "/", site_key="the-key")
    with in_thread(lambda origin: build(shop)) as origin:
        yield origin


def get(url: str) -> Answer:
    return ask("GET", url, None, {})


@pytest.mark.parametrize("path", PAGES)
def test_page_embeds_the_snippet_and_keeps_to_its_policy(origin: str, path: str) -> None:
    answer = get(origin + path)
    text = answer.body.decode()
    assert answer.status == 200
    assert (
        f'<script async src="{BECKON}/static/push/snippet.js" data-site="the-key" '
        'data-worker="/push/beckon/sw.js"></script>' in text
    )
    assert 'class="notice"' not in text
    policy = answer.headers["Content-Security-Policy"]
    assert f"script-src 'self' {BECKON};" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<style|style=| on\w+=|<script>", text)
    assert "$" not in text


def test_everything_that_pages_name_is_there(origin: str) -> None:
    names = {
        name
        for path in PAGES
        for name in re.findall(r'(?:href|src)="(/[^"]*)"', get(origin + path).body.decode())
    }
    assert len(names) > 20
    assert {name: get(origin + name).status for name in names} == dict.fromkeys(names, 200)


def test_the_server_vouches_for_who_is_signed_in(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    shop = Shop(beckon=BECKON, site_key="the-key", token_secret_file=secret)
    with in_thread(lambda origin: build(shop)) as origin:
        where, cookie = f"{origin}/account/token", {"Cookie": "customer=K%C3%A5re"}
        assert ask("GET", where, None, {}).status == 204
        assert ask("GET", where, None, cookie).status == 204
        secret.write_text("s" * 64)
        answer = ask("GET", where, None, cookie)
        said = jwt.decode(answer.body, "s" * 64, ["HS256"], audience="the-key")
        assert said["sub"] == "Kåre"
        assert said["exp"] - said["iat"] == 900
        assert answer.headers["Cache-Control"] == "no-store"
        assert ask("GET", where, None, {}).status == 204
        secret.write_bytes(b"\xff")
        assert ask("GET", where, None, cookie).status == 204


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("customer=FF-1001", "customer=FF-1001;"),
        ("customer=%C3%A5%3B+x", "customer=%C3%A5%3B%20x;"),
        ("customer=", 'customer="";'),
        ("", 'customer="";'),
        ("customer=a%0Ab", 'customer="";'),
    ],
)
def test_signing_in_and_out(origin: str, sent: str, kept: str) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = ask("POST", origin + "/account", sent.encode(), form)
    assert answer.headers["Set-Cookie"].startswith(kept)


def test_the_account_page_says_who_one_is(origin: str) -> None:
    assert b"Customer number" in get(origin + "/account").body
    answer = ask("GET", origin + "/account", None, {"Cookie": "customer=%3Cb%3E"})
    assert b"signed in as &lt;b&gt;." in answer.body
    assert b"Sign out" in answer.body


def test_worker_is_hosted_by_the_shop(origin: str) -> None:
    answer = get(origin + "/push/beckon/sw.js")
    assert answer.body == WORKER.read_bytes()
    assert answer.headers["Content-Type"].startswith("text/javascript")


def test_manifest_for_the_home_screen(origin: str) -> None:
    answer = get(origin + "/manifest.webmanifest")
    manifest = json.loads(answer.body)
    assert answer.headers["Content-Type"].startswith("application/manifest+json")
    assert manifest["display"] == "standalone"
    assert all(get(origin + icon["src"]).status == 200 for icon in manifest["icons"])


def test_prices_for_the_cart(origin: str) -> None:
    found = get(origin + "/products.json").json()
    assert found["frost-mitt"] == {
        "name": "Frost Mitt",
        "price": 649,
        "art": "/static/art/frost-mitt.svg",
    }


def test_unknown_page(origin: str) -> None:
    answer = get(origin + "/products/flip-flops")
    assert answer.status == 404
    assert b"snowed under" in answer.body


def test_site_key_appears_later_in_its_file(tmp_path: Path) -> None:
    file = tmp_path / "site_key"
    shop = Shop(beckon=BECKON, site_key_file=file)
    with in_thread(lambda origin: build(shop)) as origin:
        text = get(origin + "/").body.decode()
        assert f"The shop has no site key yet: write it to {file}." in text
        assert "snippet.js" not in text
        file.write_text('late"<key\n')
        text = get(origin + "/").body.decode()
        assert 'data-site="late&quot;&lt;key"' in text
        assert "no site key" not in text
        file.write_bytes(b"\xff")
        assert "no site key" in get(origin + "/").body.decode()


def test_without_a_site_key_it_says_how_to_set_one() -> None:
    with in_thread(lambda origin: build(Shop(beckon=BECKON))) as origin:
        assert "start it with --site-key KEY." in get(origin + "/").body.decode()
