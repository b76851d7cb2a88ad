"""Our requests at the stand-in for Firebase and Apple, which checks them, and its every error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from demo.appservice import apns as apple
from demo.appservice import fcm as firebase
from demo.appservice.apns import BUNDLE
from demo.appservice.google import PROJECT
from demo.appservice.model import Device
from demo.appservice.run import running
from demo.appservice.service import Service as StandIn
from subscribers.transports import addresses, apns, fcm
from subscribers.transports.client import PushClient
from subscribers.transports.messages import (
    AppEndpoint,
    AppKey,
    Message,
    Outcome,
    Request,
    Urgency,
)
from tests.demo.appsender import AppSender

from .sending import send_all, short

TOPIC = "vTsLVdxIFcqoGIuXf6YTykCKqmPjvDlF"
APNS_ID = "bd3b0b55-dc48-55ca-a818-8b977fa613ca"
PAYLOADS = {
    "fcm": b'{"notification":{"title":"Winter"},"data":{"t":"1"},"android":{"ttl":"60s"}}',
    "apns": b'{"aps":{"alert":{"title":"Winter"}},"beckon":{"t":"1"}}',
}
PAYLOADS["apns+sandbox"] = PAYLOADS["apns"]


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with running(tmp_path_factory.mktemp("apps")) as service:
        yield service


@pytest.fixture(scope="module")
def command(stand_in: StandIn) -> Iterator[AppSender]:
    with AppSender(stand_in) as sender:
        yield sender


@pytest.fixture
def sender(stand_in: StandIn, command: AppSender) -> Iterator[Sender]:
    push_client = PushClient(timeout=1.0, ca_file=str(stand_in.ca_file))
    yield Sender(stand_in, command, push_client)
    push_client.close()
    assert command.control("DELETE", "/misbehave")[0] == 204


class Sender:
    """Ours, with a valid token of each service."""

    def __init__(self, stand_in: StandIn, command: AppSender, client: PushClient) -> None:
        self.stand_in, self.command, self.client = stand_in, command, client
        self.keys = {
            "fcm": AppKey(stand_in.google.give(PROJECT), stand_in.fcm_origin),
            "apns": AppKey(command._provider, stand_in.apns_origin, stand_in.apns_sandbox_origin),
        }

    def request(self, device: Device, ttl: int = 60, urgency: Urgency = Urgency.NORMAL) -> Request:
        service = device.service
        message = Message(PAYLOADS[service], ttl, urgency, TOPIC)
        if service == "fcm":
            address = addresses.parse(addresses.fcm(PROJECT, device.token))
            return fcm.request_for(AppEndpoint(address, self.keys["fcm"]), message)
        text = addresses.apns(BUNDLE, device.token, sandbox=service == "apns+sandbox")
        return apns.request_for(AppEndpoint(addresses.parse(text), self.keys["apns"]), message)

    def send(self, device: Device, ttl: int = 60, urgency: Urgency = Urgency.NORMAL) -> Outcome:
        request = self.request(device, ttl, urgency)
        (outcome,) = send_all(self.client, [request], extra_origins=self.stand_in.origins)
        return outcome

    def accepted(self, device: Device) -> list[dict[str, Any]]:
        return [entry for entry in self.stand_in.log.read() if entry["token"] == device.token]


@pytest.mark.parametrize("service", ["fcm", "apns", "apns+sandbox"])
@pytest.mark.parametrize("urgency", list(Urgency))
@pytest.mark.parametrize("ttl", [0, 60])
def test_what_we_send_is_taken(sender: Sender, service: str, urgency: Urgency, ttl: int) -> None:
    (device,) = sender.stand_in.add(1, service)
    outcome = sender.send(device, ttl, urgency)
    assert short([outcome]) == [("accepted", "200")]
    (entry,) = sender.accepted(device)
    if service == "fcm":
        assert outcome.message_location.startswith(f"projects/{PROJECT}/messages/")
        return
    assert outcome.message_location == entry["id"] == APNS_ID
    assert entry["topic"] == TOPIC
    assert entry["ttl"] in ((0,) if ttl == 0 else (59, 60))


FCM_REASONS = {
    "UNSPECIFIED_ERROR": ("refused", "fcm_invalid_argument"),
    "INVALID_ARGUMENT": ("gone", "fcm_bad_token"),
    "UNREGISTERED": ("gone", "fcm_unregistered"),
    "SENDER_ID_MISMATCH": ("config", "fcm_sender_mismatch"),
    "QUOTA_EXCEEDED": ("retry", "fcm_quota"),
    "UNAVAILABLE": ("retry", "fcm_unavailable"),
    "INTERNAL": ("unknown", "500"),
    "THIRD_PARTY_AUTH_ERROR": ("config", "fcm_third_party_auth"),
}
GONE = {"ExpiredToken", "Unregistered"}
RETRY = {
    "IdleTimeout", "ServiceUnavailable", "Shutdown", "TooManyProviderTokenUpdates",
    "TooManyRequests",
}  # fmt: skip
CONFIG = {
    "BadDeviceToken", "DeviceTokenNotForTopic", "BadTopic", "MissingTopic", "TopicDisallowed",
    *(name for name, status in apple.REASONS.items() if status == 403),
}  # fmt: skip


def apples_kind(name: str) -> str:
    kinds = {"gone": GONE, "retry": RETRY, "config": CONFIG, "unknown": {"InternalServerError"}}
    return next((kind for kind, names in kinds.items() if name in names), "refused")


@pytest.mark.parametrize("name", firebase.ERRORS)
def test_each_of_firebases_errors(sender: Sender, name: str) -> None:
    (device,) = sender.stand_in.add(1, "fcm")
    sender.command.misbehave(service="fcm", reason=name, headers={"Retry-After": "7"})
    outcome = sender.send(device)
    assert short([outcome]) == [FCM_REASONS[name]]
    assert outcome.retry_after == (7 if outcome.kind == "retry" else None)
    assert sender.accepted(device) == []


@pytest.mark.parametrize("name", apple.REASONS)
def test_each_of_apples_reasons(sender: Sender, name: str) -> None:
    (device,) = sender.stand_in.add(1, "apns")
    sender.command.misbehave(service="apns", reason=name)
    outcome = sender.send(device)
    assert str(outcome.kind) == apples_kind(name)
    assert (outcome.since is not None) == (name in GONE)
    assert sender.accepted(device) == []


@pytest.mark.parametrize("service", ["fcm", "apns"])
@pytest.mark.parametrize(
    ("action", "accept", "expected"),
    [
        ("refuse", False, ("retry", "refused_stream")),
        ("goaway", False, ("retry", "refused_stream")),
        ("goaway", True, ("unknown", "reset_after_request")),
        ("reset", False, ("unknown", "reset_after_request")),
        ("reset", True, ("unknown", "reset_after_request")),
        ("hang", True, ("unknown", "timeout_after_request")),
    ],
)
def test_only_what_is_proven_not_taken_may_be_sent_again(
    sender: Sender, service: str, action: str, accept: bool, expected: tuple[str, str]
) -> None:
    (device,) = sender.stand_in.add(1, service)
    sender.command.misbehave(action=action, accept=accept, seconds=5.0, next=1)
    assert short([sender.send(device)]) == [expected]
    assert len(sender.accepted(device)) == int(accept)
    assert short([sender.send(device)]) == [("accepted", "200")]


@pytest.mark.parametrize("service", ["fcm", "apns"])
def test_a_flood_arrives_once_each(sender: Sender, service: str) -> None:
    devices = sender.stand_in.add(150, service)
    requests = [sender.request(device) for device in devices]
    outcomes = send_all(sender.client, requests, extra_origins=sender.stand_in.origins)
    assert short(outcomes) == [("accepted", "200")] * 150
    assert all(len(sender.accepted(device)) == 1 for device in devices[::10])
