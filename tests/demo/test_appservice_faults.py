"""Misbehaving on demand, as a sender to apps sees it."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo.appservice import apns, fcm
from demo.appservice.faults import OAUTH_ERRORS, FaultError, parse
from demo.appservice.model import Device
from demo.appservice.run import running
from demo.appservice.service import Service
from tests.demo.appsender import AppSender, code, reason


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("apps")) as service:
        yield service


@pytest.fixture
def sender(service: Service) -> Iterator[AppSender]:
    with AppSender(service) as sender:
        yield sender
        assert sender.control("DELETE", "/misbehave")[0] == 204


@pytest.fixture
def iphone(service: Service) -> Device:
    return service.add(1, "apns")[0]


@pytest.fixture
def android(service: Service) -> Device:
    return service.add(1, "fcm")[0]


def accepted(sender: AppSender, device: Device) -> int:
    return sum(entry["token"] == device.token for entry in sender.service.log.read())


@pytest.mark.parametrize("name", fcm.ERRORS)
def test_each_of_fcms_errors(sender: AppSender, android: Device, name: str) -> None:
    sender.misbehave(service="fcm", reason=name, headers={"Retry-After": "7"}, next=1)
    answer = sender.to_android(android)
    assert code(answer) == (fcm.ERRORS[name][0], fcm.ERRORS[name][1], name)
    assert answer.headers["retry-after"] == "7"
    assert accepted(sender, android) == 0
    assert sender.to_android(android).status_code == 200


@pytest.mark.parametrize("name", apns.REASONS)
def test_each_of_apples_reasons(sender: AppSender, iphone: Device, name: str) -> None:
    sender.misbehave(service="apns", reason=name, tokens=[iphone.token])
    assert reason(sender.to_iphone(iphone)) == (apns.REASONS[name], name)
    assert accepted(sender, iphone) == 0


@pytest.mark.parametrize("name", OAUTH_ERRORS)
def test_each_of_the_token_services_errors(sender: AppSender, name: str) -> None:
    sender.misbehave(service="oauth", reason=name)
    answer = sender.ask_token()
    assert answer.status_code == (500 if name == "internal_failure" else 400)
    assert answer.json()["error"] == OAUTH_ERRORS[name][0]


def test_what_is_not_meant_goes_on(sender: AppSender, android: Device, iphone: Device) -> None:
    sender.misbehave(service="fcm", status=503)
    assert sender.to_android(android).status_code == 503
    assert sender.to_iphone(iphone).status_code == 200
    sender.misbehave(status=503)
    assert sender.to_iphone(iphone).status_code == 503
    assert sender.ask_token().status_code == 200


def send(sender: AppSender, android: Device, iphone: Device, service: str) -> httpx.Response:
    return sender.to_android(android) if service == "fcm" else sender.to_iphone(iphone)


@pytest.mark.parametrize("service_name", ["fcm", "apns"])
@pytest.mark.parametrize(
    ("action", "accept"),
    [
        *(("reset", False), ("reset", True), ("hang", False), ("hang", True)),
        *(("goaway", False), ("goaway", True), ("refuse", False)),
    ],
)
def test_broken_off(
    sender: AppSender,
    android: Device,
    iphone: Device,
    action: str,
    accept: bool,
    service_name: str,
) -> None:
    device = android if service_name == "fcm" else iphone
    sender.misbehave(action=action, accept=accept, seconds=0.2, next=1)
    with pytest.raises(httpx.TransportError) as caught:
        send(sender, android, iphone, service_name)
    if action == "refuse":
        assert "REFUSED_STREAM" in str(caught.value) or "error_code:7" in str(caught.value)
    assert accepted(sender, device) == int(accept)
    assert send(sender, android, iphone, service_name).status_code == 200


def test_slow_has_accepted_long_before_it_answers(sender: AppSender, iphone: Device) -> None:
    sender.misbehave(action="slow", seconds=0.3)
    began = time.monotonic()
    assert sender.to_iphone(iphone).status_code == 200
    assert time.monotonic() - began >= 0.3
    assert accepted(sender, iphone) == 1


@pytest.mark.parametrize(
    ("rule", "size"),
    [({"action": "drip", "seconds": 0.3}, 2), ({"action": "huge", "bytes": 1_000_000}, 1_000_000)],
    ids=["drip", "huge"],
)
def test_odd_bodies(
    sender: AppSender, android: Device, iphone: Device, rule: dict[str, Any], size: int
) -> None:
    sender.misbehave(**rule)
    for service in ("fcm", "apns"):
        answer = send(sender, android, iphone, service)
        assert answer.status_code == 200
        assert len(answer.content) >= size


@pytest.fixture
def http1(sender: AppSender) -> Iterator[AppSender]:
    """As Google's own libraries send."""
    context = ssl.create_default_context(cafile=str(sender.service.ca_file))
    by_http2 = sender.http
    with httpx.Client(verify=context, trust_env=False) as sender.http:
        yield sender
    sender.http = by_http2


@pytest.mark.parametrize(
    ("rule", "size"),
    [({"action": "drip", "seconds": 0.3}, 2), ({"action": "huge", "bytes": 8_000_000}, 8_000_000)],
    ids=["drip", "huge"],
)
def test_odd_bodies_by_http_1(
    http1: AppSender, android: Device, rule: dict[str, Any], size: int
) -> None:
    http1.misbehave(**rule)
    answer = http1.to_android(android)
    assert (answer.http_version, answer.status_code) == ("HTTP/1.1", 200)
    assert len(answer.content) >= size


