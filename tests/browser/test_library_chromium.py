"""The library and the pictures in a real Chromium: by keyboard, accessible, on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import Role, Site
from campaigns import drafting, library
from campaigns.models import Campaign, Picture
from tests.browser.axe import AXE, RULES, RUN_AXE
from tests.campaigns.picturing import picture_file
from tests.factories import make_campaign, make_member, make_site

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def site(transactional_db: None) -> Site:
    return make_site(default_url="https://shop.example/")


@pytest.fixture
def context(
    browser: Browser, site: Site, live_server: LiveServer, settings: Settings
) -> Iterator[BrowserContext]:
    """A marketer is signed in, and pictures come from where the pages do."""
    settings.PUBLIC_URL = live_server.url
    client = Client()
    client.force_login(make_member(site, Role.MARKETER, "bob@example.com"))
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    cookie = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """What the console complains of fails the test."""
    page = context.new_page()
    page.set_default_timeout(8_000)
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "console",
        lambda line: said.append(line.text) if line.type in {"error", "warning"} else None,
    )
    yield page
    assert [line for line in said if "Failed to load resource" not in line] == []


@pytest.fixture
def gloves(tmp_path: Path) -> str:
    path = tmp_path / "gloves.png"
    path.write_bytes(picture_file(size=(1440, 720)))
    return str(path)


def at(live_server: LiveServer, site: Site, end: str) -> str:
    return f"{live_server.url}/sites/{site.pk}/{end}"


def message_step(live_server: LiveServer, campaign: Campaign) -> str:
    return at(live_server, campaign.site, f"campaigns/{campaign.pk}/message/")


def accessible(page: Page) -> None:
    page.evaluate(AXE)
    assert page.evaluate(RUN_AXE, RULES) == []


def test_a_campaign_begins_with_a_saved_message_by_keyboard(
    page: Page, site: Site, live_server: LiveServer
) -> None:
    campaign = make_campaign(site, message={"body": "Only today"})
    page.goto(at(live_server, site, f"campaigns/{campaign.pk}/save/"))
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("Down")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Down")
    page.get_by_role("link", name="Library").first.press("Enter")
    page.get_by_role("searchbox").fill("only today")
    page.keyboard.press("Enter")
    expect(page.locator(".library-item")).to_have_count(1)
    page.locator(".library-item").get_by_role("button").press("Enter")
    expect(page.get_by_label("Title", exact=True)).to_have_value("Winter layers")
    assert Campaign.objects.exclude(pk=campaign.pk).get().name == "Down"


def test_deleting_asks_first_and_escape_goes_back(
    page: Page, site: Site, live_server: LiveServer
) -> None:
    saved = library.save(site, "Gloves", {"title": "Warm"})
    page.goto(at(live_server, site, f"library/{saved.pk}/"))
    opener = page.get_by_role("button", name="Delete", exact=True)
    opener.press("Enter")
    expect(page.get_by_role("dialog", name="Delete this message?")).to_be_visible()
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    opener.press("Enter")
    page.get_by_role("button", name="Delete the message").press("Enter")
    expect(page.get_by_text("“Gloves” is deleted.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_pages_are_accessible_and_fit(
    page: Page, site: Site, live_server: LiveServer, gloves: str, width: int, scheme: str
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    saved = library.save(site, "W" * 120, {"title": "L" * 200, "body": "b" * 900})
    campaign = make_campaign(site)
    ends = ("library/", f"library/{saved.pk}/", "library/ready/?key=survey", "pictures/")
    for end in (*ends, f"campaigns/{campaign.pk}/save/"):
        page.goto(at(live_server, site, end))
        accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, end
    page.goto(at(live_server, site, f"pictures/?for={campaign.pk}"))
    page.get_by_label("File").set_input_files(gloves)
    page.get_by_role("button", name="Upload", exact=True).click()
    page.wait_for_url("**/message/")
    assert drafting.message_of(campaign).image.startswith(f"{live_server.url}/pictures/")


def test_a_form_that_failed_says_why_and_takes_focus(
    page: Page, site: Site, live_server: LiveServer, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"<svg/>")
    page.goto(at(live_server, site, "pictures/"))
    page.get_by_label("File").set_input_files(str(tmp_path / "a.png"))
    page.get_by_role("button", name="Upload", exact=True).press("Enter")
    expect(page.get_by_text("SVG is not shown by notifications.").first).to_be_visible()
    assert page.evaluate("document.activeElement.closest('.main') !== null")
    accessible(page)


def test_the_composer_uploads_and_chooses_in_a_dialog(
    page: Page, site: Site, live_server: LiveServer, gloves: str, tmp_path: Path
) -> None:
    campaign = make_campaign(site)
    page.goto(message_step(live_server, campaign))
    opener = page.locator('[data-pictures="id_image"]')
    opener.press("Enter")
    dialog = page.get_by_role("dialog", name="Choose a picture")
    (tmp_path / "a.png").write_bytes(b"no picture")
    dialog.get_by_label("Upload a file").set_input_files(str(tmp_path / "a.png"))
    dialog.get_by_role("button", name="Upload", exact=True).press("Enter")
    expect(dialog.get_by_role("status")).to_contain_text("no picture that can be read")
    accessible(page)
    dialog.get_by_label("Upload a file").set_input_files(gloves)
    dialog.get_by_role("button", name="Upload", exact=True).press("Enter")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    url = f"{live_server.url}/pictures/{Picture.objects.get().pk}/wide.jpg"
    expect(page.locator("#id_image")).to_have_value(url)
    expect(page.locator('[data-look="image"]')).to_contain_text("1440 × 720")  # noqa: RUF001
    page.locator("#id_image").fill("")
    opener.press("Enter")
    dialog.get_by_role("button", name="gloves.png").press("Enter")
    expect(page.locator("#id_image")).to_have_value(url)


def test_an_emoji_goes_where_the_caret_was(page: Page, site: Site, live_server: LiveServer) -> None:
    page.goto(message_step(live_server, make_campaign(site)))
    field = page.locator("#id_body")
    field.fill("Warm  hands")
    field.evaluate("(field) => field.setSelectionRange(5, 5)")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    opener = page.locator('[data-emoji="id_body"]')
    opener.press("Enter")
    dialog = page.get_by_role("dialog", name="Emoji")
    dialog.get_by_role("button", name="grinning face", exact=True).wait_for()
    assert len([url for url in asked if url.endswith("data.json")]) == 1
    accessible(page)
    dialog.get_by_role("searchbox").fill("gloves")
    expect(dialog.locator("[data-emoji-grid] > button")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(field).to_have_value("Warm 🧤 hands")
    expect(field).to_be_focused()
    opener.press("Enter")
    dialog.get_by_role("searchbox").fill("no such thing")
    expect(dialog.get_by_role("status")).to_have_text("No emoji is called that.")
    dialog.get_by_role("button", name="Food").press("Enter")
    first = dialog.locator("[data-emoji-grid] > button").first
    first.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowUp", "ArrowLeft", "End", "ArrowRight", "Home"):
        page.keyboard.press(key)
    expect(first).to_be_focused()
    page.keyboard.press("ArrowRight")
    second = dialog.locator("[data-emoji-grid] > button").nth(1)
    expect(second).to_be_focused()
    expect(dialog.get_by_role("status")).to_have_text(second.get_attribute("aria-label") or "")
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    expect(field).to_have_value("Warm 🧤 hands")
    # Into the title, where that was written in last.
    title = page.locator("#id_title")
    title.fill("Cold")
    page.locator("[data-emoji]").press("Enter")
    dialog.get_by_role("searchbox").fill("gloves")
    page.keyboard.press("Enter")
    expect(title).to_have_value("Cold🧤")
