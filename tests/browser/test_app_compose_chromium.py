"""What apps get, as a marketer writes and sees it in a real Chromium; and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Role, Site, User
from campaigns import planning, starting, tallies
from campaigns.models import Batch, Campaign, Message
from subscribers.models import Channel
from tests.browser.axe import AXE, RULES, RUN_AXE
from tests.factories import (
    make_app,
    make_campaign,
    make_inbox,
    make_member,
    make_site,
    make_subscriber,
    make_subscription,
)

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def site(transactional_db: None) -> Site:
    site = make_site(default_url="https://shop.example/", time_zone="Europe/Oslo")
    make_subscription(site, platform="Android", browser="Chrome")
    for _again in range(2):
        make_app(site, app_version="4.12.0")
    make_app(site, Channel.APNS)
    return site


@pytest.fixture
def adam(site: Site) -> User:
    return make_member(site, Role.ADMIN, "adam@example.com")


@pytest.fixture
def campaign(site: Site) -> Campaign:
    button = {"title": "Buy", "url": "https://shop.example/buy"}
    return make_campaign(site, message={"actions": [button]})


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


def step(live_server: LiveServer, campaign: Campaign, name: str = "message") -> str:
    address = reverse(f"campaigns:{name}", args=[campaign.site_id, campaign.pk])
    return f"{live_server.url}{address}"


def accessible(page: Page) -> None:
    page.evaluate(AXE)
    for width, theme in ((1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 844})
        page.evaluate("theme => { document.documentElement.dataset.bsTheme = theme }", theme)
        assert page.evaluate(RUN_AXE, RULES) == [], (width, theme)
        overflows = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not page.evaluate(overflows), width
    page.set_viewport_size({"width": 1440, "height": 900})


def test_options_by_keyboard_with_cards_and_bytes_that_follow(
    page: Page, live_server: LiveServer, campaign: Campaign
) -> None:
    page.goto(step(live_server, campaign))
    android, ios = (page.locator(f"[data-system={one}_app]") for one in ("android", "ios"))
    expect(android.locator(".preview-count")).to_have_text("2 devices")
    expect(android).to_contain_text("Fjell & Fjord")
    expect(android).not_to_contain_text("shop.example ·")
    expect(android.locator("[data-show=link]")).to_contain_text("https://shop.example/down")
    expect(ios.locator("[data-show-actions]")).to_be_hidden()
    size = page.locator("[data-payload-of=apns] [data-payload-size]")
    before = size.text_content()
    page.locator("summary", has_text="Apps").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("shop://sale")
    expect(android.locator("[data-show=link]")).to_have_text("shop://sale")
    page.get_by_label("Category on iOS").focus()
    page.keyboard.type("order")
    expect(ios.locator("[data-show-actions]")).to_have_text("Buy")
    expect(size).not_to_have_text(before or "")
    page.get_by_label("Title", exact=True).fill("A title that is longer than the line of a phone")
    expect(ios.locator("[data-show=title]")).to_contain_text("A title that is longer")
    expect(page.locator("[data-warnings]")).to_contain_text("iOS, Android app and iOS app")
    expect(page.locator("[data-save-state]")).to_contain_text("saved")
    accessible(page)
    page.reload()
    expect(page.locator("[data-about=about_apps]")).to_have_text(
        "a link of its own, category “order”"
    )
    assert Message.objects.get().app == {
        "android": {"link": "shop://sale"},
        "ios": {"category": "order"},
    }


def test_what_is_wrong_stands_at_its_field_as_it_was_typed(
    page: Page, live_server: LiveServer, campaign: Campaign
) -> None:
    page.goto(step(live_server, campaign))
    page.locator("summary", has_text="Apps").click()
    page.get_by_label("Sound on iOS").fill("bell.mp3")
    page.keyboard.press("Tab")
    page.keyboard.type("many")
    page.keyboard.press("Tab")
    # Said once a field was left.
    expect(page.get_by_text("such as bell.caf")).to_be_visible()
    expect(page.get_by_text("Write a whole number, or leave it empty.")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    summary = page.locator(".error-summary")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("such as bell.caf")
    summary.get_by_role("link", name="Badge on iOS").click()
    expect(page.get_by_label("Badge on iOS")).to_be_in_viewport()
    expect(page.get_by_label("Badge on iOS")).to_have_value("many")
    accessible(page)


def test_it_works_without_a_script(
    browser: Browser, adam: User, live_server: LiveServer, campaign: Campaign
) -> None:
    context = signed_in(browser, adam, live_server, script=False)
    page = context.new_page()
    page.goto(step(live_server, campaign))
    page.locator("summary", has_text="Apps").click()
    page.get_by_label("Link on iOS").fill("shop://sale")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("[data-system=ios_app] [data-show=link]")).to_have_text("shop://sale")
    page.goto(step(live_server, campaign, "schedule"))
    page.locator("summary", has_text="Devices and inbox").click()
    days = page.get_by_label("Days in the inbox")
    expect(days).to_be_hidden()
    page.get_by_label("The device that they used last").check()
    page.get_by_label("Also in the inbox").check()
    days.fill("7")
    page.get_by_role("button", name="Save", exact=True).click()
    said = page.locator("[data-about=about_reach]")
    expect(said).to_have_text("the one used last, in the inbox for 7 days")
    context.close()


def test_devices_and_inbox_by_keyboard(
    page: Page, live_server: LiveServer, campaign: Campaign
) -> None:
    page.goto(step(live_server, campaign, "schedule"))
    page.locator("summary", has_text="Devices and inbox").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("91")
    accessible(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".error-summary")).to_be_focused()
    expect(page.get_by_label("Days in the inbox")).to_be_visible()
    accessible(page)
    page.get_by_label("Days in the inbox").fill("14")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("[data-about=about_reach]")).to_have_text(
        "app before browser, in the inbox for 14 days"
    )
    changed = Campaign.objects.get(pk=campaign.pk)
    assert (changed.devices, changed.inbox, changed.inbox_days) == ("mobile", True, 14)


def test_the_review_the_report_and_people(
    page: Page, live_server: LiveServer, site: Site, campaign: Campaign
) -> None:
    page.goto(step(live_server, campaign, "review"))
    expect(page.locator("[data-system=ios_app] [data-show=title]")).to_have_text("Winter layers")
    accessible(page)
    run = starting.start(campaign)
    planning.plan(run.pk)
    answers = {
        "https://fcm.googleapis.com": tallies.empty() | {"accepted": 1},
        "fcm://shop-app": tallies.empty() | {"accepted": 2},
        "apns://com.example.shop": tallies.empty() | {"unknown": 1},
    }
    Batch.objects.filter(run=run).update(pending=0, accepted=3, unknown=1, tallies=answers)
    page.goto(step(live_server, campaign, "report"))
    expect(page.locator(".report-channels tbody tr")).to_have_count(3)
    accessible(page)
    person = make_subscriber(site, attributes={"name": "Ingrid"})
    make_app(site, subscriber=person, app_version="4.13.0-beta.2+20261123.1a2b3c4d")
    make_inbox(site, subscriber=person, channel=Channel.APNS, platform="iOS", browser="")
    people = reverse("subscribers:people", args=[site.pk])
    page.goto(f"{live_server.url}{people}?state=inbox")
    expect(page.get_by_text("Nobody here")).to_be_visible()
    page.goto(f"{live_server.url}{people}{person.pk}/")
    expect(page.get_by_text("Inbox only")).to_be_visible()
    accessible(page)