@pytest.mark.parametrize("action", ["reset", "goaway", "refuse", "hang"])
def test_broken_off_by_http_1(http1: AppSender, android: Device, action: str) -> None:
    http1.misbehave(action=action, seconds=0.2, next=1)
    with pytest.raises(httpx.TransportError):
        http1.to_android(android)
    assert accepted(http1, android) == 0
    assert http1.to_android(android).status_code == 200


def test_huge_is_not_minded_by_a_sender_that_leaves(sender: AppSender, iphone: Device) -> None:
    sender.misbehave(action="huge", bytes=50_000_000, next=1)
    sender.http.timeout = httpx.Timeout(0.05)
    with sender.http.stream(
        "POST",
        f"{sender.service.apns_origin}/3/device/{iphone.token}",
        json={"aps": {}},
        headers={
            "authorization": f"bearer {sender.provider_token()}",
            "apns-topic": "no.fjellfjord.app",
            "apns-push-type": "alert",
        },
    ) as answer:
        assert answer.status_code == 200
    sender.http.timeout = httpx.Timeout(10)
    assert sender.to_android(sender.service.add(1, "fcm")[0]).status_code == 200


def test_redirects(sender: AppSender, android: Device) -> None:
    sender.misbehave(action="redirect", location="https://127.0.0.1:1/x", service="fcm")
    answer = sender.to_android(android)
    assert (answer.status_code, answer.headers["location"]) == (307, "https://127.0.0.1:1/x")
    assert accepted(sender, android) == 0


def test_refused_keys(sender: AppSender, android: Device, iphone: Device) -> None:
    sender.misbehave(action="key_change")
    assert code(sender.to_android(android))[2] == "SENDER_ID_MISMATCH"
    assert reason(sender.to_iphone(iphone)) == (403, "InvalidProviderToken")


def test_offline_phones_get_it_later_and_once_for_a_key(
    sender: AppSender, service: Service
) -> None:
    [iphone] = service.add(1, "apns", displayed=1.0)
    sender.misbehave(action="offline", service="apns")
    for number in range(2):
        payload = {"aps": {"alert": f"no {number}"}}
        assert sender.to_iphone(iphone, payload, apns_collapse_id="one").status_code == 200
    assert sender.to_iphone(iphone, apns_expiration="0").status_code == 200
    assert len(service.waiting[iphone.token]) == 1
    assert sender.control("DELETE", "/misbehave")[0] == 204
    assert iphone.token not in service.waiting
    assert accepted(sender, iphone) == 3
    status, found = sender.control("GET", f"/devices/{iphone.token}")
    assert status == 200
    arrived = [
        one["notification"]["body"] for one in found["messages"] if one["state"] != "waiting"
    ]
    assert arrived == ["no 1"]


def test_what_waited_too_long_is_forgotten(sender: AppSender, service: Service) -> None:
    devices = service.add(2, "apns")
    sender.misbehave(action="offline")
    for device in devices:
        assert sender.to_iphone(device).status_code == 200
        service.waiting[device.token][0].accepted_at -= 4000
    before = service.counters["expired"]
    service.deliver_waiting(devices[0])  # offline still: it goes on waiting
    assert len(service.waiting[devices[0].token]) == 1
    assert sender.control("DELETE", "/misbehave")[0] == 204
    assert service.counters["expired"] == before + 2


def test_what_waits_too_long_is_swept_out(sender: AppSender, service: Service) -> None:
    late, young = service.add(2, "apns")
    sender.misbehave(action="offline")
    for device in (late, young):
        assert sender.to_iphone(device).status_code == 200
    service.waiting[late.token][0].accepted_at -= 4000
    service.sweep()
    assert late.token not in service.waiting
    assert len(service.waiting[young.token]) == 1


def test_the_rules_in_force_are_shown(sender: AppSender) -> None:
    rules = [
        {"action": "goaway", "accept": True, "next": 3},
        {"action": "status", "service": "fcm", "reason": "UNAVAILABLE", "share": 0.5},
    ]
    status, found = sender.control("PUT", "/misbehave", {"rules": rules})
    assert status == 200
    assert found["rules"][0] == {"action": "goaway", "accept": True, "next": 3}
    shown = {"reason": "UNAVAILABLE", "status": 503, "share": 0.5, "service": "fcm"}
    assert found["rules"][1] | shown == found["rules"][1]
    assert "Unregistered" in found["reasons"]["apns"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (1, "JSON object"),
        ({"rules": 1}, "a list"),
        ({"rules": [1]}, "JSON object"),
        ({"service": "gcm"}, "service must be"),
        ({"service": "fcm", "reason": "Unregistered"}, "reason must be"),
        ({"reason": "Unregistered"}, "name that"),
        ({"action": "dance"}, "action must be"),
        ({"action": "refuse", "accept": True}, "nothing was accepted"),
    ],
    ids=["number", "no_list", "no_object", "service", "reason", "whose", "action", "refuse"],
)
def test_rules_that_are_refused(rule: Any, words: str) -> None:
    with pytest.raises(FaultError, match=words):
        parse(rule)


def test_a_wrong_rule_is_a_sentence(sender: AppSender) -> None:
    status, found = sender.control("PUT", "/misbehave", {"service": "gcm"})
    assert status == 400
    assert found["detail"].startswith("service must be one of")


def test_the_log_and_the_devices_outlast_a_restart(tmp_path: Path) -> None:
    with running(tmp_path) as service, AppSender(service) as sender:
        [device] = service.add(1, "apns")
        sender.misbehave(action="offline")
        assert sender.to_iphone(device).status_code == 200
    with running(tmp_path) as service, AppSender(service) as sender:
        assert [entry["n"] for entry in service.log.read()] == [1]
        assert len(service.waiting[device.token]) == 1
        assert sender.to_iphone(device).status_code == 200
        assert len(service.log) == 2
