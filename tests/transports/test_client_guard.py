"""Nothing is ever sent to an address inside the network that Beckon runs in."""

from __future__ import annotations

import socket

import pytest

from subscribers.transports.client import PushClient
from subscribers.transports.connections import Connections
from subscribers.transports.exchange import Exchange, Limits, SocketAddress
from subscribers.transports.messages import Outcome, OutcomeKind, Request

from .sending import send_all
from .servers import Server, created

NONE: frozenset[str] = frozenset()
FCM = "https://fcm.googleapis.com/wp/abc"


def send(client: PushClient, url: str, extra: frozenset[str] = NONE) -> Outcome:
    request = Request(url=url, headers=(("TTL", "60"),), body=b"x")
    (outcome,) = send_all(client, [request], extra_origins=extra)
    return outcome


def test_loopback_is_refused_unless_added(client: PushClient) -> None:
    with Server(created) as server:
        refused = send(client, f"{server.origin}/d/1")
        assert send(client, f"{server.origin}/d/1", server.extra).kind is OutcomeKind.ACCEPTED
        # Also when a connection to it is open already.
        again = send(client, f"{server.origin}/d/1")
    assert refused == again == Outcome(OutcomeKind.REFUSED, None, "endpoint_scheme")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("url", "kind", "reason"),
    [
        ("https://127.0.0.1/d/1", "refused", "endpoint_host"),
        ("https://169.254.169.254/a.google.com/", "refused", "endpoint_host"),
        ("file:///etc/passwd", "refused", "endpoint_scheme"),
        ("https://fcm.googleapis.com:22/wp/a", "refused", "endpoint_port"),
        ("https://permanently-removed.invalid/fcm/send/a", "gone", "endpoint_removed"),
    ],
)
def test_addresses_are_checked_again_at_sending(
    client: PushClient, url: str, kind: str, reason: str
) -> None:
    outcome = send(client, url)
    assert (str(outcome.kind), outcome.reason, outcome.status_code) == (kind, reason, None)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.100.100.200", "[::1]", "[fd00:ec2::254]"],
)
def test_a_push_service_whose_name_resolves_inside(address: str) -> None:
    """DNS rebinding: the name is allowed, the address that it has today is not."""
    rebound = PushClient(resolve=[f"fcm.googleapis.com:443:{address}"])
    outcome = send(rebound, FCM)
    rebound.close()
    assert outcome == Outcome(OutcomeKind.REFUSED, None, "blocked_address")


def test_the_check_is_of_the_address_connected_to() -> None:
    """A listener on the very address that a rebound name has sees no connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        exchange = Exchange(
            Limits(total=2, connect=1),
            Connections(),
            ca_file=None,
            resolve=(f"inside.example:{port}:127.0.0.1",),
        )
        request = Request(url=f"http://inside.example:{port}/d", headers=(), body=b"x")
        exchange.prepare(request, host="inside.example", guarded=True)
        with pytest.raises(Exception, match="connect"):
            exchange.curl.perform()
        assert exchange.outcome(7).reason == "blocked_address"
        exchange.curl.close()
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()


def _at(family: int, address: tuple[str, int]) -> SocketAddress:
    return SocketAddress(family, socket.SOCK_STREAM, 0, address)


def test_a_public_address_passes_the_guard_when_another_is_blocked() -> None:
    exchange = Exchange(Limits(), Connections(), ca_file=None, resolve=())
    opened = exchange._open_socket(0, _at(socket.AF_INET, ("10.0.0.1", 443)))
    assert opened == -1
    opened = exchange._open_socket(0, _at(socket.AF_INET, ("142.250.74.106", 443)))
    assert isinstance(opened, socket.socket)
    opened.close()
    # One was tried, so this is a failure to connect and may be repeated.
    assert exchange.without_answer(7).kind is OutcomeKind.RETRY
    exchange.curl.close()


def test_only_internet_sockets_are_opened() -> None:
    exchange = Exchange(Limits(), Connections(), ca_file=None, resolve=())
    assert exchange._open_socket(0, _at(socket.AF_UNIX, ("/run/docker.sock", 0))) == -1
    exchange.curl.close()


@pytest.mark.parametrize(
    ("error", "reason"), [(1, "endpoint_malformed"), (3, "endpoint_malformed")]
)
def test_what_curl_cannot_parse_is_refused(error: int, reason: str) -> None:
    exchange = Exchange(Limits(), Connections(), ca_file=None, resolve=())
    outcome = exchange.without_answer(error)
    assert (outcome.kind, outcome.reason) == (OutcomeKind.REFUSED, reason)
    exchange.curl.close()
