"""A real Firefox, the sandbox push service, and a page of our own: proof of the instruments.

Nothing is stubbed in the browser: it subscribes over its websocket, decrypts, wakes the worker,
shows the notification, and a click on that opens a tab.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from demo.pushservice.run import running
from demo.pushservice.service import Service
from tests.browser.firefox import Firefox, FirefoxError, wait_for
from tests.demo.sender import Sender

pytestmark = pytest.mark.firefox

PAGE = """<!doctype html><title>Page</title><button id="ask">Ask</button>
<script>
ask.onclick = async () => { document.title = await Notification.requestPermission(); };
</script>"""
WORKER = """
addEventListener("push", event => {
    const shown = event.data.json().notification;
    event.waitUntil(registration.showNotification(shown.title, {body: shown.body, data: shown}));
});
addEventListener("notificationclick", event => {
    event.notification.close();
    event.waitUntil(clients.openWindow(event.notification.data.navigate));
});
"""
SUBSCRIBE = """
    const registration = await navigator.serviceWorker.register("/sw.js");
    await navigator.serviceWorker.ready;
    const subscription = await registration.pushManager.subscribe(
        {userVisibleOnly: true, applicationServerKey: arguments[0]});
    return subscription.toJSON();
"""


class Page(BaseHTTPRequestHandler):
    files: ClassVar[dict[str, tuple[str, str]]] = {"/sw.js": ("text/javascript", WORKER)}

    def do_GET(self) -> None:
        kind, text = self.files.get(self.path, ("text/html", PAGE))
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("push")) as service:
        yield service


@pytest.fixture(scope="module")
def firefox(firefox_path: str, service: Service) -> Iterator[Firefox]:
    with Firefox(firefox_path, push_url=service.origin.replace("http", "ws") + "/") as firefox:
        yield firefox


@pytest.fixture
def subscription(firefox: Firefox, shop: str, sender: Sender) -> Iterator[dict[str, Any]]:
    firefox.allow_notifications(shop)
    firefox.open(shop + "/")
    yield firefox.run(SUBSCRIBE, sender.key)
    firefox.run(
        """const registration = await navigator.serviceWorker.getRegistration("/sw.js");
           for (const shown of await registration.getNotifications()) shown.close();
           const subscription = await registration.pushManager.getSubscription();
           if (subscription) await subscription.unsubscribe();"""
    )


@pytest.fixture
def sender(service: Service) -> Sender:
    return Sender(service.origin)


def text(shop: str, title: str) -> str:
    shown = {"title": title, "body": "Down, 20 % off — «på fjellet»", "navigate": shop + "/down"}
    return json.dumps({"web_push": 8030, "notification": shown})


def test_message_is_shown_and_click_opens_the_address(
    firefox: Firefox, shop: str, service: Service, sender: Sender, subscription: dict[str, Any]
) -> None:
    accepted = len(service.log)
    assert sender.post(subscription, text(shop, "Winter layers")).status == 201
    alert = firefox.wait_for_alert("Winter layers")
    assert alert["body"] == "Down, 20 % off — «på fjellet»"
    assert alert["source"] == f"via {shop.removeprefix('http://')}"
    assert len(service.log) == accepted + 1
    firefox.click_alert("Winter layers")
    before = firefox.tabs()[0]
    firefox.switch(shop + "/down")
    assert firefox.tabs() == [before, shop + "/down"]
    firefox.switch(before)
    assert firefox.alerts() == []
    wait_for(lambda: service.counters["acknowledged 100"] >= 1, "the acknowledgement")
    assert service.figures()["waiting"] == 0


def test_prompt_is_answered_by_its_own_button(firefox: Firefox, shop: str) -> None:
    other = shop.replace("127.0.0.1", "localhost")
    firefox.open(other + "/")
    firefox.click("#ask")
    firefox.answer_prompt("allow")
    assert firefox.wait("return document.title !== 'Page' && document.title") == "granted"


def test_prompt_can_be_refused(firefox: Firefox) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        firefox.open(f"http://127.0.0.1:{server.server_port}/")
        firefox.click("#ask")
        firefox.answer_prompt("block")
        assert firefox.wait("return document.title !== 'Page' && document.title") == "denied"
        server.shutdown()


def test_waiting_message_comes_when_the_browser_is_online(
    firefox: Firefox, shop: str, service: Service, sender: Sender, subscription: dict[str, Any]
) -> None:
    sender.control("PUT", "/misbehave", {"action": "offline"})
    for title in ("First", "Second"):
        answer = sender.post(subscription, text(shop, title), Topic="offer")
        assert answer.status == 201
    assert firefox.alerts() == []
    assert service.figures()["waiting"] == 1
    sender.control("DELETE", "/misbehave")
    firefox.wait_for_alert("Second")
    assert [alert["title"] for alert in firefox.alerts()] == ["Second"]
    firefox.close_alert("Second")
    wait_for(lambda: firefox.alerts() == [], "no notification")


def test_unsubscribed_is_gone(
    firefox: Firefox, shop: str, sender: Sender, subscription: dict[str, Any]
) -> None:
    firefox.run(
        """const registration = await navigator.serviceWorker.ready;
           const subscription = await registration.pushManager.getSubscription();
           await subscription.unsubscribe();"""
    )
    wait_for(lambda: sender.post(subscription, "{}").status == 410, "410")


def test_garbage_is_acknowledged_as_not_decryptable(
    firefox: Firefox, service: Service, sender: Sender, subscription: dict[str, Any]
) -> None:
    sender.post(subscription, "{}", spoil=True)
    wait_for(lambda: service.counters["acknowledged 101"] == 1, "code 101")


def test_wait_says_what_did_not_come(firefox: Firefox) -> None:
    with pytest.raises(FirefoxError, match="within 0 s: return false"):
        firefox.wait("return false", seconds=0)


def test_script_error_is_told(firefox: Firefox) -> None:
    with pytest.raises(FirefoxError, match="no such thing"):
        firefox.run("throw new Error('no such thing')")
