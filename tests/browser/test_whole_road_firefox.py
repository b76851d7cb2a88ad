"""The product's promise, with nothing mocked: from `up` to a notification that was clicked.

A new owner signs in by the printed link, sets up the demo shop, visits it in Firefox, says yes
twice (to the shop's prompt and to the browser's), composes and sends through the pages, sees the
notification with the exact text, clicks it, and finds it counted.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.firefox import Firefox, wait_for
from tests.browser.road import compose_and_send, make_the_demo_site, manage, say_yes_twice
from tests.running import Up, environment, free_ports

pytestmark = [pytest.mark.firefox, pytest.mark.xdist_group("up")]

TITLE = "Storfjell parka is back · 20 % off 🧥"
TEXT = "Only until Sunday, «Ingrid».\nTwo lines, exactly as written."


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    running = Up(environment(tmp_path_factory.mktemp("road") / "var", **free_ports()))
    try:
        yield running
    finally:
        assert running.stop() == 0


def test_from_permission_to_a_counted_click(up: Up, firefox: Firefox) -> None:
    web, shop = (f"http://127.0.0.1:{up.env[name]}" for name in ("WEB_PORT", "SHOP_PORT"))
    site_id = make_the_demo_site(firefox, up.wait_for("/signin/").split()[-1])
    site = f"{web}/sites/{site_id}/"
    say_yes_twice(firefox, shop)
    campaign_id = compose_and_send(
        firefox, site, title=TITLE, text=TEXT, opens=f"{shop}/?from=push"
    )

    # It leaves half a minute after it was sent.
    alert = firefox.wait_for_alert(TITLE, seconds=60)
    assert alert["body"] == TEXT
    firefox.click_alert(TITLE)
    opened = wait_for(
        lambda: next((url for url in firefox.tabs() if url.startswith(f"{shop}/?from=push")), None),
        "the tab that the click opens",
    )
    assert "utm_source=beckon" in opened

    key = manage(up, "createapikey", "--site", site_id, "--scope", "all")["key"]
    report = f"{web}/api/v1/campaigns/{campaign_id}/report/"
    said = wait_for(lambda: clicked(report, key), "the click in the report")
    expected = {"audience": 1, "accepted": 1, "displayed": 1, "clicked": 1, "dismissed": 0}
    assert {name: said[name] for name in expected} == expected

    for page, limit in (("", 320_000), ("campaigns/", 200_000), ("people/", 200_000)):
        firefox.open(site + page)
        weigh(firefox, page.strip("/") or "overview", limit=limit)
    firefox.open(f"{site}campaigns/{campaign_id}/")
    assert "It adds up" in firefox.run("return document.body.textContent")
    weigh(firefox, "report", limit=320_000)


def test_a_customers_page_loads_the_snippet_compressed(up: Up) -> None:
    url = f"http://127.0.0.1:{up.env['WEB_PORT']}/static/push/snippet.js"
    wait_for(lambda: up.get("WEB_PORT", "/healthz") == 200, "an answer")
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert len(answer.read()) <= 3_072


def clicked(report: str, key: str) -> dict[str, Any] | None:
    """The finished campaign's report once it counts a click."""
    request = urllib.request.Request(report, headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request) as answer:
        said: dict[str, Any] = json.load(answer)
    return said if said["clicked"] and said["state"] == "finished" else None


def weigh(firefox: Firefox, page: str, *, limit: int) -> None:
    """Print and hold what a page and all that it loads come to, as compressed bytes."""
    size = firefox.run(
        """const of = ["navigation", "resource"].flatMap(t => performance.getEntriesByType(t));
           return of.reduce((sum, one) => sum + one.encodedBodySize, 0);"""
    )
    print(f"\n{page}: {size:,} of {limit:,} bytes compressed.", file=sys.__stdout__)
    assert 0 < size <= limit
