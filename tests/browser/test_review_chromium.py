"""The review page in a real Chromium: progress, approval, the typed name, keyboard and axe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Role, Site, User
from campaigns import approvals, digests
from campaigns.models import Approval, Campaign, Cap, DryRun, Policy
from tests.browser.axe import AXE, RULES, RUN_AXE
from tests.factories import make_campaign, make_member, make_site, make_subscription

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]

WALL = datetime(2099, 11, 26, 18, 0, tzinfo=UTC)
COUNTS = {"send": 40_232, "capped": 3_102, "holdout": 412, "aborted:missing price": 77}
ZONES = [
    {"zone": f"Etc/GMT+{hour}", "at": f"2099-11-26T{hour:02}:00:00+00:00", "devices": 4_023}
    for hour in range(1, 12)
]
SignedIn = Callable[[User], Page]


@pytest.fixture
def site(transactional_db: None) -> Site:
    site = make_site(time_zone="Europe/Oslo")
    Cap.objects.create(site=site, most=3, days=7)
    make_subscription(site)
    return site


@pytest.fixture
def marit(site: Site) -> User:
    """Who writes the campaign."""
    return make_member(site, Role.MARKETER, "marit@example.com")


@pytest.fixture
def jonas(site: Site) -> User:
    return make_member(site, Role.MARKETER, "jonas@example.com")


@pytest.fixture
def campaign(site: Site, marit: User) -> Campaign:
    times = {"timing": "local", "scheduled_wall": WALL, "scheduled_for": WALL}
    return make_campaign(site, created_by=marit, scheduled_zone="Europe/Oslo", **times)


@pytest.fixture
def signed_in(browser: Browser, live_server: LiveServer) -> Iterator[SignedIn]:
    """A page of somebody's own; what its console complains of fails the test."""
    contexts: list[BrowserContext] = []
    said: list[str] = []

    def page_of(user: User) -> Page:
        client = Client()
        client.force_login(user)
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
        cookie = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(8_000)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
        return page

    yield page_of
    for context in contexts:
        context.close()
    assert [line for line in said if "Failed to load resource" not in line] == []


def foretold(campaign: Campaign, **fields: object) -> DryRun:
    now = Campaign.objects.select_related("site", "audience").get(pk=campaign.pk)
    made = {"counts": COUNTS, "people": {"send": 34_000}, "zones": ZONES, "state": "done"}
    bound = {"digest": approvals.digest(now), "parts": digests.parts(now)}
    moments = {"starts_at": timezone.now(), "finished_at": timezone.now()}
    return DryRun.objects.create(campaign=campaign, **(made | bound | moments | fields))


def review(live_server: LiveServer, campaign: Campaign) -> str:
    return f"{live_server.url}/sites/{campaign.site_id}/campaigns/{campaign.pk}/review/"


def check(page: Page, width: int, where: str) -> None:
    page.evaluate(AXE)
    assert page.evaluate(RUN_AXE, RULES) == [], where
    assert page.evaluate("document.documentElement.scrollWidth") <= width, where


def test_the_count_goes_on_until_it_is_done(
    signed_in: SignedIn, marit: User, campaign: Campaign, live_server: LiveServer
) -> None:
    run = foretold(campaign, state="running", seen_through=5, last_subscription=10)
    page = signed_in(marit)
    page.goto(review(live_server, campaign))
    expect(page.locator("#outlook h2")).to_contain_text("Counting who gets it…")
    DryRun.objects.filter(pk=run.pk).update(state="done")
    expect(page.locator("#outlook .sentence")).to_contain_text("40,232 devices of 34,000 people")
    expect(page.locator("#outlook")).to_contain_text("40,232 + 3,102 + 412 + 77 = 43,823")
    # The checks are asked for again: they now know what stops.
    expect(page.locator("#checks")).to_contain_text("Message stops itself: missing price")
    expect(page.locator("#checks")).not_to_contain_text("are looked at next")
    page.get_by_text("Show the other 3 zones").click()
    expect(page.get_by_text("Etc/GMT+11")).to_be_visible()


