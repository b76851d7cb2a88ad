"""10,000 hostile subscriptions in one batch: each refuses itself, and nobody else.

A subscription is three texts from a stranger. What gets past the check at its registration, by an
older version or a restored table, meets the sender.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from campaigns.pushing import PushSender
from subscribers.transports.client import PushClient
from subscribers.transports.endpoints import EndpointRefused, check_endpoint
from subscribers.transports.keys import (
    BadKey,
    VapidIdentity,
    VapidSigner,
    encode_base64url,
    generate_vapid,
    parse_auth,
    parse_p256dh,
    public_point,
)
from subscribers.transports.messages import Endpoint, Message, Outcome, OutcomeKind, Urgency

from .receiver import receive
from .servers import Server, created

HOSTILE, GOOD = 10_000, 200
SEED = 8291
VAPID = VapidIdentity(1, *generate_vapid(), "mailto:push@shop.example")
MESSAGE = Message(b'{"web_push": 8030}', ttl=60, urgency=Urgency.NORMAL, topic="")
FIELD = 2**256 - 2**224 + 2**192 + 2**96 - 1  # of P-256
REAL = "https://fcm.googleapis.com/wp/abc"
# Names of push services that lead to this machine: what DNS may answer is a stranger's, too.
EVERYWHERE = ("*:443:127.0.0.1",)


class Device(NamedTuple):
    """`reasons`: what may be said of it; all that is wrong with it."""

    url: str
    p256dh: bytes
    auth: bytes
    reasons: frozenset[str]


def compressed(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )


def bad_point(dice: random.Random, key: ec.EllipticCurvePrivateKey) -> bytes:
    good = public_point(key)
    flipped = bytearray(good)
    flipped[dice.randrange(1, 65)] ^= 1 << dice.randrange(8)
    beyond = (FIELD + dice.randrange(2**90)).to_bytes(32, "big")
    return dice.choice(
        [
            b"",
            b"\x00",  # the point at infinity
            bytes(65),
            b"\x04" + bytes(64),
            b"\x04" + b"\xff" * 64,
            b"\x04" + beyond + good[33:],
            b"\x04" + good[33:] + good[1:33],
            bytes(flipped),
            bytes([dice.choice([0, 1, 2, 3, 5, 6, 7, 255])]) + good[1:],  # 6 and 7: hybrid forms
            compressed(key),
            good[: dice.randrange(65)],
            good + dice.randbytes(dice.randrange(1, 64)),
            dice.randbytes(65),
            b"\x04" + dice.randbytes(64),
            dice.randbytes(dice.choice([1, 16, 64, 66, 100_000])),
            encode_base64url(good).encode(),  # the text in place of its bytes
            good.hex().encode(),
        ]
    )


def bad_secret(dice: random.Random) -> bytes:
    size = dice.choice([0, 1, 8, 15, 17, 24, 32, 64, 100_000])
    return dice.choice([bytes(size), dice.randbytes(size)])


# With the code that each is refused with.
ENDPOINTS = (
    ("", "scheme"),
    ("/", "scheme"),
    ("//fcm.googleapis.com/x", "scheme"),
    ("fcm.googleapis.com/x", "scheme"),
    ("http://fcm.googleapis.com/x", "scheme"),
    ("ftp://fcm.googleapis.com/x", "scheme"),
    ("file:///etc/passwd", "scheme"),
    ("javascript:alert(1)", "scheme"),
    ("gopher://127.0.0.1:6379/_FLUSHALL", "scheme"),
    ("https://", "malformed"),
    ("https:///x", "malformed"),
    ("https://[::1/x", "malformed"),
    ("https://fcm.googleapis.com:/x", "malformed"),
    ("https://fcm.googleapis.com:0/x", "malformed"),
    ("https://fcm.googleapis.com:99999/x", "malformed"),
    ("https://fcm.googleapis.com:x/x", "malformed"),
    ("https://fcm.googleapis.com", "path"),
    ("https://fcm.googleapis.com/", "path"),
    ("https://fcm.googleapis.com?x", "path"),
    ("https://fcm.googleapis.com/x#y", "fragment"),
    ("https://fcm.googleapis.com:8443/x", "port"),
    ("https://fcm.googleapis.com:22/x", "port"),
    ("https://user@fcm.googleapis.com/x", "userinfo"),
    ("https://user:word@fcm.googleapis.com/x", "userinfo"),
    ("https://fcm.googleapis.com@10.0.0.1/x", "userinfo"),
    ("https://10.0.0.1/x", "host"),
    ("https://127.0.0.1/x", "host"),
    ("https://127.1/x", "host"),
    ("https://2130706433/x", "host"),
    ("https://0x7f.1/x", "host"),
    ("https://169.254.169.254/latest/meta-data/", "host"),
    ("https://[::1]/x", "host"),
    ("https://[::ffff:127.0.0.1]/x", "host"),
    ("https://[fd00::1]/x", "host"),
    ("https://localhost/x", "host"),
    ("https://127.0.0.1.nip.io/x", "host"),
    ("https://evil.example/x", "host"),
    ("https://fcm.googleapis.com./x", "host"),
    ("https://fcm.googleapis.com.evil.example/x", "host"),
    ("https://evilpush.apple.com/x", "host"),
    ("https://.push.apple.com/x", "host"),
    ("https://a..push.apple.com/x", "host"),
    ("https://a_b.push.apple.com/x", "host"),
    ("https://" + "a" * 64 + ".push.apple.com/x", "host"),
    ("https://xn--fcm-googleapis-kfb.com/x", "host"),
    ("https://fcm.google\u0430pis.com/x", "characters"),
    ("https://k\u00e4se.notify.windows.com/x", "characters"),
    ("https://fcm.googleapis.com\\@evil.example/x", "characters"),
    ("https://fcm.googleapis.com/a b", "characters"),
    ("https://fcm.googleapis.com/\x00", "characters"),
    ("https://fcm.googleapis.com/x\r\nHost: evil.example", "characters"),
    ("https://fcm.googleapis.com/\ud800", "characters"),
    (" https://fcm.googleapis.com/x", "characters"),
    ("https://fcm.googleapis.com/{x}", "characters"),
    ("https://fcm.googleapis.com/" + "x" * 3000, "length"),
    ("\x00" * 100_000, "length"),
    ("https://permanently-removed.invalid/fcm/x", "removed"),
    ("HTTPS://Permanently-Removed.INVALID/x", "removed"),
)


def hostile(dice: random.Random, number: int) -> Device:
    """A device of which at least one of three parts is bad, and maybe all."""
    key = ec.derive_private_key(dice.randrange(1, 2**255), ec.SECP256R1())
    point, secret, url = public_point(key), dice.randbytes(16), REAL
    bad = dice.choices(["point", "secret", "url", "all", "dns"], [6, 4, 8, 4, 1])[0]
    reasons = set()
    if bad in ("point", "all"):
        point = bad_point(dice, key)
        reasons.add("not_encodable")
    if bad in ("secret", "all"):
        secret = bad_secret(dice)
        reasons.add("not_encodable")
    if bad in ("url", "all"):
        url, code = dice.choice(ENDPOINTS)
        reasons.add(f"endpoint_{code}")
    elif bad == "dns":
        url = f"https://n{number}.notify.windows.com/w/?token=x"
        reasons.add("blocked_address")
    return Device(url, point, secret, frozenset(reasons))


@pytest.fixture
def sender(certificate: tuple[str, object]) -> Iterator[PushSender]:
    client = PushClient(ca_file=certificate[0], resolve=EVERYWHERE)
    yield PushSender(client, VapidSigner())
    client.close()


def send_all(sender: PushSender, devices: list[tuple[str, bytes, bytes]]) -> dict[int, Outcome]:
    """One outcome for each device, by its place; fails where one has two."""
    outcomes: dict[int, Outcome] = {}
    for ticket, (url, p256dh, auth) in enumerate(devices):
        sender.start(ticket, (Endpoint(url, p256dh, auth, VAPID), MESSAGE))
        if ticket % 100 == 0:
            gather(sender, outcomes, 0.0)
    for _ in range(1000):
        if len(outcomes) == len(devices):
            break
        gather(sender, outcomes, 1.0)
    return outcomes


def gather(sender: PushSender, outcomes: dict[int, Outcome], seconds: float) -> None:
    for ticket, outcome in sender.step(seconds):
        assert ticket not in outcomes
        outcomes[ticket] = outcome


def test_hostile_subscriptions_refuse_only_themselves(
    sender: PushSender, settings: Settings
) -> None:
    dice = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    bad = [hostile(dice, number) for number in range(HOSTILE)]
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(GOOD)]
    secrets = [dice.randbytes(16) for _ in range(GOOD)]
    order = list(range(HOSTILE + GOOD))
    dice.shuffle(order)
    with Server(created) as sink:
        settings.EXTRA_PUSH_ORIGINS = sink.extra
        good = [
            (f"{sink.origin}/good/{number}", public_point(key), secret)
            for number, (key, secret) in enumerate(zip(keys, secrets, strict=True))
        ]
        everybody = [*((one.url, one.p256dh, one.auth) for one in bad), *good]
        outcomes = send_all(sender, [everybody[place] for place in order])
    by_place = {order[ticket]: outcome for ticket, outcome in outcomes.items()}
    assert len(by_place) == HOSTILE + GOOD
    for place, device in enumerate(bad):
        outcome = by_place[place]
        assert outcome.reason in device.reasons
        gone = outcome.reason == "endpoint_removed"
        assert outcome.kind is (OutcomeKind.GONE if gone else OutcomeKind.REFUSED)
        assert outcome.status_code is None
    assert {by_place[HOSTILE + number].kind for number in range(GOOD)} == {OutcomeKind.ACCEPTED}
    check_what_arrived(sink.requests, keys, secrets)
    # Each way of being bad was tried.
    seen = Counter(outcome.reason for outcome in by_place.values())
    assert set(seen) == {"201", "not_encodable", "blocked_address"} | {
        f"endpoint_{code}" for _url, code in ENDPOINTS
    }


def check_what_arrived(
    requests: list[bytes], keys: list[ec.EllipticCurvePrivateKey], secrets: list[bytes]
) -> None:
    """Each good device got the message once, and could read it; nobody else got anything."""
    arrived: Counter[int] = Counter()
    for request in requests:
        head, _, body = request.partition(b"\r\n\r\n")
        number = int(head.split()[1].removeprefix(b"/good/"))
        arrived[number] += 1
        key = keys[number]
        assert receive(body, key, public_point(key), secrets[number]) == MESSAGE.payload
    assert arrived == Counter(range(GOOD))


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(st.text(), st.text().map(lambda text: f"https://{text}/x")),
    st.one_of(st.binary(), st.binary(min_size=65, max_size=65)),
    st.one_of(st.binary(), st.binary(min_size=16, max_size=16)),
)
def test_whatever_stands_in_a_row_is_one_refusal(
    sender: PushSender, url: str, p256dh: bytes, auth: bytes
) -> None:
    outcomes = send_all(sender, [(url, p256dh, auth)])
    assert outcomes[0].kind is OutcomeKind.REFUSED


def spellings(dice: random.Random, value: bytes) -> list[str]:
    """Texts of a key as strangers write them, good and bad."""
    text = encode_base64url(value)
    return [
        text,
        text + "=",
        text + "====",
        text[:-1] + dice.choice("BCDEFGHIJKLMNOPQRSTUVWXYZ"),  # bits behind the last byte
        text.replace("-", "+").replace("_", "/"),
        text.swapcase(),
        f" {text}",
        f"{text}\n",
        f"{text}\x00",
        text[: len(text) // 2] + "\x00" + text[len(text) // 2 :],
        text * 1000,
        "".join(dice.choice("AZaz09-_+/=.\x00\u00e9") for _ in range(len(text))),
    ]


def test_registration_takes_sound_keys_or_refuses() -> None:
    """What is taken is stored as bytes: another spelling is no second device, and always sound."""
    dice = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    taken = 0
    for number in range(300):
        device = hostile(dice, number)
        for text in spellings(dice, device.p256dh[:200]):
            try:
                point = parse_p256dh(text)
            except BadKey:
                continue
            taken += 1
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        for text in spellings(dice, device.auth[:64]):
            try:
                assert len(parse_auth(text)) == 16
            except BadKey:
                continue
    assert taken > 300


@pytest.mark.parametrize(("url", "code"), ENDPOINTS)
def test_registration_refuses_each_address(url: str, code: str) -> None:
    with pytest.raises(EndpointRefused) as refused:
        check_endpoint(url, extra_origins=frozenset())
    assert refused.value.code == code
