"""The pages of subscribers in a real Chromium: live, accessible, silent in the console."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import pytest
from django.db import connection
from playwright.sync_api import Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from accounts.models import Role, Site, User
from subscribers import consent, installation
from subscribers.models import ConsentRecord, Prompt, Subscription
from tests.browser.axe import AXE, RULES, RUN_AXE
from tests.factories import PASSWORD, make_member, make_site, make_subscriber, make_subscription

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]
T = TypeVar("T")
SIZES = [(1440, False), (1440, True), (390, False), (390, True)]


@dataclass
class Scene:
    site: Site
    device: Subscription
    page: Page

    def go(self, path: str) -> None:
        self.page.goto(f"/sites/{self.site.pk}/{path}")

    def look(self) -> None:
        """Nothing that axe finds, and no scrolling sideways."""
        self.page.evaluate(AXE)
        assert self.page.evaluate(RUN_AXE, RULES) == [], self.page.url
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def apart(work: Callable[[], T]) -> T:
    """Use the database in a thread: Playwright's loop runs in this one, where the ORM refuses."""

    def finish() -> T:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(finish).result()


def make_scene() -> tuple[Site, Subscription]:
    site = make_site()
    make_member(site, Role.OWNER, "alice@example.com")
    User.objects.update(is_owner=True)
    name = {"name": "Ingrid S.", "a long name of an attribute": "x" * 200}
    person = make_subscriber(site, external_id="FF-330204", tags=["vip"], attributes=name)
    device = make_subscription(site, subscriber=person)
    where = consent.Circumstances(Prompt.objects.get(site=site), "https://shop.example/down")
    consent.record(device, ConsentRecord.Action.GRANTED, where=where)
    return site, device


@pytest.fixture
def scene(
    live_server: LiveServer, chromium_path: str, request: pytest.FixtureRequest
) -> Iterator[Scene]:
    """Alice, signed in, in the width and theme that the test says; the console stays silent."""
    width, dark = getattr(request, "param", (1440, False))
    site, device = make_scene()
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": width, "height": 844},
            color_scheme="dark" if dark else "light",
            base_url=live_server.url,
        )
        page.set_default_timeout(15_000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto("/signin/")
        page.get_by_label("E-mail").fill("alice@example.com")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/sites/**")
        yield Scene(site, device, page)
        browser.close()
    assert said == []


@pytest.mark.parametrize("scene", SIZES, indirect=True)
def test_every_page_is_accessible(scene: Scene) -> None:
    paths = ("people/", "people/?q=nobody", "install/", "prompts/", "push-keys/")
    for path in (*paths, f"people/{scene.device.subscriber_id}/"):
        scene.go(path)
        scene.look()
    scene.page.goto("/sites/new/")
    scene.look()


def test_install_notices_by_itself(scene: Scene) -> None:
    apart(Subscription.objects.all().delete)
    scene.go("install/")
    expect(scene.page.locator("#step-1")).to_have_class("step-sign is-current")
    apart(lambda: installation.seen(scene.site, "https://shop.example", ""))
    expect(scene.page.get_by_text("Snippet seen")).to_be_visible()
    expect(scene.page.locator("#step-3")).to_have_class("step-sign is-current")
    apart(lambda: make_subscription(scene.site))
    expect(scene.page.get_by_role("heading", name="Your first subscriber is here")).to_be_visible()


def test_the_preview_follows_what_is_typed(scene: Scene) -> None:
    scene.go("prompts/")
    page = scene.page
    page.get_by_label("Question").fill("<b>Trail news</b>, before others?")
    expect(page.locator("[data-shows=title]")).to_have_text("<b>Trail news</b>, before others?")
    expect(page.get_by_label("How many")).to_be_hidden()
    page.get_by_label("Ask", exact=True).select_option("views")
    expect(page.get_by_label("How many")).to_be_visible()
    page.get_by_label("Button colour").fill("#ffcc00")
    expect(page.locator("#contrast")).to_have_text(
        "Too pale for white words, 1.5 : 1. At least 4.5 : 1."
    )
    page.get_by_label("Button colour").fill("#2f4a42")
    expect(page.locator("#contrast")).to_contain_text("Readable")
    colour = page.locator(".card-yes").evaluate("it => getComputedStyle(it).backgroundColor")
    assert colour == "rgb(47, 74, 66)"
    page.get_by_role("button", name="Phone").click()
    expect(page.locator("#frame")).to_have_attribute("data-width", "phone")
    page.get_by_role("button", name="Publish version 2").click()
    # Nothing was typed for "How many".
    expect(page.locator(".error-summary")).to_have_count(1)
    page.get_by_label("How many").fill("3")
    page.get_by_role("button", name="Publish version 2").click()
    expect(page.get_by_text("Version 2 is what visitors see now.")).to_be_visible()


def test_unsubscribing_asks_first(scene: Scene) -> None:
    scene.go(f"people/{scene.device.subscriber_id}/")
    page = scene.page
    page.get_by_role("button", name="Unsubscribe", exact=True).click()
    dialog = page.get_by_role("dialog", name="Unsubscribe this person’s device?")
    dialog.get_by_role("button", name="Keep").click()
    expect(dialog).to_be_hidden()
    apart(scene.device.refresh_from_db)
    assert scene.device.state == "active"
    page.get_by_label("Actions for Firefox, Linux").click()
    page.get_by_role("button", name="Unsubscribe this device").click()
    page.get_by_role("dialog").get_by_role("button", name="Unsubscribe").click()
    expect(page.get_by_text("Unsubscribed by the team")).to_be_visible()


@pytest.mark.parametrize("scene", SIZES, indirect=True)
def test_a_new_push_key_asks_first_and_an_old_one_stays(scene: Scene) -> None:
    scene.go("push-keys/")
    page = scene.page
    page.get_by_role("button", name="Make a new key").click()
    dialog = page.get_by_role("dialog", name="Make a new push key?")
    dialog.get_by_role("button", name="Keep the present one").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Make a new key").click()
    dialog.get_by_role("button", name="Make a new key").click()
    expect(page.get_by_text("1 device still has a retired key.")).to_be_visible()
    scene.look()
    # In reach at every width: nothing lies over it.
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name="This key is still needed")
    expect(dialog).to_contain_text("1 device was subscribed with it")
    scene.look()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
