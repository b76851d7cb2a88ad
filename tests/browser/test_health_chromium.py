"""The health page in a real Chromium: live in place, on a phone, and accessible."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import Role
from campaigns import overview
from tests.browser.axe import AXE, RULES, RUN_AXE
from tests.config import scenes
from tests.factories import make_member, make_site

# It looks every five seconds.
PATIENCE_MS = 15_000
pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, settings: Settings) -> Iterator[Page]:
    """The page of an installation at work; what the console complains of fails the test."""
    settings.VAPID_SUBJECT = "mailto:push@fjell.example"
    site = make_site(time_zone="Europe/Oslo")
    client = Client()
    client.force_login(
        make_member(site, Role.ADMIN), backend="django.contrib.auth.backends.ModelBackend"
    )
    scenes.at_work(slow=scenes.APPLE)
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    cookie = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    page = context.new_page()
    page.set_default_timeout(10_000)
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
    page.goto(live_server.url + reverse("health", args=[site.pk]))
    yield page
    context.close()
    assert said == []


def test_it_notices_by_itself_and_leaves_the_charts_alone(page: Page) -> None:
    sentence = page.locator(".sentence-health")
    expect(sentence).to_contain_text("Everything is being sent. Apple answers")
    page.evaluate("window.mark = document.querySelector('#health-minutes canvas')")
    cache.delete(overview.TICKER_KEY)
    silent = "Nothing starts at its time: the ticker is silent."
    expect(sentence).to_contain_text(silent, timeout=PATIENCE_MS)
    expect(page.locator("#spoken")).to_contain_text("the ticker is silent", timeout=PATIENCE_MS)
    assert page.evaluate("window.mark.isConnected")
    page.get_by_text("Show as table").click()
    expect(page.locator(".health-table tbody tr")).to_have_count(60)


@pytest.mark.parametrize("width", [1440, 390])
def test_it_is_accessible_and_fits(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.evaluate(AXE)
    for theme in ("light", "dark"):
        page.evaluate("theme => document.documentElement.dataset.bsTheme = theme", theme)
        assert page.evaluate(RUN_AXE, RULES) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_diagnosis_file_is_downloaded(page: Page) -> None:
    with page.expect_download() as download:
        page.get_by_role("link", name="Diagnosis file").click()
    day = f"{timezone.now():%Y-%m-%d}"
    assert download.value.suggested_filename.startswith(f"beckon-diagnosis-{day}")
