"""Accepting messages: RFC 8030, 8291 and 8292, and the log that proves it."""

from __future__ import annotations

import http.client
import json
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from demo.pushservice.log import AcceptanceLog
from demo.pushservice.model import Device as Browser
from demo.pushservice.model import Kind, Message, encode
from demo.pushservice.run import running
from demo.pushservice.service import Service
from tests.demo.sender import Sender, ask, token_of

Device = dict[str, Any]
TEXT = json.dumps({"web_push": 8030, "notification": {"title": "Hei"}})


def test_accepts_and_logs(sender: Sender, device: Device, data: Path) -> None:
    answer = sender.post(device, TEXT, Topic="offer", Urgency="low")
    assert answer.status == 201
    assert answer.headers["TTL"] == "60"
    id = answer.headers["Location"].removeprefix(f"{sender.origin}/m/")
    [entry] = sender.log()
    assert entry.pop("at").endswith("+00:00")
    assert entry == {
        "n": 1,
        "token": token_of(device),
        "id": id,
        "topic": "offer",
        "ttl": 60,
        "urgency": "low",
        "size": 86 + len(TEXT) + 1 + 16,
    }
    # It is on disk before the sender has its answer.
    assert json.loads((data / "accepted.jsonl").read_text())["id"] == id
    assert sender.log(since=1) == []


def test_empty_message_needs_no_encryption(sender: Sender, device: Device) -> None:
    assert sender.post_raw(device["endpoint"], b"", Content_Encoding="").status == 201
    assert sender.messages(device)[0]["payload"] == ""


def test_long_ttl_is_shortened(sender: Sender, device: Device) -> None:
    assert sender.post(device, TEXT, TTL="99999999").headers["TTL"] == "2592000"


@pytest.mark.parametrize(
    ("headers", "status", "words"),
    [
        ({"TTL": ""}, 400, "TTL is missing"),
        ({"TTL": "soon"}, 400, "TTL is missing"),
        ({"TTL": "-1"}, 400, "TTL is missing"),
        ({"Topic": "a" * 33}, 400, "Topic"),
        ({"Topic": "with space"}, 400, "Topic"),
        ({"Urgency": "extreme"}, 400, "Urgency"),
        ({"Content_Encoding": "aesgcm"}, 400, "aes128gcm"),
        ({"Authorization": "Bearer x"}, 401, "vapid"),
        ({"Authorization": "vapid t=abc"}, 401, "k="),
        ({"Authorization": "vapid t=a.b.c, k=AAAA"}, 401, "well-formed"),
        ({"Authorization": "vapid t=\N{BULLET}"}, 401, "k="),
    ],
)
def test_refuses(
    sender: Sender, device: Device, headers: dict[str, str], status: int, words: str
) -> None:
    encoded = {name: value.encode().decode("latin-1") for name, value in headers.items()}
    answer = sender.post(device, TEXT, spoil=False, **encoded)
    assert (answer.status, answer.json()["code"]) == (status, status)
    assert words in answer.json()["message"]
    assert sender.log() == []


@pytest.mark.parametrize("body", [b"short", bytes(200)])
def test_refuses_what_is_not_encrypted(sender: Sender, device: Device, body: bytes) -> None:
    assert sender.post_raw(device["endpoint"], body).status == 400


def test_refuses_two_records(sender: Sender, device: Device) -> None:
    header = bytes(16) + (100).to_bytes(4, "big") + b"\x41\x04" + bytes(64)
    answer = sender.post_raw(device["endpoint"], header + bytes(101))
    assert "more than one record" in answer.json()["message"]


@pytest.mark.parametrize(("size", "status"), [(3993, 201), (3994, 413)])
def test_size_limit_is_exact(sender: Sender, device: Device, size: int, status: int) -> None:
    assert sender.post(device, "x" * size).status == status


def test_size_limit_without_a_length(service: Service, sender: Sender, device: Device) -> None:
    """A body that comes in chunks is measured too."""
    connection = http.client.HTTPConnection("127.0.0.1", int(service.origin.rpartition(":")[2]))
    headers = {"TTL": "1", "Authorization": sender.authorization()}
    path = device["endpoint"].removeprefix(service.origin)
    connection.request("POST", path, iter([bytes(5000)]), headers, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_unknown_subscription(sender: Sender, device: Device) -> None:
    assert sender.post(device | {"endpoint": f"{sender.origin}/wpush/v2/none"}, TEXT).status == 404


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"aud": "http://127.0.0.1"}, "aud"),
        ({"exp": 1}, "passed"),
        ({"exp": int(time.time()) + 90_000}, "24 hours"),
        ({"sub": "someone"}, "sub"),
    ],
)
def test_refuses_claims(sender: Sender, device: Device, claims: dict[str, Any], words: str) -> None:
    if "sub" in claims or "exp" in claims:
        # The reference library refuses to sign these.
        header = sign(sender, {"aud": sender.origin, "exp": int(time.time()) + 60} | claims)
    else:
        header = sender.authorization(**claims)
    answer = sender.post(device, TEXT, Authorization=header)
    assert (answer.status, answer.json()["errno"]) == (403, 109)
    assert words in answer.json()["message"]


