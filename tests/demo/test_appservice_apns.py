"""The stand-in's APNs, as a sender sees it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.appservice import apns
from demo.appservice.apns import REASONS, Apple
from demo.appservice.http import Request
from demo.appservice.model import Device
from demo.appservice.run import running
from demo.appservice.service import Service
from tests.demo.appsender import AppSender, reason

NOW = int(time.time())
ID = "123e4567-e89b-12d3-a456-42661417ffff"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("apps")) as service:
        yield service


@pytest.fixture(scope="module")
def sender(service: Service) -> Iterator[AppSender]:
    with AppSender(service) as sender:
        yield sender


@pytest.fixture(scope="module")
def device(service: Service) -> Device:
    return service.add(1, "apns")[0]


def test_what_is_right_is_logged(sender: AppSender, device: Device) -> None:
    answer = sender.to_iphone(device, apns_collapse_id="winter", apns_id=ID)
    assert (answer.status_code, answer.content, answer.headers["apns-id"]) == (200, b"", ID)
    assert answer.http_version == "HTTP/2"
    entry = sender.service.log.read(since=len(sender.service.log) - 1)[0]
    wanted = {"service": "apns", "token": device.token, "id": ID, "topic": "winter"}
    assert entry | wanted | {"urgency": "10"} == entry
    assert 3590 <= entry["ttl"] <= 3600


def test_without_an_id_apple_makes_one(sender: AppSender, device: Device) -> None:
    assert len(sender.to_iphone(device, apns_id=None).headers["apns-id"]) == 36


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        pytest.param({"apns_topic": None}, (400, "MissingTopic"), id="no_topic"),
        pytest.param({"apns_topic": "x.y"}, (400, "TopicDisallowed"), id="topic"),
        pytest.param({"apns_push_type": None}, (400, "InvalidPushType"), id="no_type"),
        pytest.param({"apns_push_type": "loud"}, (400, "InvalidPushType"), id="type"),
        pytest.param({"apns_priority": "7"}, (400, "BadPriority"), id="priority"),
        pytest.param({"apns_push_type": "background"}, (400, "BadPriority"), id="background"),
        pytest.param({"apns_expiration": "soon"}, (400, "BadExpirationDate"), id="expiration"),
        pytest.param({"apns_collapse_id": "x" * 65}, (400, "BadCollapseId"), id="collapse"),
        pytest.param({"apns_id": "7"}, (400, "BadMessageId"), id="id"),
        pytest.param({"authorization": None}, (403, "MissingProviderToken"), id="no_token"),
        pytest.param({"authorization": "bearer x"}, (403, "InvalidProviderToken"), id="token"),
    ],
)
def test_headers_that_are_wrong(
    sender: AppSender, device: Device, headers: dict[str, Any], wanted: tuple[int, str]
) -> None:
    before = len(sender.service.log)
    answer = sender.to_iphone(device, **headers)
    assert reason(answer) == wanted
    assert answer.headers["apns-id"]
    assert len(sender.service.log) == before


@pytest.mark.parametrize(
    ("headers", "ttl"),
    [({"apns_expiration": None}, 2_592_000), ({"apns_expiration": "0"}, 0)],
    ids=["default", "now"],
)
def test_how_long_it_is_kept(
    sender: AppSender, device: Device, headers: dict[str, Any], ttl: int
) -> None:
    assert sender.to_iphone(device, **headers).status_code == 200
    assert sender.service.log.read(since=len(sender.service.log) - 1)[0]["ttl"] == ttl


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        pytest.param(b"", (400, "PayloadEmpty"), id="empty"),
        pytest.param(b"{", (400, "PayloadEmpty"), id="no_json"),
        pytest.param(b'{"aps":1}', (400, "PayloadEmpty"), id="no_aps"),
        pytest.param(b'{"aps":{},"x":"%b"}' % (b"y" * 4080), (413, "PayloadTooLarge"), id="large"),
    ],
)
def test_payloads_that_are_none(
    sender: AppSender, device: Device, body: bytes, wanted: tuple[int, str]
) -> None:
    assert reason(sender.to_iphone(device, body)) == wanted


def test_a_payload_of_4096_bytes_is_taken(sender: AppSender, device: Device) -> None:
    body = b'{"aps":{},"x":""}'
    full = body.replace(b'""', b'"%b"' % (b"y" * (4096 - len(body))))
    assert len(full) == 4096
    assert sender.to_iphone(device, full).status_code == 200


def test_paths_and_methods(sender: AppSender, device: Device) -> None:
    origin = sender.service.apns_origin
    assert reason(sender.to_iphone("")) == (400, "MissingDeviceToken")
    assert reason(sender.to_iphone("xyz")) == (400, "BadDeviceToken")
    assert reason(sender.http.get(f"{origin}/3/device/{device.token}"))[1] == "MethodNotAllowed"
    assert reason(sender.http.post(f"{origin}/3/else")) == (404, "BadPath")
    twice = [("apns-priority", "5"), ("apns-priority", "5")]
    answer = sender.http.post(f"{origin}/3/device/{device.token}", headers=twice)
    assert reason(answer) == (400, "DuplicateHeaders")


def test_tokens_of_another_kind(sender: AppSender, device: Device) -> None:
    service = sender.service
    [built] = service.add(1, "apns+sandbox")
    assert sender.to_iphone(built).status_code == 200
    wrong = (400, "BadDeviceToken")
    assert reason(sender.to_iphone(built.token)) == wrong
    assert reason(sender.to_iphone(device, origin=service.apns_sandbox_origin)) == wrong
    assert reason(sender.to_iphone("ab" * 32)) == wrong
    [android] = service.add(1, "fcm")
    assert reason(sender.to_iphone(android.token)) == wrong


def test_another_app_of_the_same_team(sender: AppSender) -> None:
    both = ("no.fjellfjord.app", "no.fjellfjord.other")
    [other] = sender.service.add(1, "apns", both[1])
    assert reason(sender.to_iphone(other)) == (400, "DeviceTokenNotForTopic")
    sender.key, mine = sender.service.apple.key(both, name="both"), sender.key
    fresh = f"bearer {sender.provider_token()}"
    sender.key = mine
    with AppSender(sender.service) as another:
        headers = {"authorization": fresh, "apns_topic": both[1]}
        assert another.to_iphone(other, **headers).status_code == 200


def test_tokens_that_ended_say_since_when(sender: AppSender) -> None:
    [device] = sender.service.add(1, "apns")
    began = time.time()
    sender.misbehave(action="expire", tokens=[device.token])
    answer = sender.to_iphone(device)
    assert reason(answer) == (410, "Unregistered")
    assert began * 1000 - 1 <= answer.json()["timestamp"] <= time.time() * 1000


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        pytest.param({"iss": "ABCDEFGHIJ"}, "InvalidProviderToken", id="team"),
        pytest.param({"kid": "ABCDEFGHIJ"}, "InvalidProviderToken", id="key"),
        pytest.param({"iat": "today"}, "InvalidProviderToken", id="iat"),
        pytest.param({"iat": NOW + 3600}, "InvalidProviderToken", id="future"),
        pytest.param({"iat": NOW - 3700}, "ExpiredProviderToken", id="old"),
    ],
)
def test_provider_tokens_that_do_not_hold(
    sender: AppSender, device: Device, changes: dict[str, Any], wanted: str
) -> None:
    token = f"bearer {sender.provider_token(**changes)}"
    assert reason(sender.to_iphone(device, authorization=token)) == (403, wanted)


def test_a_connection_takes_no_new_token_for_20_minutes(service: Service, device: Device) -> None:
    with AppSender(service) as sender:
        assert sender.to_iphone(device).status_code == 200
        another = f"bearer {sender.provider_token(iat=NOW - 100)}"
        answer = sender.to_iphone(device, authorization=another)
        assert reason(answer) == (429, "TooManyProviderTokenUpdates")
        assert sender.to_iphone(device).status_code == 200
    with AppSender(service) as sender:
        assert sender.to_iphone(device, authorization=another).status_code == 200


def test_after_20_minutes_it_does(sender: AppSender) -> None:
    apple = sender.service.apple
    connection: dict[str, Any] = {"provider": (time.time() - 1201, "the one before")}
    headers = {"authorization": f"bearer {sender.provider_token()}"}
    request = Request("POST", "/3/device/x", "", headers, b"", "", connection)
    assert apple.allowed(request) == frozenset(sender.key.bundle_ids)
    connection["provider"] = (time.time() - 1199, "the one before")
    with pytest.raises(apns.Refused, match="TooManyProviderTokenUpdates"):
        apple.allowed(request)


def test_a_revoked_key_counts_no_more(tmp_path: Path) -> None:
    with running(tmp_path) as service, AppSender(service) as sender:
        [device] = service.add(1, "apns")
        assert sender.to_iphone(device).status_code == 200
        service.apple.revoke(sender.key)
        assert reason(sender.to_iphone(device)) == (403, "InvalidProviderToken")


def test_keys_outlast_a_restart(tmp_path: Path) -> None:
    key = Apple(tmp_path).key()
    assert Apple(tmp_path).key() == key


def test_every_reason_has_its_status() -> None:
    assert len(REASONS) == 32
    for name, status in REASONS.items():
        answer = apns.error(name, message_id=ID)
        assert answer.status == status
        assert (b"timestamp" in answer.body) is (status == 410)
        assert answer.headers == (("apns-id", ID),)
