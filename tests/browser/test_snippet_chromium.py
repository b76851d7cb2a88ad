"""snippet.js in a real Chromium, on another origin than Beckon, under a strict CSP."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.shop import KEY, NEW_KEY, PROMPT, Call, Shop
from tests.browser.visitor import SCOPE, Visitor

pytestmark = pytest.mark.chromium

SUBSCRIPTIONS = "/subscriptions/"
QUEUE = "window.beckon=window.beckon||function(){(beckon.q=beckon.q||[]).push(arguments)};"


def changes(shop: Shop) -> list[dict[str, Any]]:
    return [call.body for call in shop.matching("_method=PATCH")]


def method(call: Call) -> str:
    return parse_qs(urlsplit(call.path).query).get("_method", [call.method])[0]


def test_nothing_is_asked_on_load_and_no_worker_registered(visitor: Visitor, shop: Shop) -> None:
    visitor.arrive()
    visitor.expect_no_card()
    assert visitor.stub_calls() == []
    count = "navigator.serviceWorker.getRegistrations().then(all => all.length)"
    assert visitor.page.evaluate(count) == 0
    assert [call.path for call in shop.calls] == [
        "/static/push/snippet.js",
        "/push/s1te-key/config.json",
    ]


def test_no_cookie_is_sent_or_set(visitor: Visitor, shop: Shop) -> None:
    visitor.context.add_cookies([{"name": "session", "value": "1", "url": shop.beckon}])
    visitor.allow()
    visitor.arrive()
    visitor.subscribe()
    for call in shop.matching("/push/s1te-key/"):
        assert "cookie" not in call.headers


def test_click_trigger_shows_the_card_after_a_gesture(visitor: Visitor) -> None:
    visitor.arrive()
    visitor.touch()
    expect(visitor.card).to_be_visible()
    expect(visitor.card).to_have_accessible_name(str(PROMPT["title"]))
    expect(visitor.card).to_have_accessible_description(str(PROMPT["body"]))
    assert visitor.stub_calls() == []


def test_key_press_is_a_gesture_and_keeps_its_focus(visitor: Visitor) -> None:
    visitor.arrive()
    visitor.page.get_by_label("Search").focus()
    visitor.page.keyboard.type("boots")
    expect(visitor.card).to_be_visible()
    expect(visitor.page.get_by_label("Search")).to_be_focused()
    expect(visitor.page.get_by_label("Search")).to_have_value("boots")
    expect(visitor.page.get_by_role("status")).to_have_text(str(PROMPT["title"]))


def test_delay_trigger(visitor: Visitor, shop: Shop) -> None:
    shop.config["prompt"] |= {"trigger": "delay", "after": 1}
    visitor.arrive()
    visitor.expect_no_card()
    expect(visitor.card).to_be_visible()


def test_views_trigger_counts_pages(visitor: Visitor, shop: Shop) -> None:
    shop.config["prompt"] |= {"trigger": "views", "after": 2}
    visitor.page.clock.install()
    visitor.arrive()
    visitor.page.clock.run_for(60_000)
    visitor.touch()
    visitor.expect_no_card()
    visitor.arrive()
    visitor.expect_no_card()
    visitor.page.clock.run_for(2_000)
    expect(visitor.card).to_be_visible()


def test_without_prompt_nothing_is_asked(visitor: Visitor, shop: Shop) -> None:
    shop.config["prompt"] = None
    visitor.arrive()
    visitor.touch()
    visitor.expect_no_card()
    visitor.say("prompt")
    expect(visitor.card).to_be_visible()


def test_query_shows_the_card_at_once(visitor: Visitor, shop: Shop) -> None:
    shop.config["prompt"] |= {"trigger": "views", "after": 50}
    visitor.arrive(path="/?beckon=ask")
    expect(visitor.card).to_be_visible()


def test_yes_asks_the_browser_and_posts_everything(visitor: Visitor, shop: Shop) -> None:
    visitor.arrive(path="/jackets?token=secret#top")
    visitor.touch()
    visitor.card.get_by_role("button", name="Yes, tell me").click()
    visitor.wait_for_state("subscribed")
    visitor.expect_no_card()
    assert visitor.stub_calls() == ["native prompt", "subscribe"]
    [call] = shop.wait_for(SUBSCRIPTIONS)
    assert method(call) == "POST"
    assert call.headers["content-type"] == "text/plain;charset=UTF-8"
    body = dict(call.body)
    subscription = body.pop("subscription")
    assert subscription["endpoint"].startswith("https://push.example.com/")
    assert (len(subscription["keys"]["p256dh"]), len(subscription["keys"]["auth"])) == (87, 22)
    assert uuid.UUID(body.pop("install")).version == 4
    assert body == {
        "language": visitor.page.evaluate("navigator.language"),
        "timezone": visitor.page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone"),
        "page": shop.shop + "/jackets",
        "prompt": PROMPT["version"],
        "key": KEY,
        "sync": False,
    }
    scopes = "navigator.serviceWorker.getRegistrations().then(all => all.map(one => one.scope))"
    assert visitor.page.evaluate(scopes) == [shop.shop + SCOPE]


def test_known_subscription_is_not_posted_again(visitor: Visitor, shop: Shop) -> None:
    visitor.arrive()
    visitor.subscribe()
    visitor.arrive("subscribed")
    visitor.touch()
    visitor.expect_no_card()
    assert len(shop.matching(SUBSCRIPTIONS)) == 1


def test_subscription_is_confirmed_once_a_day(visitor: Visitor, shop: Shop) -> None:
    visitor.arrive()
    visitor.subscribe()
    age = "localStorage.beckon = JSON.stringify({...JSON.parse(localStorage.beckon), at: 1})"
    visitor.page.evaluate(age)
    visitor.arrive("subscribed")
    first, second = shop.wait_for(SUBSCRIPTIONS, 2)
    assert second.body["subscription"] == first.body["subscription"]
    assert (first.body["sync"], second.body["sync"]) == (False, True)
    assert second.body["install"] == first.body["install"]
    assert second.body["prompt"] == PROMPT["version"]


def test_rotated_endpoint_is_posted_with_proof_of_the_old(visitor: Visitor, shop: Shop) -> None:
    visitor.arrive()
    visitor.subscribe()
    visitor.page.evaluate(
        """const kept = JSON.parse(sessionStorage["stub-push"]);
        kept.endpoint += "-rotated"; kept.keys.auth = "AAAAAAAAAAAAAAAAAAAAAA";
        sessionStorage["stub-push"] = JSON.stringify(kept)"""
    )
    visitor.arrive("subscribed")
    first, second = shop.wait_for(SUBSCRIPTIONS, 2)
    assert second.body["subscription"]["endpoint"].endswith("-rotated")
    assert second.body["auth"] == first.body["subscription"]["keys"]["auth"]
    assert second.body["install"] == first.body["install"]
    assert "subscribe" not in visitor.stub_calls()


def test_lost_subscription_is_made_again(visitor: Visitor, shop: Shop) -> None:
    visitor.arrive()
    visitor.subscribe()
    visitor.page.evaluate("sessionStorage.removeItem('stub-push')")
    visitor.arrive("subscribed")
    first, second = shop.wait_for(SUBSCRIPTIONS, 2)
    assert second.body["install"] == first.body["install"]
    assert second.body["sync"] is True


def test_new_key_means_a_new_subscription(visitor: Visitor, shop: Shop) -> None:
    visitor.arrive()
    visitor.subscribe()
    shop.config["key"] = NEW_KEY
    visitor.arrive("subscribed")
    assert visitor.stub_calls() == ["unsubscribe", "subscribe"]
    first, second = shop.wait_for(SUBSCRIPTIONS, 2)
    assert (first.body["key"], second.body["key"]) == (KEY, NEW_KEY)
    assert second.body["subscription"]["endpoint"] != first.body["subscription"]["endpoint"]


@pytest.mark.parametrize("answer", [{"error": "unknown_site"}, {}])
def test_broken_configuration_costs_nobody(
    visitor: Visitor, shop: Shop, answer: dict[str, Any]
) -> None:
    visitor.arrive()
    visitor.subscribe()
    shop.config = answer
    visitor.arrive("failed")
    assert visitor.stub_calls() == []
    assert len(shop.matching(SUBSCRIPTIONS)) == 1


@pytest.mark.parametrize(("setting", "state"), [("denied", "denied"), ("prompt", "ready")])
def test_withdrawn_permission_is_reported_once(
    visitor: Visitor, shop: Shop, setting: str, state: str
) -> None:
    visitor.arrive()
    visitor.subscribe()
    auth = visitor.memory()["auth"]
    visitor.allow(setting)
    visitor.arrive(state)
    [call] = shop.wait_for("_method=DELETE")
    assert call.path == "/push/s1te-key/subscriptions/5ub5cr1p-t10n/?_method=DELETE"
    assert call.body == {"auth": auth, "reason": "denied"}
    visitor.arrive(state)
    assert len(shop.matching("_method=DELETE")) == 1


def test_denied_visitors_are_never_asked(visitor: Visitor) -> None:
    visitor.allow("denied")
    visitor.arrive("denied", "/?beckon=ask")
    visitor.touch()
    visitor.say("prompt")
    visitor.say("subscribe")
    visitor.expect_no_card()
    assert visitor.stub_calls() == []


def test_denying_the_native_prompt_ends_the_asking(visitor: Visitor, shop: Shop) -> None:
    visitor.answer = "denied"
    visitor.arrive()
    visitor.touch()
    visitor.card.get_by_role("button", name="Yes").click()
    visitor.wait_for_state("denied")
    assert visitor.stub_calls() == ["native prompt"]
    assert shop.matching(SUBSCRIPTIONS) == []


def test_dismissing_the_native_prompt_counts_as_not_now(visitor: Visitor) -> None:
    visitor.answer = "prompt"
    visitor.arrive()
    visitor.touch()
    visitor.card.get_by_role("button", name="Yes").click()
    visitor.page.wait_for_function("() => JSON.parse(localStorage.beckon).no === 1")
    visitor.arrive()
    visitor.touch()
    visitor.expect_no_card()


def test_customers_own_button_subscribes_without_card(visitor: Visitor, shop: Shop) -> None:
    visitor.arrive()
    visitor.page.evaluate("bell.addEventListener('click', () => beckon('subscribe'))")
    visitor.page.locator("#bell").click()
    visitor.wait_for_state("subscribed")
    assert shop.wait_for(SUBSCRIPTIONS)[0].body["prompt"] is None


def test_identify_and_tag_reach_the_server_in_order(visitor: Visitor, shop: Shop) -> None:
    visitor.arrive()
    visitor.say("identify", 42, "5165")
    visitor.say("tag", ["skis"], ["boots"])
    visitor.subscribe()
    visitor.say("tag", ["tents"])
    calls = shop.wait_for("_method=PATCH", 3)
    auth = visitor.memory()["auth"]
    assert [call.body for call in calls] == [
        {"auth": auth, "external_id": "42", "signature": "5165"},
        {"auth": auth, "tags": {"add": ["skis"], "remove": ["boots"]}},
        {"auth": auth, "tags": {"add": ["tents"], "remove": []}},
    ]
    visitor.page.wait_for_function("() => JSON.parse(localStorage.beckon).todo.length === 0")
    visitor.arrive("subscribed")
    visitor.say("identify", 42, "5165")
    visitor.say("tag", ["sleds"])
    shop.wait_for("_method=PATCH", 4)
    assert changes(shop)[-1]["tags"] == {"add": ["sleds"], "remove": []}


def test_changes_wait_while_the_server_is_down(visitor: Visitor, shop: Shop) -> None:
    visitor.arrive()
    visitor.subscribe()
    shop.status = {"_method=PATCH": 503}
    visitor.say("tag", ["skis"])
    shop.wait_for("_method=PATCH")
    shop.status = {}
    visitor.arrive("subscribed")
    assert shop.wait_for("_method=PATCH", 2)[1].body["tags"]["add"] == ["skis"]
    visitor.page.wait_for_function("() => JSON.parse(localStorage.beckon).todo.length === 0")


def test_record_that_the_server_lost_is_made_again(visitor: Visitor, shop: Shop) -> None:
    visitor.arrive()
    visitor.subscribe()
    shop.status = {"_method=PATCH": 404}
    visitor.say("tag", ["skis"])
    visitor.page.wait_for_function("() => JSON.parse(localStorage.beckon).at === 0")
    shop.status = {}
    visitor.arrive("subscribed")
    posts = [call for call in shop.matching(SUBSCRIPTIONS) if method(call) == "POST"]
    assert [call.body["sync"] for call in posts] == [False, True]


def test_unsubscribe_holds_on_later_pages(visitor: Visitor, shop: Shop) -> None:
    visitor.arrive()
    visitor.subscribe()
    auth = visitor.memory()["auth"]
    shop.status = {"_method=DELETE": 503}
    visitor.say("unsubscribe")
    visitor.wait_for_state("unsubscribed")
    assert "unsubscribe" in visitor.stub_calls()
    shop.status = {}
    visitor.arrive("unsubscribed")
    calls = shop.wait_for("_method=DELETE", 2)
    assert [call.body for call in calls] == [{"auth": auth, "reason": "unsubscribed"}] * 2
    visitor.arrive("unsubscribed")
    visitor.touch()
    visitor.expect_no_card()
    assert len(shop.matching("_method=DELETE")) == 2
    visitor.subscribe()
    assert visitor.memory().get("left") is None


def test_early_calls_wait_for_the_snippet(visitor: Visitor, shop: Shop) -> None:
    shop.early = QUEUE + (
        "beckon('on', 'ready', state => { window.heard = state });"
        "beckon('tag', ['early']); beckon('track', 'seen', {a: 1}); beckon('nonsense');"
        "beckon('prompt');"
    )
    visitor.arrive()
    visitor.page.wait_for_function("() => window.heard === 'ready'")
    visitor.card.get_by_role("button", name="Yes").click()
    visitor.wait_for_state("subscribed")
    assert shop.wait_for("_method=PATCH")[0].body["tags"]["add"] == ["early"]


def test_listeners_hear_what_happens_later(visitor: Visitor) -> None:
    visitor.arrive()
    visitor.page.evaluate("beckon('on', 'subscribed', state => { window.heard = state })")
    visitor.subscribe()
    visitor.page.wait_for_function("() => window.heard === 'subscribed'")
