"""The page of the virtual phones in a real Chromium: both widths, both themes, axe, keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from demo.appservice.run import running
from demo.appservice.service import Service
from tests.browser.axe import AXE, RULES, RUN_AXE
from tests.browser.firefox import wait_for
from tests.demo.appsender import AppSender
from tests.demo.receiving import Receiver, receiving

pytestmark = pytest.mark.chromium

FORM = "/push/site/devices/"
LOOKS = [(width, theme) for width in (1440, 390) for theme in ("light", "dark")]


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """What the page throws or its policy refuses fails the test."""
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(10_000)
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "console",
        lambda message: said.append(message.text) if "Content Security" in message.text else None,
    )
    yield page
    context.close()
    assert said == []


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path / "apps") as service:
        yield service


@pytest.fixture
def sender(service: Service) -> Iterator[AppSender]:
    with AppSender(service) as sender:
        yield sender


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A campaign server that knows the site key "site"."""
    with receiving() as receiver:
        receiver.answers[FORM] = (201, {"id": "42"})
        yield receiver


def check(page: Page) -> None:
    """Accessible, and not wider than the window."""
    page.evaluate(AXE)
    assert page.evaluate(RUN_AXE, RULES) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def install(page: Page, service: Service, receiver: Receiver, kind: str, name: str) -> str:
    """Make a virtual phone as a person does; its token."""
    page.goto(f"{service.origin}/?site_key=site&app_key=app_x&beckon={receiver.origin}")
    page.get_by_label("Kind").select_option(label=kind)
    page.get_by_label("Name").fill(name)
    page.keyboard.press("Enter")
    chosen = page.get_by_role("button", name=name)
    expect(chosen).to_have_attribute("aria-pressed", "true")
    token: str = receiver.bodies(FORM)[-1]["token"]
    return token


def payload(receiver: Receiver, title: str, **more: Any) -> dict[str, Any]:
    return {
        "aps": {"alert": {"title": title, "body": "Until Sunday"}, "badge": 2},
        "beckon": {
            "t": "token",
            "u": f"{receiver.origin}/push/events/",
            "link": "fjell://sale",
            "url": f"{receiver.origin}/sale",
            "buttons": [{"title": "Buy", "url": "https://shop.example/buy"}],
        },
        **more,
    }


def events(receiver: Receiver) -> list[str]:
    return [body["e"] for body in receiver.bodies("/push/events/")]


def test_a_message_arrives_and_a_tap_opens_the_apps_link(
    page: Page, service: Service, sender: AppSender, receiver: Receiver
) -> None:
    token = install(page, service, receiver, "iPhone", "Kari's phone")
    assert sender.to_iphone(token, payload(receiver, "Winter layers")).status_code == 200
    toast = page.get_by_role("button", name="Winter layers").first
    expect(toast).to_contain_text("Until Sunday")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "1 phone has the app, and 1 message has been accepted."
    )
    toast.focus()
    page.keyboard.press("Enter")
    opened = page.get_by_role("region", name="Fjell & Fjord opens")
    expect(opened).to_be_focused()
    expect(opened).to_contain_text("fjell://sale")
    expect(opened.get_by_role("link")).to_have_attribute("href", f"{receiver.origin}/sale")
    check(page)
    page.get_by_role("button", name="Back to the lock screen").click()
    expect(page.get_by_text("✓ Opened")).to_be_visible()
    page.get_by_role("button", name="Buy").click()
    expect(page.locator("[data-opened-link]")).to_have_text("https://shop.example/buy")
    page.get_by_role("button", name="Back to the lock screen").click()
    page.get_by_role("button", name="Dismiss Winter layers").click()
    expect(toast).to_have_count(0)
    wait_for(lambda: len(events(receiver)) == 4, "four receipts")
    assert events(receiver) == ["displayed", "opened", "opened", "dismissed"]


