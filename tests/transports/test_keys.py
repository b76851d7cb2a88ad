from __future__ import annotations

import base64
import json
import threading
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from py_vapid import Vapid02

from subscribers.transports import keys
from subscribers.transports.keys import (
    BadKey,
    VapidIdentity,
    VapidSigner,
    check_subject,
    encode_base64url,
    generate_vapid,
    parse_auth,
    parse_p256dh,
)

PRIVATE, PUBLIC = generate_vapid()
IDENTITY = VapidIdentity("key-1", PRIVATE, PUBLIC, "mailto:push@shop.example")
FCM = "https://fcm.googleapis.com"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def claims_of(header: str) -> dict[str, object]:
    token = header.removeprefix("vapid t=").partition(",")[0]
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert isinstance(claims, dict)
    return claims


@pytest.mark.parametrize(
    "text",
    [
        base64.urlsafe_b64encode(PUBLIC).decode(),
        base64.urlsafe_b64encode(PUBLIC).decode().rstrip("="),
        base64.b64encode(PUBLIC).decode(),
        base64.b64encode(PUBLIC).decode().rstrip("="),
    ],
    # The key is another one in each process: no name for a test.
    ids=["url", "url unpadded", "plain", "plain unpadded"],
)
def test_p256dh_in_every_spelling(text: str) -> None:
    assert parse_p256dh(text) == PUBLIC


def test_auth_in_every_spelling() -> None:
    secret = bytes(range(240, 256))
    for encode in (base64.urlsafe_b64encode, base64.b64encode):
        text = encode(secret).decode()
        assert parse_auth(text) == secret
        assert parse_auth(text.rstrip("=")) == secret


@pytest.mark.parametrize(
    "point",
    [
        b"",
        b"\x04",
        PUBLIC[:-1],
        PUBLIC + b"\0",
        b"\x05" + PUBLIC[1:],
        b"\x02" + PUBLIC[1:33],  # the same point, compressed
        b"\x04" + bytes(64),
        b"\x04" + b"\xff" * 64,
        PUBLIC[:-1] + bytes([PUBLIC[-1] ^ 1]),
    ],
    ids=["empty", "short", "64", "66", "prefix", "compressed", "zero", "ones", "off-curve"],
)
def test_p256dh_refuses_what_is_no_point(point: bytes) -> None:
    with pytest.raises(BadKey) as refused:
        parse_p256dh(encode_base64url(point))
    assert refused.value.field == "p256dh"


@pytest.mark.parametrize("size", [0, 1, 15, 17, 32, 1_000_000])
def test_auth_refuses_other_sizes(size: int) -> None:
    with pytest.raises(BadKey) as refused:
        parse_auth(encode_base64url(bytes(size)))
    assert refused.value.field == "auth"


@pytest.mark.parametrize("value", [None, 1, b"abc", ["a"], {"a": 1}, "!!!", "a===", "a", "ä" * 22])
def test_keys_refuse_what_is_not_base64(value: object) -> None:
    for parse in (parse_auth, parse_p256dh):
        with pytest.raises(BadKey):
            parse(value)


@given(st.one_of(st.text(), st.none(), st.integers(), st.binary().map(encode_base64url)))
@example("A" * 86)
@example("B" * 87)
@example("\ud800")
def test_keys_raise_nothing_but_bad_key(value: object) -> None:
    for parse, size in ((parse_auth, 16), (parse_p256dh, 65)):
        try:
            assert len(parse(value)) == size
        except BadKey as refused:
            assert refused.sentence


@given(st.binary(min_size=64, max_size=64))
def test_random_points_raise_nothing_but_bad_key(coordinates: bytes) -> None:
    with pytest.raises(BadKey):
        parse_p256dh(encode_base64url(b"\x04" + coordinates))


def test_generated_keys_are_a_pair_and_differ() -> None:
    private, public = generate_vapid()
    assert (len(private), len(public), public[0]) == (32, 65, 4)
    assert private != PRIVATE
    assert parse_p256dh(encode_base64url(public)) == public


def test_identity_hides_its_private_key() -> None:
    assert repr(PRIVATE) not in repr(IDENTITY)
    assert "private_key" not in repr(IDENTITY)


def test_authorization_verifies_and_claims_twelve_hours() -> None:
    header = VapidSigner(Clock()).authorization(IDENTITY, FCM)
    assert Vapid02.verify(header.replace(", k=", ",k="))
    assert header.endswith(f", k={encode_base64url(PUBLIC)}")
    assert claims_of(header) == {
        "aud": FCM,
        "exp": int(NOON) + 12 * 3600,
        "sub": "mailto:push@shop.example",
    }


