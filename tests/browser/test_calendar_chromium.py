"""The calendar in a real Chromium: dragging, arrow keys, undo, refusals, phone width, axe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Role, Site
from campaigns.models import Campaign, Cap
from tests.browser.axe import AXE, RULES, RUN_AXE
from tests.campaigns.planned import VIP, at, planned, ran
from tests.factories import make_member, make_site, make_subscription

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def site(transactional_db: None) -> Site:
    site = make_site(time_zone="Europe/Oslo")
    make_subscription(site)
    return site


@pytest.fixture
def context(browser: Browser, site: Site, live_server: LiveServer) -> Iterator[BrowserContext]:
    client = Client()
    client.force_login(make_member(site, Role.MARKETER, "bob@example.com"))
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
    assert said == []


@pytest.fixture
def warm(site: Site) -> Campaign:
    return planned(site, "2030-11-26 18:05", "Warm hands")


def opened(page: Page, live_server: LiveServer, site: Site, query: str = "month=2030-11") -> None:
    page.goto(f"{live_server.url}/sites/{site.pk}/calendar/?{query}")
    page.wait_for_load_state("networkidle")


def place(page: Page, day: str, hour: int | None = None) -> Locator:
    return page.locator(f'[data-day="{day}"]' + ("" if hour is None else f'[data-hour="{hour}"]'))


def wall(campaign: Campaign) -> datetime:
    campaign.refresh_from_db()
    assert campaign.scheduled_wall is not None
    return campaign.scheduled_wall.astimezone(UTC).replace(tzinfo=None)


def test_dragged_to_another_day_and_taken_back(
    page: Page, live_server: LiveServer, site: Site, warm: Campaign
) -> None:
    opened(page, live_server, site)
    card = page.locator("article", has_text="Warm hands")
    card.drag_to(place(page, "2030-11-28"))
    expect(place(page, "2030-11-28").locator("article")).to_contain_text("18:05")
    expect(place(page, "2030-11-26").locator("article")).to_have_count(0)
    expect(page.get_by_role("link", name="Warm hands", exact=True)).to_be_focused()
    assert wall(warm) == at("2030-11-28 18:05")
    toast = page.get_by_text("“Warm hands” is moved to Thu 28 Nov 18:05.")
    expect(toast).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(place(page, "2030-11-26").locator("article")).to_contain_text("18:05")
    assert wall(warm) == at("2030-11-26 18:05")


def test_dragged_to_another_hour_it_keeps_its_minutes(
    page: Page, live_server: LiveServer, site: Site, warm: Campaign
) -> None:
    opened(page, live_server, site, "week=2030-W48")
    page.locator("article", has_text="Warm hands").drag_to(place(page, "2030-11-27", 16))
    expect(place(page, "2030-11-27", 16).locator("article")).to_contain_text("16:05")
    assert wall(warm) == at("2030-11-27 16:05")


def test_where_it_may_not_be_it_is_back_with_the_reason(
    page: Page, live_server: LiveServer, site: Site, warm: Campaign
) -> None:
    """Somebody else has moved it since the page was shown."""
    opened(page, live_server, site)
    moved = at("2030-11-27 09:00").replace(tzinfo=UTC)
    Campaign.objects.filter(pk=warm.pk).update(scheduled_wall=moved, scheduled_for=moved)
    page.locator("article", has_text="Warm hands").drag_to(place(page, "2030-11-28"))
    expect(page.get_by_role("alert")).to_contain_text("Somebody has moved it to Wed 27 Nov 10:00")
    expect(place(page, "2030-11-27").locator("article")).to_contain_text("Warm hands")
    assert wall(warm) == at("2030-11-27 09:00")


def test_what_has_run_is_not_dragged(page: Page, live_server: LiveServer, site: Site) -> None:
    ran(site, datetime(2030, 11, 5, 9, tzinfo=UTC), 9, "Down")
    opened(page, live_server, site)
    card = page.locator("article", has_text="Down")
    expect(card).to_contain_text("9 devices")
    card.drag_to(place(page, "2030-11-28"))
    expect(place(page, "2030-11-05").locator("article")).to_contain_text("Down")
    assert page.locator(".is-aimed").count() == 0


def test_by_keyboard_with_the_arrow_keys(
    page: Page, live_server: LiveServer, site: Site, warm: Campaign
) -> None:
    opened(page, live_server, site)
    page.get_by_role("link", name="Warm hands", exact=True).focus()
    page.keyboard.press("Tab")
    move = page.get_by_role("link", name="Move “Warm hands”")
    expect(move).to_be_focused()
    page.keyboard.press("Enter")
    when = page.get_by_role("spinbutton", name="New time")
    expect(when).to_be_focused()
    expect(when).to_contain_text("26 November 2030")
    page.keyboard.press("Escape")
    expect(move).to_be_focused()
    page.keyboard.press("Enter")
    expect(when).to_be_focused()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
    spoken = re.compile("^Wednesday,? 20 November 2030 at 18:05$")
    expect(when).to_have_attribute("aria-valuetext", spoken)
    expect(page.get_by_label("Day", exact=True)).to_have_value("2030-11-20")
    page.keyboard.press("Enter")
    expect(place(page, "2030-11-20").locator("article")).to_contain_text("18:05")
    expect(page.locator("dialog.calendar-dialog")).to_be_hidden()
    expect(page.get_by_role("link", name="Warm hands", exact=True)).to_be_focused()
    assert wall(warm) == at("2030-11-20 18:05")


def test_in_the_week_the_arrow_keys_go_by_hours(
    page: Page, live_server: LiveServer, site: Site, warm: Campaign
) -> None:
    opened(page, live_server, site, "week=2030-W48")
    page.get_by_role("link", name="Move “Warm hands”").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("spinbutton")).to_be_focused()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(place(page, "2030-11-27", 20).locator("article")).to_contain_text("20:05")
    assert wall(warm) == at("2030-11-27 20:05")


def test_a_refusal_is_said_in_the_dialog(
    page: Page, live_server: LiveServer, site: Site, warm: Campaign
) -> None:
    opened(page, live_server, site)
    page.get_by_role("link", name="Move “Warm hands”").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Day", exact=True).fill("2020-01-01")
    page.get_by_role("button", name="Move", exact=True).click()
    summary = page.locator("dialog .error-summary")
    expect(summary).to_contain_text("That moment has passed.")
    expect(summary).to_be_focused()
    assert wall(warm) == at("2030-11-26 18:05")


def test_without_a_script(
    browser: Browser, context: BrowserContext, live_server: LiveServer, site: Site, warm: Campaign
) -> None:
    plain = browser.new_context(java_script_enabled=False, storage_state=context.storage_state())
    page = plain.new_page()
    page.goto(f"{live_server.url}/sites/{site.pk}/calendar/?month=2030-11")
    page.get_by_role("link", name="Move “Warm hands”").click()
    page.get_by_label("Day", exact=True).fill("2030-11-12")
    page.get_by_role("button", name="Move", exact=True).click()
    expect(place(page, "2030-11-12").locator("article")).to_contain_text("Warm hands")
    page.get_by_role("button", name="Undo").click()
    expect(place(page, "2030-11-26").locator("article")).to_contain_text("Warm hands")
    plain.close()


def test_a_list_by_day_on_a_phone(
    page: Page, live_server: LiveServer, site: Site, warm: Campaign
) -> None:
    planned(site, "2030-11-28 07:00", "A name as long as names may be without a break " + "x" * 70)
    page.set_viewport_size({"width": 390, "height": 844})
    for query in ("month=2030-11", "week=2030-W48", "day=2030-11-26"):
        opened(page, live_server, site, query)
        expect(page.locator("article", has_text="Warm hands")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    opened(page, live_server, site)
    expect(place(page, "2030-11-27")).to_be_hidden()
    move = page.get_by_role("link", name="Move “Warm hands”")
    box = move.bounding_box()
    assert box is not None and box["height"] >= 36
    move.click()
    page.get_by_label("Time", exact=True).fill("09:00")
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.locator("article", has_text="Warm hands")).to_contain_text("09:00")


@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing(
    page: Page, live_server: LiveServer, site: Site, warm: Campaign, width: int
) -> None:
    Cap.objects.create(site=site, most=1, days=7)
    ran(site, datetime(2030, 11, 5, 9, tzinfo=UTC), 9, "Down")
    planned(site, "2030-11-27 07:00", "Own", timing=Campaign.Timing.LOCAL)
    planned(
        site,
        "2030-11-04 09:00",
        "Weekly",
        rule=VIP,
        recurrence="FREQ=WEEKLY",
        exceptions=[date(2030, 11, 11)],
    )
    page.set_viewport_size({"width": width, "height": 900})
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for query in ("month=2030-11", "week=2030-W48", "day=2030-11-27", "week=2027-W12"):
            opened(page, live_server, site, query)
            page.evaluate(AXE)
            assert page.evaluate(RUN_AXE, RULES) == [], (query, theme)
        opened(page, live_server, site)
        page.get_by_role("link", name="Move “Weekly”").first.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Leave this one out")).to_be_visible()
        page.evaluate(AXE)
        assert page.evaluate(RUN_AXE, RULES) == [], theme
