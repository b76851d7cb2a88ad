"""The rule builder in a real Chromium: by keyboard, by pointer, on a phone, accessible."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Role, Site, User
from audiences import saving
from audiences.models import Audience
from subscribers.models import EventName
from tests.browser.axe import AXE, RULES, RUN_AXE
from tests.factories import (
    make_campaign,
    make_member,
    make_site,
    make_subscriber,
    make_subscription,
)

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]

VIP: dict[str, Any] = {"field": "tag", "op": "any_of", "values": ["vip"]}
SALE: dict[str, Any] = {"field": "tag", "op": "any_of", "values": ["sale"]}
BOUGHT: dict[str, Any] = {
    "field": "event",
    "op": "at_least",
    "name": "purchase",
    "count": 2,
    "within": {"days": 30},
    "where": [{"property": "category", "op": "any_of", "values": ["Gloves", "Mitts"]}],
}
PICTURE = {"version": 2, "all": [VIP, {"any": [SALE, BOUGHT]}, {"none": [BOUGHT]}]}


@pytest.fixture
def site(transactional_db: None) -> Site:
    """Three people with four devices."""
    site = make_site(time_zone="Europe/Oslo")
    ada = make_subscriber(site, tags=["vip", "sale"], attributes={"price": 12})
    make_subscription(site, subscriber=ada, browser="Chrome")
    make_subscription(site, subscriber=ada, browser="Safari")
    make_subscription(site, subscriber=make_subscriber(site, tags=["sale"]), browser="Chrome")
    make_subscription(site, browser="Edge")
    EventName.objects.create(site=site, name="purchase")
    return site


@pytest.fixture
def bob(site: Site) -> User:
    return make_member(site, Role.MARKETER, "bob@example.com")


@pytest.fixture
def context(browser: Browser, bob: User, live_server: LiveServer) -> Iterator[BrowserContext]:
    client = Client()
    client.force_login(bob)
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, locale="en-GB")
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
    page.wait_for_load_state("networkidle")  # nothing asks a database that is gone
    # htmx reports what the next edit ends, or a page that one leaves.
    ended = ("Failed to load resource", "htmx:afterRequest", "htmx:sendAbort")
    assert [line for line in said if not line.startswith(ended)] == []


def new(live_server: LiveServer, site: Site) -> str:
    return f"{live_server.url}/sites/{site.pk}/audiences/new/"


def picture(site: Site) -> Audience:
    return saving.create(site, "Cold hands", PICTURE, by=None)


def of(live_server: LiveServer, audience: Audience) -> str:
    return f"{live_server.url}/sites/{audience.site_id}/audiences/{audience.pk}/"


def test_a_rule_is_written_by_keyboard_alone(
    page: Page, site: Site, live_server: LiveServer
) -> None:
    page.goto(new(live_server, site))
    page.locator("#id_name").focus()
    page.keyboard.type("Best of all")
    page.locator("#n0-add").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#n1-subject")).to_be_focused()
    page.keyboard.type("Tag")
    expect(page.locator("#n1-op")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator("#n1-op")).to_be_focused()
    page.keyboard.press("Tab")
    values = page.get_by_role("combobox", name="Values, separated by commas")
    expect(values).to_be_focused()
    expect(page.locator("#suggestions").get_by_role("option")).to_have_text(["sale2", "vip1"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#suggestions [aria-selected=true]")).to_have_text("vip1")
    page.keyboard.press("Enter")
    expect(values).to_have_value("vip, ")
    expect(page.locator("#sentence")).to_have_text("People who have the tag vip.")
    expect(page.locator("#count .figure")).to_have_text("1")
    expect(page.locator("#n1-alone")).to_have_text("2")
    page.keyboard.press("Escape")
    page.locator("#n0-add").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#n2-subject")).to_be_focused()
    page.keyboard.type("Eve")
    expect(page.locator("#n2-count")).to_have_value("1")
    page.locator("#n2-op").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#n2-op")).to_have_value("event.at_most")
    page.locator("#n2-count").fill("0")
    page.locator("#n2-move").press("Alt+ArrowUp")
    expect(page.locator("#n2-move")).to_be_focused()
    expect(page.locator("[data-item]").first).to_have_id("n2")
    expect(page.locator("#sentence")).to_have_text(
        "People who did not do purchase, and who have the tag vip."
    )
    page.locator("#id_name").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: not url.endswith("/new/"))
    audience = Audience.objects.get(name="Best of all")
    assert [one["field"] for one in audience.rule["all"]] == ["event", "tag"]


def test_an_error_stands_at_its_condition_and_goes_when_it_is_mended(
    page: Page, site: Site, live_server: LiveServer
) -> None:
    page.goto(of(live_server, picture(site)))
    count = page.get_by_label("Condition 3").get_by_label("Times")
    count.fill("many")
    expect(page.get_by_text("One part is not finished")).to_be_visible()
    page.get_by_role("button", name="Save audience").click()
    summary = page.locator(".error-summary")
    expect(summary).to_be_focused()
    summary.get_by_role("link", name="Condition 3").click()
    wrong = page.get_by_label("Condition 3").get_by_label("Times")
    expect(wrong).to_be_focused()
    expect(wrong).to_have_accessible_description("A whole number from 0 to 100000.")
    wrong.fill("3")
    expect(page.get_by_text("A whole number from").last).to_be_hidden()
    expect(summary).to_be_hidden()
    page.get_by_role("button", name="Save audience").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert Audience.objects.get().rule["all"][1]["any"][1]["count"] == 3


def test_removing_goes_to_the_one_before(page: Page, site: Site, live_server: LiveServer) -> None:
    page.goto(of(live_server, picture(site)))
    page.get_by_role("button", name="Remove condition 3").click()
    expect(page.get_by_label("Condition 2").get_by_label("About")).to_be_focused()
    page.get_by_role("button", name="Remove this group").last.click()
    expect(page.locator("#sentence")).to_have_text(
        "People who have the tag vip, and who have the tag sale."
    )


def test_a_condition_is_dragged_into_a_group_and_out(
    page: Page, site: Site, live_server: LiveServer
) -> None:
    page.goto(of(live_server, picture(site)))

    def drag(handle: str, to: str, *, below: int) -> None:
        start, end = page.locator(handle).bounding_box(), page.locator(to).bounding_box()
        assert start and end
        page.mouse.move(start["x"] + 9, start["y"] + 18)
        page.mouse.down()
        page.mouse.move(start["x"] + 9, start["y"] + 40, steps=3)
        page.mouse.move(end["x"] + 60, end["y"] + below, steps=5)
        expect(page.locator(".builder-drop")).to_be_visible()
        page.mouse.up()

    drag("#n1-move", "#n3", below=4)
    expect(page.locator("#n2 [data-item]").first).to_have_id("n1")
    # The menu is opened by a click, not by what ends a drag.
    expect(page.locator(".builder-move[open]")).to_have_count(0)
    expect(page.locator("#sentence")).to_contain_text("People either who have the tag vip or who")
    drag("#n3-move", "#n6", below=4)
    expect(page.locator("#n5 [data-item]").first).to_have_id("n3")


def test_what_is_typed_while_an_answer_is_awaited_stays(
    page: Page, site: Site, live_server: LiveServer
) -> None:
    page.goto(of(live_server, picture(site)))
    held: list[Route] = []
    page.route(
        "**/audiences/builder/", lambda route: route.continue_() if held else held.append(route)
    )
    with page.expect_request("**/audiences/builder/"):
        page.locator("#n0-add").click()
    page.locator("#n1-values").fill("vip, late")
    held[0].continue_()
    expect(page.locator("#n7-subject")).to_be_visible()
    expect(page.locator("#n1-values")).to_have_value("vip, late")


def test_leaving_with_changes_asks_first(page: Page, site: Site, live_server: LiveServer) -> None:
    page.goto(of(live_server, picture(site)))
    asked: list[str] = []

    def dismiss(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", dismiss)
    page.locator("#n1-values").fill("gold")
    page.get_by_role("link", name="Campaigns").first.click()
    expect(page.locator("#n1-values")).to_have_value("gold")
    assert asked == ["beforeunload"]


def test_on_a_phone_conditions_are_sentences_that_open(
    page: Page, site: Site, live_server: LiveServer
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(of(live_server, picture(site)))
    words = page.locator("#n1-words")
    expect(words).to_have_text("who have the tag vip")
    expect(page.locator("#n1-values")).to_be_hidden()
    words.click()
    page.locator("#n1-values").fill("gold")
    words.click()
    expect(words).to_have_text("who have the tag gold")
    expect(page.locator("#n1-values")).to_be_hidden()
    page.locator("#n0-add").click()
    expect(page.locator("#n7-subject")).to_be_focused()
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert page.evaluate(wide) is False


def test_it_works_without_a_script(
    browser: Browser, context: BrowserContext, site: Site, live_server: LiveServer
) -> None:
    plain = browser.new_context(java_script_enabled=False)
    plain.add_cookies(context.cookies())  # type: ignore[arg-type]
    page = plain.new_page()
    page.goto(new(live_server, site))
    page.locator("#id_name").fill("By hand")
    page.locator("#n0-add").click()
    page.locator("#n1-subject").select_option("tag")
    page.get_by_role("button", name="Show its inputs").click()
    page.locator("#n1-values").fill("vip")
    page.get_by_role("button", name="Leave some people out").click()
    page.locator("#n3-subject").select_option("browser")
    page.get_by_label("Condition 2").get_by_role("button", name="Show its inputs").click()
    page.locator("#n3-values").fill("Safari")
    page.get_by_role("button", name="Save audience").click()
    rule = Audience.objects.get(name="By hand").rule
    assert rule["all"] == [
        VIP,
        {"none": [{"field": "browser", "op": "any_of", "values": ["Safari"]}]},
    ]
    plain.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_builder_passes_the_accessibility_rules(
    page: Page, site: Site, live_server: LiveServer, theme: Any, width: int
) -> None:
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 900})
    audience = picture(site)
    campaign = make_campaign(
        site, rule={"version": 2, "all": [VIP, {"audience": str(audience.pk)}]}
    )
    step = f"{live_server.url}/sites/{site.pk}/campaigns/{campaign.pk}/audience/"
    for address in (new(live_server, site), of(live_server, audience), step):
        page.goto(address)
        expect(page.locator("#count .figure")).to_be_visible()
        page.locator("#n0-add").click()
        expect(page.locator("select:focus")).to_have_count(1)
        page.get_by_role("button", name="Save").first.click() if address != step else None
        page.evaluate(AXE)
        assert page.evaluate(RUN_AXE, RULES) == []
        page.evaluate("delete document.querySelector('[data-builder]').dataset.changed")
