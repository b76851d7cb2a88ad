"""snippet.js where something is missing, blocked, down or another vendor's: it stays silent."""

from __future__ import annotations

import pytest

from tests.browser.shop import Shop
from tests.browser.visitor import SCOPE, Visitor

pytestmark = pytest.mark.chromium

SUBSCRIPTIONS = "/subscriptions/"


def test_blocked_storage_asks_nobody_but_obeys_commands(visitor: Visitor, shop: Shop) -> None:
    visitor.page.add_init_script(
        "Object.defineProperty(window, 'localStorage',"
        " {get() { throw new DOMException('blocked', 'SecurityError') }})"
    )
    visitor.arrive()
    visitor.touch()
    visitor.expect_no_card()
    visitor.subscribe()
    shop.wait_for(SUBSCRIPTIONS)
    visitor.arrive("subscribed")
    assert shop.wait_for(SUBSCRIPTIONS, 2)[1].body["sync"] is True


@pytest.mark.parametrize("part", ["config.json", "snippet.js", "prompt.js"])
def test_failing_server_leaves_the_page_alone(visitor: Visitor, shop: Shop, part: str) -> None:
    shop.status = {part: 503} if part == "config.json" else {}
    if part != "config.json":
        visitor.page.route(f"**/{part}", lambda route: route.abort())
    visitor.page.goto(shop.shop)
    if part == "config.json":
        visitor.wait_for_state("failed")
    if part == "prompt.js":
        visitor.wait_for_state("ready")
    visitor.touch()
    visitor.page.get_by_label("Search").fill("boots")
    visitor.page.wait_for_load_state("networkidle")
    visitor.expect_no_card()


def test_refused_subscription_is_told_again(visitor: Visitor, shop: Shop) -> None:
    shop.status = {SUBSCRIPTIONS: 500}
    visitor.arrive()
    visitor.say("prompt")
    visitor.card.get_by_role("button", name="Yes").click()
    visitor.wait_for_state("failed")
    shop.status = {}
    visitor.arrive("subscribed")
    assert len(shop.matching(SUBSCRIPTIONS)) == 2


def test_missing_worker_file_is_noticed_before_asking(visitor: Visitor, shop: Shop) -> None:
    shop.worker = ""
    visitor.arrive()
    visitor.touch()
    visitor.wait_for_state("failed")
    visitor.expect_no_card()
    assert visitor.stub_calls() == []
    visitor.errors.remove(  # the browser's own words; they tell the developer what is missing
        "A bad HTTP response code (404) was received when fetching the script."
    )


def test_foreign_worker_on_our_scope_is_left_alone(visitor: Visitor, shop: Shop) -> None:
    visitor.arrive()
    visitor.page.evaluate(
        "scope => navigator.serviceWorker.register('/push/beckon/other-sw.js', {scope})"
        ".then(() => null)",
        SCOPE,
    )
    visitor.arrive("foreign")
    visitor.touch()
    visitor.say("prompt")
    visitor.say("subscribe")
    visitor.expect_no_card()
    scripts = (
        "navigator.serviceWorker.getRegistrations().then(all =>"
        " all.map(one => (one.active || one.installing || one.waiting).scriptURL))"
    )
    assert visitor.page.evaluate(scripts) == [shop.shop + "/push/beckon/other-sw.js"]


def test_sites_own_worker_on_the_root_is_untouched(visitor: Visitor, shop: Shop) -> None:
    visitor.arrive()
    visitor.page.evaluate("navigator.serviceWorker.register('/own-sw.js').then(() => null)")
    visitor.arrive()
    visitor.subscribe()
    scopes = (
        "navigator.serviceWorker.getRegistrations().then(all => all.map(one => one.scope).sort())"
    )
    assert visitor.page.evaluate(scopes) == [shop.shop + "/", shop.shop + SCOPE]


def test_snippet_twice_on_a_page_runs_once(visitor: Visitor, shop: Shop) -> None:
    visitor.arrive()
    visitor.page.add_script_tag(url=shop.beckon + "/static/push/snippet.js")
    assert len(shop.matching("config.json")) == 1
