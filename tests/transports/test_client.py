"""The client and push services that behave."""

from __future__ import annotations

import os
import socket
import ssl

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid02

from subscribers.transports.client import HTTP1_IN_FLIGHT, PushClient
from subscribers.transports.connections import Connections
from subscribers.transports.exchange import Exchange, Limits
from subscribers.transports.keys import VapidIdentity, VapidSigner, generate_vapid, public_point
from subscribers.transports.messages import Endpoint, Message, Outcome, OutcomeKind, Urgency
from subscribers.transports.webpush import request_for

from .sending import paths, request_to, send, send_all, short
from .servers import CREATED, Server, Visit, answering, created

Certificate = tuple[str, ssl.SSLContext]


def test_nothing_to_send(client: PushClient) -> None:
    assert send_all(client, [], extra_origins=frozenset()) == []


def test_the_request_on_the_wire(client: PushClient) -> None:
    with Server(created) as server:
        (outcome,) = send(client, server)
    assert outcome == Outcome(
        OutcomeKind.ACCEPTED, 201, "201", message_location="/m/1", detail="", ttl=60
    )
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /d/0 HTTP/1.1"
    assert sorted(lines[1:]) == [
        "Content-Length: 300",
        "Content-Type: application/x-www-form-urlencoded",
        f"Host: 127.0.0.1:{server.port}",
        "TTL: 60",
        "Urgency: normal",
        "User-Agent: Beckon",
    ]
    assert body == b"x" * 300


def test_a_message_from_end_to_end(client: PushClient) -> None:
    """What a push service receives verifies, and what the browser gets can be read."""
    browser = ec.generate_private_key(ec.SECP256R1())
    vapid = VapidIdentity(1, *generate_vapid(), "mailto:push@shop.example")
    message = Message(b'{"web_push":8030}', ttl=60, urgency=Urgency.HIGH, topic="t" * 32)
    with Server(created) as server:
        endpoint = Endpoint(f"{server.origin}/d/1", public_point(browser), b"a" * 16, vapid)
        request = request_for(endpoint, message, VapidSigner())
        assert short(send_all(client, [request], extra_origins=server.extra)) == [
            ("accepted", "201")
        ]
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert Vapid02.verify(headers["Authorization"].replace(", k=", ",k="))
    assert (headers["Content-Type"], headers["Content-Encoding"]) == (
        "application/octet-stream",
        "aes128gcm",
    )
    assert (headers["TTL"], headers["Urgency"], headers["Topic"]) == ("60", "high", "t" * 32)
    plain = http_ece.decrypt(body, private_key=browser, auth_secret=b"a" * 16, version="aes128gcm")
    assert plain == message.payload


def test_an_address_is_normalised_before_it_is_used(client: PushClient) -> None:
    with Server(created) as server:
        request = request_to(server.origin.upper())
        outcomes = send_all(client, [request], extra_origins=server.extra)
    assert short(outcomes) == [("accepted", "201")]
    assert f"host: 127.0.0.1:{server.port}".encode() in server.requests[0].lower()


def test_connections_are_kept_between_calls(client: PushClient) -> None:
    with Server(created) as server:
        for _ in range(5):
            assert short(send(client, server)) == [("accepted", "201")]
    assert server.visits == 1


