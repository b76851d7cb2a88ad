"""The pages of the sandbox and of the shop in a real Chromium: both widths, both themes, axe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from demo.pushservice.run import running
from demo.pushservice.service import Service
from demo.serving import in_thread
from demo.shop.app import Shop, build
from tests.browser.axe import AXE, RULES, RUN_AXE
from tests.browser.firefox import wait_for
from tests.demo.receiving import Receiver, receiving
from tests.demo.sender import Sender

pytestmark = pytest.mark.chromium

TRACKED = "calls.filter(call => call[0] === 'track')"
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
    with running(tmp_path / "push") as service:
        yield service


@pytest.fixture
def sender(service: Service) -> Sender:
    return Sender(service.origin)


@pytest.fixture
def receiver(sender: Sender) -> Iterator[Receiver]:
    """A campaign server that knows the site key "site"."""
    with receiving() as receiver:
        receiver.answers["/push/site/config.json"] = (200, {"key": sender.key})
        receiver.answers["/push/site/subscriptions/"] = (201, {"id": "42"})
        yield receiver


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    with in_thread(lambda origin: build(Shop(beckon="http://127.0.0.1:9"))) as origin:
        yield origin


def look(page: Page, width: int, theme: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")


def check(page: Page) -> None:
    """Accessible, and not wider than the window."""
    page.evaluate(AXE)
    assert page.evaluate(RUN_AXE, RULES) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def message(receiver: Receiver, title: str, **more: Any) -> str:
    shown = {
        "title": title,
        "body": "Until Sunday",
        "navigate": receiver.origin + "/down",
        "data": {"t": "token", "u": receiver.origin + "/push/events/"},
    }
    return json.dumps({"web_push": 8030, "notification": shown | more})


def subscribe(page: Page, service: Service, receiver: Receiver) -> dict[str, Any]:
    """Make a virtual browser as a person does; its subscription."""
    page.goto(service.origin + "/?site_key=wrong")
    page.get_by_label("Where Beckon answers").fill(receiver.origin)
    page.get_by_label("Name").fill("Kari's phone")
    page.get_by_role("button", name="Subscribe it").click()
    expect(page.get_by_role("alert")).to_have_text("Beckon does not know this site key.")
    expect(page.get_by_label("Site key")).to_be_focused()
    page.get_by_label("Site key").fill("site")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Kari's phone")).to_have_attribute(
        "aria-pressed", "true"
    )
    found: dict[str, Any] = receiver.bodies("/push/site/subscriptions/")[0]["subscription"]
    return found


def test_message_arrives_live_and_click_opens_the_address(
    page: Page, service: Service, sender: Sender, receiver: Receiver
) -> None:
    subscription = subscribe(page, service, receiver)
    assert sender.post(subscription, message(receiver, "Winter layers")).status == 201
    toast = page.get_by_role("link", name="Winter layers")
    expect(toast).to_contain_text("Until Sunday")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "1 browser is subscribed here, and 1 message has been accepted."
    )
    with page.expect_popup() as opened:
        toast.click()
    assert opened.value.url == receiver.origin + "/down"
    expect(page.get_by_text("✓ Clicked")).to_be_visible()
    page.get_by_role("button", name="Dismiss Winter layers").click()
    expect(toast).to_have_count(0)
    wait_for(lambda: len(receiver.bodies("/push/events/")) == 3, "three receipts")
    events = [body["e"] for body in receiver.bodies("/push/events/")]
    assert events == ["displayed", "clicked", "dismissed"]


def test_same_tag_shows_once_and_bad_addresses_are_no_links(
    page: Page, service: Service, sender: Sender, receiver: Receiver
) -> None:
    subscription = subscribe(page, service, receiver)
    for title in ("Old", "New"):
        sender.post(subscription, message(receiver, title, tag="one", navigate="javascript:1"))
    expect(page.get_by_text("New")).to_be_visible()
    expect(page.get_by_text("Old")).to_have_count(0)
    expect(page.get_by_role("link", name="New")).to_have_count(0)


def test_offline_and_uninstalled(
    page: Page, service: Service, sender: Sender, receiver: Receiver
) -> None:
    subscription = subscribe(page, service, receiver)
    page.get_by_role("button", name="Take it offline").click()
    page.get_by_role("button", name="Bring it online").wait_for()
    sender.post(subscription, message(receiver, "Later"))
    page.get_by_role("button", name="Bring it online").click()
    expect(page.get_by_text("Later")).to_be_visible()
    page.get_by_role("button", name="Uninstall it").click()
    expect(page.get_by_text("None yet.")).to_be_visible()
    assert sender.post(subscription, "{}").status == 410


def test_faults_are_set_and_ended(page: Page, service: Service, sender: Sender) -> None:
    device = sender.device(name="Phone")
    page.goto(service.origin)
    page.get_by_role("textbox", name="Status").fill("429")
    page.get_by_label("Which").select_option("share")
    page.get_by_label("Per cent").fill("100")
    page.get_by_role("button", name="Misbehave").click()
    expect(page.get_by_text("Answers 429: 100 % of them.")).to_be_visible()
    answer = sender.post(device, "{}")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "30")
    page.get_by_role("textbox", name="Status").fill("9")
    page.get_by_role("button", name="Misbehave").click()
    expect(page.get_by_role("alert")).to_contain_text("status must be")
    page.get_by_role("button", name="Answer properly").click()
    expect(page.get_by_text("Answers properly")).to_be_visible()
    assert sender.post(device, "{}").status == 201


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_sandbox_is_accessible(
    page: Page, service: Service, sender: Sender, receiver: Receiver, width: int, theme: str
) -> None:
    look(page, width, theme)
    page.goto(service.origin)
    page.get_by_text("Make a virtual browser to see").wait_for()
    check(page)
    subscription = subscribe(page, service, receiver)
    sender.misbehave(action="status", next=0)
    actions = [{"action": "a0", "title": "See them", "navigate": receiver.origin + "/x"}]
    sender.post(subscription, message(receiver, "Winter", actions=actions))
    page.get_by_role("link", name="See them").wait_for()
    page.get_by_role("cell", name="Kari's phone").wait_for()
    check(page)
    page.get_by_role("button", name="Make a virtual browser").click()
    check(page)


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_shop_is_accessible(page: Page, shop: str, width: int, theme: str) -> None:
    look(page, width, theme)
    for path in ("/", "/jackets", "/products/tind-shell", "/products/nordlys-bag", "/thanks"):
        page.goto(shop + path)
        check(page)


def test_cart_remembers_and_tells_beckon(page: Page, shop: str) -> None:
    page.add_init_script("window.calls = []; window.beckon = (...call) => calls.push(call);")
    page.goto(shop + "/products/frost-mitt")
    page.get_by_role("radio", name="L", exact=True).check()
    page.get_by_role("button", name="Put in the cart").click()
    page.get_by_role("button", name="Put in the cart").click()
    # Not wait_for_function(): that evaluates text in the page, which the policy forbids.
    wait_for(lambda: len(page.evaluate(TRACKED)) == 2, "two carts")
    tracked = page.evaluate(TRACKED)
    assert tracked[1] == ["track", "cart_updated", {"items": 2, "value": 1298, "currency": "NOK"}]
    page.goto(shop + "/cart")
    expect(page.get_by_text("L · 2 × kr 649")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Take out Frost Mitt").click()
    expect(page.get_by_text("Your cart is empty.")).to_be_visible()


def test_order_is_told(page: Page, shop: str) -> None:
    page.add_init_script(
        "localStorage.cart = JSON.stringify({'varde-beanie|One size': 1});"
        "window.beckon = (...call) => { sessionStorage[call[1]] = JSON.stringify(call[2]); };"
    )
    page.goto(shop + "/cart")
    page.get_by_role("button", name="Place the order").click()
    page.wait_for_url("**/thanks")
    told = json.loads(page.evaluate("sessionStorage.order_placed"))
    assert told == {"value": 349, "currency": "NOK", "products": ["varde-beanie"]}


def test_notify_me_explains_first(page: Page, shop: str) -> None:
    page.add_init_script(
        "window.calls = []; window.said = {};"
        "window.beckon = (...call) => { calls.push(call.slice(0, 2));"
        "  if (call[0] === 'on') said[call[1]] = call[2]; };"
    )
    page.goto(shop + "/products/nordlys-bag")
    page.get_by_role("button", name="Tell me when it is back").click()
    calls = page.evaluate("JSON.stringify(calls.slice(-2))")
    assert json.loads(calls) == [["tag", ["back-in-stock:nordlys-bag"]], ["prompt"]]
    page.evaluate("said.subscribed()")
    expect(page.get_by_role("button", name="Notify me")).to_be_hidden()
    page.get_by_role("button", name="Stop the messages").click()
    assert page.evaluate("calls.at(-1)[0]") == "unsubscribe"
    page.evaluate("said.unsubscribed()")
    expect(page.get_by_role("button", name="Notify me")).to_be_visible()
