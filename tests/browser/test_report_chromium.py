"""The report, the list and the overview in a real Chromium: live in place and accessible."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Role, Site, User
from campaigns import finishing, planning, starting
from campaigns.models import Batch, Campaign, Run, Trial
from subscribers import consent
from subscribers.models import ConsentRecord
from tests.browser.axe import AXE, RULES, RUN_AXE
from tests.campaigns import senders
from tests.campaigns.engine import drive
from tests.campaigns.senders import FakeService
from tests.factories import PUSH_ORIGIN, make_campaign, make_member, make_site, make_subscription

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def site(transactional_db: None) -> Site:
    """Four devices that gave permission."""
    site = make_site(time_zone="Europe/Oslo")
    for name in ("ok", "left", "lost", "big"):
        device = make_subscription(site, endpoint=f"{PUSH_ORIGIN}/wpush/v2/{name}")
        consent.record(device, ConsentRecord.Action.GRANTED)
    return site


@pytest.fixture
def ended(site: Site) -> Run:
    """A campaign with an accepted, a gone, an unknown and a refused delivery."""
    run = starting.start(make_campaign(site, name="Ended"))
    answers = {"left": senders.GONE, "lost": senders.UNKNOWN, "big": senders.REFUSED}
    drive(run, FakeService(**answers))
    return run


@pytest.fixture
def running(site: Site, ended: Run) -> Run:
    """A campaign of which half the devices are settled; nobody works on it but the test."""
    run = starting.start(make_campaign(site, name="Goes now"))
    planning.plan(run.pk)
    Batch.objects.filter(run=run).update(audience=1_000, pending=500, accepted=500)
    return run


@pytest.fixture
def alice(site: Site) -> User:
    return make_member(site, Role.OWNER, "alice@example.com")


@pytest.fixture
def context(browser: Browser, alice: User, live_server: LiveServer) -> Iterator[BrowserContext]:
    client = Client()
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
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
    page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
    yield page
    page.close()
    assert said == []


def report(live_server: LiveServer, run: Run) -> str:
    return live_server.url + reverse(
        "campaigns:report", args=[run.campaign.site_id, run.campaign_id]
    )


def settle(run: Run, count: int) -> None:
    """The push service took so many more."""
    Batch.objects.filter(run=run).update(
        pending=F("pending") - count, accepted=F("accepted") + count
    )


def test_report_changes_in_place_and_moves_no_button(
    page: Page, live_server: LiveServer, running: Run
) -> None:
    page.goto(report(live_server, running))
    page.evaluate("window.mark = document.querySelector('.page-actions button')")
    page.get_by_role("button", name="Pause").focus()
    page.locator("summary[aria-label=More]").click()
    page.locator(".equation").get_by_text("500").first.wait_for()
    settle(running, 100)
    page.locator(".equation").get_by_text("600").first.wait_for()
    expect(page).to_have_title("60% · Goes now · Beckon")
    assert page.evaluate("window.mark === document.querySelector('.page-actions button')")
    assert page.get_by_role("button", name="Back to draft").count() == 0
    assert page.get_by_role("button", name="Cancel", exact=True).is_visible()
    assert "settled" in (page.locator("#spoken").text_content() or "")


def test_report_finishes_before_one_s_eyes(
    page: Page, live_server: LiveServer, running: Run
) -> None:
    page.goto(report(live_server, running))
    page.evaluate("window.mark = true")
    settle(running, 500)
    assert finishing.finish_if_settled(running.pk)
    page.locator(".chip-finished").wait_for()
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    expect(page).to_have_title("Goes now · Beckon")
    assert page.evaluate("window.mark") is True
    expect(page.get_by_text("Reading the ledger…")).to_have_count(0)
    page.locator(".report-services").get_by_text("Not noted by service").wait_for()


def test_speed_appears_after_some_seconds(
    page: Page, live_server: LiveServer, running: Run
) -> None:
    page.goto(report(live_server, running))
    settle(running, 50)
    page.locator(".meta").get_by_text("left").wait_for(timeout=15_000)


def test_cancel_says_how_many_and_takes_it_back_on_escape(
    page: Page, live_server: LiveServer, running: Run
) -> None:
    page.goto(report(live_server, running))
    page.locator("summary[aria-label=More]").press("Enter")
    page.get_by_role("button", name="Cancel", exact=True).press("Enter")
    dialog = page.get_by_role("dialog", name="Cancel for the 500 devices that are still to send?")
    settle(running, 1)
    page.get_by_role("dialog", name="Cancel for the 499 devices that are still to send?").wait_for()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.locator("summary[aria-label=More]").press("Enter")
    page.get_by_role("button", name="Cancel", exact=True).press("Enter")
    page.get_by_role("button", name="Cancel the campaign").click()
    page.get_by_text("Cancelled. Nothing more goes out.").wait_for()
    running.campaign.refresh_from_db()
    assert running.campaign.state == Campaign.State.CANCELLED


def test_unknown_leads_to_its_rows_and_the_filter_keeps_the_focus(
    page: Page, live_server: LiveServer, ended: Run
) -> None:
    page.goto(report(live_server, ended))
    page.get_by_role("link", name="Look at the 1 unknown").click()
    rows = page.locator("#ledger tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("No answer after the request left")
    page.evaluate("window.mark = true")
    page.locator("#ledger-filter").press("Enter")
    page.locator("#ledger").get_by_role("link", name="Gone", exact=True).press("Enter")
    expect(rows).to_contain_text("410")
    assert page.url.endswith("?state=gone")
    page.wait_for_function("document.activeElement.id === 'ledger-filter'")
    page.locator("#ledger-clear").click()
    expect(rows).to_have_count(4)
    assert page.evaluate("window.mark") is True


def test_reason_is_picked_from_those_that_occur(
    page: Page, live_server: LiveServer, ended: Run
) -> None:
    page.goto(report(live_server, ended))
    page.evaluate("window.mark = true")
    page.locator("#ledger-reason").press("Enter")
    menu = page.locator(".ledger-reasons")
    menu.get_by_role("link", name="410: the device left").wait_for()
    expect(menu.get_by_role("link")).to_have_count(4)
    page.keyboard.press("ArrowDown")
    menu.get_by_role("link", name="No answer after the request left").press("Enter")
    rows = page.locator("#ledger tbody tr")
    expect(rows).to_have_count(1)
    assert page.url.endswith("?state=unknown&reason=timeout_after_request")
    page.wait_for_function("document.activeElement.id === 'ledger-reason'")
    page.locator("#ledger-clear-reason").click()
    expect(page.locator("#ledger-clear-reason")).to_have_count(0)
    page.wait_for_function("location.search === '?state=unknown'")
    assert page.evaluate("window.mark") is True


def test_search_of_the_ledger_keeps_the_focus_and_names_itself_in_the_address(
    page: Page, live_server: LiveServer, ended: Run
) -> None:
    page.goto(report(live_server, ended))
    page.evaluate("window.mark = true")
    rows = page.locator("#ledger tbody tr")
    name = rows.nth(2).locator(".name").inner_text().removeprefix("Visitor ")
    page.locator("#ledger-search").fill(name)
    page.locator("#ledger-search").press("Enter")
    expect(rows).to_have_count(1)
    page.wait_for_function("document.activeElement.id === 'ledger-search'")
    assert page.url.endswith(f"?q={name}")
    page.locator("#ledger-search").fill("nobody")
    page.get_by_role("button", name="Find").click()
    page.get_by_text("Nothing for “nobody”.").wait_for()
    page.get_by_role("link", name="Clear").click()
    expect(rows).to_have_count(4)
    page.wait_for_function("location.search === ''")
    assert page.evaluate("window.mark") is True


def test_batches_stay_open_while_they_change(
    page: Page, live_server: LiveServer, running: Run
) -> None:
    page.goto(report(live_server, running))
    page.locator("#batches-toggle").click()
    rows = page.locator("#batches tbody tr")
    expect(rows).to_contain_text("Next in line")
    page.evaluate("window.mark = document.querySelector('#batches tbody tr')")
    Batch.objects.filter(run=running).update(parked_at=timezone.now(), error="OSError: disk full")
    expect(rows).to_contain_text("Parked at", timeout=12_000)
    assert page.evaluate("window.mark.isConnected")
    page.get_by_role("link", name="See why, and try again").click()
    page.locator("#batches").get_by_role("button", name="Try again").click()
    page.get_by_text("The batches are tried again.").wait_for()
    assert Batch.objects.get(run=running).parked_at is None


def test_unknown_is_sent_again_only_after_a_person_has_read_what_may_happen(
    page: Page, live_server: LiveServer, ended: Run
) -> None:
    page.goto(report(live_server, ended))
    page.get_by_role("button", name="send 1 again").press("Enter")
    dialog = page.get_by_role("dialog", name="Send 1 unknown delivery again?")
    expect(dialog).to_contain_text("No answer after the request left")
    page.keyboard.press("Escape")
    page.wait_for_function("document.activeElement.textContent.includes('send 1 again')")
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Send this 1 again").click()
    page.get_by_text("1 delivery is sent again.").wait_for()
    page.locator(".chip-running").wait_for()


def test_speed_limit_is_set_while_it_runs(
    page: Page, live_server: LiveServer, running: Run
) -> None:
    page.goto(report(live_server, running))
    page.locator("summary[aria-label=More]").press("Enter")
    page.get_by_role("button", name="Limit the speed").click()
    page.get_by_label("Messages a minute").fill("1,000")
    settle(running, 100)  # a look meanwhile leaves what is typed alone
    page.locator(".equation").get_by_text("600").first.wait_for()
    expect(page.get_by_label("Messages a minute")).to_have_value("1,000")
    page.get_by_role("button", name="Set the limit").click()
    page.locator(".meta").get_by_text("At most 1,000 a minute").wait_for()


def ask(run: Run) -> None:
    """The circuit breaker stops the run."""
    key = run.campaign.site.credentials.get()
    samples = [{"status": 410, "reason": "410", "detail": "no " + "longer " * 40}]
    fields = {"origin": PUSH_ORIGIN, "answered": 200, "gone": 14, "samples": samples}
    Trial.objects.create(run=run, credential=key, state=Trial.State.TRIPPED, **fields)
    starting.pause(run.campaign, reason="14 of the first 200 devices are gone.")


def test_list_runs_live_with_an_open_menu(
    page: Page, live_server: LiveServer, running: Run, site: Site
) -> None:
    page.goto(live_server.url + reverse("campaigns:list", args=[site.pk]))
    page.locator("summary[aria-label='Actions for Goes now']").click()
    page.get_by_text("50.0% settled", exact=True).wait_for()
    settle(running, 250)
    page.get_by_text("75.0% settled", exact=True).wait_for()
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("Paused. Nothing more goes out until you resume it.").wait_for()


def test_overview_pauses_and_looks_further_back(
    page: Page, live_server: LiveServer, running: Run, site: Site
) -> None:
    page.goto(live_server.url + reverse("campaigns:overview", args=[site.pk]))
    page.evaluate("window.mark = true")
    page.get_by_text("500 of 1,000 settled").wait_for()
    settle(running, 1)
    page.get_by_text("501 of 1,000 settled").wait_for()
    page.get_by_role("link", name="90 days").press("Enter")
    page.get_by_text("in 90 days").wait_for()
    assert page.url.endswith("?days=90")
    page.wait_for_function("document.activeElement.id === 'days-90'")
    assert page.evaluate("window.mark") is True
    page.get_by_role("button", name="Show as table").click()
    expect(page.locator("#chart-reach-table tbody tr")).to_have_count(90)
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("Paused. Nothing more goes out until you resume it.").wait_for()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_accessible_and_not_wider_than_the_screen(
    page: Page,
    live_server: LiveServer,
    running: Run,
    ended: Run,
    site: Site,
    alice: User,
    theme: str,
    width: int,
) -> None:
    new = make_site(name="New")
    new.memberships.create(user=alice, role=Role.OWNER)
    wall = (timezone.now() + timedelta(days=2)).replace(tzinfo=None)
    starting.schedule(soon := make_campaign(site, name="Soon"), wall, "Europe/Oslo")
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 900})
    asks = starting.start(make_campaign(site, name="Asks"))
    planning.plan(asks.pk)
    ask(asks)
    parked = starting.start(make_campaign(site, name="Parked"))
    planning.plan(parked.pk)
    error = "ConnectionError: " + "https://push.example.org/a-very-long-address" * 3
    Batch.objects.filter(run=parked).update(parked_at=timezone.now(), error=error)
    pages = [report(live_server, run) for run in (running, ended, asks, parked)]
    pages += [
        live_server.url + reverse(f"campaigns:{name}", args=[one.pk])
        for name in ("overview", "list")
        for one in (site, new)
    ]
    pages.append(live_server.url + reverse("campaigns:report", args=[site.pk, soon.pk]))
    for address in pages:
        page.goto(address)
        expect(page.get_by_text("Reading the ledger…")).to_have_count(0)
        page.evaluate(AXE)
        assert page.evaluate(RUN_AXE, RULES) == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
