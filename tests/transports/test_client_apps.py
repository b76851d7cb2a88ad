"""Requests for apps on real connections: where they may go, and what is believed of answers."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest

from subscribers.transports import addresses, apns, fcm
from subscribers.transports.client import PushClient
from subscribers.transports.messages import (
    AppEndpoint,
    AppKey,
    Message,
    Outcome,
    OutcomeKind,
    Request,
    Urgency,
)

from .sending import send_all, short
from .servers import Server, Visit, answering, http2

NONE: frozenset[str] = frozenset()
MESSAGE = Message(b'{"aps":{}}', ttl=60, urgency=Urgency.NORMAL, topic="a" * 32)


def to_apple(origin: str, number: int = 0, key: str = "key-1.claims.signature") -> Request:
    address = addresses.parse(addresses.apns("com.shop.app", f"{number:064x}"))
    return apns.request_for(AppEndpoint(address, AppKey(key, origin)), MESSAGE)


def to_firebase(origin: str) -> Request:
    address = addresses.parse(addresses.fcm("shop-1", "c" * 40))
    return fcm.request_for(AppEndpoint(address, AppKey("ya29", origin)), MESSAGE)


def send(client: PushClient, server: Server, *requests: Request) -> list[Outcome]:
    return send_all(client, requests, extra_origins=server.extra)


def reason_of(make: Callable[[str], Request]) -> str:
    return "fcm_origin" if make is to_firebase else "apns_origin"


@pytest.mark.parametrize("make", [to_apple, to_firebase])
@pytest.mark.parametrize(
    "origin",
    [
        "https://127.0.0.1",
        "https://169.254.169.254",
        "http://api.push.apple.com",
        "http://fcm.googleapis.com",
        "https://api.push.apple.com:2197",
        "https://fcm.googleapis.com:444",
        "https://web.push.apple.com",
        "https://android.googleapis.com",
        "https://api.push.apple.com.shop.example",
        "https://key@api.push.apple.com",
        "file://",
        "",
    ],
)
def test_only_to_the_services_for_apps(
    client: PushClient, make: Callable[[str], Request], origin: str
) -> None:
    """The address is of our settings, so no device is at fault: all stops, and all stay."""
    (outcome,) = send_all(client, [make(origin)], extra_origins=NONE)
    assert short([outcome]) == [("config", reason_of(make))]
    assert outcome.status_code is None
    assert outcome.detail


@pytest.mark.parametrize(
    "origin",
    [
        "https://fcm.googleapis.com",
        "https://api.push.apple.com",
        "https://api.sandbox.push.apple.com",
    ],
)
@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]"])
def test_a_service_whose_name_resolves_inside(origin: str, address: str) -> None:
    """The three hosts are let through the check of names, and only there."""
    rebound = PushClient(resolve=[f"{origin.removeprefix('https://')}:443:{address}"])
    make = to_firebase if "google" in origin else to_apple
    outcomes = send_all(rebound, [make(origin)], extra_origins=NONE)
    rebound.close()
    assert short(outcomes) == [("config", reason_of(make))]


@pytest.mark.parametrize(
    "url",
    [
        "https://fcm.googleapis.com/v1/projects/shop-1/messages:send",
        f"https://api.push.apple.com/3/device/{'0' * 64}",
        f"https://api.sandbox.push.apple.com/3/device/{'0' * 64}",
    ],
)
def test_no_endpoint_of_a_stranger_leads_there(client: PushClient, url: str) -> None:
    """They refuse each of our keys as if the key were wrong."""
    request = Request(url=url, headers=(("TTL", "60"),), body=b"x")
    (outcome,) = send_all(client, [request], extra_origins=NONE)
    assert outcome.reason in {"endpoint_host", "endpoint_path"}
    assert outcome.status_code is None


def test_an_answer_is_read_by_the_rules_of_its_service(
    client: PushClient, http2_context: ssl.SSLContext
) -> None:
    """A stand-in is at another host."""
    with Server(http2(lambda stream: stream.respond(403)), tls=http2_context) as server:
        origin = server.origin
        outcomes = send(client, server, to_apple(origin), to_firebase(origin))
    assert short(outcomes) == [("config", "apns_auth"), ("config", "fcm_auth")]


UNREGISTERED = (
    b'{"error":{"details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError",'
    b'"errorCode":"UNREGISTERED"}],"message":"'
)
GONE_AT_APPLE = b'{"reason":"Unregistered","timestamp":1454948015990,"more":"'


def saying(status: int, body: bytes, length: int) -> Callable[[Visit], None]:
    head = f"HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\n"
    return answering(f"{head}content-length: {length}\r\n\r\n".encode() + body)


@pytest.mark.parametrize(
    ("make", "status", "start", "kind", "reason"),
    [
        (to_firebase, 404, UNREGISTERED, "config", "fcm_not_found"),
        (to_firebase, 200, b'{"name":"', "accepted", "200"),
        (to_apple, 410, GONE_AT_APPLE, "refused", "410"),
        (to_apple, 429, b'{"reason":"', "retry", "429"),
    ],
)
def test_of_a_huge_answer_only_the_status_is_believed(
    client: PushClient,
    make: Callable[[str], Request],
    status: int,
    start: bytes,
    kind: str,
    reason: str,
) -> None:
    body = start + b"x" * 10_000_000 + b'"}'
    with Server(saying(status, body, len(body))) as server:
        outcomes = send(client, server, make(server.origin))
    assert short(outcomes) == [(kind, reason)]
    assert outcomes[0].message_location == ""
    assert len(outcomes[0].detail) <= 200


@pytest.mark.parametrize(
    ("make", "status", "body"), [(to_firebase, 404, UNREGISTERED), (to_apple, 410, GONE_AT_APPLE)]
)
def test_a_cut_off_answer_closes_nothing(
    client: PushClient, make: Callable[[str], Request], status: int, body: bytes
) -> None:
    def script(visit: Visit) -> None:
        visit.read_request()
        visit.answer(b"HTTP/1.1 %d Said\r\ncontent-length: 5000\r\n\r\n%b" % (status, body))
        visit.close()

    with Server(script) as server:
        (outcome,) = send(client, server, make(server.origin))
    assert outcome.kind is not OutcomeKind.GONE
    assert outcome.status_code == status
