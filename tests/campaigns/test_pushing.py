"""One sender for browsers and apps, on real connections."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from campaigns.pushing import PushSender
from subscribers.transports import addresses
from subscribers.transports.client import PushClient
from subscribers.transports.keys import VapidIdentity, VapidSigner, generate_vapid
from subscribers.transports.messages import (
    AppEndpoint,
    AppKey,
    Endpoint,
    Message,
    Outcome,
    Urgency,
)
from tests.factories import browser_keys
from tests.transports.servers import Server, Stream, http2, make_certificate

TOPIC = "t" * 32
WEB = VapidIdentity(1, *generate_vapid(), "mailto:push@shop.example")
P256DH, AUTH = browser_keys()
PAYLOAD = '{"aps":{"alert":"Sale"}}'


def message(payload: str = PAYLOAD, *, ttl: int = 60, topic: str = TOPIC) -> Message:
    return Message(payload.encode(), ttl=ttl, urgency=Urgency.NORMAL, topic=topic)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_certificate(tmp_path_factory.mktemp("certificate"))[0]


@pytest.fixture
def server(certificate: str, settings: Settings) -> Iterator[Server]:
    """All three services at one origin of the operator's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2"])

    def script(stream: Stream) -> None:
        web = stream.headers[":path"].startswith("/wp/")
        stream.respond(201 if web else 200)

    with Server(http2(script), tls=context) as one:
        settings.EXTRA_PUSH_ORIGINS = one.extra
        yield one


@pytest.fixture
def sender(certificate: str) -> Iterator[PushSender]:
    client = PushClient(ca_file=certificate)
    yield PushSender(client, VapidSigner())
    client.close()


def browser(origin: str) -> Endpoint:
    return Endpoint(f"{origin}/wp/abc", P256DH, AUTH, WEB)


def app(address: str, origin: str, sandbox: str = "") -> AppEndpoint:
    return AppEndpoint(addresses.parse(address), AppKey("head.claims.signature", origin, sandbox))


ANDROID = addresses.fcm("shop-1", "c" * 40)
IPHONE = addresses.apns("com.shop.app", "ab" * 32)
DEVELOPED = addresses.apns("com.shop.app", "cd" * 32, sandbox=True)


def ended(sender: PushSender, count: int) -> dict[int, Outcome]:
    found: dict[int, Outcome] = {}
    give_up = time.monotonic() + 10
    while len(found) < count:
        assert time.monotonic() < give_up
        found |= dict(sender.step(0.5))
    return found


def test_each_address_has_its_own_transport(sender: PushSender, server: Server) -> None:
    origin = server.origin
    sender.start(1, (browser(origin), message()))
    sender.start(2, (app(ANDROID, origin), message()))
    sender.start(3, (app(IPHONE, origin), message()))
    sender.start(4, (app(DEVELOPED, "https://no.example", origin), message()))
    outcomes = ended(sender, 4)
    assert {ticket: one.reason for ticket, one in outcomes.items()} == {
        1: "201", 2: "200", 3: "200", 4: "200",
    }  # fmt: skip
    asked = dict(request.split(b" ", 1) for request in server.requests)
    assert set(asked) == {
        b"/wp/abc",
        b"/v1/projects/shop-1/messages:send",
        b"/3/device/" + b"ab" * 32,
        b"/3/device/" + b"cd" * 32,
    }
    assert asked[b"/3/device/" + b"ab" * 32] == PAYLOAD.encode()
    firebase = json.loads(asked[b"/v1/projects/shop-1/messages:send"])
    assert firebase == {"message": {"token": "c" * 40, **json.loads(PAYLOAD)}}


@pytest.mark.parametrize("address", [ANDROID, IPHONE], ids=["fcm", "apns"])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (message("x" * 4097), "payload_too_large"),
        (message(""), "payload_empty"),
        (message(ttl=-1), "ttl"),
        (message(topic="no"), "topic"),
    ],
    ids=["large", "empty", "ttl", "topic"],
)
def test_what_can_not_be_sent_refuses_only_itself(
    sender: PushSender, server: Server, address: str, bad: Message, reason: str
) -> None:
    sender.start(1, (app(address, server.origin), bad))
    sender.start(2, (app(address, server.origin), message()))
    outcomes = ended(sender, 2)
    assert (str(outcomes[1].kind), outcomes[1].reason) == ("refused", reason)
    assert str(outcomes[2].kind) == "accepted"
    assert len(server.requests) == 1


def test_a_key_that_names_a_strange_origin_sends_nothing(
    sender: PushSender, server: Server
) -> None:
    """As of a stand-in that EXTRA_PUSH_ORIGINS does not name."""
    sender.start(1, (app(IPHONE, "https://localhost:8443"), message()))
    outcome = ended(sender, 1)[1]
    assert (str(outcome.kind), outcome.reason) == ("config", "apns_origin")


def test_the_sender_of_a_process_trusts_the_configured_certificates(
    server: Server, certificate: str, settings: Settings
) -> None:
    reasons = []
    for path in ("", certificate):
        settings.PUSH_CA_FILE = path
        PushSender.of_process.cache_clear()
        sender = PushSender.of_process()
        sender.start(1, (app(IPHONE, server.origin), message()))
        reasons.append(ended(sender, 1)[1].reason)
        sender.client.close()
    PushSender.of_process.cache_clear()
    assert reasons == ["tls", "200"]
