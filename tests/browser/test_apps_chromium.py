"""Settings, Mobile apps in a real Chromium: accessible, silent in the console, by keyboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, FilePayload, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import Role, Site
from subscribers import app_credentials
from subscribers.models import Channel
from tests.browser.axe import AXE, RULES, RUN_AXE
from tests.factories import PASSWORD, make_member, make_site
from tests.subscribers.apps import BUNDLE, TEAM, Script, answering, make_apns, make_fcm, p8

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]
SIZES = pytest.mark.parametrize(
    "page", [(1440, False), (390, True)], indirect=True, ids=["wide-light", "phone-dark"]
)


@pytest.fixture(autouse=True)
def service(settings: Settings) -> Iterator[Script]:
    with answering() as script:
        settings.EXTRA_PUSH_ORIGINS = frozenset({script.url})
        settings.APNS_ORIGIN = script.url
        script.say(400, {"reason": "BadDeviceToken"})
        yield script


@pytest.fixture
def site(db: None) -> Site:
    site = make_site()
    make_member(site, Role.ADMIN, "adam@example.com")
    return site


@pytest.fixture
def page(
    browser: Browser, live_server: LiveServer, site: Site, request: pytest.FixtureRequest
) -> Iterator[Page]:
    """Adam, of the width and theme that the test says; the console must stay silent."""
    width, dark = getattr(request, "param", (1440, False))
    context = browser.new_context(
        viewport={"width": width, "height": 844},
        color_scheme="dark" if dark else "light",
        base_url=live_server.url,
    )
    said: list[str] = []
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto("/signin/?next=/profile/")
    page.fill("[name=username]", "adam@example.com")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Your account')")
    yield page
    context.close()
    assert said == []


def look(page: Page) -> None:
    """Nothing that axe finds, and no scrolling sideways."""
    page.evaluate(AXE)
    assert page.evaluate(RUN_AXE, RULES) == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url


@SIZES
def test_the_pages_are_accessible(page: Page, site: Site) -> None:
    for path in ("", "firebase/", "apple/"):
        page.goto(f"/sites/{site.pk}/apps/{path}")
        look(page)
    account = {"client_email": "a-very-long-name-of-an-account@fjell.example", "key_id": "0" * 40}
    make_fcm(site, details=account, checked_at=timezone.now())
    make_fcm(site, name="former-project", retired_at=timezone.now())
    make_apns(site, problem="Apple does not accept it. " * 10, checked_at=timezone.now())
    page.goto(f"/sites/{site.pk}/apps/")
    look(page)


def test_apples_key_is_put_in_by_keyboard_and_nothing_is_lost(page: Page, site: Site) -> None:
    page.goto(f"/sites/{site.pk}/apps/")
    page.get_by_role("link", name="Connect Apple directly").press("Enter")
    file: FilePayload = {
        "name": "AuthKey_ABCDE12345.p8",
        "mimeType": "application/octet-stream",
        "buffer": p8(),
    }
    page.get_by_label("Key file").set_input_files(files=[file])
    page.get_by_label("Team id").focus()
    page.keyboard.type("SHORT")
    page.keyboard.press("Tab")
    page.keyboard.type(BUNDLE)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    summary = page.locator(".error-summary")
    expect(summary).to_be_focused()
    look(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Team id")).to_be_focused()
    expect(page.get_by_label("Key id")).to_have_value("ABCDE12345")
    expect(page.get_by_label("Bundle ids")).to_have_value(BUNDLE)
    page.keyboard.press("Control+A")
    page.keyboard.type(TEAM)
    page.keyboard.press("Enter")
    expect(page.get_by_text("The key is stored, and it works.")).to_be_visible()
    held = app_credentials.current(site, Channel.APNS)
    assert held is not None and held.details["key_id"] == "ABCDE12345"


def test_the_app_key_is_made_and_switched_off_by_keyboard(page: Page, site: Site) -> None:
    page.goto(f"/sites/{site.pk}/apps/")
    page.get_by_role("button", name="Make an app key").press("Enter")
    expect(page.locator("#app-key")).to_contain_text("app_")
    opener = page.get_by_role("button", name="Switch off")
    opener.press("Enter")
    look(page)
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    opener.press("Enter")
    page.locator("dialog[open] .btn-danger").press("Enter")
    expect(page.get_by_role("button", name="Make an app key")).to_be_visible()


def test_without_a_script_the_forms_work(
    browser: Browser, live_server: LiveServer, site: Site, page: Page
) -> None:
    context = browser.new_context(
        java_script_enabled=False,
        base_url=live_server.url,
        storage_state=page.context.storage_state(),
    )
    plain = context.new_page()
    make_apns(site)
    plain.goto(f"/sites/{site.pk}/apps/")
    plain.get_by_role("button", name=f"Test {TEAM}").click()
    expect(plain.get_by_text("The key works.")).to_be_visible()
    context.close()
