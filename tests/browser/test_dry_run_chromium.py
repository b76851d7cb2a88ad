"""The people behind a dry run in a real Chromium: by keyboard, on a phone, accessible."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, time, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Role, Site, User
from campaigns import forecasting, starting
from campaigns.models import Campaign, Cap, Delivery, Policy, Run
from tests.browser.axe import AXE, RULES, RUN_AXE
from tests.campaigns.engine import drive
from tests.campaigns.senders import FakeService
from tests.factories import (
    make_campaign,
    make_member,
    make_site,
    make_subscriber,
    make_subscription,
)

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]
DAY = timedelta(days=1)
ZONES = ("Europe/Oslo", "Asia/Tokyo", "America/New_York", "")
NAMES = ("Ada Lovelace", "Grace Hopper", "Radia Perlman", "Katherine Johnson", "")


@pytest.fixture
def site(transactional_db: None) -> Site:
    """Forty people in four zones; every fifth is not known by name, every third is a customer."""
    site = make_site(default_url="https://shop.example/", time_zone="Europe/Oslo")
    Policy.objects.create(site=site, quiet_start=time(21), quiet_end=time(8))
    for number in range(40):
        name = NAMES[number % len(NAMES)]
        person = make_subscriber(
            site,
            external_id=f"FF-{330_917 + number}",
            attributes={"name": f"{name} {number}", "first_name": name.split()[0]} if name else {},
            tags=["customer"] if number % 3 == 0 else [],
        )
        make_subscription(
            site, subscriber=person, time_zone=ZONES[number % 4], platform="Android", browser="Edge"
        )
    return site


@pytest.fixture
def campaign(site: Site) -> Campaign:
    """Two earlier messages to customers fill a cap of two; who has no name gets none."""
    Cap.objects.create(site=site, most=2, days=7)
    rule = {"version": 1, "all": [{"field": "tag", "op": "any_of", "values": ["customer"]}]}
    for name, days in (("Back in stock", 4), ("Winter layers: 20 % off all down", 2)):
        run = starting.start(make_campaign(site, name=name, rule=rule, quiet="off"))
        drive(run, FakeService())
        Delivery.objects.filter(run_id=run.pk).update(sent_at=timezone.now() - days * DAY)
        Run.objects.filter(pk=run.pk).update(started_at=timezone.now() - days * DAY)
    wall = (timezone.now() + 2 * DAY).replace(hour=18, minute=0, second=0, microsecond=0)
    stop = "{% if subscriber.first_name == blank %}{% abort 'no name is known' %}{% endif %}"
    campaign = make_campaign(
        site,
        name="Warm hands: gloves and mitts",
        message={"title": "Warm hands, {{ subscriber.first_name }}", "body": f"{stop}Mitts are in"},
        timing="local",
        scheduled_wall=wall.replace(tzinfo=UTC),
        scheduled_zone="Europe/Oslo",
        scheduled_for=wall,
        holdout=10,
    )
    forecasting.run(forecasting.start(campaign, None).pk)
    return campaign


@pytest.fixture
def admin(site: Site) -> User:
    return make_member(site, Role.ADMIN, "marit@example.com")


@pytest.fixture
def context(browser: Browser, admin: User, live_server: LiveServer) -> Iterator[BrowserContext]:
    client = Client()
    client.force_login(admin)
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    cookie = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    context.route("https://shop.example/**", lambda route: route.abort())
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    page = context.new_page()
    page.set_default_timeout(15_000)
    return page


def address(live_server: LiveServer, campaign: Campaign, part: str = "") -> str:
    return f"{live_server.url}/sites/{campaign.site_id}/campaigns/{campaign.pk}/{part}"


def shot(page: Page, name: str) -> None:
    """Kept where somebody asks for it."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_a_figure_opens_its_people_by_keyboard(
    page: Page, campaign: Campaign, live_server: LiveServer
) -> None:
    page.goto(address(live_server, campaign, "review/"))
    shot(page, "review")
    link = page.get_by_role("link", name="See the").filter(has_text="cap is reached")
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Skipped: a cap is reached")
    row = page.get_by_role("row").filter(has_text="Ada Lovelace 0")
    expect(row).to_contain_text("The cap of 2 in 7 days is full: Back in stock (")
    expect(row).to_contain_text("The next place is free on")
    page.locator("summary", has_text="cap is reached").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Message stops itself").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("no name is known")
    expect(page.get_by_role("row").nth(1)).to_contain_text("The message stops itself")


def test_one_person_is_answered_on_the_review_page(
    page: Page, campaign: Campaign, live_server: LiveServer
) -> None:
    page.goto(address(live_server, campaign, "review/"))
    page.get_by_label("Their id, e-mail or name").fill("FF-330918")
    answer = page.locator("#person-answer")
    expect(answer).to_contain_text("Grace Hopper 1 will get it.")
    expect(answer).to_contain_text("Warm hands, Grace")
    shot(page, "person-gets-it")
    page.get_by_label("Their id, e-mail or name").fill("Ada")
    answer.get_by_role("link", name="Ada Lovelace 0", exact=True).focus()
    page.keyboard.press("Enter")
    expect(answer).to_contain_text("Ada Lovelace 0 will not get it.")
    expect(answer).to_contain_text("Winter layers: 20 % off all down (")
    shot(page, "person-capped")
    page.evaluate(AXE)
    assert page.evaluate(RUN_AXE, RULES) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_pages_are_accessible_and_fit(
    page: Page, campaign: Campaign, live_server: LiveServer, width: int, scheme: str
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    pages = {
        "people": "dry-run/people/?code=send",
        "capped": "dry-run/people/?code=capped",
        "nobody": "dry-run/people/?code=sent_once",
        "person": "dry-run/person/?who=FF-330917",
        "several": "dry-run/person/?who=Ada",
    }
    for name, part in pages.items():
        page.goto(address(live_server, campaign, part))
        page.evaluate(AXE)
        assert page.evaluate(RUN_AXE, RULES) == [], name
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, name
        shot(page, f"{name}-{width}-{scheme}")


def test_the_report_shows_plan_and_outcome(page: Page, site: Site, live_server: LiveServer) -> None:
    campaign = make_campaign(site, holdout=20, quiet="off")
    forecasting.run(forecasting.start(campaign, None).pk)
    make_subscription(site)
    drive(starting.start(campaign), FakeService())
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(address(live_server, campaign))
        plan = page.get_by_role("region", name="Plan and outcome")
        expect(plan).to_contain_text("came after the dry run")
        page.evaluate(AXE)
        assert page.evaluate(RUN_AXE, RULES) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        shot(page, f"report-{width}")


def test_the_time_is_on_everybodys_own_clock(
    page: Page, campaign: Campaign, live_server: LiveServer
) -> None:
    page.goto(address(live_server, campaign, "dry-run/people/?code=send"))
    times = page.locator("tbody .foretold-time").all_text_contents()
    assert times and all(text.strip().endswith("18:00") for text in times)
