"""Misbehaving on demand, as a sender sees it."""

from __future__ import annotations

import http.client
import time
from typing import Any

import pytest

from demo.pushservice.faults import FaultError, parse
from demo.pushservice.service import Service
from tests.demo.sender import Sender, ask, token_of

Device = dict[str, Any]
GONE = (ConnectionError, http.client.RemoteDisconnected, http.client.IncompleteRead)


def test_status_with_headers(sender: Sender, device: Device) -> None:
    sender.misbehave(status=429, headers={"Retry-After": "7"}, body="slow down")
    answer = sender.post(device, "{}")
    assert (answer.status, answer.headers["Retry-After"], answer.body) == (429, "7", b"slow down")
    assert sender.log() == []
    assert sender.control("DELETE", "/misbehave").status == 204
    assert sender.post(device, "{}").status == 201


def test_accepted_and_then_an_error(sender: Sender, device: Device) -> None:
    sender.misbehave(action="status", status=502, accept=True)
    assert sender.post(device, "{}").status == 502
    assert len(sender.log()) == 1


@pytest.mark.parametrize("accept", [False, True])
def test_reset(sender: Sender, device: Device, accept: bool) -> None:
    sender.misbehave(action="reset", accept=accept)
    with pytest.raises(GONE):
        sender.post(device, "{}")
    assert len(sender.log()) == int(accept)


def test_hang(sender: Sender, device: Device) -> None:
    sender.misbehave(action="hang", seconds=0.3)
    start = time.monotonic()
    with pytest.raises(GONE):
        sender.post(device, "{}")
    assert time.monotonic() - start >= 0.3
    assert sender.log() == []


def test_slow_has_accepted_long_before_it_answers(sender: Sender, device: Device) -> None:
    sender.misbehave(action="slow", seconds=0.3)
    start = time.monotonic()
    assert sender.post(device, "{}").status == 201
    assert time.monotonic() - start >= 0.3
    [entry] = sender.log()
    [message] = sender.messages(device)
    assert message["id"] == entry["id"]
    assert message["accepted_at"] < time.time() - 0.3


def test_drip(sender: Sender, device: Device) -> None:
    sender.misbehave(action="drip", seconds=0.3)
    answer = sender.post(device, "{}")
    assert (answer.status, set(answer.body)) == (201, {ord(".")})
    assert len(sender.log()) == 1


def test_huge(sender: Sender, device: Device) -> None:
    sender.misbehave(action="huge", bytes=1_000_000)
    assert len(sender.post(device, "{}").body) == 1_000_000


def test_huge_is_not_minded_by_a_sender_that_leaves(
    service: Service, sender: Sender, device: Device
) -> None:
    sender.misbehave(action="huge", bytes=100_000_000)
    connection = http.client.HTTPConnection("127.0.0.1", int(service.origin.rpartition(":")[2]))
    headers = {"TTL": "1", "Authorization": sender.authorization()}
    connection.request("POST", device["endpoint"].removeprefix(service.origin), b"", headers)
    assert connection.getresponse().read(10) == b"x" * 10
    connection.close()
    assert sender.control("GET", "/counters").json()["fault_huge"] == 1


def test_redirect_leads_to_a_trap(sender: Sender, device: Device) -> None:
    sender.misbehave(action="redirect")
    answer = sender.post(device, "{}")
    assert (answer.status, answer.headers["Location"]) == (307, f"{sender.origin}/trap")
    assert ask("POST", answer.headers["Location"], b"{}", {}).status == 400
    assert sender.control("GET", "/counters").json()["redirects_followed"] == 1


def test_offline_holds_back_until_it_ends(sender: Sender, device: Device) -> None:
    sender.misbehave(action="offline", tokens=[device["endpoint"]])
    other = sender.device(name="Other")
    assert sender.post(device, "{}").status == 201
    assert sender.post(other, "{}").status == 201
    assert [m["state"] for m in sender.messages(device)] == ["waiting"]
    assert [m["state"] for m in sender.messages(other)] == ["read"]
    sender.control("DELETE", "/misbehave")
    assert [m["state"] for m in sender.messages(device)] == ["read"]


def test_expired_stay_gone(sender: Sender, device: Device) -> None:
    other = sender.device()
    sender.misbehave(action="expire", tokens=[token_of(device)])
    assert sender.control("GET", "/misbehave").json() == {"rules": []}
    assert sender.post(device, "{}").status == 410
    assert sender.post(other, "{}").status == 201
    sender.misbehave(action="expire")
    assert sender.post(other, "{}").status == 410


def test_key_change(sender: Sender, device: Device) -> None:
    sender.misbehave(action="key_change", share=1)
    assert sender.post(device, "{}").status == 403
    sender.control("DELETE", "/misbehave")
    assert sender.post(device, "{}").status == 201


def test_next_few(sender: Sender, device: Device) -> None:
    sender.misbehave(status=500, next=2)
    assert [sender.post(device, "{}").status for _ in range(4)] == [500, 500, 201, 201]


def test_share_is_exact(sender: Sender, device: Device) -> None:
    sender.misbehave(status=500, share=0.25)
    statuses = [sender.post(device, "{}").status for _ in range(12)]
    assert statuses.count(500) == 3


def test_first_rule_that_fits(sender: Sender, device: Device) -> None:
    other = sender.device()
    rules = [
        {"status": 503, "tokens": [token_of(device)]},
        {"action": "offline"},
        {"status": 400},
    ]
    answer = sender.control("PUT", "/misbehave", {"rules": rules})
    assert [rule["action"] for rule in answer.json()["rules"]] == ["status", "offline", "status"]
    assert answer.json()["rules"][0]["tokens"] == [token_of(device)]
    assert sender.post(device, "{}").status == 503
    assert sender.post(other, "{}").status == 400


def test_rules_are_told_as_given() -> None:
    [hang] = parse({"action": "hang", "seconds": 3, "next": 1})
    assert hang.as_json() == {"action": "hang", "accept": False, "next": 1, "seconds": 3}
    [status] = parse({"status": 503, "share": 0.5})
    assert status.as_json() == {"action": "status", "accept": False, "share": 0.5, "status": 503}
    [everyone] = parse({"action": "reset", "scope": "all"})
    assert everyone.as_json() == {"action": "reset", "accept": False, "scope": "all"}


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ([], "JSON object"),
        ({"rules": 1}, "must be a list"),
        ({"rules": [1]}, "must be a JSON object"),
        ({"action": "explode"}, "action must be one of"),
        ({"actoin": "reset"}, "unknown: actoin"),
        ({"scope": "some"}, "scope"),
        ({"next": 1, "share": 0.1}, "one of tokens, next, share"),
        ({"action": "offline", "next": 1}, "not next"),
        ({"status": 99}, "status must be"),
        ({"status": "503"}, "status must be a number"),
        ({"share": 2}, "share 0 to 1"),
        ({"next": 0.5}, "next must be a number"),
        ({"next": True}, "next must be a number"),
        ({"tokens": "all"}, "tokens must be a list"),
        ({"headers": []}, "headers must be an object"),
    ],
)
def test_what_cannot_be_understood_is_told(rule: object, words: str) -> None:
    with pytest.raises(FaultError, match=words):
        parse(rule)


def test_bad_rule_changes_nothing(sender: Sender, device: Device) -> None:
    sender.misbehave(status=503)
    answer = sender.control("PUT", "/misbehave", {"action": "explode"})
    assert (answer.status, answer.json()["error"]) == (400, "refused")
    assert sender.post(device, "{}").status == 503
