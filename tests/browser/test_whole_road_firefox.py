"""The product's promise, with nothing mocked: from `up` to a notification that was clicked.

A new owner signs in by the printed link, sets up the demo shop, visits it in Firefox, says yes
twice (to the shop's prompt and to the browser's), composes and sends through the pages, sees the
notification with the exact text, clicks it, and finds it counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.firefox import Firefox, wait_for
from tests.running import ROOT, Up, environment, free_ports

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


@pytest.fixture
def firefox(up: Up, firefox_path: str) -> Iterator[Firefox]:
    with Firefox(firefox_path, push_url=f"ws://127.0.0.1:{up.env['PUSH_PORT']}/") as browser:
        yield browser


def manage(up: Up, *command: str) -> dict[str, Any]:
    """What a script gets from `manage.py` beside a running `up`."""
    answer = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=up.env,
        check=True,
        capture_output=True,
        text=True,
    )
    result: dict[str, Any] = json.loads(answer.stdout)
    return result


def press(firefox: Firefox, words: str) -> None:
    """Click the button or link with these words, as a person finds it."""
    firefox.wait(
        """const words = arguments[0];
           const fits = one => one.textContent.includes(words) && one.getClientRects().length;
           const found = [...document.querySelectorAll("button, a")].find(fits);
           document.querySelector("[data-test-here]")?.removeAttribute("data-test-here");
           found?.setAttribute("data-test-here", "");
           return Boolean(found);""",
        words,
    )
    firefox.click("[data-test-here]")


def make_the_demo_site(firefox: Firefox, link: str) -> str:
    """Begin with the printed link; the id of the demo shop's site."""
    firefox.open(link)
    firefox.type("[name=email]", "marit@example.com")
    firefox.type("[name=name]", "Marit Kvam")
    passwords = "return [...document.querySelectorAll('[type=password]')].map(one => one.name)"
    for field in firefox.run(passwords):
        firefox.type(f"[name={field}]", "correct horse battery")
    firefox.click("form .btn-primary")
    firefox.wait("return location.pathname === '/sites/new/'")
    press(firefox, "Set up the demo shop")
    return str(firefox.wait(r"return /([0-9a-f-]{36})\/install/.exec(location.pathname)?.[1]"))


def say_yes_twice(firefox: Firefox, shop: str) -> None:
    """Answer the shop's own prompt, then the browser's."""
    firefox.open(f"{shop}/?beckon=ask")
    firefox.click_inside("beckon-prompt", ".yes")
    firefox.answer_prompt("allow")
    firefox.wait("return window.beckon.state === 'subscribed'")


def compose_and_send(firefox: Firefox, site: str, opens: str) -> str:
    """Through all four steps; the campaign's id."""
    firefox.open(f"{site}campaigns/new/")
    firefox.wait("return location.pathname.endsWith('/message/')")
    campaign_id = str(firefox.run("return location.pathname.split('/')[4]"))
    for name, words in (("title", TITLE), ("body", TEXT), ("url", opens)):
        firefox.type(f"[name={name}]", words)
    for words in ("Next: audience", "Next: schedule", "Next: review", "Send now to 1 device"):
        press(firefox, words)
    return campaign_id


def test_from_permission_to_a_counted_click(up: Up, firefox: Firefox) -> None:
    web, shop = (f"http://127.0.0.1:{up.env[name]}" for name in ("WEB_PORT", "SHOP_PORT"))
    site_id = make_the_demo_site(firefox, up.wait_for("/signin/").split()[-1])
    site = f"{web}/sites/{site_id}/"
    say_yes_twice(firefox, shop)
    campaign_id = compose_and_send(firefox, site, f"{shop}/?from=push")

    alert = firefox.wait_for_alert(TITLE, seconds=30)
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
