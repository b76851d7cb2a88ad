"""The inbox's bell in a real Chromium, on the demo shop, before a real Beckon."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, Route, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import Site
from campaigns.models import Delivery, InboxMark, Message, Run
from demo.serving import in_thread
from demo.shop.account import Account
from demo.shop.app import build
from subscribers.models import Subscription
from tests.browser.axe import AXE, RULES, RUN_AXE
from tests.browser.firefox import wait_for
from tests.browser.inbox import ISSUE, Bell, device, shop_of, some
from tests.campaigns.inboxes import identity, sent
from tests.factories import make_site

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def site(transactional_db: None) -> Site:
    return make_site()


@pytest.fixture
def origin(
    site: Site, live_server: LiveServer, tmp_path: Path, settings: Settings
) -> Iterator[str]:
    settings.PUBLIC_URL = live_server.url
    shop = shop_of(site, live_server.url, tmp_path)
    with in_thread(lambda origin: build(shop)) as origin:
        Site.objects.filter(pk=site.pk).update(origins=[origin])
        yield origin


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """What the page throws or its policy refuses fails the test."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(8_000)
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
    yield page
    page.wait_for_load_state("networkidle")  # nothing asks a database that is gone
    context.close()
    assert [line for line in said if not line.startswith("Failed to load resource")] == []


@pytest.fixture
def bell(page: Page, origin: str) -> Bell:
    bell = Bell(page, origin)
    bell.sign_in()
    return bell


def test_it_works(bell: Bell, site: Site, origin: str) -> None:
    message = some(site)[2].message
    Message.objects.filter(pk=message.pk).update(url=f"{origin}/cart")
    bell.arrive()
    expect(bell.button).to_have_attribute("aria-label", "Inbox, 3 unread")
    expect(bell.button).to_have_attribute("aria-expanded", "false")
    expect(bell.button.locator("b")).to_have_text("3")
    bell.open()
    expect(bell.button).to_have_attribute("aria-expanded", "true")
    expect(bell.links.locator("strong")).to_have_text(list(ISSUE)[::-1])
    expect(bell.links.first).to_contain_text("1 minute ago")
    bell.links.first.click()
    bell.page.wait_for_url(f"{origin}/cart")
    # Both go on though the page is gone.
    clicked = Delivery.objects.filter(run__message=message, clicked_at__isnull=False)
    wait_for(clicked.exists, "the click")
    read = InboxMark.objects.filter(run__message=message, read_at__isnull=False)
    wait_for(read.exists, "the mark")
    bell.arrive()
    expect(bell.button).to_have_attribute("aria-label", "Inbox, 2 unread")


def test_nobody_is_signed_in(page: Page, origin: str, site: Site) -> None:
    with page.expect_response("**/account/token") as token:
        page.goto(origin)
    assert token.value.status == 204
    expect(page.locator("beckon-inbox .bell")).to_be_hidden()
    assert not Subscription.objects.exists()


def test_a_visitor_who_was_never_asked_is_in_the_next_one(bell: Bell, site: Site) -> None:
    bell.arrive()
    bell.open()
    expect(bell.panel).to_contain_text("Nothing here yet")
    made = Subscription.objects.get()
    assert made.state == Subscription.State.INBOX
    kept = bell.page.evaluate("JSON.parse(localStorage.beckon).install")
    assert kept == str(made.install_id)
    bell.page.reload()
    expect(bell.button).to_be_visible()
    assert Subscription.objects.get() == made


def test_the_shop_signs_in_and_out(page: Page, origin: str, site: Site) -> None:
    bell = Bell(page, origin)
    page.goto(f"{origin}/account")
    page.get_by_label("Customer number").fill("Kari Å.")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("You are signed in as Kari Å.")).to_be_visible()
    expect(bell.button).to_be_visible()
    assert Subscription.objects.get().subscriber.external_id == "Kari Å."
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Customer number")).to_be_visible()
    expect(bell.button).to_be_hidden()


def test_by_keyboard_alone(bell: Bell, site: Site, origin: str) -> None:
    runs = some(site)
    Message.objects.filter(pk=runs[1].message_id).update(url=f"{origin}/thanks")
    bell.arrive()
    press = bell.page.keyboard.press
    bell.button.focus()
    press("Enter")
    expect(bell.panel).to_be_focused()
    expect(bell.items).to_have_count(3)
    press("ArrowUp")
    expect(bell.panel).to_be_focused()
    press("ArrowDown")
    expect(bell.links.nth(0)).to_be_focused()
    for _time in range(3):
        press("ArrowDown")
    expect(bell.links.nth(2)).to_be_focused()
    press("Escape")
    expect(bell.panel).to_be_hidden()
    expect(bell.button).to_be_focused()
    press("Space")
    expect(bell.items).to_have_count(3)
    press("ArrowDown")
    press("ArrowDown")
    press("Space")
    bell.page.wait_for_url(f"{origin}/thanks")


