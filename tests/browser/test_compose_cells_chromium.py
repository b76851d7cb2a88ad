"""Variants, languages and real people in the composer, in a real Chromium: by keyboard too."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Role, Site, User
from campaigns import cells, drafting
from campaigns.cells import Cell
from campaigns.models import Campaign, Message
from tests.browser.axe import AXE, RULES, RUN_AXE
from tests.factories import (
    make_campaign,
    make_member,
    make_site,
    make_subscriber,
    make_subscription,
)

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]
HELLO = 'Hello {{ subscriber.first_name | default: "there" }}'


@pytest.fixture
def site(transactional_db: None) -> Site:
    """Somebody without a name came last."""
    site = make_site(default_url="https://shop.example/", time_zone="Europe/Oslo")
    ingrid = make_subscriber(site, attributes={"first_name": "Ingrid", "name": "Ingrid Solheim"})
    make_subscription(site, subscriber=ingrid, platform="Android", browser="Chrome", language="nb")
    make_subscription(site, platform="macOS", browser="Safari", language="ar")
    return site


@pytest.fixture
def bob(site: Site) -> User:
    return make_member(site, Role.MARKETER, "bob@example.com")


@pytest.fixture
def campaign(site: Site, bob: User) -> Campaign:
    return make_campaign(site, message={"title": HELLO})


@pytest.fixture
def page(browser: Browser, bob: User, live_server: LiveServer) -> Iterator[Page]:
    """Bob is signed in; what the console complains of fails the test."""
    client = Client()
    client.force_login(bob)
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    cookie = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    page = context.new_page()
    page.set_default_timeout(8_000)
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
    yield page
    context.close()
    assert [line for line in said if "Failed to load resource" not in line] == []


def go(page: Page, live_server: LiveServer, campaign: Campaign) -> None:
    page.goto(f"{live_server.url}/sites/{campaign.site_id}/campaigns/{campaign.pk}/message/")


def title_on(page: Page, system: str) -> str:
    return f"[data-system={system}] [data-show=title]"


def test_a_variant_is_added_written_weighed_and_removed_by_keyboard(
    page: Page, live_server: LiveServer, campaign: Campaign
) -> None:
    go(page, live_server, campaign)
    page.locator("#id_title").fill("First words")
    page.locator("#add-variant").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#variant-B")).to_be_focused()
    expect(page.locator("#variant-B")).to_have_attribute("aria-pressed", "true")
    page.locator("#id_title").fill("Second words")
    expect(page.locator(title_on(page, "ios"))).to_have_text("Second words")
    page.locator("#variant-A").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#id_title")).to_have_value("First words")
    expect(page.locator("#variant-A")).to_be_focused()
    expect(page.locator(title_on(page, "ios"))).to_have_text("First words")
    page.get_by_text("Test", exact=True).click()
    page.get_by_label("Variant A", exact=True).fill("70")
    expect(page.locator("[data-weights]")).to_have_text("Now 120.")
    page.get_by_label("Variant B", exact=True).fill("30")
    expect(page.locator("[data-weights]")).to_have_text("Now 100.")
    expect(page.locator("[data-save-state]")).to_have_text("saved now")
    message = Message.objects.latest()
    assert [(row["title"], row["weight"]) for row in cells.rows(message)] == [
        ("First words", 70),
        ("Second words", 30),
    ]
    page.locator("#remove-variant").focus()
    page.keyboard.press("Enter")
    dialog = page.locator("#remove-variant-dialog")
    expect(dialog).to_contain_text("Remove variant A?")
    dialog.get_by_role("button", name="Remove variant").press("Enter")
    expect(page.locator("#add-variant")).to_be_focused()
    expect(page.locator("#id_title")).to_have_value("Second words")


def test_a_language_is_added_and_seen_in_its_direction(
    page: Page, live_server: LiveServer, campaign: Campaign
) -> None:
    go(page, live_server, campaign)
    page.locator("#add-language").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Arabic").click()
    expect(page.locator("#id_title")).to_be_focused()
    expect(page.locator("#language-ar")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".compose-base").first).to_contain_text("Hello {{ subscriber.first_name")
    expect(page.locator("#findings")).to_contain_text("Arabic has no text. 1 device reads English")
    page.keyboard.type("قفازاتك")
    card = page.locator("[data-system=ios] [data-card]")
    expect(card.locator("[data-show=title]")).to_have_text("قفازاتك")
    expect(card).to_have_attribute("dir", "rtl")
    page.locator("#id_body").fill("خصم")
    page.locator("#language-base").click()
    expect(page.locator("#id_body")).to_have_value("20 % off down")
    expect(card).to_have_attribute("dir", "ltr")
    expect(page.locator("#language-ar")).to_contain_text("Arabic")
    expect(page.locator("#language-ar")).not_to_have_class("pill is-missing")
    page.go_back()
    expect(page.locator("#id_title")).to_have_value("قفازاتك")


def test_it_is_seen_as_a_chosen_person(
    page: Page, live_server: LiveServer, campaign: Campaign
) -> None:
    go(page, live_server, campaign)
    expect(page.locator(title_on(page, "android"))).to_have_text("Hello there")
    page.locator(".compose-as > summary").click()
    page.locator("#id_q").fill("ingr")
    page.get_by_role("button", name="Ingrid Solheim").click()
    expect(page.locator(title_on(page, "android"))).to_have_text("Hello Ingrid")
    expect(page.locator("#id_title_hint")).to_have_text("12 of about 40")
    page.locator("#id_body").fill('{% abort "no price" %}')
    expect(page.locator("[data-nothing]")).to_have_text("This person gets nothing: no price")
    expect(page.locator("[data-system=ios]")).to_contain_text("Nothing is shown.")
    page.locator("#id_body").fill("")
    expect(page.locator("[data-nothing]")).to_be_hidden()
    page.get_by_role("button", name="Show one first name").click()
    expect(page.locator(title_on(page, "android"))).to_have_text("Hello there")
    expect(page.locator(".compose-as > summary")).to_be_focused()


def test_a_variable_goes_in_at_the_caret_and_faults_stand_at_the_field(
    page: Page, live_server: LiveServer, campaign: Campaign
) -> None:
    go(page, live_server, campaign)
    page.locator("#id_title").fill("Hei !")
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="first_name", exact=True).click()
    expect(page.locator("#id_title")).to_have_value(f"Hei {HELLO.removeprefix('Hello ')}!")
    expect(page.locator("#id_title")).to_be_focused()
    expect(page.locator(title_on(page, "windows"))).to_have_text("Hei there!")
    page.locator("#id_title").fill("Hei {{ subscribr.name }}")
    page.keyboard.press("Tab")
    expect(page.locator("#id_title_error")).to_contain_text("Line 1, column 8")
    # Another variant must wait: what is wrong stays to be seen.
    page.locator("#add-variant").click()
    expect(page.locator(".error-summary")).to_be_focused()
    expect(page.locator("#id_title")).to_have_value("Hei {{ subscribr.name }}")
    assert Message.objects.latest().variants == []


def test_all_of_it_works_without_a_script(
    browser: Browser, bob: User, live_server: LiveServer, campaign: Campaign
) -> None:
    client = Client()
    client.force_login(bob)
    context = browser.new_context(java_script_enabled=False)
    cookie = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    page = context.new_page()
    page.set_default_timeout(8_000)
    go(page, live_server, campaign)
    page.locator("#id_title").fill("By form alone")
    page.locator("#add-language").click()
    page.locator("#id_new_language").fill("Norwegian Bokmål")
    page.get_by_role("button", name="Add", exact=True).click()
    page.locator("#id_title").fill("Bare skjema")
    page.locator("#language-base").click()
    page.locator(".compose-as > summary").click()
    page.locator("#id_q").fill("ingr")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("button", name="Ingrid Solheim").click()
    page.get_by_role("button", name="Show it").click()
    expect(page.locator(title_on(page, "ios"))).to_have_text("Bare skjema")
    page.get_by_role("link", name="Count who reads something else").click()
    expect(page.locator("#findings")).to_contain_text("Norwegian Bokmål is not complete.")
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_each_cell_is_accessible_and_not_wider_than_the_screen(
    page: Page, live_server: LiveServer, campaign: Campaign, width: int, theme: str
) -> None:
    for tag in ("ar", "nb", "pt-BR", "de"):
        drafting.edit_message(campaign, partial(cells.with_language, language=tag), None)
    said = {"title": "قفازاتك بانتظارك", "body": "خصم " * 40}
    drafting.edit_message(campaign, partial(cells.written, cell=Cell(0, "ar"), fields=said), None)
    for _variant in range(3):
        drafting.edit_message(campaign, cells.with_variant, None)
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    go(page, live_server, campaign)
    expect(page.locator("#findings")).to_contain_text("has no text")
    for summary in page.locator("details.compose-more summary").all():
        summary.click()
    check(page, width, "base")
    page.locator("#add-language").click()
    check(page, width, "adding a language")
    page.keyboard.press("Escape")
    page.locator(".compose-insert summary").click()
    check(page, width, "variables")
    page.keyboard.press("Escape")
    page.locator("#language-ar").click()
    expect(page.locator("[data-system=ios] [data-card]")).to_have_attribute("dir", "rtl")
    check(page, width, "right to left")


def check(page: Page, width: int, where: str) -> None:
    page.evaluate(AXE)
    assert page.evaluate(RUN_AXE, RULES) == [], where
    assert page.evaluate("document.documentElement.scrollWidth") <= width, where