def test_the_same_collapse_id_shows_once(
    page: Page, service: Service, sender: AppSender, receiver: Receiver
) -> None:
    token = install(page, service, receiver, "iPhone", "Kari's phone")
    for title in ("Old", "New"):
        sender.to_iphone(token, payload(receiver, title), apns_collapse_id="one")
    expect(page.get_by_role("button", name="New").first).to_be_visible()
    expect(page.get_by_role("button", name="Old")).to_have_count(0)


def test_token_permission_and_uninstalling(
    page: Page, service: Service, sender: AppSender, receiver: Receiver
) -> None:
    token = install(page, service, receiver, "iPhone", "Kari's phone")
    page.get_by_role("button", name="Change its token").click()
    wait_for(lambda: len(receiver.bodies(FORM)) == 2, "the new token")
    fresh = receiver.bodies(FORM)[-1]["token"]
    assert fresh != token
    page.get_by_role("button", name="Forbid notifications").click()
    expect(page.get_by_text("Notifications are off. What arrives is not shown.")).to_be_visible()
    assert receiver.bodies(FORM)[-1]["token"] is None
    receiver.answers[FORM] = (403, {"detail": "The app key is wrong."})
    page.get_by_role("button", name="Allow notifications").click()
    expect(page.get_by_role("alert").filter(has_text="The app key is wrong.")).to_be_visible()
    page.get_by_role("button", name="Take it offline").click()
    expect(page.get_by_role("button", name="Bring it online")).to_be_visible()
    page.get_by_role("button", name="Uninstall the app").click()
    expect(page.get_by_text("None yet.")).to_be_visible()
    assert sender.to_iphone(fresh).status_code == 410


def test_misbehaving(page: Page, service: Service, sender: AppSender) -> None:
    page.goto(service.origin)
    page.get_by_label("Who").select_option(label="Apple APNs")
    page.locator("[name=reason]").select_option(label="TooManyRequests")
    page.get_by_label("Which").select_option(label="The next few requests")
    page.get_by_label("How many").fill("1")
    page.get_by_role("button", name="Misbehave").click()
    expect(page.get_by_text("APNs answers TooManyRequests: the next 1 requests.")).to_be_visible()
    [device] = service.add(1, "apns")
    assert sender.to_iphone(device).status_code == 429
    page.get_by_role("button", name="Answer properly").click()
    expect(page.get_by_text("Answers properly", exact=True)).to_be_visible()


def test_a_wrong_entry_is_said_at_its_field(
    page: Page, service: Service, receiver: Receiver
) -> None:
    page.goto(f"{service.origin}/?site_key=wrong&beckon={receiver.origin}")
    page.get_by_role("button", name="Install the app").click()
    expect(page.get_by_role("alert")).to_have_text("Give the site's app key, from the page Apps.")
    expect(page.get_by_label("App key")).to_be_focused()
    page.keyboard.type("app_x")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Beckon does not know this site key.")
    expect(page.get_by_label("Site key")).to_be_focused()


@pytest.mark.parametrize(("width", "theme"), LOOKS, ids=[f"{w}-{t}" for w, t in LOOKS])
def test_looks(
    page: Page,
    service: Service,
    sender: AppSender,
    receiver: Receiver,
    width: int,
    theme: str,
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.goto(service.origin)
    expect(page.get_by_text("None yet.")).to_be_visible()
    check(page)
    token = install(page, service, receiver, "Android", "Marit's phone, with a long name for one")
    fields = {
        "data": {
            "t": "x",
            "link": "fjell://sale",
            "buttons": '[{"title":"Buy","url":"fjell://b"}]',
        },
        "android": {"priority": "HIGH", "notification": {"channel_id": "offers"}},
    }
    sender.to_android(service.devices[token], **fields)
    long = "Winter layers, " * 12
    sender.to_android(service.devices[token], notification={"title": long, "body": long})
    expect(page.get_by_role("button", name="Buy")).to_be_visible()
    expect(page.get_by_role("row")).to_have_count(3)
    page.get_by_text("The whole message").click()
    check(page)
    page.get_by_role("button", name="Make a virtual phone").click()
    check(page)
