"""A visitor: a page of a real Chromium on the shop, its permission, its worker, its errors."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import BrowserContext, CDPSession, Locator, Page, expect

from tests.browser.shop import Shop

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCOPE = "/push/beckon/"


class Visitor:
    def __init__(self, context: BrowserContext, shop: Shop) -> None:
        self.context = context
        self.shop = shop
        self.answer = "granted"  # what the visitor tells the native prompt; "prompt" dismisses it
        self.errors: list[str] = []
        self.page: Page = context.new_page()
        self.cdp: CDPSession = context.new_cdp_session(self.page)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self.note(message.type, message.text))
        self.page.expose_function("answerNativePrompt", lambda origin: self.allow(self.answer))

    def note(self, kind: str, text: str) -> None:
        """Errors and warnings, but for the line that the browser writes for a failed request."""
        if kind in {"error", "warning"} and not text.startswith("Failed to load resource"):
            self.errors.append(text)

    def allow(self, setting: str = "granted") -> None:
        """Set the notification permission: granted, denied or prompt (not decided)."""
        self.cdp.send(
            "Browser.setPermission",
            {
                "permission": {"name": "notifications"},
                "setting": setting,
                "origin": self.shop.shop,
            },
        )

    def arrive(self, state: str = "ready", path: str = "/") -> None:
        """Open a page of the shop and wait until the snippet says what it found."""
        self.page.goto(self.shop.shop + path)
        self.wait_for_state(state)

    def wait_for_state(self, state: str) -> None:
        try:
            self.page.wait_for_function("state => window.beckon?.state === state", arg=state)
        except Exception as error:
            found = self.page.evaluate("window.beckon?.state")
            raise AssertionError(f"state {found}, not {state}; {self.errors}") from error

    def say(self, *command: object) -> None:
        self.page.evaluate("command => { beckon(...command) }", list(command))

    @property
    def card(self) -> Locator:
        return self.page.get_by_role("dialog")

    def touch(self) -> None:
        """A first gesture on the page, on nothing in particular."""
        self.page.get_by_role("heading", level=1).click()

    def subscribe(self) -> None:
        """Ask for the card, say yes, and wait for the subscription."""
        self.say("prompt")
        self.card.get_by_role("button", name="Yes").click()
        self.wait_for_state("subscribed")

    def memory(self) -> dict[str, Any]:
        kept: dict[str, Any] = json.loads(self.page.evaluate("localStorage.beckon || '{}'"))
        return kept

    def stub_calls(self) -> list[str]:
        calls: list[str] = self.page.evaluate("window.stubCalls || []")
        return calls

    def expect_no_card(self) -> None:
        expect(self.page.locator("beckon-prompt")).to_have_count(0)
