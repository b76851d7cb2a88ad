"""The virtual phones: what they tell Beckon, what they show, what they report."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.appservice.apns import BUNDLE
from demo.appservice.google import PROJECT
from demo.appservice.model import Message, new_device
from demo.appservice.registering import Suggestions
from demo.appservice.run import running
from demo.appservice.service import Service
from demo.appservice.showing import receipt, shown
from tests.browser.firefox import wait_for
from tests.demo.appsender import ALERT, AppSender
from tests.demo.receiving import Receiver, receiving

FORM = "/push/site/devices/"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path, rate=5000) as service:
        yield service


@pytest.fixture
def sender(service: Service) -> Iterator[AppSender]:
    with AppSender(service) as sender:
        yield sender


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        receiver.answers[FORM] = (201, {"id": "42"})
        yield receiver


def make(sender: AppSender, receiver: Receiver, **fields: str) -> dict[str, Any]:
    given = {"beckon": receiver.origin, "site_key": "site", "app_key": "app_x", "name": "Kari"}
    status, phone = sender.control("POST", "/phones", given | fields)
    assert status == 201
    found: dict[str, Any] = phone
    return found


def beckon(receiver: Receiver) -> dict[str, str]:
    return {"t": "token", "u": f"{receiver.origin}/push/events/", "link": "fjell://x", "url": "x"}


KINDS = [
    ("android", {"channel": "fcm", "platform": "android", "app": PROJECT}),
    (
        "iphone",
        {"channel": "apns", "platform": "ios", "app": BUNDLE, "environment": "production"},
    ),
    (
        "iphone-sandbox",
        {"channel": "apns", "platform": "ios", "app": BUNDLE, "environment": "sandbox"},
    ),
    ("iphone-fcm", {"channel": "fcm", "platform": "ios", "app": PROJECT}),
]


@pytest.mark.parametrize(("kind", "said"), KINDS, ids=[kind for kind, _ in KINDS])
def test_a_phone_registers_as_its_app_would(
    sender: AppSender, receiver: Receiver, kind: str, said: dict[str, str]
) -> None:
    phone = make(sender, receiver, kind=kind, timezone="Europe/Oslo", language="nb-NO")
    assert "app_key" not in phone
    [body] = receiver.bodies(FORM)
    assert body | said == body
    assert body["install"] == phone["install"]
    assert (body["token"], body["app_key"]) == (phone["token"], "app_x")
    assert (body["language"], body["timezone"]) == ("nb-NO", "Europe/Oslo")
    assert body["consent"]["source"]
    listed = sender.control("GET", "/devices")[1]
    assert [one["name"] for one in listed["devices"]] == ["Kari"]


@pytest.mark.parametrize(
    ("fields", "answer", "field", "words"),
    [
        ({"site_key": "a b"}, None, "site_key", "Install page"),
        ({"app_key": ""}, None, "app_key", "app key"),
        ({"beckon": "x"}, None, "beckon", "address"),
        ({"kind": "nokia"}, None, "kind", "one of"),
        ({}, (404, {}), "site_key", "site key"),
        ({}, (403, {"detail": "No.", "field": "app_key"}), "app_key", "(403): No."),
        ({}, (400, {}), "", "no reason given"),
    ],
    ids=["site_key", "app_key", "beckon", "kind", "unknown", "refused", "wordless"],
)
def test_a_phone_that_cannot_register(
    sender: AppSender,
    receiver: Receiver,
    fields: dict[str, str],
    answer: tuple[int, Any] | None,
    field: str,
    words: str,
) -> None:
    if answer:
        receiver.answers[FORM] = answer
    given = {"beckon": receiver.origin, "site_key": "site", "app_key": "app_x"} | fields
    status, said = sender.control("POST", "/phones", given)
    assert (status, said["field"]) == (422, field)
    assert words in said["detail"]
    assert sender.control("GET", "/devices")[1]["count"] == 0


def test_nobody_answers(sender: AppSender) -> None:
    given = {"beckon": "http://127.0.0.1:9", "site_key": "site", "app_key": "x"}
    status, said = sender.control("POST", "/phones", given)
    assert (status, said["field"]) == (422, "beckon")


def test_what_arrives_is_shown_and_reported(sender: AppSender, receiver: Receiver) -> None:
    phone = make(sender, receiver, kind="iphone")
    assert sender.to_iphone(phone["token"], {**ALERT, "beckon": beckon(receiver)}).is_success
    wait_for(lambda: len(receiver.bodies("/push/events/")) == 1, "the display")
    path = f"/devices/{phone['token']}"
    [message] = sender.control("GET", path)[1]["messages"]
    assert message["notification"]["title"] == "Winter"
    for event in ("opened", "dismissed"):
        status, said = sender.control("POST", "/receipts", {"id": message["id"], "event": event})
        assert (status, said["receipt_taken"]) == (200, True)
    wanted = [{"t": "token", "e": event} for event in ("displayed", "opened", "dismissed")]
    assert receiver.bodies("/push/events/") == wanted
    assert sender.control("POST", "/receipts", {"id": message["id"], "event": "eaten"})[0] == 404
    assert sender.control("POST", "/receipts", {"id": "x", "event": "opened"})[0] == 404


def test_without_an_address_nothing_is_reported(sender: AppSender, receiver: Receiver) -> None:
    phone = make(sender, receiver, kind="iphone")
    sender.to_iphone(phone["token"])
    path = f"/devices/{phone['token']}"
    wait_for(lambda: sender.control("GET", path)[1]["messages"], "the message")
    [message] = sender.control("GET", path)[1]["messages"]
    said = sender.control("POST", "/receipts", {"id": message["id"], "event": "opened"})[1]
    assert said["receipt_taken"] is False


def test_a_token_rotates(sender: AppSender, receiver: Receiver, service: Service) -> None:
    phone = make(sender, receiver, kind="iphone")
    status, fresh = sender.control("POST", f"/devices/{phone['token']}/rotate")
    assert status == 200
    first, second = receiver.bodies(FORM)
    assert first["install"] == second["install"] == fresh["install"]
    assert first["token"] == phone["token"] != second["token"] == fresh["token"]
    assert sender.to_iphone(phone["token"]).status_code == 410
    assert sender.to_iphone(fresh["token"]).status_code == 200
    assert sender.control("GET", "/devices")[1]["count"] == 1


def test_permission_is_withdrawn_and_given_back(
    sender: AppSender, receiver: Receiver, service: Service
) -> None:
    phone = make(sender, receiver, kind="iphone")
    path = f"/devices/{phone['token']}"
    assert sender.control("PATCH", path, {"allowed": False})[0] == 200
    told = receiver.bodies(FORM)[-1]
    assert told["token"] is None
    assert "consent" not in told
    # Beckon may not have heard of it yet: the message is accepted, and not shown.
    sender.to_iphone(phone["token"], {**ALERT, "beckon": beckon(receiver)})
    [message] = sender.control("GET", path)[1]["messages"]
    assert message["shown"] is False
    assert sender.control("PATCH", path, {"allowed": True})[0] == 200
    assert receiver.bodies(FORM)[-1]["token"] == phone["token"]
    assert receiver.bodies("/push/events/") == []


def test_uninstalled_and_offline(sender: AppSender, receiver: Receiver) -> None:
    phone = make(sender, receiver, kind="android")
    path = f"/devices/{phone['token']}"
    device = sender.service.devices[phone["token"]]
    assert sender.control("PATCH", path, {"online": False})[0] == 200
    assert sender.to_android(device).status_code == 200
    assert sender.control("GET", path)[1]["messages"][0]["state"] == "waiting"
    assert sender.control("PATCH", path, {"online": True})[0] == 200
    assert sender.control("GET", path)[1]["messages"][0]["state"] == "arrived"
    assert sender.control("PATCH", path, {"online": 1})[0] == 400
    assert sender.control("PATCH", "/devices/none", {"online": True})[0] == 404
    assert sender.control("DELETE", path)[0] == 204
    assert sender.to_android(device).status_code == 404
    assert len(receiver.bodies(FORM)) == 1


def test_many_report_by_themselves(sender: AppSender, receiver: Receiver) -> None:
    wanted = {"count": 3, "service": "apns", "displayed": 1, "clicked": 1}
    status, made = sender.control("POST", "/devices", wanted)
    assert status == 201
    for device in made["devices"]:
        sender.to_iphone(device["token"], {**ALERT, "beckon": beckon(receiver)})
    wait_for(lambda: len(receiver.bodies("/push/events/")) >= 4, "three displays, a tap")
    assert {body["e"] for body in receiver.bodies("/push/events/")} == {"displayed", "opened"}


@pytest.mark.parametrize(
    "wanted",
    [{"count": 0}, {"count": True}, {"service": "web"}, {"platform": "Nokia"}, {"displayed": 2}],
    ids=["none", "bool", "service", "platform", "share"],
)
def test_devices_that_cannot_be_made(sender: AppSender, wanted: dict[str, Any]) -> None:
    assert sender.control("POST", "/devices", wanted)[0] == 400


def test_silent_devices(sender: AppSender) -> None:
    wanted = {"service": "fcm", "platform": "iOS", "app": "other-project", "reports": False}
    [made] = sender.control("POST", "/devices", wanted)[1]["devices"]
    device = sender.service.devices[made["token"]]
    assert (device.app, device.platform, device.displayed) == ("other-project", "iOS", 0.0)


def test_other_websites_command_nothing(service: Service) -> None:
    host = service.origin.removeprefix("http://")
    for headers, status in (
        ({"Host": "evil.example"}, 421),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"}, 403),
    ):
        connection = http.client.HTTPConnection(host, timeout=10)
        connection.request("POST", "/devices", b"{}", headers)
        assert connection.getresponse().status == status
        connection.close()


def test_pages_files_and_figures(sender: AppSender) -> None:
    for path in ("/counters", "/suggestions", "/healthz", "/misbehave", "/log"):
        assert sender.control("GET", path)[0] == 200
    assert sender.control("GET", "/log?since=x")[0] == 400
    assert sender.control("PUT", "/misbehave", [])[0] == 400
    http = sender.http
    assert b"PRIVATE KEY" in http.get(sender.service.origin + "/keys/AuthKey.p8").content
    account = http.get(sender.service.origin + "/keys/service-account.json")
    assert account.json() == sender.account
    page = http.get(sender.service.origin)
    assert "Sandbox for apps" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_the_page_is_told_what_happens(sender: AppSender, receiver: Receiver) -> None:
    url = f"{sender.service.origin}/events"
    with sender.http.stream("GET", url) as stream:
        lines = (line for line in stream.iter_lines() if line.startswith("data:"))
        assert json.loads(next(lines)[5:])["kind"] == "counters"
        phone = make(sender, receiver, kind="iphone")
        sender.to_iphone(phone["token"], {**ALERT, "beckon": beckon(receiver)})
        kinds = {json.loads(next(lines)[5:])["kind"] for _ in range(3)}
        assert kinds & {"devices", "message"}


def test_the_form_is_filled_in_as_files_appear(tmp_path: Path) -> None:
    suggestions = Suggestions("http://x", tmp_path / "site", tmp_path / "app")
    assert suggestions.now() == {"beckon": "http://x"}
    (tmp_path / "site").write_text("one\n")
    (tmp_path / "app").write_text("two\n")
    assert suggestions.now() == {"beckon": "http://x", "site_key": "one", "app_key": "two"}


# What a phone makes of a message

DATA = {"t": "token", "u": "http://127.0.0.1:8000/push/events/", "link": "fjell://x", "url": "y"}
BUTTONS = [{"title": "Buy", "url": "https://x.example/"}]


def message(body: dict[str, Any], collapse: str = "") -> Message:
    return Message("id", "token", "install", 0.0, 60, collapse, "10", body)


def test_what_an_android_shows() -> None:
    device = new_device("fcm", PROJECT, "Android")
    body = {
        "notification": {"title": "Common", "body": "Text", "image": "https://x.example/i.png"},
        "data": DATA | {"buttons": json.dumps(BUTTONS)},
        "android": {
            "priority": "HIGH",
            "notification": {"title": "Own", "tag": "one", "channelId": "offers"},
        },
    }
    found = shown(device, message(body))
    assert (found["title"], found["body"], found["tag"]) == ("Own", "Text", "one")
    assert (found["image"], found["link"]) == ("https://x.example/i.png", "fjell://x")
    assert found["buttons"] == BUTTONS
    assert found["more"] == {"Channel": "offers", "Priority": "HIGH"}
    assert receipt(device, message(body)) == (DATA["u"], "token")
    for wrong in ("{", "{}", 5):
        odd = message({"data": {"buttons": wrong}})
        assert shown(device, odd)["buttons"] == []
    assert receipt(device, message({})) is None
    assert receipt(device, message({"data": DATA | {"u": "javascript:1"}})) is None


@pytest.mark.parametrize("service", ["apns", "fcm"])
def test_what_an_iphone_shows(service: str) -> None:
    device = new_device(service, BUNDLE, "iOS")
    alert = {"title": "Winter", "body": "Text"}
    aps = {"mutable-content": 1, "badge": 3, "thread-id": "offers", "sound": "ping.caf"}
    ours = DATA | {"buttons": BUTTONS}
    image = "https://x.example/i.png"
    body: dict[str, Any] = {"aps": {"alert": alert} | aps, "beckon": ours | {"image": image}}
    if service == "fcm":
        apple = {
            "headers": {"apns-collapse-id": "one"},
            "payload": {"aps": aps, "beckon": ours},
            "fcmOptions": {"image": image},
        }
        body = {"notification": alert, "apns": apple}
    found = shown(device, message(body, "one"))
    assert (found["title"], found["body"], found["tag"]) == ("Winter", "Text", "one")
    assert (found["image"], found["badge"], found["buttons"]) == (image, 3, BUTTONS)
    assert found["more"] == {"Sound": "ping.caf", "Thread": "offers"}
    assert receipt(device, message(body)) == (DATA["u"], "token")


def test_an_iphone_fetches_a_picture_only_where_it_may() -> None:
    device = new_device("apns", BUNDLE, "iOS")
    body = {"aps": {"alert": "Text"}, "beckon": {"image": "https://x.example/i.png"}}
    found = shown(device, message(body))
    assert (found["title"], found["body"], found["image"]) == ("", "Text", "")
    assert receipt(device, message({"aps": {}, "beckon": "x"})) is None