def test_a_press_outside_closes_it_and_the_bell_does_both(bell: Bell, site: Site) -> None:
    some(site)
    bell.arrive()
    bell.open()
    bell.page.mouse.click(20, 600)
    expect(bell.panel).to_be_hidden()
    expect(bell.button).to_have_attribute("aria-expanded", "false")
    bell.open()
    bell.button.click()
    expect(bell.panel).to_be_hidden()


def test_all_are_read(bell: Bell, site: Site) -> None:
    some(site)
    bell.arrive()
    bell.open()
    bell.panel.get_by_role("button", name="Mark all as read").click()
    expect(bell.button).to_have_attribute("aria-label", "Inbox")
    expect(bell.button.locator("b")).to_be_hidden()
    expect(bell.panel.locator("li.new")).to_have_count(0)
    expect(bell.panel).to_be_focused()
    assert InboxMark.objects.exclude(read_at=None).count() == 3


def test_deleting_moves_on_to_the_next(bell: Bell, site: Site) -> None:
    some(site)
    bell.arrive()
    bell.open()
    newest, middle, oldest = list(ISSUE)[::-1]
    removes = bell.panel.get_by_role("button", name="Delete")
    bell.panel.get_by_role("button", name=f"Delete: {middle}").click()
    expect(bell.panel.get_by_role("button", name=f"Delete: {oldest}")).to_be_focused()
    bell.page.keyboard.press("Enter")
    expect(bell.panel.get_by_role("button", name=f"Delete: {newest}")).to_be_focused()
    bell.page.keyboard.press("Enter")
    expect(removes).to_have_count(0)
    expect(bell.panel).to_contain_text("Nothing here yet")
    expect(bell.panel).to_be_focused()
    assert InboxMark.objects.exclude(deleted_at=None).count() == 3


def test_older_ones(bell: Bell, site: Site) -> None:
    sent(site, device(site), *[f"Number {n}" for n in range(23)])
    bell.arrive()
    bell.open()
    expect(bell.items).to_have_count(20)
    bell.panel.get_by_role("button", name="Show older").click()
    expect(bell.items).to_have_count(23)
    expect(bell.links.nth(20)).to_be_focused()
    expect(bell.panel.get_by_role("button", name="Show older")).to_have_count(0)


def test_a_first_page_that_says_nothing(bell: Bell, site: Site) -> None:
    """What its texts leave out for this person now is passed over by itself."""
    sent(site, device(site), "Old but fine")
    silent = {"body": "{% abort 'over' %}"}
    sent(site, device(site), *["Silent"] * 20, message=silent)
    Run.objects.filter(campaign__messages__title="Old but fine").update(
        started_at=timezone.now() - timedelta(days=1)
    )
    Delivery.objects.filter(run__campaign__messages__title="Old but fine").update(
        sent_at=timezone.now() - timedelta(days=1)
    )
    bell.arrive()
    expect(bell.button).to_have_attribute("aria-label", "Inbox, 1 unread")
    bell.open()
    expect(bell.links.locator("strong")).to_have_text(["Old but fine"])
    expect(bell.links.first).to_contain_text("yesterday")


def test_a_fault_can_be_tried_again(bell: Bell, site: Site) -> None:
    some(site)
    bell.arrive()
    bell.page.route("**/inbox/", lambda route: route.abort())
    bell.open()
    expect(bell.panel).to_contain_text("The inbox did not answer.")
    bell.page.unroute("**/inbox/")
    bell.panel.get_by_role("button", name="Try again").click()
    expect(bell.items).to_have_count(3)
    expect(bell.links.first).to_be_focused()


def test_a_delete_that_fails_keeps_the_item(bell: Bell, site: Site) -> None:
    some(site)
    bell.arrive()
    bell.open()
    expect(bell.items).to_have_count(3)
    answers = iter([503, 429])

    def fail(route: Route) -> None:
        route.fulfill(status=next(answers), headers={"Access-Control-Allow-Origin": "*"})

    bell.page.route(re.compile("/inbox/[^/]{22}/"), fail)
    bell.panel.get_by_role("button", name="Delete").first.click()
    expect(bell.panel).to_contain_text("The inbox did not answer.")
    expect(bell.items).to_have_count(3)
    bell.page.unroute(re.compile("/inbox/[^/]{22}/"))
    bell.panel.get_by_role("button", name="Try again").click()
    expect(bell.items).to_have_count(2)


