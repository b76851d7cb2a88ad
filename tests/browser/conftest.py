"""Where the real browsers are. A missing one is reported by name, or fails with REQUIRE_BROWSERS=1."""

from __future__ import annotations

import os
import shutil

import pytest


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
