"""The schedule step, the policies and the undo in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Role, Site, User
from campaigns.models import Campaign, Cap, Policy
from tests.browser.axe import AXE, RULES, RUN_AXE
from tests.factories import make_campaign, make_member, make_site, make_subscription

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]

ZONES = ("Asia/Tokyo", "Europe/Oslo", "Europe/Stockholm", "America/New_York", "Asia/Kathmandu", "")


@pytest.fixture
def site(transactional_db: None) -> Site:
    site = make_site(default_url="https://shop.example/", time_zone="Europe/Oslo")
    for number, zone in enumerate(ZONES):
        for _again in range(number + 1):
            make_subscription(site, time_zone=zone)
    return site


@pytest.fixture
def adam(site: Site) -> User:
    return make_member(site, Role.ADMIN, "adam@example.com")


@pytest.fixture
def campaign(site: Site) -> Campaign:
    return make_campaign(site)


@pytest.fixture
def page(browser: Browser, adam: User, live_server: LiveServer) -> Iterator[Page]:
    """Adam is signed in; what the console complains of fails the test."""
    context = signed_in(browser, adam, live_server)
    page = context.new_page()
    page.set_default_timeout(8_000)
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "console",
        lambda line: said.append(line.text) if line.type in {"error", "warning"} else None,
    )
    yield page
    context.close()
    assert said == []


def signed_in(
    browser: Browser, user: User, live_server: LiveServer, *, script: bool = True
) -> BrowserContext:
    client = Client()
    client.force_login(user)
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, locale="en-GB", java_script_enabled=script
    )
    cookie = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    return context


def step(live_server: LiveServer, campaign: Campaign, name: str = "schedule") -> str:
    address = reverse(f"campaigns:{name}", args=[campaign.site_id, campaign.pk])
    return f"{live_server.url}{address}"


def wall(days: int) -> str:
    return f"{timezone.now() + timedelta(days=days):%Y-%m-%dT09:00}"


def accessible(page: Page) -> None:
    page.evaluate(AXE)
    assert page.evaluate(RUN_AXE, RULES) == []


def test_a_local_time_by_keyboard(page: Page, live_server: LiveServer, campaign: Campaign) -> None:
    page.goto(step(live_server, campaign))
    page.get_by_label("As soon as I say so on the next page").focus()
    page.keyboard.press("ArrowDown")
    page.get_by_label("Date and time").fill(wall(3))
    page.get_by_label("One moment for everybody").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Time zone", exact=True)).to_be_hidden()
    expect(page.get_by_label("People whose time zone is not known")).to_be_visible()
    more = page.locator("#means-more")
    expect(more.get_by_role("row", name="Asia/Kathmandu")).to_contain_text("5")
    expect(page.locator("#means")).to_contain_text("5 time zones, first at")
    accessible(page)
    page.get_by_role("button", name="Next: review").first.press("Enter")
    page.wait_for_url("**/review/")
    campaign.refresh_from_db()
    assert campaign.timing == Campaign.Timing.LOCAL


def test_a_series_and_a_day_that_is_left_out(
    page: Page, live_server: LiveServer, campaign: Campaign
) -> None:
    page.goto(step(live_server, campaign))
    page.get_by_label("Again and again").check()
    page.get_by_label("Date and time").fill(wall(3))
    page.get_by_label("Every", exact=True).fill("2")
    page.get_by_label("Ends").select_option("after")
    page.get_by_label("Times").fill("4")
    page.get_by_label("Times").press("Tab")
    dates = page.locator("#means-more input[name=skip]")
    expect(dates).to_have_count(4)
    dates.nth(1).focus()
    page.keyboard.press("Space")
    expect(page.locator("#means-more .is-out")).to_have_count(1)
    expect(dates.nth(1)).to_be_focused()
    accessible(page)
    page.get_by_role("button", name="Save", exact=True).first.click()
    expect(page.locator("#means-more .is-out")).to_have_count(1)
    campaign.refresh_from_db()
    assert "INTERVAL=2" in campaign.recurrence and "COUNT=4" in campaign.recurrence
    assert len(campaign.exceptions) == 1


def test_without_a_script_and_on_a_phone(
    browser: Browser, adam: User, live_server: LiveServer, campaign: Campaign
) -> None:
    context = signed_in(browser, adam, live_server, script=False)
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(step(live_server, campaign))
    page.get_by_label("Again and again").check()
    page.get_by_label("Date and time").fill(wall(3))
    page.get_by_role("button", name="Save", exact=True).first.click()
    expect(page.locator("#means-more input[name=skip]")).to_have_count(10)
    page.locator("#means-more input[name=skip]").nth(2).check()
    page.get_by_role("button", name="Save", exact=True).first.click()
    expect(page.locator("#means-more .is-out")).to_have_count(1)
    wide = page.locator("html").bounding_box()
    assert wide is not None and wide["width"] <= 390
    context.close()


def test_send_now_is_undone(page: Page, live_server: LiveServer, campaign: Campaign) -> None:
    page.goto(step(live_server, campaign, "review"))
    page.get_by_role("button", name="Send now").first.click()
    page.wait_for_url("**/campaigns/*/")
    expect(page.locator("[data-leaves]")).to_contain_text("left.")
    accessible(page)
    page.get_by_role("button", name="Undo").press("Enter")
    expect(page.get_by_text("Undone. Nothing has left")).to_be_visible()
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.DRAFT


@pytest.mark.parametrize("width", [1440, 390])
def test_policies(page: Page, live_server: LiveServer, site: Site, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    address = reverse("campaigns:policies", args=[site.pk])
    page.goto(f"{live_server.url}{address}")
    page.get_by_label("From").fill("21:00")
    page.get_by_label("Until").fill("08:00")
    for most, days in (("2", "1"), ("5", "7")):
        page.locator("input[name$=most]").last.fill(most)
        page.locator("input[name$=days]").last.fill(days)
        page.get_by_role("button", name="Save policies").click()
        expect(page.get_by_text("The policies are saved.")).to_be_visible()
    assert Cap.objects.filter(site=site).count() == 2
    page.locator("input[name$=most]").first.fill("9")
    page.get_by_role("button", name="Save policies").click()
    expect(page.locator("#caps-wrong")).to_contain_text("can never be reached")
    expect(page.locator("input[name$=most]").first).to_have_value("9")
    accessible(page)
    inner = page.evaluate("document.documentElement.scrollWidth")
    assert inner <= width
    assert Policy.objects.get(site=site).quiet_action == Policy.QuietAction.HOLD
