"""The composer in a real Chromium: as one types, by keyboard, accessible, exact to the byte."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import AuditEvent, Role, Site, User
from campaigns import drafting, payload, planning, starting
from campaigns.models import Campaign, Message, Policy, Run
from subscribers.models import TestDevice
from tests.browser.axe import AXE, RULES, RUN_AXE
from tests.factories import (
    make_campaign,
    make_member,
    make_site,
    make_subscriber,
    make_subscription,
)

pytestmark = [pytest.mark.chromium, pytest.mark.django_db(transaction=True)]

PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 1"><path d="M0 0h2v1H0z"/></svg>'
STEPS = ("message", "audience", "schedule", "review")


@pytest.fixture
def site(transactional_db: None) -> Site:
    """Three people with five devices on four systems."""
    site = make_site(default_url="https://shop.example/", time_zone="Europe/Oslo")
    ada = make_subscriber(site, tags=["vip", "sale"])
    for platform, browser in (("Android", "Chrome"), ("macOS", "Safari"), ("iOS", "Safari")):
        make_subscription(site, subscriber=ada, platform=platform, browser=browser, language="nb")
    make_subscription(site, platform="Windows", browser="Edge")
    make_subscription(site, subscriber=make_subscriber(site, tags=["sale"]))
    return site


@pytest.fixture
def bob(site: Site) -> User:
    return make_member(site, Role.MARKETER, "bob@example.com")


@pytest.fixture
def context(browser: Browser, bob: User, live_server: LiveServer) -> Iterator[BrowserContext]:
    """Bob is signed in. Pictures of shop.example are there; nothing else leaves the machine."""
    client = Client()
    client.force_login(bob)
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    cookie = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    context.route(
        "https://shop.example/**",
        lambda route: (
            route.fulfill(body=PICTURE, content_type="image/svg+xml")
            if route.request.url.endswith(".svg")
            else route.abort()
        ),
    )
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


def address(live_server: LiveServer, campaign: Campaign, step: str) -> str:
    return f"{live_server.url}/sites/{campaign.site_id}/campaigns/{campaign.pk}/{step}/"


def saved(page: Page) -> None:
    expect(page.locator("[data-save-state]")).to_have_text("saved now")


def test_previews_and_bytes_follow_as_one_types_and_the_draft_is_saved(
    page: Page, site: Site, live_server: LiveServer
) -> None:
    page.goto(f"{live_server.url}/sites/{site.pk}/campaigns/new/")
    page.get_by_label("Title", exact=True).fill("Down at 20 %")
    page.get_by_label("Text", exact=True).fill("Until Sunday.\nIn every shop.")
    page.get_by_label("Picture", exact=True).fill("https://shop.example/down.svg")
    page.get_by_label("First button", exact=True).fill("To the shop")
    page.get_by_label("The first button opens").fill("shop.example/sale")
    page.get_by_label("Name", exact=True).fill("Winter: ä & co")
    for system in ("android", "windows", "macos", "ios"):
        card = page.locator(f"[data-system={system}]")
        expect(card.locator("[data-show=title]")).to_have_text("Down at 20 %")
        expect(card.locator("[data-show=body]")).to_have_text("Until Sunday.\nIn every shop.")
        expect(card.locator("[data-show-image]")).to_have_count(
            int(system in {"android", "windows"})
        )
    expect(page.locator("[data-system=android] .toast-actions")).to_have_text("To the shop")
    expect(page.locator("[data-system=android] .preview-count")).to_have_text("1 device")
    expect(page.get_by_text("2 devices show no picture.")).to_be_visible()
    expect(page.locator("h1")).to_have_text("Winter: ä & co")
    expect(page.locator("[data-opens-address]")).to_contain_text("utm_campaign=winter-%C3%A4-co")
    saved(page)
    expect(page.locator("#stepper [aria-current]")).to_contain_text("Down at 20 %")
    message = Message.objects.get()
    assert message.title == "Down at 20 %"
    assert message.actions == [{"title": "To the shop", "url": "https://shop.example/sale"}]
    assert page.locator("[data-opens-address]").text_content() == payload.opens(message)
    page.reload()
    expect(page.get_by_label("Text", exact=True)).to_have_value("Until Sunday.\nIn every shop.")


BYTES = [
    {"title": "a"},
    {"title": '"quoted" \\ and é, ж, 漢, 😀', "body": "tab\there\nline"},
    {"url": "https://shop.example/?utm_source=own&x=1#part"},
    {"url": "https://shop.example/å?q=a b".replace(" ", "+"), "utm_medium": "a b(c)'*!~"},
    {"icon": "shop.example/i.png", "image": "https://shop.example/p.svg", "badge": ""},
    {"action1_title": "Go", "action1_url": "https://shop.example/go"},
    {"action2_title": "No address yet"},
]


def is_saved(answer: Response) -> bool:
    return answer.request.method == "POST" and answer.url.endswith("/message/")


def test_the_page_counts_the_bytes_as_the_server_does(
    page: Page, site: Site, live_server: LiveServer
) -> None:
    campaign = drafting.create(site, by=None, name="Bytes & more")
    page.goto(address(live_server, campaign, "message"))
    for group in page.locator("details.compose-more summary").all():
        group.click()
    for number, typed in enumerate(BYTES):
        for name, value in typed.items():
            page.locator(f"#id_{name}").fill(value)
        page.locator("#id_name").fill(f"Bytes {number}")
        with page.expect_response(is_saved) as answer:
            pass
        counted = int(page.locator("[data-payload-of=web]").get_attribute("data-bytes") or 0)
        assert counted == answer.value.json()["size"], typed
    assert counted == payload.size(Message.objects.get(), site)


def test_too_many_bytes_are_said_at_once_and_not_saved(
    page: Page, site: Site, live_server: LiveServer
) -> None:
    campaign = make_campaign(site)
    page.goto(address(live_server, campaign, "message"))
    page.locator("#id_body").fill("漢字" * 450)
    expect(page.get_by_text("bytes too large. Shorten the text")).to_be_visible()
    expect(page.locator("[data-save-state]")).to_have_text("not saved: see what is marked")
    page.locator("#id_url").focus()
    expect(page.locator("#id_body_error")).to_contain_text("bytes too large for push services")
    assert Message.objects.get().body == "20 % off down"
    page.locator("#id_body").fill("Short")
    saved(page)
    expect(page.locator("#id_body_error")).to_have_count(0)


def test_a_field_is_judged_when_it_is_left(page: Page, site: Site, live_server: LiveServer) -> None:
    page.goto(address(live_server, make_campaign(site), "message"))
    opens = page.locator("#id_url")
    opens.fill("javascript:alert(1)")
    expect(page.locator("[data-save-state]")).to_have_text("saved, except what is marked")
    expect(page.locator("#id_url_error")).to_have_count(0)
    page.keyboard.press("Tab")
    expect(page.locator("#id_url_error")).to_contain_text("begins with https://")
    assert "id_url_error" in (opens.get_attribute("aria-describedby") or "")


def test_a_server_that_does_not_answer_is_said_and_tried_again(
    page: Page, context: BrowserContext, site: Site, live_server: LiveServer
) -> None:
    page.goto(address(live_server, make_campaign(site), "message"))
    context.set_offline(True)
    page.locator("#id_title").fill("Written on a train")
    expect(page.locator("[data-save-state]")).to_contain_text("Beckon does not answer")
    context.set_offline(False)
    page.evaluate("dispatchEvent(new Event('online'))")
    saved(page)
    assert Message.objects.get().title == "Written on a train"


def test_cuts_are_named_with_their_devices(page: Page, site: Site, live_server: LiveServer) -> None:
    page.goto(address(live_server, make_campaign(site), "message"))
    page.locator("#id_body").fill("A text that is longer than any system shows. " * 12)
    everywhere = "The end of the text is cut on Android, Windows, macOS and iOS."
    expect(page.get_by_text(everywhere)).to_be_visible()
    page.locator("#id_body").fill("Short.")
    expect(page.get_by_text("The end of the text is cut")).to_have_count(0)


def test_the_whole_way_by_keyboard(page: Page, site: Site, live_server: LiveServer) -> None:
    """No pointer: write, choose who, look at the time, send."""
    page.goto(f"{live_server.url}/sites/{site.pk}/campaigns/new/")
    page.locator("#id_title").focus()
    page.keyboard.type("Down at 20 %")
    page.locator(".focus-bar [name=next]").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/audience/")
    page.locator("#id_who_0").focus()
    page.keyboard.press("ArrowDown")
    page.locator("#n0-add").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#n1-subject")).to_be_focused()
    page.keyboard.type("Tag")
    page.locator("#n1-values").focus()
    page.keyboard.type("vip")
    expect(page.locator("#count .figure")).to_have_text("1")
    page.locator("#n0-add").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#n2-subject")).to_be_focused()
    page.keyboard.type("Brow")
    page.locator("#n2-values").focus()
    page.keyboard.type("Saf")
    expect(page.locator("#suggestions [role=option]")).to_have_text(["Safari2"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_contain_text("person on 2 devices")
    page.get_by_role("button", name="Remove condition 2").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#n1-subject")).to_be_focused()
    expect(page.locator("#count")).to_contain_text("person on 3 devices")
    page.locator("#n1-values").focus()
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")  # saves and goes on; it must not remove the condition
    page.wait_for_url("**/schedule/")
    page.locator(".focus-bar [name=next]").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/review/")
    expect(page.locator("#outlook h2")).to_contain_text("Counting who gets it…")
    page.locator("#go").get_by_role("button", name="Send now").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/campaigns/{Campaign.objects.get().pk}/")
    assert Campaign.objects.get().state == Campaign.State.SCHEDULED


def test_a_double_click_sends_once(page: Page, site: Site, live_server: LiveServer) -> None:
    campaign = make_campaign(site)
    page.goto(address(live_server, campaign, "review"))
    page.locator("#go").get_by_role("button", name="Send now").dblclick()
    page.wait_for_url(f"**/campaigns/{campaign.pk}/")
    assert AuditEvent.objects.filter(action="campaign.scheduled").count() == 1


def test_a_large_audience_is_typed_in_the_dialog(
    page: Page, site: Site, live_server: LiveServer
) -> None:
    Policy.objects.create(site=site, type_over=4)
    campaign = make_campaign(site)
    page.goto(address(live_server, campaign, "review"))
    opener = page.locator("#go").get_by_role("button", name="Send now")
    opener.click()
    typed = page.get_by_label("Type Fjell & Fjord to go on")
    expect(typed).to_be_focused()
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    opener.click()
    send = page.locator("#confirm-dialog").get_by_role("button", name="Send now")
    expect(send).to_have_attribute("aria-disabled", "true")
    typed.fill("Fjell")
    expect(send).to_have_attribute("aria-disabled", "true")
    typed.fill("fjell & fjord")
    send.click()
    page.wait_for_url(f"**/campaigns/{campaign.pk}/")
    assert Campaign.objects.get().state == Campaign.State.SCHEDULED


def test_the_time_is_explained_as_one_chooses(
    page: Page, site: Site, live_server: LiveServer
) -> None:
    campaign = make_campaign(site)
    page.goto(address(live_server, campaign, "schedule"))
    page.get_by_label("At a time that I choose").check()
    page.locator("#id_wall").fill("2099-03-29T02:30")
    expect(page.locator("#means")).to_contain_text("that time does not exist")
    page.locator("#id_wall").fill("2099-06-01T18:00")
    expect(page.locator("#means")).to_contain_text("16:00")
    page.locator(".focus-bar [name=next]").click()
    page.locator("#go").get_by_role("button", name="Schedule").click()
    page.wait_for_url(f"**/campaigns/{campaign.pk}/")
    assert Campaign.objects.get().state == Campaign.State.SCHEDULED


def test_a_test_saves_first_and_shows_what_becomes_of_it(
    page: Page, site: Site, bob: User, live_server: LiveServer
) -> None:
    campaign = make_campaign(site)
    page.goto(address(live_server, campaign, "message"))
    opener = page.locator(".focus-bar [data-test]")
    opener.click()
    dialog = page.locator("#test-dialog")
    expect(dialog).to_contain_text("Use as my test device")
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    TestDevice.objects.create(user=bob, subscription=make_subscription(site))
    page.locator("#id_title").fill("Tested title")
    opener.click()
    dialog.get_by_role("button", name="Send to 1 device").click()
    expect(dialog).to_contain_text("On its way to the push services")
    run = Run.objects.get(kind=Run.Kind.TEST)
    assert run.message.title == "Tested title"
    Run.objects.filter(pk=run.pk).update(state=Run.State.FINISHED)
    expect(dialog).to_contain_text("Accepted for 0 of 0 devices")


def test_without_a_script_everything_still_works(
    browser: Browser, bob: User, site: Site, live_server: LiveServer
) -> None:
    client = Client()
    client.force_login(bob)
    context = browser.new_context(java_script_enabled=False)
    cookie = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    page = context.new_page()
    campaign = make_campaign(site)
    page.goto(address(live_server, campaign, "message"))
    page.locator("#id_title").fill("By form alone")
    page.locator(".focus-bar [name=next]").click()
    page.locator("#id_who_1").check()
    page.locator("#n0-add").click()
    page.locator("#n1-subject").select_option("tag")
    page.get_by_role("button", name="Show its inputs").click()
    page.locator("#n1-values").fill("sale")
    page.locator("#n0-add").click()
    page.locator("#n2-subject").select_option("browser")
    page.get_by_label("Condition 2").get_by_role("button", name="Show its inputs").click()
    page.locator("#n2-values").fill("Safari")
    page.locator(".focus-bar [name=next]").click()
    page.locator(".focus-bar [name=next]").click()
    page.locator("#go").get_by_role("button", name="Send now").click()
    sent = Campaign.objects.get()
    assert (sent.state, sent.scheduled_wall) == (Campaign.State.SCHEDULED, None)
    assert drafting.message_of(sent).title == "By form alone"
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_step_is_accessible_and_not_wider_than_the_screen(
    page: Page, site: Site, live_server: LiveServer, width: int, theme: str
) -> None:
    rule = {"version": 1, "all": [{"field": "tag", "op": "any_of", "values": ["sale", "vip"]}]}
    actions = [{"title": "To the shop", "url": "https://shop.example/"}] * 2
    words = {"image": "https://shop.example/p.svg", "actions": actions, "body": "Long " * 60}
    full = make_campaign(site, rule=rule, message=words)
    empty = make_campaign(site, message={"title": "", "url": ""})
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    for campaign in (full, empty):
        for step in STEPS:
            page.goto(address(live_server, campaign, step))
            check(page, width, step)
    page.goto(address(live_server, full, "message"))
    page.locator("#id_url").fill("nowhere")
    page.locator("[name=next] >> visible=true").click()
    expect(page.locator(".error-summary")).to_be_focused()
    check(page, width, "errors")
    page.locator("[data-test] >> visible=true").first.click()
    expect(page.locator("#test-dialog")).to_contain_text("None of your devices")
    check(page, width, "dialog")


def test_what_is_going_out_saves_nothing_by_itself(
    page: Page, site: Site, live_server: LiveServer
) -> None:
    campaign = make_campaign(site)
    planning.plan(starting.start(campaign).pk)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.method} {request.url}"))
    page.clock.install()
    page.goto(address(live_server, campaign, "revise"))
    page.get_by_label("Title", exact=True).fill("Down at 30")
    page.get_by_label("Text", exact=True).fill("Half a sen")
    page.get_by_label("Opens", exact=True).focus()
    for system in ("android", "windows", "macos", "ios"):
        card = page.locator(f"[data-system={system}]")
        expect(card.locator("[data-show=title]")).to_have_text("Down at 30")
    expect(page.locator("[data-payload-size]")).to_contain_text("of 2,600 bytes")
    # Longer than a draft waits before it saves itself, and again where that failed.
    page.clock.fast_forward(10_000)
    # Previews and addresses are looked at; nothing is saved.
    posted = [line for line in sent if line.startswith("POST")]
    assert [line for line in posted if not line.endswith(("/look/", "/preview/"))] == []
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        check(page, width, f"revise at {width}")
    page.get_by_role("link", name="Change nothing").filter(visible=True).click()
    page.wait_for_url(f"**/{campaign.pk}/")
    assert Message.objects.count() == 1
    page.go_back()
    page.get_by_label("Title", exact=True).fill("Down at 30 %")
    page.get_by_role("button", name="Use it for the rest").filter(visible=True).click()
    page.wait_for_url(f"**/{campaign.pk}/")
    expect(page.get_by_text("Version 2 goes to the rest from now on.")).to_be_visible()
    assert Run.objects.get().message.title == "Down at 30 %"


def test_the_meaning_of_a_speed_follows_as_one_types(
    page: Page, site: Site, live_server: LiveServer
) -> None:
    campaign = make_campaign(site)
    page.goto(address(live_server, campaign, "schedule"))
    page.get_by_label("Send at most").fill("6")
    expect(page.locator("#means")).to_contain_text("At most 6 a minute: 5 devices take about 50 s")
    page.get_by_label("Send at most").fill("5")
    expect(page.locator("#means")).to_contain_text("Write a number from 6 to 6,000,000")
    page.get_by_label("Send at most").fill("1,000")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("At most 1,000 a minute")).to_be_visible()
    assert Campaign.objects.get().throttle == 1_000


def check(page: Page, width: int, where: str) -> None:
    page.evaluate(AXE)
    assert page.evaluate(RUN_AXE, RULES) == [], where
    assert page.evaluate("document.documentElement.scrollWidth") <= width, where
