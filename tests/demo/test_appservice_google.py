"""The stand-in's token service and FCM HTTP v1, as a sender sees them."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from demo.appservice.google import PROJECT, Google
from demo.appservice.model import Device
from demo.appservice.run import running
from demo.appservice.service import Service
from tests.demo.appsender import NOTIFICATION, AppSender, code

OTHER = "another-project"


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
    return service.add(1, "fcm")[0]


# The token service


def test_a_signed_assertion_gets_a_token_that_sends(sender: AppSender, device: Device) -> None:
    answer = sender.ask_token()
    assert answer.status_code == 200
    given = answer.json()
    assert (given["expires_in"], given["token_type"]) == (3599, "Bearer")
    sent = sender.fcm({"token": device.token, **NOTIFICATION}, token=given["access_token"])
    assert sent.status_code == 200
    assert sent.json()["name"].startswith(f"projects/{PROJECT}/messages/")


def test_own_address_is_an_audience_too(sender: AppSender, service: Service) -> None:
    assert sender.ask_token(sender.assertion(aud=service.token_uri)).status_code == 200


NOW = int(time.time())


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        pytest.param({"aud": "https://x"}, "invalid_grant", "audience", id="audience"),
        pytest.param({"iss": "x@y"}, "invalid_grant", "account not found", id="issuer"),
        pytest.param({"exp": NOW - 999}, "invalid_grant", "timeframe", id="expired"),
        pytest.param({"exp": NOW + 9999}, "invalid_grant", "timeframe", id="too_long"),
        pytest.param({"iat": NOW - 9999}, "invalid_grant", "timeframe", id="old"),
        pytest.param({"iat": None}, "invalid_grant", "timeframe", id="no_iat"),
        pytest.param({"scope": None}, "invalid_scope", "scope", id="no_scope"),
        pytest.param({"scope": "https://x"}, "invalid_scope", "scope", id="scope"),
    ],
)
def test_claims_that_do_not_hold(
    sender: AppSender, changes: dict[str, Any], error: str, words: str
) -> None:
    answer = sender.ask_token(sender.assertion(**changes))
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert words in answer.json()["error_description"]


def test_requests_that_are_none(sender: AppSender, service: Service) -> None:
    assert sender.ask_token("nonsense").json()["error"] == "invalid_grant"
    assert sender.ask_token(grant_type="password").json()["error"] == "unsupported_grant_type"
    for form in ({"assertion": "x"}, {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}):
        answer = sender.http.post(service.token_uri, data=form)
        assert answer.json()["error"] == "invalid_request"
    assert sender.http.post(service.token_uri, json={}).json()["error"] == "invalid_request"


def test_a_replaced_key_and_a_deleted_account_are_refused(tmp_path: Path) -> None:
    with running(tmp_path) as service, AppSender(service) as sender:
        service.google.account(anew=True)
        assert "Signature" in sender.ask_token().json()["error_description"]
        service.google.forget(PROJECT)
        assert "not found" in sender.ask_token().json()["error_description"]


def test_tokens_end_and_outlast_a_restart(tmp_path: Path) -> None:
    google = Google(tmp_path, "https://x")
    token, brief = google.give(PROJECT), google.give(PROJECT, seconds=-1)
    again = Google(tmp_path, "https://x")
    assert again.project_of(token) == PROJECT
    assert again.project_of(token) == PROJECT
    assert again.project_of(brief) is None
    assert again.project_of(token + "x") is None
    assert again.project_of("") is None


# Who may send


@pytest.mark.parametrize(
    ("token", "reason", "named"),
    [
        pytest.param("", "CREDENTIALS_MISSING", False, id="none"),
        pytest.param("ya29.c.x.y", "ACCESS_TOKEN_EXPIRED", True, id="unknown"),
    ],
)
def test_without_a_token_that_counts(
    sender: AppSender, device: Device, token: str, reason: str, named: bool
) -> None:
    answer = sender.fcm({"token": device.token, **NOTIFICATION}, token=token)
    assert code(answer) == (401, "UNAUTHENTICATED", "")
    assert answer.json()["error"]["details"][0]["reason"] == reason
    assert ("invalid_token" in answer.headers["www-authenticate"]) is named


def test_another_projects_token_or_device(sender: AppSender, device: Device) -> None:
    service = sender.service
    answer = sender.fcm({"token": device.token, **NOTIFICATION}, project=OTHER)
    assert code(answer) == (403, "PERMISSION_DENIED", "")
    [theirs] = service.add(1, "fcm", OTHER)
    assert code(sender.to_android(theirs)) == (403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH")


def test_a_wrong_address_is_a_page_without_a_code(sender: AppSender) -> None:
    origin = sender.service.fcm_origin
    for method, path in (("POST", "/v1/x"), ("GET", f"/v1/projects/{PROJECT}/messages:send")):
        answer = sender.http.request(method, origin + path)
        assert (answer.status_code, answer.text[:9]) == (404, "<!DOCTYPE")
    assert sender.http.post(f"{origin}/else").status_code == 404


# To whom


def test_tokens_that_are_none_and_that_have_ended(sender: AppSender) -> None:
    wrong = (400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert code(sender.fcm({"token": "short", **NOTIFICATION})) == wrong
    assert code(sender.fcm({"token": "x" * 150, **NOTIFICATION})) == wrong
    [device] = sender.service.add(1, "fcm")
    sender.misbehave(action="expire", tokens=[f"fcm://{PROJECT}/token/{device.token}"])
    answer = sender.to_android(device)
    assert code(answer) == (404, "NOT_FOUND", "UNREGISTERED")
    assert answer.json()["error"]["message"] == "Requested entity was not found."


@pytest.mark.parametrize(
    "target",
    [{}, {"token": "x" * 30, "topic": "y"}],
    ids=["none", "two"],
)
def test_a_message_has_one_recipient(sender: AppSender, target: dict[str, str]) -> None:
    answer = sender.fcm({**NOTIFICATION, **target})
    assert code(answer) == (400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
    assert "Recipient" in answer.json()["error"]["message"]


# The message


def violations(answer: Any) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for detail in answer.json()["error"]["details"]:
        found += detail.get("fieldViolations", [])
    return found


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        pytest.param({"data": {"n": 1}}, "message.data[0].value", id="number_in_data"),
        pytest.param({"data": []}, "message.data", id="data_no_map"),
        pytest.param({"surprise": 1}, "message", id="unknown"),
        pytest.param({"android": {"tll": "1s"}}, "message.android", id="unknown_below"),
        pytest.param({"android": 5}, "message.android", id="no_object"),
        pytest.param({"android": {"ttl": 60}}, "message.android.ttl", id="ttl_no_text"),
        pytest.param({"android": {"ttl": "60"}}, "message.android.ttl", id="ttl_no_seconds"),
        pytest.param({"android": {"ttl": "2419201s"}}, "message.android.ttl", id="ttl_too_long"),
        pytest.param({"android": {"priority": "10"}}, "message.android.priority", id="priority"),
        pytest.param({"notification": {"title": 1}}, "message.notification.title", id="title"),
        pytest.param({"data": {"from": "x"}}, "message.data", id="reserved"),
        pytest.param({"data": {"gcm.x": "x"}}, "message.data", id="reserved_prefix"),
        pytest.param({"apns": {"payload": "x"}}, "message.apns.payload", id="payload_no_object"),
        pytest.param({"apns": {"payload": {}}}, "message.apns.payload", id="payload_no_aps"),
        pytest.param({"data": {"x": "y" * 4100}}, "message", id="too_large"),
        pytest.param(
            {"android": {"notification": {"sticky": "yes"}}},
            "message.android.notification.sticky",
            id="bool",
        ),
        pytest.param(
            {"android": {"notification": {"notification_count": True}}},
            "message.android.notification.notification_count",
            id="int",
        ),
        pytest.param(
            {"android": {"notification": {"title_loc_args": "x"}}},
            "message.android.notification.title_loc_args",
            id="list",
        ),
        pytest.param(
            {"android": {"notification": {"bodyLocArgs": ["x", 1]}}},
            "message.android.notification.bodyLocArgs[1]",
            id="item",
        ),
        pytest.param(
            {"android": {"notification": {"event_time": "now"}}},
            "message.android.notification.event_time",
            id="time",
        ),
        pytest.param(
            {"android": {"notification": {"light_settings": {"color": {"red": "1"}}}}},
            "message.android.notification.light_settings.color.red",
            id="float",
        ),
    ],
)
def test_fields_that_are_wrong(
    sender: AppSender, device: Device, fields: dict[str, Any], place: str
) -> None:
    before = len(sender.service.log)
    answer = sender.to_android(device, **fields)
    assert code(answer)[:2] == (400, "INVALID_ARGUMENT")
    [violation] = violations(answer)
    assert violation["field"] == place
    assert violation["description"] in answer.json()["error"]["message"]
    assert len(sender.service.log) == before


@pytest.mark.parametrize("body", [b"{", b"[]"], ids=["no_json", "no_object"])
def test_bodies_that_are_none(sender: AppSender, body: bytes) -> None:
    url = f"{sender.service.fcm_origin}/v1/projects/{PROJECT}/messages:send"
    headers = {"authorization": f"Bearer {sender.service.google.give(PROJECT)}"}
    answer = sender.http.post(url, content=body, headers=headers)
    assert code(answer) == (400, "INVALID_ARGUMENT", "")


def test_what_is_right_is_logged(sender: AppSender, device: Device) -> None:
    fields = {
        "data": {"t": "x", "none": "y"},
        "android": {
            "ttl": "90.5s",
            "collapse_key": "winter",
            "priority": "HIGH",
            "notification": {"channel_id": "offers", "image": None},
        },
        "apns": {"headers": {"apns-priority": "5"}, "payload": {"aps": {}}},
    }
    answer = sender.to_android(device, **fields)
    assert answer.status_code == 200
    entry = sender.control("GET", f"/log?since={len(sender.service.log) - 1}")[1]["entries"][0]
    assert entry["id"] == answer.json()["name"]
    wanted = {"service": "fcm", "token": device.token, "topic": "winter", "ttl": 90}
    assert entry | wanted | {"urgency": "HIGH"} == entry


def test_an_iphones_options_are_in_apples_headers(sender: AppSender) -> None:
    [device] = sender.service.add(1, "fcm", platform="iOS")
    headers = {"apns-expiration": str(int(time.time()) + 600), "apns-collapse-id": "winter"}
    sent = sender.to_android(device, apns={"headers": headers, "payload": {"aps": {}}})
    assert sent.status_code == 200
    entry = sender.service.log.read(since=len(sender.service.log) - 1)[0]
    assert entry["topic"] == "winter"
    assert 590 <= entry["ttl"] <= 600


def test_a_dry_run_is_checked_and_not_sent(sender: AppSender, device: Device) -> None:
    before = len(sender.service.log)
    message = {"token": device.token, **NOTIFICATION}
    answer = sender.fcm(message, validate_only=True)
    assert answer.json()["name"].endswith("/fake_message_id")
    assert sender.fcm({"token": "x" * 40}, validate_only=True).status_code == 400
    assert len(sender.service.log) == before


def test_http_1_is_spoken_as_googles_libraries_still_do(sender: AppSender, device: Device) -> None:
    service = sender.service
    context = ssl.create_default_context(cafile=str(service.ca_file))
    token = service.google.give(PROJECT)
    url = f"{service.fcm_origin}/v1/projects/{PROJECT}/messages:send"
    body = {"message": {"token": device.token, **NOTIFICATION}}
    with httpx.Client(http2=False, verify=context, trust_env=False) as http:
        for _ in range(3):
            answer = http.post(url, json=body, headers={"authorization": f"Bearer {token}"})
            assert (answer.http_version, answer.status_code) == ("HTTP/1.1", 200)
        with pytest.raises(httpx.TransportError):
            http.post(f"{service.apns_origin}/3/device/{'ab' * 32}", json={"aps": {}})


def test_the_account_is_a_file_as_firebase_gives_it(sender: AppSender) -> None:
    status, keys = sender.control("GET", "/keys")
    assert status == 200
    assert keys["google"] == sender.account
    assert sender.account["project_id"] == PROJECT
    assert jwt.decode(sender.assertion(), options={"verify_signature": False})["iss"].endswith(
        f"@{PROJECT}.iam.gserviceaccount.com"
    )
    assert json.loads(sender.service.google.account()) == sender.account
