"""The demo shop with its bell in front of a real Beckon, and a customer who is signed in there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from accounts import identity
from accounts.models import Site
from campaigns.models import Run
from demo.shop.app import Shop
from subscribers.models import Subscription
from tests.campaigns.inboxes import begun, delivered, in_inbox, kari

ISSUE = {
    "Twenty per cent off down": "This week, on all down jackets. In the shop and online.",
    "Back in stock: Frost Mitt": "The size that you looked for is here again.",
    "Your order is on its way": "It left Sogndal this morning and is with you tomorrow.",
}


def shop_of(site: Site, beckon: str, folder: Path) -> Shop:
    """The shop whose server knows the site's identity secret."""
    secret = folder / "identity_secret"
    secret.write_bytes(identity.token_secret(site))
    return Shop(beckon=beckon, site_key=site.key, token_secret_file=secret)


def device(site: Site) -> Subscription:
    """Kari's, who has no other."""
    return Subscription.objects.filter(site=site).first() or kari(site)


def some(site: Site) -> list[Run]:
    """Three messages, the newest one last."""
    made = []
    for ago, (title, body) in zip((3, 2, 1), ISSUE.items(), strict=True):
        run = begun(in_inbox(site, title, message={"body": body}), ago=timedelta(minutes=ago))
        delivered(run, device(site))
        made.append(run)
    return made


@dataclass
class Bell:
    """The widget on a page of the shop, as a person finds it."""

    page: Page
    origin: str

    def sign_in(self, customer: str = "kari") -> None:
        self.page.context.add_cookies([{"name": "customer", "value": customer, "url": self.origin}])

    def arrive(self, path: str = "/") -> None:
        self.page.goto(self.origin + path)
        # The first request of a server loads what it needs: patience on a busy machine.
        expect(self.button).to_be_visible(timeout=30_000)

    @property
    def button(self) -> Locator:
        return self.page.locator("beckon-inbox .bell")

    @property
    def panel(self) -> Locator:
        return self.page.get_by_role("dialog", name="Inbox")

    @property
    def items(self) -> Locator:
        return self.panel.get_by_role("listitem")

    @property
    def links(self) -> Locator:
        return self.panel.get_by_role("link")

    def open(self) -> None:
        self.button.click()
        expect(self.panel).to_be_visible()
