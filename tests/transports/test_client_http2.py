"""What HTTP/2 adds: many requests on a connection, and refusals that are proven."""

from __future__ import annotations

import ssl
import time
from collections import Counter
from collections.abc import Callable

import h2.errors
import pytest

from subscribers.transports.client import PushClient
from subscribers.transports.messages import Outcome, OutcomeKind, Request

from .sending import send_all
from .servers import Server, Stream, http2

ErrorCodes = h2.errors.ErrorCodes


def request_to(server: Server, path: str) -> Request:
    return Request(url=server.origin + path, headers=(("TTL", "60"),), body=b"x" * 300)


def send(client: PushClient, server: Server, count: int = 1) -> list[Outcome]:
    requests = [request_to(server, f"/{number}") for number in range(count)]
    return send_all(client, requests, extra_origins=server.extra)


def kinds(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    return [(str(outcome.kind), outcome.reason) for outcome in outcomes]


def test_few_connections_carry_all(client: PushClient, http2_context: ssl.SSLContext) -> None:
    with Server(http2(Stream.respond), tls=http2_context) as server:
        outcomes = send(client, server, 300) + send(client, server, 300)
    assert kinds(outcomes) == [("accepted", "201")] * 600
    assert [o.message_location for o in outcomes[:300]] == [f"/m/{n}" for n in range(300)]
    assert len(server.requests) == 600
    # The second time may open more, as an origin known to speak HTTP/2 gets more at once.
    assert server.visits <= 6


def test_hundreds_in_flight_spread_over_connections(
    client: PushClient, http2_context: ssl.SSLContext
) -> None:
    """One connection would be one queue; and what is lost with a connection should be few."""
    streams: Counter[int] = Counter()

    def script(stream: Stream) -> None:
        if stream.headers[":path"] == "/first":
            stream.respond()
        else:
            streams[stream.visit.number] += 1

    with Server(http2(script), tls=http2_context) as server:
        client.start(0, request_to(server, "/first"), extra_origins=server.extra)
        assert [outcome.reason for _ticket, outcome in client.step(10)] == ["201"]
        for ticket in range(400):
            client.start(ticket, request_to(server, f"/{ticket}"), extra_origins=server.extra)
        give_up = time.monotonic() + 8
        while streams.total() < 400:
            assert time.monotonic() < give_up
            assert client.step(0.05) == []
    assert len(streams) >= 6
    assert max(streams.values()) <= 64


def on_second(act: Callable[[Stream], None]) -> Callable[[Stream], None]:
    """Answer all but the second request of the first connection."""

    def script(stream: Stream) -> None:
        if (stream.visit.number, stream.number) == (1, 2):
            act(stream)
        else:
            stream.respond()

    return script


def goaway(last_handled: Callable[[Stream], int]) -> Callable[[Stream], None]:
    def act(stream: Stream) -> None:
        stream.connection.close_connection(last_stream_id=last_handled(stream))
        stream.visit.socket.sendall(stream.connection.data_to_send())
        stream.visit.socket.close()

    return act


@pytest.mark.parametrize(
    ("act", "kind", "reason"),
    [
        (lambda s: s.reset(ErrorCodes.REFUSED_STREAM), "retry", "refused_stream"),
        (goaway(lambda s: s.id - 2), "retry", "refused_stream"),
        (goaway(lambda s: s.id), "unknown", "reset_after_request"),
        (lambda s: s.reset(ErrorCodes.CANCEL), "unknown", "reset_after_request"),
        (lambda s: s.reset(ErrorCodes.INTERNAL_ERROR), "unknown", "reset_after_request"),
        (lambda s: s.reset(ErrorCodes.NO_ERROR), "unknown", "reset_after_request"),
        (lambda s: s.reset(ErrorCodes.HTTP_1_1_REQUIRED), "unknown", "reset_after_request"),
        (lambda s: s.visit.socket.close(), "unknown", "reset_after_request"),
        (lambda s: s.visit.reset(), "unknown", "reset_after_request"),
    ],
    ids=[
        "refused", "goaway-before", "goaway-including", "cancel", "internal", "no-error",
        "http1-required", "closed", "reset",
    ],
)  # fmt: skip
def test_a_lost_stream_is_not_sent_twice(
    client: PushClient,
    http2_context: ssl.SSLContext,
    act: Callable[[Stream], None],
    kind: str,
    reason: str,
) -> None:
    with Server(http2(on_second(act)), tls=http2_context) as server:
        outcomes = [send(client, server)[0] for _ in range(3)]
    assert kinds(outcomes) == [("accepted", "201"), (kind, reason), ("accepted", "201")]
    assert len(server.requests) == 3


def test_the_first_stream_of_a_connection_can_be_refused(
    client: PushClient, http2_context: ssl.SSLContext
) -> None:
    with Server(
        http2(lambda stream: stream.reset(ErrorCodes.REFUSED_STREAM)), tls=http2_context
    ) as server:
        (outcome,) = send(client, server)
    assert (outcome.kind, outcome.reason) == (OutcomeKind.RETRY, "refused_stream")
    assert outcome.retry_after == 1
    assert len(server.requests) == 1


def test_a_server_that_says_goaway_all_the_time(
    client: PushClient, http2_context: ssl.SSLContext
) -> None:
    """As web servers do after so many requests: none may arrive twice, and none is unknown."""

    def script(stream: Stream) -> None:
        if stream.number <= 20:
            stream.respond()
        if stream.number == 20:
            stream.say_goaway()

    with Server(http2(script), tls=http2_context) as server:
        outcomes = send(client, server, 200)
    accepted = [o for o in outcomes if o.kind is OutcomeKind.ACCEPTED]
    refused = [o for o in outcomes if o.kind is OutcomeKind.RETRY]
    assert len(accepted) + len(refused) == 200
    assert len(accepted) >= 20
    assert {outcome.reason for outcome in refused} <= {"refused_stream"}
    arrived = [request.split()[0] for request in server.requests]
    assert len(arrived) == len(set(arrived))


def test_a_stream_that_hangs_leaves_the_others_alone(
    hasty_client: PushClient, http2_context: ssl.SSLContext
) -> None:
    def script(stream: Stream) -> None:
        if stream.headers[":path"] != "/5":
            stream.respond()

    with Server(http2(script), tls=http2_context) as server:
        outcomes = send(hasty_client, server, 20)
    expected = [("accepted", "201")] * 20
    expected[5] = ("unknown", "timeout_after_request")
    assert kinds(outcomes) == expected
    assert server.visits == 1


def test_a_status_of_http2_is_classified(client: PushClient, http2_context: ssl.SSLContext) -> None:
    with Server(http2(lambda stream: stream.respond(410)), tls=http2_context) as server:
        assert kinds(send(client, server)) == [("gone", "410")]