def test_an_expired_token_is_renewed(
    bell: Bell, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    some(site)
    tokens = [identity(site), identity(site, exp=int(time.time()) - 600)]
    monkeypatch.setattr(Account, "token", lambda *_asked: tokens.pop())
    bell.arrive()
    expect(bell.button).to_have_attribute("aria-label", "Inbox, 3 unread")
    assert tokens == []


def test_new_ones_are_announced_when_the_page_is_seen_again(bell: Bell, site: Site) -> None:
    some(site)
    bell.page.clock.install()
    bell.arrive()
    status = bell.page.locator("beckon-inbox > [role=status]")
    expect(bell.button).to_have_attribute("aria-label", "Inbox, 3 unread")
    expect(status).to_have_text("")
    sent(site, device(site), "One more")
    bell.page.clock.fast_forward(61_000)
    bell.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(status).to_have_text("4 unread")
    expect(bell.button).to_have_attribute("aria-label", "Inbox, 4 unread")


def test_in_other_words_from_right_to_left(bell: Bell, site: Site) -> None:
    device(site)
    Subscription.objects.update(language="he-IL")
    words = {"translations": {"he": {"title": "חדש במלאי", "body": "המידה שלך חזרה."}}}
    sent(site, device(site), "Back", message=words)
    bell.page.add_init_script(
        """document.addEventListener("readystatechange", () => {
          document.documentElement.dir = "rtl"; document.documentElement.lang = "he";
        }, {once: true});
        window.beckonInbox = {title: "הודעות", unread: "חדשות", lang: "he"};"""
    )
    bell.arrive()
    expect(bell.button).to_have_attribute("aria-label", "הודעות, 1 חדשות")
    bell.button.click()
    panel = bell.page.get_by_role("dialog", name="הודעות")
    item = panel.get_by_role("listitem")
    expect(item).to_have_attribute("dir", "rtl")
    expect(item).to_have_attribute("lang", "he")
    title, delete = item.locator("strong").bounding_box(), item.locator(".remove").bounding_box()
    assert title and delete
    assert delete["x"] < title["x"]
    time_text = item.locator("time").text_content() or ""
    assert re.search("[א-ת]", time_text)


def test_a_language_that_is_none(bell: Bell, site: Site) -> None:
    some(site)
    bell.page.add_init_script("window.beckonInbox = {lang: 'no_such'}")
    bell.arrive()
    bell.open()
    expect(bell.links.first.locator("time")).to_contain_text(str(timezone.now().year))


def test_a_picture_that_is_not_there_leaves_no_gap(bell: Bell, site: Site, origin: str) -> None:
    picture = {"image": f"{origin}/none.png"}
    sent(site, device(site), "Pictured", message=picture)
    bell.arrive()
    bell.open()
    expect(bell.items).to_have_count(1)
    expect(bell.panel.locator("img")).to_have_count(0)


def test_two_tags_make_one_bell(bell: Bell, site: Site, live_server: LiveServer) -> None:
    bell.arrive()
    bell.page.add_script_tag(url=f"{live_server.url}/static/push/inbox.js")
    expect(bell.button).to_have_count(1)


def test_a_page_that_is_drawn_anew_keeps_a_bell(bell: Bell, site: Site) -> None:
    some(site)
    bell.arrive()
    bell.page.evaluate(
        """() => { const old = document.querySelector("beckon-inbox");
        old.replaceWith(document.createElement("beckon-inbox")); }"""
    )
    expect(bell.button).to_have_attribute("aria-label", "Inbox, 3 unread")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_it_is_accessible_and_fits(width: int, theme: str, bell: Bell, site: Site) -> None:
    long = "A title of many words that goes on and on, " * 4 + "x" * 60
    sent(site, device(site), long, "Short", message={"body": "word " * 150})
    bell.page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
    bell.page.set_viewport_size({"width": width, "height": 700})
    bell.arrive()
    bell.open()
    expect(bell.items).to_have_count(2)
    box = bell.panel.bounding_box()
    assert box
    assert box["x"] >= 0 and box["x"] + box["width"] <= width
    assert box["y"] >= 0 and box["y"] + box["height"] <= 700
    assert bell.panel.evaluate("node => node.scrollWidth <= node.clientWidth")
    assert bell.panel.evaluate("node => node.getAnimations().length") == 0
    bell.page.evaluate(AXE)
    assert bell.page.evaluate(RUN_AXE, RULES) == []
    background = "node => getComputedStyle(node).backgroundColor"
    expected = "rgb(20, 26, 24)" if theme == "dark" else "rgb(251, 251, 248)"
    assert bell.panel.evaluate(background) == expected


def test_without_the_shops_colours(bell: Bell, site: Site) -> None:
    """The widget's own, in both themes; and a page that is always light can say so."""
    some(site)
    bell.page.emulate_media(color_scheme="dark")
    bell.arrive()
    bell.page.evaluate("document.querySelector('beckon-inbox').id = 'plain'")
    bell.page.evaluate(
        """() => { const sheet = new CSSStyleSheet();
        sheet.replaceSync(["ink", "surface", "accent", "on-accent"].map(
          name => `#plain{--beckon-${name}:initial}`).join(""));
        document.adoptedStyleSheets = [sheet]; window.plain = sheet; }"""
    )
    bell.open()
    expect(bell.items).to_have_count(3)
    bell.page.evaluate(AXE)
    assert bell.page.evaluate(RUN_AXE, RULES) == []
    background = "node => getComputedStyle(node).backgroundColor"
    assert bell.panel.evaluate(background) == "rgb(29, 26, 24)"
    bell.page.evaluate("plain.insertRule('#plain{color-scheme:light}')")
    assert bell.panel.evaluate(background) == "rgb(255, 255, 255)"
    assert bell.page.evaluate(RUN_AXE, RULES) == []
