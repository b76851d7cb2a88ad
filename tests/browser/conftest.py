"""Where the real browsers are: a missing one is reported by name, or fails if they are required."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser.firefox import Firefox
from tests.browser.shop import Shop, open_shop
from tests.browser.visitor import FLAGS, Visitor
from tests.running import Up


def find_browser(name: str, *commands: str) -> str:
    for command in commands:
        if path := shutil.which(command):
            return path
    message = f"not run: {name} is not installed"
    if os.environ.get("REQUIRE_BROWSERS") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    return find_browser("Chromium", "chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def firefox_path() -> str:
    return find_browser("Firefox", "firefox-esr", "firefox")


@pytest.fixture
def firefox(up: Up, firefox_path: str) -> Iterator[Firefox]:
    """A Firefox whose pushes come from the sandbox of `up`, which the module starts."""
    with Firefox(firefox_path, push_url=f"ws://127.0.0.1:{up.env['PUSH_PORT']}/") as browser:
        yield browser


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    """A Chromium beside the ORM: Playwright's loop runs in this thread, and the ORM is used between
    its calls, never within."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def chromium(
    chromium_path: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrowserContext]:
    """A profile of its own: push needs one, an incognito window cannot subscribe."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(tmp_path_factory.mktemp("chromium")),
            executable_path=chromium_path,
            args=FLAGS,
            color_scheme="light",
        )
        context.set_default_timeout(10_000)
        context.add_init_script(path=Path(__file__).with_name("push_stub.js"))
        yield context
        context.close()


@pytest.fixture
def shop() -> Iterator[Shop]:
    """Two origins of their own, so that each test has fresh storage and permissions."""
    with open_shop() as opened:
        yield opened


@pytest.fixture
def visitor(chromium: BrowserContext, shop: Shop) -> Iterator[Visitor]:
    """Whatever a test does, the snippet must not write an error into the customer's console."""
    visitor = Visitor(chromium, shop)
    yield visitor
    visitor.page.close()
    assert visitor.errors == []
