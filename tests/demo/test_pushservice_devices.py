"""Virtual browsers: made, subscribed at a campaign server, read and reported for."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from demo.pushservice.register import Suggestions
from demo.pushservice.run import running
from demo.pushservice.service import Service
from demo.pushservice.vapid import normal_key
from tests.browser.firefox import wait_for
from tests.demo.receiving import Receiver
from tests.demo.sender import Sender, ask, token_of

Subscription = dict[str, Any]


def text(receiver: Receiver, token: str = "t1") -> str:  # noqa: S107
    shown = {
        "title": "Hei",
        "navigate": "https://shop.example/",
        "data": {"t": token, "u": receiver.origin + "/push/events/"},
    }
    return json.dumps({"web_push": 8030, "notification": shown})


def test_made_by_name_reads_and_reports_at_once(
    sender: Sender, device: Subscription, receiver: Receiver
) -> None:
    sender.post(device, text(receiver))
    wait_for(lambda: receiver.bodies("/push/events/"), "the receipt")
    assert receiver.bodies("/push/events/") == [{"t": "t1", "e": "displayed"}]
    [message] = sender.messages(device)
    assert message["state"] == "read"
    assert message["notification"] == {
        "title": "Hei",
        "body": "",
        "navigate": "https://shop.example/",
    }
    assert list(message["events"]) == ["displayed"]


def test_person_clicks_and_dismisses(
    sender: Sender, device: Subscription, receiver: Receiver
) -> None:
    sender.post(device, text(receiver))
    wait_for(lambda: receiver.bodies("/push/events/"), "the receipt")
    [message] = sender.messages(device)
    for event in ("clicked", "dismissed"):
        answer = sender.control("POST", f"/messages/{message['id']}/{event}")
        assert answer.json()["receipt_taken"] is True
    assert [body["e"] for body in receiver.bodies("/push/events/")][1:] == ["clicked", "dismissed"]
    assert sender.control("POST", f"/messages/{message['id']}/eaten").status == 404
    assert sender.control("POST", "/messages/none/clicked").status == 404


@pytest.mark.parametrize(
    "payload",
    [
        "not json",
        "[]",
        '{"notification": 1}',
        '{"notification": {"data": {"u": "javascript:alert(1)", "t": "x"}}}',
        '{"notification": {"data": {"u": "http://[", "t": "x"}}}',
        '{"notification": {"data": {"u": "http://127.0.0.1:9/", "t": "x"}}}',
    ],
)
def test_malformed_messages_do_no_harm(sender: Sender, device: Subscription, payload: str) -> None:
    sender.post(device, payload)
    wait_for(lambda: sender.messages(device)[0]["events"], "the display")
    assert sender.messages(device)[0]["payload"] == payload


def test_message_that_cannot_be_decrypted(sender: Sender, device: Subscription) -> None:
    sender.post(device, "{}", spoil=True)
    wait_for(lambda: sender.messages(device)[0]["error"], "the error")
    [message] = sender.messages(device)
    assert message["error"].startswith("could not be decrypted")
    assert (message["notification"], message["events"]) == (None, {})


def test_ten_thousand_at_once_are_quick(sender: Sender) -> None:
    start = time.monotonic()
    answer = sender.control(
        "POST", "/devices", {"applicationServerKey": sender.key, "count": 10_000}
    )
    assert time.monotonic() - start < 10
    devices = answer.json()["devices"]
    assert len({device["endpoint"] for device in devices}) == 10_000
    assert normal_key(devices[-1]["keys"]["p256dh"]) == devices[-1]["keys"]["p256dh"]


def test_bulk_reports_its_shares(sender: Sender, receiver: Receiver) -> None:
    options = {"count": 40, "displayed": 1, "clicked": 0.5, "dismissed": 0.5}
    body = {"applicationServerKey": sender.key} | options
    devices = sender.control("POST", "/devices", body).json()["devices"]
    for number, device in enumerate(devices):
        sender.post(device, text(receiver, token=str(number)))
    wait_for(lambda: len(receiver.bodies("/push/events/")) >= 40, "the displays")
    reports = receiver.bodies("/push/events/")[:40]
    assert {report["t"] for report in reports} == {str(number) for number in range(40)}
    # Clicks and dismissals follow 1 to 15 seconds later.
    wait_for(lambda: len(receiver.bodies("/push/events/")) >= 45, "clicks and dismissals")
    assert {r["e"] for r in receiver.bodies("/push/events/")[40:]} <= {"clicked", "dismissed"}


def test_bulk_without_reports_is_read_when_somebody_looks(
    sender: Sender, receiver: Receiver
) -> None:
    body = {"applicationServerKey": sender.key, "count": 2, "reports": False}
    [device, _] = sender.control("POST", "/devices", body).json()["devices"]
    sender.post(device, text(receiver))
    assert sender.messages(device)[0]["notification"]["title"] == "Hei"
    assert receiver.requests == []


def test_reports_are_limited_in_number(data: Path, receiver: Receiver) -> None:
    with running(data, rate=20) as service:
        sender = Sender(service.origin)
        body = {"applicationServerKey": sender.key, "count": 30, "displayed": 1}
        start = time.monotonic()
        for device in sender.control("POST", "/devices", body).json()["devices"]:
            sender.post(device, text(receiver))
        wait_for(lambda: len(receiver.bodies("/push/events/")) >= 20, "20 displays")
        assert time.monotonic() - start >= 19 / 20


def test_unread_messages_are_read_after_a_restart(data: Path, receiver: Receiver) -> None:
    with running(data, rate=0.001) as first:
        sender = Sender(first.origin)
        body = {"applicationServerKey": sender.key, "count": 3, "displayed": 1}
        for device in sender.control("POST", "/devices", body).json()["devices"]:
            sender.post(device, text(receiver))
    with running(data, rate=1000):
        wait_for(lambda: len(receiver.bodies("/push/events/")) == 3, "the receipts")


@pytest.mark.parametrize(
    "body",
    [
        {"applicationServerKey": "AAAA"},
        {"applicationServerKey": "é"},
        {"count": 0},
        {"count": "many"},
        {"count": True},
        {"displayed": 2},
        {"clicked": "often"},
    ],
)
def test_refuses_odd_devices(sender: Sender, body: dict[str, Any]) -> None:
    answer = sender.control("POST", "/devices", {"applicationServerKey": sender.key} | body)
    assert answer.status == 400


def test_list_and_pages(sender: Sender, device: Subscription) -> None:
    sender.control("POST", "/devices", {"applicationServerKey": sender.key, "count": 3})
    listed = sender.control("GET", "/devices?limit=2&offset=1").json()
    assert (listed["count"], len(listed["devices"])) == (4, 2)
    named = sender.control("GET", "/devices?kind=named").json()["devices"]
    assert [one["name"] for one in named] == ["Marit's phone"]
    assert sender.control("GET", "/devices?kind=browser").json()["count"] == 0
    assert sender.control("GET", "/devices?limit=all").status == 400
    assert sender.control("GET", "/devices/none").status == 404


def test_uninstalled_is_gone(sender: Sender, device: Subscription) -> None:
    path = "/devices/" + token_of(device)
    sender.control("PATCH", path, {"online": False})
    sender.post(device, "{}")
    assert sender.control("DELETE", path).status == 204
    assert sender.post(device, "{}").status == 410
    assert sender.control("GET", "/counters").json()["gone"] == 1
    assert sender.control("PATCH", path, {"online": "yes"}).status == 400


# Guard


def test_other_pages_cannot_use_it(sender: Sender) -> None:
    rule = b'{"status": 500}'
    plain = {"Content-Type": "text/plain"}
    assert ask("PUT", sender.origin + "/misbehave", rule, plain).status == 415
    cross = {"Sec-Fetch-Site": "cross-site"}
    assert ask("DELETE", sender.origin + "/misbehave", None, cross).status == 403
    rebound = {"Host": "rebound.example"}
    assert ask("GET", sender.origin + "/devices", None, rebound).status == 421
    assert ask("GET", sender.origin + "/healthz", None, rebound).status == 200


@pytest.mark.parametrize("body", [b"{", b"[]"])
def test_refuses_what_is_not_an_object(sender: Sender, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    assert ask("POST", sender.origin + "/devices", body, headers).status == 400


# At a campaign server


@pytest.fixture
def shop(receiver: Receiver, sender: Sender) -> dict[str, str]:
    """What the page asks for; the campaign server knows the site key "site"."""
    receiver.answers["/push/site/config.json"] = (200, {"key": sender.key})
    receiver.answers["/push/site/subscriptions/"] = (201, {"id": "42"})
    return {
        "beckon": receiver.origin + "/install/",
        "site_key": "site",
        "origin": "http://127.0.0.1:8001",
        "name": "Kari",
        "agent": "safari-iphone",
    }


def test_subscribes_as_the_snippet_would(
    sender: Sender, receiver: Receiver, shop: dict[str, str]
) -> None:
    answer = sender.control("POST", "/browsers", shop)
    assert answer.status == 201
    assert (answer.json()["name"], answer.json()["id"]) == ("Kari", "42")
    method, _, headers, body = receiver.requests[-1]
    assert (method, headers["Origin"]) == ("POST", "http://127.0.0.1:8001")
    assert "iPhone" in headers["User-Agent"]
    assert body["key"] == sender.key
    assert body["subscription"] == answer.json()["subscription"]
    assert body["prompt"] is None
    assert sender.post(body["subscription"], text(receiver)).status == 201
    wait_for(lambda: receiver.bodies("/push/events/"), "the receipt")


def test_says_yes_to_the_prompt_of_the_site(
    sender: Sender, receiver: Receiver, shop: dict[str, str]
) -> None:
    config = {"key": sender.key, "prompt": {"version": 3, "title": "Hear from us?"}}
    receiver.answers["/push/site/config.json"] = (200, config)
    assert sender.control("POST", "/browsers", shop).status == 201
    assert receiver.requests[-1][3]["prompt"] == 3


def test_suggests_what_is_known_of_the_demo(tmp_path: Path, sender: Sender) -> None:
    assert sender.control("GET", "/suggestions").json() == {}
    file = tmp_path / "demo_site_key"
    suggestions = Suggestions("http://127.0.0.1:9000", "http://127.0.0.1:9001", file)
    known = {"beckon": "http://127.0.0.1:9000", "origin": "http://127.0.0.1:9001"}
    assert suggestions.now() == known
    file.write_text("kq3J\n")
    assert suggestions.now() == known | {"site_key": "kq3J"}


@pytest.mark.parametrize(
    ("change", "answers", "field", "words"),
    [
        ({"site_key": ""}, {}, "site_key", "Give the site key"),
        ({"site_key": "../x"}, {}, "site_key", "Give the site key"),
        ({"site_key": "other"}, {}, "site_key", "does not know"),
        ({"beckon": "somewhere"}, {}, "beckon", "Give an address"),
        ({"origin": "shop"}, {}, "origin", "Give an address"),
        ({"beckon": "http://127.0.0.1:9"}, {}, "beckon", "does not answer"),
        ({}, {"/push/site/config.json": (200, {})}, "beckon", "no usable public key"),
        ({}, {"/push/site/config.json": (200, [])}, "beckon", "no usable public key"),
        ({}, {"/push/site/config.json": (200, None)}, "beckon", "no usable public key"),
        (
            {},
            {"/push/site/subscriptions/": (403, {"error": "origin", "detail": "Not yours."})},
            "origin",
            "Beckon refused (403): Not yours.",
        ),
        ({}, {"/push/site/subscriptions/": (500, {})}, "", "no reason given"),
    ],
)
def test_says_why_it_could_not_subscribe(
    sender: Sender,
    receiver: Receiver,
    shop: dict[str, str],
    change: dict[str, str],
    answers: dict[str, Any],
    field: str,
    words: str,
) -> None:
    receiver.answers |= answers
    answer = sender.control("POST", "/browsers", shop | change)
    assert (answer.status, answer.json()["field"]) == (422, field)
    assert words in answer.json()["detail"]
    assert sender.control("GET", "/devices").json()["count"] == 0


def test_home_page_is_strict_about_what_it_loads(service: Service) -> None:
    answer = ask("GET", service.origin + "/", None, {})
    assert b"Sandbox push service" in answer.body
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert b"style=" not in answer.body
