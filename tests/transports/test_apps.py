"""The requests to Firebase and Apple, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
import time_machine

from subscribers.transports import addresses, apns, fcm
from subscribers.transports.messages import (
    AppEndpoint,
    AppKey,
    BadMessage,
    Message,
    Request,
    Service,
    Urgency,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECONDS = 1795348800
TOPIC = "vTsLVdxIFcqoGIuXf6YTykCKqmPjvDlF"
DEVICE = "0123456789abcdef" * 4
REGISTRATION = "dXy_-1:APA91b" + "x" * 140
KEY = AppKey(
    "head.claims.signature", "https://api.push.apple.com", "https://api.sandbox.push.apple.com"
)
FCM_KEY = AppKey("ya29.access", "https://fcm.googleapis.com")
PAYLOAD = b'{"aps":{"alert":{"title":"Sale"}}}'
FCM_PAYLOAD = b'{"data":{"t":"1"},"android":{"ttl":"60s"}}'

Make = Callable[[AppEndpoint, Message], Request]


def at(address: str, key: AppKey = KEY) -> AppEndpoint:
    return AppEndpoint(addresses.parse(address), key)


def message(
    payload: bytes = PAYLOAD,
    *,
    ttl: int = 3600,
    urgency: Urgency = Urgency.NORMAL,
    topic: str = TOPIC,
) -> Message:
    return Message(payload, ttl=ttl, urgency=urgency, topic=topic)


IPHONE = at(addresses.apns("com.shop.app", DEVICE))
ANDROID = at(addresses.fcm("shop-1", REGISTRATION), FCM_KEY)


def test_the_request_to_firebase() -> None:
    assert fcm.request_for(ANDROID, message(FCM_PAYLOAD)) == Request(
        url="https://fcm.googleapis.com/v1/projects/shop-1/messages:send",
        headers=(
            ("Authorization", "Bearer ya29.access"),
            ("Content-Type", "application/json"),
        ),
        body=b'{"message":{"token":"%b","data":{"t":"1"},"android":{"ttl":"60s"}}}'
        % REGISTRATION.encode(),
        service=Service.FCM_APPS,
    )


@pytest.mark.parametrize("kind", ["token", "fid"])
@pytest.mark.parametrize("payload", [{"data": {}}, {"data": {"é": "“”\u2028"}, "fcm_options": {}}])
def test_firebase_gets_the_message_and_the_address(kind: str, payload: dict[str, object]) -> None:
    value = "c" * 22
    endpoint = at(addresses.fcm("example.com:shop", value, kind=kind), FCM_KEY)
    request = fcm.request_for(endpoint, message(json.dumps(payload).encode()))
    assert json.loads(request.body) == {"message": {kind: value, **payload}}
    assert "/projects/example.com:shop/" in request.url


@time_machine.travel(NOW, tick=False)
def test_the_request_to_apple() -> None:
    assert apns.request_for(IPHONE, message()) == Request(
        url=f"https://api.push.apple.com/3/device/{DEVICE}",
        headers=(
            ("authorization", "bearer head.claims.signature"),
            ("apns-topic", "com.shop.app"),
            ("apns-push-type", "alert"),
            ("apns-priority", "10"),
            ("apns-expiration", str(SECONDS + 3600)),
            ("content-type", "application/json"),
            ("apns-collapse-id", TOPIC),
            ("apns-id", "bd3b0b55-dc48-55ca-a818-8b977fa613ca"),
        ),
        body=PAYLOAD,
        service=Service.APNS,
        apart="head",
    )


@pytest.mark.parametrize(
    ("urgency", "priority"),
    [(Urgency.HIGH, "10"), (Urgency.NORMAL, "10"), (Urgency.LOW, "5"), (Urgency.VERY_LOW, "1")],
)
def test_apples_priorities(urgency: Urgency, priority: str) -> None:
    headers = dict(apns.request_for(IPHONE, message(urgency=urgency)).headers)
    assert headers["apns-priority"] == priority


def test_now_or_never() -> None:
    """Apple takes 0 for that, and what lies in the past not at all."""
    headers = dict(apns.request_for(IPHONE, message(ttl=0)).headers)
    assert headers["apns-expiration"] == "0"


def test_the_sandbox_is_another_host() -> None:
    endpoint = at(addresses.apns("com.shop.app", DEVICE, sandbox=True))
    request = apns.request_for(endpoint, message())
    assert request.url == f"https://api.sandbox.push.apple.com/3/device/{DEVICE}"


def test_a_delivery_keeps_its_id_and_another_has_another() -> None:
    def id_of(topic: str) -> str:
        return dict(apns.request_for(IPHONE, message(topic=topic)).headers)["apns-id"]

    assert id_of(TOPIC) == id_of(TOPIC)
    assert UUID(id_of(TOPIC)).version == 5
    assert len({id_of(letter + TOPIC[1:]) for letter in "abcdefgh-_"}) == 10


def test_without_a_topic_there_is_nothing_to_collapse() -> None:
    headers = dict(apns.request_for(IPHONE, message(topic="")).headers)
    assert not {"apns-collapse-id", "apns-id"} & set(headers)


def test_a_renewed_token_keeps_its_connection_and_another_key_does_not() -> None:
    def apart(token: str) -> str:
        key = AppKey(token, KEY.base)
        return apns.request_for(at(str(IPHONE.address), key), message()).apart

    assert apart("head.claims.signature") == apart("head.later.other")
    assert apart("other.claims.signature") != apart("head.claims.signature")


BOTH = [
    pytest.param(fcm.request_for, ANDROID, id="fcm"),
    pytest.param(apns.request_for, IPHONE, id="apns"),
]


def sized(size: int) -> bytes:
    return b'{"data":"%b"}' % (b"x" * (size - 11))


@pytest.mark.parametrize(("make", "endpoint"), BOTH)
def test_4096_bytes_are_the_most(make: Make, endpoint: AppEndpoint) -> None:
    assert len(sized(4096)) == 4096
    assert sized(4096)[1:] in make(endpoint, message(sized(4096))).body
    with pytest.raises(BadMessage) as refused:
        make(endpoint, message(sized(4097)))
    assert refused.value.code == "payload_too_large"
    assert refused.value.sentence == "The message has 4097 bytes; at most 4096 can be sent."


@pytest.mark.parametrize(("make", "endpoint"), BOTH)
@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (message(b""), "payload_empty"),
        (message(sized(20), ttl=-1), "ttl"),
        (message(sized(20), topic="short"), "topic"),
        (message(sized(20), topic="é" * 32), "topic"),
        (message(sized(20), topic="a" * 31 + "\n"), "topic"),
    ],
    ids=["empty", "ttl", "short-topic", "topic-letters", "topic-line"],
)
def test_what_can_not_be_sent(make: Make, endpoint: AppEndpoint, bad: Message, code: str) -> None:
    with pytest.raises(BadMessage) as refused:
        make(endpoint, bad)
    assert refused.value.code == code


@pytest.mark.parametrize("payload", [b"{}", b"[]", b'"x"', b'{"data":1'])
def test_firebase_needs_an_object_with_something_in_it(payload: bytes) -> None:
    with pytest.raises(BadMessage):
        fcm.request_for(ANDROID, message(payload))


@pytest.mark.parametrize(("make", "endpoint"), BOTH)
def test_nothing_secret_is_printed(make: Make, endpoint: AppEndpoint) -> None:
    printed = repr(make(endpoint, message(FCM_PAYLOAD))) + repr(endpoint)
    for secret in (endpoint.key.token, endpoint.address.value, "head", "data"):
        assert secret not in printed


@pytest.mark.parametrize(
    "text",
    [
        addresses.fcm("shop-1", REGISTRATION),
        addresses.fcm("example.com:shop", "c" * 22, kind="fid"),
        addresses.apns("com.shop.app", DEVICE),
        addresses.apns("com.shop.app", DEVICE.upper(), sandbox=True),
    ],
    ids=["fcm-token", "fcm-fid", "apns", "apns-sandbox"],
)
def test_an_address_is_written_as_it_was_read(text: str) -> None:
    assert str(addresses.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("https://fcm.googleapis.com/wp/abc", "kind"),
        ("", "kind"),
        ("fcm:", "kind"),
        ("inbox:4b2d", "kind"),
        ("fcm://shop-1", "kind"),
        (f"fcm://shop-1/topic/{REGISTRATION}", "kind"),
        (f"fcm://Shop/token/{REGISTRATION}", "project"),
        (f"fcm://../token/{REGISTRATION}", "project"),
        ("fcm://shop-1/token/a/b" + "c" * 30, "token"),
        ('fcm://shop-1/token/"' + "c" * 30, "token"),
        ("fcm://shop-1/token/" + "c" * 1025, "token"),
        ("fcm://shop-1/fid/" + "c" * 23, "token"),
        (f"apns://com.shop.app/{DEVICE}/", "token"),
        ("apns://com.shop.app/xyz", "token"),
        ("apns://com.shop.app/" + "a" * 15, "token"),
        ("apns://com.shop.app/" + "a" * 202, "token"),
        (f"apns://com shop/{DEVICE}", "bundle"),
        (f"apns:///{DEVICE}", "bundle"),
        ("apns://com.shop.app/" + "a" * 63 + "\n", "token"),
    ],
)
def test_no_address(text: str, part: str) -> None:
    with pytest.raises(addresses.BadAddress) as refused:
        addresses.parse(text)
    assert refused.value.part == part
    assert refused.value.sentence
