"""The components in a real Chromium: accessible in both themes, both widths and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings
from django.test.testcases import LiveServerThread
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.axe import AXE, RULES, RUN_AXE

pytestmark = pytest.mark.chromium


class PagesAndStatic(StaticFilesHandler):
    """Without the handler for media that a live server puts between: we have no media."""

    def __init__(self, application: WSGIHandler) -> None:
        super().__init__(WSGIHandler())


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The components page, served without a database: nothing on it needs one."""
    with override_settings(ROOT_URLCONF="tests.browser.look_urls"):
        thread = LiveServerThread("127.0.0.1", PagesAndStatic)
        thread.daemon = True
        thread.start()
        thread.is_ready.wait()
        assert thread.error is None
        yield f"http://127.0.0.1:{thread.port}/look/"
        thread.terminate()


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page at 1440 px in the light theme. What the console complains of fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, color_scheme="light")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(5_000)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    yield page
    context.close()
    assert said == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_accessible_and_not_wider_than_the_screen(page: Page, theme: str, width: int) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_function(f"document.documentElement.dataset.bsTheme === '{theme}'")
    page.evaluate(AXE)
    assert page.evaluate(RUN_AXE, RULES) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_refused_form_takes_the_focus_and_leads_to_the_field(page: Page) -> None:
    page.wait_for_function("document.activeElement.className === 'error-summary'")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'id_starts'")


def test_theme_is_kept_until_it_is_the_system_s_again(page: Page) -> None:
    theme = "document.documentElement.dataset.bsTheme"
    ground = "getComputedStyle(document.body).backgroundColor"
    page.get_by_role("button", name="Use the dark theme").click()
    assert page.evaluate(theme) == "dark"
    assert page.evaluate(ground) == "rgb(21, 19, 17)"
    page.reload()
    assert page.evaluate(theme) == "dark"
    page.get_by_role("button", name="Use the light theme").click()
    assert page.evaluate(theme) == "light"
    assert page.evaluate("localStorage.getItem('beckon-theme')") is None


def test_dialog_asks_for_proof_and_gives_the_focus_back(page: Page) -> None:
    page.get_by_role("button", name="Erase").press("Enter")
    dialog = page.get_by_role("dialog", name="Schedule for 41,220 devices?")
    schedule = dialog.get_by_role("button", name="Schedule")
    assert schedule.get_attribute("aria-disabled") == "true"
    field = dialog.get_by_label("Type 41220 to go on")
    field.fill("4122")
    field.press("Enter")
    assert dialog.is_visible()
    field.fill("41,220")
    assert schedule.get_attribute("aria-disabled") == "false"
    field.press("Escape")
    assert dialog.is_hidden()
    page.wait_for_function("document.activeElement.textContent.trim() === 'Erase'")


def test_menu_by_keyboard(page: Page) -> None:
    summary = page.locator("summary[aria-label=More]")
    summary.focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_function("document.activeElement.textContent === 'Duplicate'")
    page.keyboard.press("ArrowUp")
    page.wait_for_function("document.activeElement.textContent === 'Delete'")
    page.keyboard.press("Escape")
    assert page.locator("details[data-menu]").get_attribute("open") is None
    page.wait_for_function("document.activeElement.ariaLabel === 'More'")


def test_menu_closes_by_a_click_elsewhere(page: Page) -> None:
    page.locator("summary[aria-label=More]").click()
    assert page.get_by_text("Duplicate").is_visible()
    page.locator("h1").click()
    assert page.get_by_text("Duplicate").is_hidden()


def test_copy_says_so(page: Page) -> None:
    page.locator("[data-copy='#snippet']").click()
    page.locator("[data-copy] span", has_text="Copied").wait_for()
    assert "snippet.js" in page.evaluate("navigator.clipboard.readText()")


def test_counter_counts_as_python_does(page: Page) -> None:
    page.get_by_label("Text", exact=True).fill("Snow 👋")
    assert page.locator("#id_text_hint").text_content() == f"{len('Snow 👋')} of about 120"


def test_chart_as_a_table(page: Page) -> None:
    page.get_by_role("button", name="Show as table").click()
    table = page.locator("#reach-table")
    assert table.locator("tbody tr").count() == 24
    assert table.get_by_role("columnheader", name="People you can reach").is_visible()
    page.get_by_role("button", name="Hide the table").click()
    assert table.is_hidden()


def test_toast_stays_while_it_is_focused_and_can_be_closed(page: Page) -> None:
    page.evaluate("""document.body.dispatchEvent(new CustomEvent("beckon:toast", {
        bubbles: true, detail: {text: "Paused.", href: "#resume", action: "Resume"}}))""")
    toast = page.locator("#toasts .toast-line")
    assert toast.get_by_role("link", name="Resume").is_visible()
    toast.get_by_role("button", name="Close").click()
    assert toast.count() == 0


def test_form_is_sent_once_and_says_so(page: Page) -> None:
    page.route("**/look/", lambda route: route.abort())
    with page.expect_request("**/look/") as request:
        said = page.get_by_role("button", name="Save").evaluate("""(button) => {
            const stopped = [];
            addEventListener("submit", (event) => stopped.push(event.defaultPrevented));
            button.click();
            button.form.requestSubmit();
            button.click();
            return [button.textContent, button.getAttribute("aria-disabled"), stopped];
        }""")
    assert said == ["Saving…", "true", [False, True]]
    assert request.value.method == "POST"


def test_skip_link_comes_first(page: Page) -> None:
    first = page.locator("a, button, input, summary").first
    assert first.text_content() == "Skip to content"
    first.focus()
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'content'")