def test_asked_declined_asked_and_approved_by_keyboard(
    signed_in: SignedIn, marit: User, jonas: User, campaign: Campaign, live_server: LiveServer
) -> None:
    Policy.objects.create(site=campaign.site, approval=Policy.Approval.ALWAYS, type_over=0)
    foretold(campaign)
    mine, theirs = signed_in(marit), signed_in(jonas)
    mine.goto(review(live_server, campaign))
    mine.get_by_label("A note to them").focus()
    mine.keyboard.type("For Thursday")
    mine.locator("#go").get_by_role("button", name="Ask for approval").focus()
    mine.keyboard.press("Enter")
    expect(mine.locator("#go")).to_contain_text("Waits for approval by jonas@example.com.")
    assert mine.get_by_role("button", name="Schedule").count() == 0

    theirs.goto(f"{live_server.url}/sites/{campaign.site_id}/campaigns/")
    theirs.get_by_role("link", name="Needs approval").focus()
    theirs.keyboard.press("Enter")
    expect(theirs.locator("#go")).to_contain_text("For Thursday")
    theirs.get_by_role("link", name="Answer").focus()
    theirs.keyboard.press("Enter")
    theirs.get_by_label("A note").fill("The price is wrong")
    theirs.get_by_role("button", name="Decline").focus()
    theirs.keyboard.press("Enter")
    expect(theirs.locator("#go")).to_contain_text("jonas@example.com declined it.")

    mine.reload()
    expect(mine.locator("#go")).to_contain_text("“The price is wrong”")
    mine.locator("#go").get_by_role("button", name="Ask again").click()
    expect(mine.locator("#go")).to_contain_text("Waits for approval")
    theirs.reload()
    theirs.get_by_role("button", name="Approve", exact=True).click()
    expect(theirs.locator("#go")).to_contain_text("Approved by jonas@example.com")
    assert list(Approval.objects.values_list("verdict", flat=True)) == ["approved", "declined"]

    mine.reload()
    opener = mine.locator("#go").get_by_role("button", name="Schedule")
    opener.focus()
    mine.keyboard.press("Enter")
    dialog = mine.locator("#confirm-dialog")
    expect(dialog.get_by_label("Type Fjell & Fjord to go on")).to_be_focused()
    schedule = dialog.get_by_role("button", name="Schedule")
    mine.keyboard.type("fjell")
    expect(schedule).to_have_attribute("aria-disabled", "true")
    mine.keyboard.type(" & fjord ")
    expect(schedule).to_have_attribute("aria-disabled", "false")
    check(mine, 1440, "dialog")
    mine.keyboard.press("Enter")
    mine.wait_for_url(f"**/campaigns/{campaign.pk}/")
    assert Campaign.objects.get().state == Campaign.State.SCHEDULED


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_accessible_and_not_wider_than_the_screen(  # noqa: PLR0913 - the cast and the two ways to look
    signed_in: SignedIn,
    marit: User,
    jonas: User,
    campaign: Campaign,
    live_server: LiveServer,
    width: int,
    theme: str,
) -> None:
    Policy.objects.create(site=campaign.site, approval=Policy.Approval.ALWAYS)
    run = foretold(campaign)
    mine, theirs = signed_in(marit), signed_in(jonas)
    for page in (mine, theirs):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")

    def look(page: Page, where: str) -> None:
        page.goto(review(live_server, campaign))
        expect(page.locator("#checks")).not_to_contain_text("are looked at next")
        check(page, width, where)

    look(mine, "to ask")
    approvals.ask(campaign, by=marit, note="For Thursday")
    look(mine, "asked")
    look(theirs, "to answer")
    DryRun.objects.filter(pk=run.pk).update(state="running", last_subscription=9, seen_through=4)
    look(mine, "running")
    DryRun.objects.filter(pk=run.pk).update(state="failed", error="The worker stopped.")
    look(mine, "failed")
    approvals.decide(Approval.objects.get(), jonas, approvals.Verdict.APPROVED)
    look(mine, "approved")
    theirs.goto(f"{live_server.url}/sites/{campaign.site_id}/")
    check(theirs, width, "overview")


def test_without_a_script_everything_is_there(
    browser: Browser, marit: User, campaign: Campaign, live_server: LiveServer
) -> None:
    Policy.objects.create(site=campaign.site, type_over=0)
    foretold(campaign)
    client = Client()
    client.force_login(marit)
    context = browser.new_context(java_script_enabled=False)
    cookie = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    page = context.new_page()
    page.goto(review(live_server, campaign))
    page.get_by_role("link", name="Look now").click()
    expect(page.locator("#checks")).to_contain_text("https://shop.example/down:")
    page.locator("#go").get_by_role("button", name="Schedule").click()
    expect(page.get_by_role("alert")).to_contain_text("Type the name of the site to go on")
    page.get_by_label("Type Fjell & Fjord to go on").fill("Fjell & Fjord")
    page.locator("#confirm-dialog").get_by_role("button", name="Schedule").click()
    page.wait_for_url(f"**/campaigns/{campaign.pk}/")
    assert Campaign.objects.get().state == Campaign.State.SCHEDULED
    context.close()