def test_authorization_is_reused_until_half_life() -> None:
    clock = Clock()
    signer = VapidSigner(clock)
    first = signer.authorization(IDENTITY, FCM)
    clock.now = NOON + 6 * 3600 - 1
    assert signer.authorization(IDENTITY, FCM) == first
    clock.now = NOON + 6 * 3600
    renewed = signer.authorization(IDENTITY, FCM)
    assert claims_of(renewed)["exp"] == int(NOON) + 18 * 3600


def test_authorization_is_renewed_when_the_clock_went_back() -> None:
    clock = Clock()
    signer = VapidSigner(clock)
    signer.authorization(IDENTITY, FCM)
    clock.now = NOON - 7200
    assert claims_of(signer.authorization(IDENTITY, FCM))["exp"] == int(NOON) + 10 * 3600


def test_each_origin_key_and_contact_has_its_own_token() -> None:
    """The state of one send must not reach the next (pywebpush issue 130)."""
    signer = VapidSigner(Clock())
    other = VapidIdentity("key-2", *generate_vapid(), "https://shop.example/contact")
    moved = VapidIdentity("key-1", PRIVATE, PUBLIC, "mailto:new@shop.example")
    origins = [FCM, "https://updates.push.services.mozilla.com", "http://127.0.0.1:8002"]
    for _ in range(2):
        for identity in (IDENTITY, other, moved):
            for origin in origins:
                claims = claims_of(signer.authorization(identity, origin))
                assert (claims["aud"], claims["sub"]) == (origin, identity.subject)


def test_tokens_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MAX_TOKENS", 2)
    clock = Clock()
    signer = VapidSigner(clock)
    headers = [signer.authorization(IDENTITY, f"https://{n}.push.apple.com") for n in range(3)]
    clock.now += 60
    assert signer.authorization(IDENTITY, "https://2.push.apple.com") == headers[2]
    again = claims_of(signer.authorization(IDENTITY, "https://0.push.apple.com"))
    assert again["exp"] == int(NOON) + 60 + 12 * 3600


def test_signer_is_shared_by_threads() -> None:
    signer = VapidSigner(Clock())
    headers: list[str] = []
    threads = [
        threading.Thread(target=lambda: headers.append(signer.authorization(IDENTITY, FCM)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A signature is random, so one header means that one thread signed.
    assert (len(headers), len(set(headers))) == (8, 1)


@pytest.mark.parametrize(
    ("identity", "field"),
    [
        (VapidIdentity(1, b"short", PUBLIC, "mailto:a@b.example"), "private_key"),
        (VapidIdentity(1, bytes(32), PUBLIC, "mailto:a@b.example"), "private_key"),
        (VapidIdentity(1, b"\xff" * 32, PUBLIC, "mailto:a@b.example"), "private_key"),
        (VapidIdentity(1, generate_vapid()[0], PUBLIC, "mailto:a@b.example"), "public_key"),
        (VapidIdentity(1, PRIVATE, PUBLIC, "mailto:a@localhost"), "subject"),
    ],
)
def test_a_wrong_identity_is_refused(identity: VapidIdentity, field: str) -> None:
    with pytest.raises(BadKey) as refused:
        VapidSigner().authorization(identity, FCM)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "subject",
    ["mailto:push@shop.example", "mailto:a.b+c@mail.shop.co.uk", "https://shop.example/contact"],
)
def test_subject_accepts_real_contacts(subject: str) -> None:
    assert check_subject(subject) == subject


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "push@shop.example",
        "mailto:",
        "mailto:push",
        "mailto:@shop.example",
        "mailto:push@",
        "mailto:push@localhost",
        "mailto:push@box.local",
        "mailto:push@10.0.0.1",
        "mailto:push@shop..example",
        "mailto:a@b@shop.example",
        "mailto: <push@shop.example>",
        "mailto:<push@shop.example>",
        "mailto:pusch@käse.example",
        "mailto:push@shop.example?subject=x",
        "https://localhost",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[broken/",
        "https://user@shop.example/",
        "http://shop.example/",
        "mailto:" + "a" * 250 + "@shop.example",
    ],
)
def test_subject_refuses_what_services_refuse(subject: str) -> None:
    with pytest.raises(BadKey) as refused:
        check_subject(subject)
    assert refused.value.field == "subject"
