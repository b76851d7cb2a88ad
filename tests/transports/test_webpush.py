from __future__ import annotations

import os

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from subscribers.transports.endpoints import EndpointRefused
from subscribers.transports.keys import (
    BadKey,
    VapidIdentity,
    VapidSigner,
    generate_vapid,
    public_point,
)
from subscribers.transports.messages import BadMessage, Endpoint, Message, Urgency
from subscribers.transports.webpush import PayloadTooLarge, encrypt, request_for, sealed

BROWSER = ec.generate_private_key(ec.SECP256R1())
P256DH = public_point(BROWSER)
AUTH = bytes(range(16))
VAPID = VapidIdentity(7, *generate_vapid(), "mailto:push@shop.example")
MESSAGE = Message(b'{"web_push":8030}', ttl=3600, urgency=Urgency.NORMAL, topic="a" * 32)


def endpoint(url: str = "https://fcm.googleapis.com/wp/abc") -> Endpoint:
    return Endpoint(url, P256DH, AUTH, VAPID)


def decrypt(body: bytes) -> bytes:
    plain: bytes = http_ece.decrypt(
        body, private_key=BROWSER, auth_secret=AUTH, version="aes128gcm"
    )
    return plain


@pytest.mark.parametrize("size", [1, 2600, 3993])
def test_a_browser_can_read_it_and_it_is_one_record(size: int) -> None:
    payload = os.urandom(size)
    body = encrypt(payload, P256DH, AUTH)
    assert len(body) == size + 103 <= 4096
    assert decrypt(body) == payload


@given(
    payload=st.binary(min_size=1, max_size=3993),
    auth=st.binary(min_size=16, max_size=16),
    salt=st.binary(min_size=16, max_size=16),
)
def test_with_the_same_key_and_salt_the_reference_makes_the_same_bytes(
    payload: bytes, auth: bytes, salt: bytes
) -> None:
    """`http_ece` is what pywebpush encrypts with, and has been read by every browser."""
    key = ec.generate_private_key(ec.SECP256R1())
    theirs = http_ece.encrypt(
        payload, salt=salt, private_key=key, dh=P256DH, auth_secret=auth, version="aes128gcm"
    )
    assert sealed(payload, P256DH, auth, key=key, salt=salt) == theirs


def test_one_byte_too_many_is_refused_before_anything_else() -> None:
    with pytest.raises(PayloadTooLarge) as refused:
        encrypt(bytes(3994), b"no key", b"no secret")
    assert refused.value.code == "payload_too_large"


def test_an_empty_message_is_refused() -> None:
    with pytest.raises(BadMessage) as refused:
        encrypt(b"", P256DH, AUTH)
    assert refused.value.code == "payload_empty"


@pytest.mark.parametrize(
    ("p256dh", "auth", "field"),
    [
        (P256DH, b"", "auth"),
        (P256DH, AUTH + b"x", "auth"),
        (b"", AUTH, "p256dh"),
        (b"\x05" + P256DH[1:], AUTH, "p256dh"),
        (b"\x04" + bytes(64), AUTH, "p256dh"),
    ],
    ids=["no auth", "long auth", "no key", "no point", "point off the curve"],
)
def test_bad_keys_are_refused(p256dh: bytes, auth: bytes, field: str) -> None:
    with pytest.raises(BadKey) as refused:
        encrypt(b"x", p256dh, auth)
    assert refused.value.field == field


def test_every_body_has_its_own_key_and_salt() -> None:
    bodies = [encrypt(b"same", P256DH, AUTH) for _ in range(20)]
    for part in (slice(0, 16), slice(21, 86), slice(86, None)):
        assert len({body[part] for body in bodies}) == 20


def test_the_request() -> None:
    signer = VapidSigner()
    request = request_for(endpoint(), MESSAGE, signer)
    assert request.url == "https://fcm.googleapis.com/wp/abc"
    assert dict(request.headers) == {
        "TTL": "3600",
        "Urgency": "normal",
        "Topic": "a" * 32,
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "Authorization": signer.authorization(VAPID, "https://fcm.googleapis.com"),
    }
    assert decrypt(request.body) == MESSAGE.payload


def test_no_topic_no_header() -> None:
    message = Message(b"x", ttl=0, urgency=Urgency.VERY_LOW, topic="")
    headers = dict(request_for(endpoint(), message, VapidSigner()).headers)
    assert "Topic" not in headers
    assert (headers["TTL"], headers["Urgency"]) == ("0", "very-low")


@pytest.mark.parametrize(("ttl", "policy"), [(0, "no-cache"), (60, "cache")])
def test_windows_gets_its_own_header(ttl: int, policy: str) -> None:
    message = Message(b"x", ttl=ttl, urgency=Urgency.NORMAL, topic="")
    to_windows = endpoint("https://wns2-par02p.notify.windows.com/w/?token=a")
    headers = dict(request_for(to_windows, message, VapidSigner()).headers)
    assert headers["X-WNS-Cache-Policy"] == policy
    others = dict(request_for(endpoint(), message, VapidSigner()).headers)
    assert "X-WNS-Cache-Policy" not in others


def test_sends_to_several_services_do_not_mix() -> None:
    signer = VapidSigner()
    urls = ["https://fcm.googleapis.com/wp/a", "https://web.push.apple.com/b"] * 2
    headers = [dict(request_for(endpoint(u), MESSAGE, signer).headers) for u in urls]
    assert headers[0] == headers[2]
    assert headers[1] == headers[3]
    assert headers[0]["Authorization"] != headers[1]["Authorization"]


@pytest.mark.parametrize(
    ("ttl", "topic", "code"),
    [
        (-1, "", "ttl"),
        (1, "a" * 31, "topic"),
        (1, "a" * 33, "topic"),
        (1, "a" * 31 + "=", "topic"),
        (1, "a" * 31 + "é", "topic"),
        (1, "a" * 32 + "\n", "topic"),
        (1, "a" * 26 + "\r\nX: y", "topic"),
    ],
)
def test_bad_messages_are_refused(ttl: int, topic: str, code: str) -> None:
    message = Message(b"x", ttl=ttl, urgency=Urgency.NORMAL, topic=topic)
    with pytest.raises(BadMessage) as refused:
        request_for(endpoint(), message, VapidSigner())
    assert refused.value.code == code


def test_a_bad_address_is_refused() -> None:
    with pytest.raises(EndpointRefused):
        request_for(endpoint("javascript:alert(1)"), MESSAGE, VapidSigner())


def test_secrets_stay_out_of_logs() -> None:
    request = request_for(endpoint(), MESSAGE, VapidSigner())
    text = repr((endpoint(), MESSAGE, request))
    for secret in ("/wp/abc", "vapid t=", repr(AUTH), repr(P256DH), "8030"):
        assert secret not in text
