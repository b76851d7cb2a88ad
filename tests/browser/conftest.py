"""Where the real browsers are: a missing one is reported by name, or fails if they are required."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, sync_playwright

from tests.browser.shop import Shop, open_shop
from tests.browser.visitor import FLAGS, Visitor


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
