"""sw.js in a real Chromium: the DevTools protocol hands it decrypted pushes.

Chromium cannot be made to click a notification from outside, so clicks and closes are dispatched
inside the worker; a click of a person is what the Firefox test shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Worker

from tests.browser.shop import KEY, Shop
from tests.browser.visitor import SCOPE, Visitor

pytestmark = pytest.mark.chromium

# The notifications of a registration, as soon as there are so many of them.
# Chromium forgets a notification that it is asked to list while still putting it on the screen:
# so wait for the worker's promise first, then ask once.
COUNT = """() => {
  self.fulfilled = 0;
  const {showNotification} = ServiceWorkerRegistration.prototype;
  ServiceWorkerRegistration.prototype.showNotification = async function (...all) {
    await showNotification.apply(this, all);
    self.fulfilled += 1;
  };
}"""
FULFILLED = """async count => {
  for (const end = Date.now() + 8000; Date.now() < end && self.fulfilled < count;)
    await new Promise(done => setTimeout(done, 20));
}"""
NOTIFICATIONS = """async scope => {
  const registration = await navigator.serviceWorker.getRegistration(scope);
  const shown = await registration.getNotifications();
  return shown.map(({title, body, tag, lang, dir, icon, image, badge, silent, actions}) =>
    ({title, body, tag, lang, dir, icon, image, badge, silent,
      actions: actions.map(({action, title}) => ({action, title}))}));
}"""
# Waits for what the worker promised, and keeps what it would have opened: a dispatched event
# counts as no click, so that the browser would refuse.
DISPATCH = """async ({type, action, change}) => {
  const registration = self.registration;
  const [notification] = type.startsWith("notification")
    ? await registration.getNotifications() : [];
  const event = notification
    ? new NotificationEvent(type, {notification, action}) : Object.assign(new Event(type), change);
  const promised = [];
  const opened = [];
  event.waitUntil = promise => promised.push(promise);
  const {openWindow} = Clients.prototype;
  Clients.prototype.openWindow = async url => { opened.push(url); return null; };
  self.dispatchEvent(event);
  await Promise.all(promised);
  Clients.prototype.openWindow = openWindow;
  return opened;
}"""


class Device:
    """A subscribed visitor and the worker of its browser."""

    def __init__(self, visitor: Visitor, context: BrowserContext, shop: Shop) -> None:
        self.visitor, self.shop = visitor, shop
        self.registrations: list[str] = []
        visitor.cdp.on("ServiceWorker.workerRegistrationUpdated", self.note)
        visitor.cdp.send("ServiceWorker.enable")
        visitor.allow()
        visitor.arrive(path="/jackets")  # the front page is not open
        visitor.subscribe()
        script = f"{shop.shop}{SCOPE}sw.js"
        self.worker: Worker = next(one for one in context.service_workers if one.url == script)
        self.worker.evaluate(COUNT)
        self.pushed = 0

    def note(self, event: dict[str, Any]) -> None:
        for one in event["registrations"]:
            if one["scopeURL"] == self.shop.shop + SCOPE:
                self.registrations.append(one["registrationId"])

    def push(self, payload: object) -> None:
        self.pushed += 1
        self.visitor.cdp.send(
            "ServiceWorker.deliverPushMessage",
            {
                "origin": self.shop.shop,
                "registrationId": self.registrations[-1],
                "data": payload if isinstance(payload, str) else json.dumps(payload),
            },
        )

    def shown(self, count: int = 1) -> list[dict[str, Any]]:
        self.worker.evaluate(FULFILLED, self.pushed)
        shown: list[dict[str, Any]] = self.visitor.page.evaluate(NOTIFICATIONS, SCOPE)
        assert len(shown) == count, shown
        return shown

    def dispatch(self, type: str, **details: Any) -> list[str]:
        opened: list[str] = self.worker.evaluate(DISPATCH, {"type": type, **details})
        return opened

    def receipts(self, count: int) -> list[str]:
        calls = self.shop.wait_for("/push/events/", count)
        assert all(call.body["t"] == "t0k3n" for call in calls)
        return [call.body["e"] for call in calls]


@pytest.fixture
def device(visitor: Visitor, chromium: BrowserContext, shop: Shop) -> Iterator[Device]:
    yield Device(visitor, chromium, shop)


def payload(shop: Shop, **changes: Any) -> dict[str, Any]:
    notification = {
        "title": "Winter layers",
        "body": "Merino from the first frost — 20 % off",
        "navigate": "https://shop.example.com/layers?utm_source=beckon",
        "lang": "en",
        "dir": "auto",
        "icon": shop.shop + "/icon.png",
        "image": shop.shop + "/image.png",
        "badge": shop.shop + "/badge.png",
        "tag": "0123456789abcdef0123456789abcdef",
        "actions": [
            {"action": "a0", "title": "Men", "navigate": "https://shop.example.com/men"},
            {"action": "a1", "title": "Women", "navigate": "https://shop.example.com/women"},
        ],
        "data": {"t": "t0k3n", "u": shop.beckon + "/push/events/"},
    }
    return {"web_push": 8030, "notification": notification | changes}


def test_notification_is_shown_exactly(device: Device, shop: Shop) -> None:
    sent = payload(shop)
    device.push(sent)
    [shown] = device.shown()
    expected = {name: sent["notification"][name] for name in shown if name != "silent"}
    expected["actions"] = [{"action": "a0", "title": "Men"}, {"action": "a1", "title": "Women"}]
    assert shown == expected | {"silent": shown["silent"]}
    assert not shown["silent"]
    assert device.receipts(1) == ["displayed"]
    call = shop.matching("/push/events/")[0]
    assert call.headers["content-type"] == "text/plain;charset=UTF-8"
    assert "cookie" not in call.headers


@pytest.mark.parametrize(
    "sent",
    ["", "not json", "null", "[]", "{}", '{"notification": "text"}', '{"notification": {}}'],
)
def test_every_push_shows_something(device: Device, sent: str) -> None:
    device.push(sent)
    [shown] = device.shown()
    assert shown["title"] == "Fjell & Fjord"
    assert device.dispatch("notificationclick") == [device.shop.shop + "/"]


@pytest.mark.parametrize(
    "changes",
    [
        {"dir": "sideways"},
        {"actions": [None, 7, {"title": "no action"}, {"action": "a0"}]},
        {"actions": "many"},
        {"data": "none"},
        {"title": {"a": 1}},
        {"tag": 5},
        {"icon": "https://["},
    ],
)
def test_odd_field_does_not_cost_the_notification(
    device: Device, shop: Shop, changes: dict[str, Any]
) -> None:
    sent = payload(shop, **changes)
    device.push(sent)
    [shown] = device.shown()
    assert shown["body"] == sent["notification"]["body"]


def test_hostname_stands_in_for_an_unknown_site(device: Device) -> None:
    device.worker.evaluate(
        "() => new Promise(done => { indexedDB.deleteDatabase('beckon').onsuccess = () => done() })"
    )
    device.push("not json")
    assert device.shown()[0]["title"] == "127.0.0.1"


def test_storage_that_hangs_does_not_hold_a_notification(device: Device, shop: Shop) -> None:
    device.worker.evaluate("() => { IDBFactory.prototype.open = () => ({}) }")
    device.push(payload(shop))
    device.push("not json")
    titles = [one["title"] for one in device.shown(2)]
    assert sorted(titles) == ["127.0.0.1", "Winter layers"]


def test_repeated_message_is_one_notification_and_silent(device: Device, shop: Shop) -> None:
    device.push(payload(shop))
    device.shown()
    device.receipts(1)
    device.push(payload(shop))
    assert device.receipts(2) == ["displayed", "displayed"]
    [shown] = device.shown()
    assert shown["silent"] is True
    device.push(payload(shop, tag="another"))
    assert [one["silent"] for one in device.shown(2) if one["tag"] == "another"] != [True]


def test_worker_remembers_200_messages(device: Device, shop: Shop) -> None:
    seen = [f"tag{number}" for number in range(205)]
    for tag in (*seen[:3], seen[2]):
        device.push(payload(shop, tag=tag))
    device.receipts(4)
    kept = """() => new Promise(done => { indexedDB.open("beckon", 1).onsuccess = ({target}) => {
      const store = target.result.transaction("kv", "readwrite").objectStore("kv");
      store.get("seen").onsuccess = ({target}) => {
        store.put([...target.result, ...Array.from({length: 197}, (_, at) => "old" + at)], "seen");
        done(target.result) };
      target.result.close(); } })"""
    assert device.worker.evaluate(kept) == ["tag2", "tag1", "tag0"]
    device.push(payload(shop, tag="newest"))
    device.receipts(5)
    after = device.worker.evaluate(kept)
    assert (len(after), after[:2], after[-1]) == (200, ["newest", "tag2"], "old195")


def test_click_opens_the_address_and_reports(device: Device, shop: Shop) -> None:
    device.push(payload(shop))
    device.shown()
    device.receipts(1)
    opened = device.dispatch("notificationclick")
    assert opened == ["https://shop.example.com/layers?utm_source=beckon"]
    assert device.receipts(2) == ["displayed", "clicked"]
    device.shown(0)


@pytest.mark.parametrize(
    ("action", "path"), [("a1", "women"), ("gone", "layers?utm_source=beckon")]
)
def test_button_opens_its_own_address(device: Device, shop: Shop, action: str, path: str) -> None:
    device.push(payload(shop))
    device.shown()
    opened = device.dispatch("notificationclick", action=action)
    assert opened == [f"https://shop.example.com/{path}"]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        " JavaScript:alert(1)",
        "data:text/html,x",
        "file:///etc/x",
        "//[",
    ],
)
def test_only_web_addresses_are_opened(device: Device, shop: Shop, url: str) -> None:
    device.push(payload(shop, navigate=url, actions=[]))
    device.shown()
    assert device.dispatch("notificationclick") == [shop.shop + "/"]


def test_open_tab_is_focused_instead(device: Device, shop: Shop) -> None:
    device.push(payload(shop, navigate=shop.shop + "/jackets", actions=[]))
    device.shown()
    device.worker.evaluate(
        "() => { WindowClient.prototype.focus = async function () { self.focused = this.url } }"
    )
    assert device.dispatch("notificationclick") == []
    assert device.worker.evaluate("self.focused") == shop.shop + "/jackets"


def test_closing_is_reported(device: Device, shop: Shop) -> None:
    device.push(payload(shop))
    device.shown()
    device.receipts(1)
    assert device.dispatch("notificationclose") == []
    assert device.receipts(2) == ["displayed", "dismissed"]


def test_receipts_may_fail(device: Device, shop: Shop) -> None:
    data = {"t": "t0k3n", "u": "http://127.0.0.1:1/push/events/"}
    device.push(payload(shop, data=data))
    device.shown()
    assert device.dispatch("notificationclick") != []


def test_changed_subscription_is_posted(device: Device, shop: Shop) -> None:
    [first] = shop.wait_for("/subscriptions/")
    keys = {"p256dh": KEY, "auth": "AAAAAAAAAAAAAAAAAAAAAA"}
    fresh = {"endpoint": "https://push.example.com/fresh", "keys": keys}
    device.dispatch("pushsubscriptionchange", change={"newSubscription": fresh})
    body = shop.wait_for("/subscriptions/", 2)[1].body
    assert body.pop("subscription") == fresh
    assert body.pop("page") == shop.shop + "/"
    same = ("install", "language", "timezone", "key", "prompt")
    assert body == {name: first.body[name] for name in same} | {
        "auth": first.body["subscription"]["keys"]["auth"],
        "sync": True,
    }


def test_changed_subscription_is_made_again_with_the_same_key(device: Device, shop: Shop) -> None:
    device.worker.evaluate(
        """() => { PushManager.prototype.subscribe = async options =>
        ({toJSON: () => ({endpoint: "https://push.example.com/again", options})}) }"""
    )
    device.dispatch("pushsubscriptionchange", change={})
    again = shop.wait_for("/subscriptions/", 2)[1].body["subscription"]
    assert again["options"] == {"userVisibleOnly": True, "applicationServerKey": KEY}


def test_who_left_is_not_subscribed_again(device: Device, shop: Shop) -> None:
    device.visitor.say("unsubscribe")
    device.visitor.wait_for_state("unsubscribed")
    shop.wait_for("_method=DELETE")
    device.dispatch("pushsubscriptionchange", change={})
    assert len(shop.matching("/subscriptions/")) == 2