def test_many_keep_their_order_and_share_connections(client: PushClient) -> None:
    def script(visit: Visit) -> None:
        while request := visit.read_request():
            number = int(request.split()[1].rpartition(b"/")[2])
            status = b"410 Gone" if number % 3 == 0 else b"201 Created"
            visit.answer(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

    with Server(script) as server:
        outcomes = send(client, server, 200)
    expected = ["gone" if number % 3 == 0 else "accepted" for number in range(200)]
    assert [str(outcome.kind) for outcome in outcomes] == expected
    assert sorted(paths(server)) == sorted(f"/d/{number}" for number in range(200))
    assert server.visits <= HTTP1_IN_FLIGHT


def test_https_with_a_trusted_certificate(client: PushClient, certificate: Certificate) -> None:
    with Server(created, tls=certificate[1]) as server:
        assert short(send(client, server)) == [("accepted", "201")]


def test_https_with_an_unknown_certificate_is_proven_not_accepted(
    certificate: Certificate,
) -> None:
    stranger = PushClient()
    with Server(created, tls=certificate[1]) as server:
        (outcome,) = send(stranger, server)
    stranger.close()
    assert (outcome.kind, outcome.reason, outcome.retry_after) == (OutcomeKind.RETRY, "tls", 10)
    assert server.requests == []


def test_https_that_is_not_tls(client: PushClient) -> None:
    def script(visit: Visit) -> None:
        visit.answer(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with Server(script) as server:
        origin = server.origin.replace("http:", "https:")
        outcomes = send_all(client, [request_to(origin)], extra_origins=frozenset({origin}))
    assert short(outcomes) == [("retry", "tls")]


def test_nobody_listens(client: PushClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    (outcome,) = send_all(client, [request_to(origin)], extra_origins=frozenset({origin}))
    assert (outcome.kind, outcome.reason) == (OutcomeKind.RETRY, "connect")
    assert outcome.retry_after == 10


def test_a_name_that_does_not_exist(client: PushClient) -> None:
    origin = "http://nowhere.invalid:8002"
    outcomes = send_all(client, [request_to(origin)], extra_origins=frozenset({origin}))
    assert short(outcomes) == [("retry", "dns")]


def test_a_connection_that_is_never_answered(hasty_client: PushClient) -> None:
    """A full backlog drops connection attempts without a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            origin = f"http://127.0.0.1:{port}"
            requests = [request_to(origin), request_to(origin)]
            outcomes = send_all(hasty_client, requests, extra_origins=frozenset({origin}))
    assert short(outcomes) == [("retry", "connect_timeout")] * 2


def test_tls_that_never_answers(hasty_client: PushClient) -> None:
    with Server(Visit.wait_for_client) as server:
        origin = server.origin.replace("http:", "https:")
        outcomes = send_all(hasty_client, [request_to(origin)], extra_origins=frozenset({origin}))
    assert short(outcomes) == [("retry", "connect_timeout")]


def test_answers_are_classified_with_headers_and_body(client: PushClient) -> None:
    data = (
        b"HTTP/1.1 429 Too Many\r\nRETRY-AFTER: 17\r\nretry-after: 99\r\n"
        b"Content-Length: 9\r\n\r\nslow down"
    )
    with Server(answering(data)) as server:
        (outcome,) = send(client, server)
    assert (outcome.retry_after, outcome.detail) == (17, "slow down")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(client: PushClient, status: int) -> None:
    with Server(created) as target:
        location = f"{target.origin}/d/stolen".encode()
        data = b"HTTP/1.1 %d x\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, location)
        with Server(answering(data)) as server:
            outcomes = send_all(
                client, [request_to(server.origin)], extra_origins=server.extra | target.extra
            )
    assert short(outcomes) == [("refused", "redirect")]
    assert outcomes[0].message_location == ""
    assert target.visits == 0


def test_cookies_are_not_kept(client: PushClient) -> None:
    data = CREATED.replace(b"TTL: 60", b"Set-Cookie: a=b; Path=/")
    with Server(answering(data)) as server:
        send(client, server)
        send(client, server)
    assert all(b"cookie" not in request.lower() for request in server.requests)


def test_a_large_body_is_handed_over_in_pieces(client: PushClient) -> None:
    body = os.urandom(300_000)
    with Server(created) as server:
        outcomes = send_all(
            client, [request_to(server.origin, body=body)], extra_origins=server.extra
        )
    assert short(outcomes) == [("accepted", "201")]
    assert server.requests[0].endswith(body)


def test_the_environment_names_no_proxy(
    client: PushClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(created) as proxy, Server(created) as server:
        for name in ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.origin)
        assert short(send(client, server)) == [("accepted", "201")]
    assert proxy.visits == 0


def test_an_exchange_forgets_its_request() -> None:
    exchange = Exchange(Limits(), Connections(), ca_file=None, resolve=())
    exchange.prepare(request_to("http://127.0.0.1:9"), host="127.0.0.1", guarded=True)
    exchange.release()
    assert exchange._request.body == b""
    exchange.curl.close()
