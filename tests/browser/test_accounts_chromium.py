"""The pages of accounts in a real Chromium: accessible, silent in the console, by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from accounts import api_keys, members
from accounts.models import Role, Site, User
from tests.browser.axe import AXE, RULES, RUN_AXE
from tests.factories import PASSWORD, make_member, make_site

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]


@dataclass
class Scene:
    url: str
    site: Site
    invitation: str
    chromium: str
    said: list[str]

    def pages(self) -> list[str]:
        parts = ("settings", "members", "keys", "history")
        return [*(f"/sites/{self.site.pk}/{part}/" for part in parts), "/profile/"]


@pytest.fixture
def scene(live_server: LiveServer, chromium_path: str) -> Scene:
    site = make_site()
    alice = make_member(site, Role.OWNER, "alice@example.com")
    User.objects.update(is_owner=True)
    make_member(site, Role.MARKETER, "bob@example.com")
    path = members.invite(site, "new@example.com", Role.VIEWER, by=alice)
    api_keys.create(site, "Shop", ["all"], alice)
    return Scene(live_server.url, site, path, chromium_path, [])


@pytest.fixture
def page(scene: Scene, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of the width and theme that the test says; the console must stay silent."""
    width, dark = getattr(request, "param", (1440, False))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=scene.chromium, args=["--no-sandbox"])
        context = browser.new_context(
            viewport={"width": width, "height": 844},
            color_scheme="dark" if dark else "light",
            base_url=scene.url,
        )
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: scene.said.append(message.text))
        page.on("pageerror", lambda error: scene.said.append(str(error)))
        yield page
        browser.close()
    assert scene.said == []


def look(page: Page) -> None:
    """Nothing that axe finds, and no scrolling sideways."""
    page.evaluate(AXE)
    assert page.evaluate(RUN_AXE, RULES) == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url


def sign_in(page: Page) -> None:
    page.goto("/signin/?next=/profile/")
    page.keyboard.type("alice@example.com")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Your account')")


@pytest.mark.parametrize("page", [(1440, False), (390, True)], indirect=True)
def test_the_pages_are_accessible(page: Page, scene: Scene) -> None:
    for path in ("/signin/", "/signin/forgotten/", scene.invitation):
        page.goto(path)
        look(page)
    sign_in(page)
    for path in scene.pages():
        page.goto(path)
        assert page.url.endswith(path)
        look(page)


def test_a_failed_form_moves_the_focus_to_what_is_wrong(page: Page) -> None:
    page.goto("/signin/")
    page.keyboard.type("alice@example.com")
    page.keyboard.press("Enter")
    page.wait_for_selector(".error-summary")
    page.wait_for_function("document.activeElement.className === 'error-summary'")
    look(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.name === 'password'")
    assert page.input_value("[name=username]") == "alice@example.com"


def test_a_key_is_made_and_revoked_by_keyboard(page: Page, scene: Scene) -> None:
    sign_in(page)
    page.goto(f"/sites/{scene.site.pk}/keys/")
    page.focus("[name=name]")
    page.keyboard.type("Backend")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    assert page.inner_text("#new-key").startswith("bk_")
    look(page)
    opener = page.locator("button[data-dialog]:visible", has_text="Revoke").first
    opener.press("Enter")
    look(page)
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    opener.press("Enter")
    page.locator("dialog[open] .btn-danger").press("Enter")
    page.wait_for_selector("text=is revoked")
