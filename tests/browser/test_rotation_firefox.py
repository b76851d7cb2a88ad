"""A new push key, with nothing mocked: nobody is lost, nobody is asked, nobody is there twice.

The sandbox push service refuses a message that is not signed with the key that the browser
subscribed with, as the real ones do, so a notification on the screen proves the key.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.firefox import Firefox
from tests.browser.road import compose_and_send, make_the_demo_site, manage, say_yes_twice
from tests.running import Up, environment, free_ports

pytestmark = [pytest.mark.firefox, pytest.mark.xdist_group("up")]

# Of each key: its name, its state, and how many devices can be reached, are gone or left.
RING = """return [...document.querySelectorAll(".keys-table tbody tr")].map(row => {
    const [name, state, reachable, lost] = [...row.cells].map(cell => cell.innerText.trim());
    return [name.split("\\n")[0].split(" ")[0], state.split("\\n")[0], reachable, lost]; })"""


@pytest.fixture
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    running = Up(environment(tmp_path_factory.mktemp("rotation") / "var", **free_ports()))
    try:
        yield running
    finally:
        assert running.stop() == 0


def ring(firefox: Firefox, site: str) -> list[list[str]]:
    firefox.open(f"{site}push-keys/")
    found: list[list[str]] = firefox.run(RING)
    return found


def rotate(firefox: Firefox) -> None:
    firefox.click("[data-dialog=replace]")
    firefox.click("#replace form .btn-primary")
    firefox.wait("return document.body.textContent.includes('New devices get the new key')")


def visit_again(firefox: Firefox, shop: str) -> dict[str, Any]:
    """A page view a minute later, when the browser asks for the configuration again; what the
    snippet remembers then."""
    with firefox.chrome():
        firefox.run("Services.cache2.clear()")
    before = memory(firefox, shop)
    firefox.open(f"{shop}/")
    firefox.wait("return JSON.parse(localStorage.beckon).key !== arguments[0]", before["key"])
    firefox.wait("return window.beckon.state === 'subscribed'")
    return memory(firefox, shop) | {"before": before}


def memory(firefox: Firefox, shop: str) -> dict[str, Any]:
    # A file of the shop that has no snippet, so that looking is no visit.
    firefox.open(f"{shop}/push/beckon/sw.js")
    kept: dict[str, Any] = json.loads(firefox.run("return localStorage.beckon"))
    return kept


def people(web: str, key: str) -> list[dict[str, Any]]:
    request = urllib.request.Request(
        f"{web}/api/v1/subscribers/", headers={"Authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(request) as answer:
        found: list[dict[str, Any]] = json.load(answer)["results"]
    return found


def test_a_new_key_loses_nobody(up: Up, firefox: Firefox) -> None:
    web, shop = (f"http://127.0.0.1:{up.env[name]}" for name in ("WEB_PORT", "SHOP_PORT"))
    site_id = make_the_demo_site(firefox, up.wait_for("/signin/").split()[-1])
    site = f"{web}/sites/{site_id}/"
    say_yes_twice(firefox, shop)
    [[old, state, reachable, _lost]] = ring(firefox, site)
    assert (state, reachable) == ("Current", "1")
    key = manage(up, "createapikey", "--site", site_id, "--scope", "all")["key"]
    [person] = people(web, key)

    rotate(firefox)
    [[new, *current], [retired, *with_old]] = ring(firefox, site)
    assert (retired, with_old) == (old, ["Retired", "1", "0"])
    assert (new != old, current) == (True, ["Current", "0", "0"])
    compose_and_send(firefox, site, title="With the old key", text="Hello", opens=f"{shop}/")
    assert firefox.wait_for_alert("With the old key", seconds=90)["body"] == "Hello"

    after = visit_again(firefox, shop)
    assert (after["id"], after["install"]) == (after["before"]["id"], after["before"]["install"])
    assert after["endpoint"] != after["before"]["endpoint"]
    assert ring(firefox, site) == [[new, "Current", "1", "0"], [old, "Retired", "0", "0"]]
    assert [one["id"] for one in people(web, key)] == [person["id"]]
    compose_and_send(firefox, site, title="With the new key", text="Hello", opens=f"{shop}/")
    assert firefox.wait_for_alert("With the new key", seconds=90)["body"] == "Hello"

    ring(firefox, site)
    firefox.click("[data-dialog^=delete-]")
    firefox.click("dialog[open] .btn-danger")
    firefox.wait("return document.body.textContent.includes('The key is deleted.')")
    assert ring(firefox, site) == [[new, "Current", "1", "0"]]