def sign(sender: Sender, claims: Any, alg: str = "ES256") -> str:
    text = ".".join(encode(json.dumps(part).encode()) for part in ({"alg": alg}, claims))
    r, s = decode_dss_signature(
        sender.vapid.private_key.sign(text.encode(), ec.ECDSA(hashes.SHA256()))
    )
    return f"vapid t={text}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}, k={sender.key}"


@pytest.mark.parametrize(
    ("claims", "alg", "words"),
    [
        ([], "ES256", "object"),
        ({"exp": "soon"}, "ES256", "number"),
        ({"exp": True}, "ES256", "number"),
        ({}, "none", "ES256"),
    ],
)
def test_refuses_odd_tokens(
    sender: Sender, device: Device, claims: Any, alg: str, words: str
) -> None:
    answer = sender.post(device, TEXT, Authorization=sign(sender, claims, alg))
    assert answer.status == 403
    assert words in answer.json()["message"]


def test_refuses_a_signature_of_others(sender: Sender, device: Device) -> None:
    token = sender.authorization().partition("t=")[2].partition(",")[0]
    other = Sender(sender.origin)
    answer = sender.post(device, TEXT, Authorization=f"vapid t={token},k={other.key}")
    assert "does not verify" in answer.json()["message"]


def test_refuses_another_key_than_the_subscription_was_made_with(
    sender: Sender, device: Device
) -> None:
    answer = Sender(sender.origin).post(device, TEXT)
    assert answer.status == 403
    assert "key mismatch" in answer.json()["message"]
    assert sender.post(device, TEXT).status == 201


def test_token_is_good_only_as_long_as_it_says(
    sender: Sender, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verified once is not good for ever: the cache holds the expiry."""
    header = sender.authorization()
    assert sender.post(device, TEXT, Authorization=header).status == 201
    now = time.time()
    monkeypatch.setattr("demo.pushservice.vapid.time.time", lambda: now + 7200)
    assert sender.post(device, TEXT, Authorization=header).status == 403


def test_cache_is_bounded(sender: Sender, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demo.pushservice.vapid.CACHED", 1)
    for _ in range(3):
        assert sender.post(device, TEXT).status == 201


def test_waiting_message_is_replaced_by_its_topic_and_can_be_withdrawn(
    sender: Sender, device: Device
) -> None:
    path = "/devices/" + token_of(device)
    sender.control("PATCH", path, {"online": False})
    for topic in ("a", "a", "b", ""):
        location = sender.post(device, TEXT, Topic=topic).headers["Location"]
    assert sender.control("GET", path).json()["waiting"] == 3
    assert ask("DELETE", location, None, {}).status == 204
    assert ask("DELETE", location, None, {}).status == 404
    assert sender.control("PATCH", path, {"online": True}).json()["waiting"] == 0
    assert [message["topic"] for message in sender.messages(device)] == ["b", "a"]


def test_ttl_0_does_not_wait_and_short_ones_expire(
    service: Service, sender: Sender, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/devices/" + token_of(device)
    sender.control("PATCH", path, {"online": False})
    sender.post(device, TEXT, TTL="0")
    sender.post(device, TEXT, TTL="5")
    assert service.figures()["waiting"] == 1
    later = time.time() + 6
    monkeypatch.setattr("demo.pushservice.service.time.time", lambda: later)
    sender.control("PATCH", path, {"online": True})
    assert service.figures()["expired"] == 1
    assert sender.messages(device) == []


def test_restart_keeps_devices_messages_and_the_log(data: Path) -> None:
    with running(data) as first:
        sender = Sender(first.origin)
        device = sender.device(name="Phone")
        sender.control("PATCH", "/devices/" + token_of(device), {"online": False})
        sender.post(device, TEXT)
        port = int(first.origin.rpartition(":")[2])
    with running(data, port=port):
        assert sender.control("GET", "/devices/" + token_of(device)).json()["waiting"] == 1
        sender.control("PATCH", "/devices/" + token_of(device), {"online": True})
        assert sender.messages(device)[0]["notification"]["title"] == "Hei"
        sender.post(device, TEXT)
        assert [entry["n"] for entry in sender.log()] == [1, 2]


def test_sweep_forgets_what_waited_too_long(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data.mkdir()
    service = Service(origin="http://127.0.0.1:1", data=data)
    browser = Browser("token", Kind.BROWSER, "", time.time())
    service.devices["token"] = browser
    for ttl in (5, 500):
        service.accept(browser, Message(f"id {ttl}", "token", time.time(), ttl, b""))
    later = time.time() + 6
    monkeypatch.setattr("demo.pushservice.service.time.time", lambda: later)
    service.sweep()
    assert [message.ttl for message in service.waiting["token"]] == [500]
    assert [message.ttl for message in service.store.waiting()] == [500]
    service.close()


def test_log_drops_a_line_that_a_kill_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "accepted.jsonl"
    path.write_text('{"n":1,"token":"a"}\n{"n":2,"tok')
    log = AcceptanceLog(path)
    log.append({"token": "b"})
    assert log.read() == [{"n": 1, "token": "a"}, {"n": 2, "token": "b"}]
    assert log.read(limit=1) == [{"n": 1, "token": "a"}]
    assert log.read(since=5) == []
    log.close()
