"""Push services that reset, hang, drip and flood: what is said of each request."""

from __future__ import annotations

import gc
import os
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Callable

import pycurl
import pytest

from subscribers.transports.client import PushClient
from subscribers.transports.connections import Connections
from subscribers.transports.messages import OutcomeKind

from .sending import send, short
from .servers import CREATED, Server, Visit, answering, created, hang

Certificate = tuple[str, ssl.SSLContext]


def accept_then_reset(visit: Visit) -> None:
    visit.read_request()
    visit.reset()


def accept_then_close(visit: Visit) -> None:
    visit.read_request()


def reset_at_once(visit: Visit) -> None:
    visit.socket.recv(1)
    visit.reset()


def half_a_status_line(visit: Visit) -> None:
    visit.read_request()
    visit.answer(b"HTTP/1.1 2")
    visit.reset()


def only_early_hints(visit: Visit) -> None:
    visit.read_request()
    visit.answer(b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n")
    visit.reset()


def not_http(visit: Visit) -> None:
    visit.read_request()
    visit.answer(b"SSH-2.0-OpenSSH_9.2\r\n")


@pytest.mark.parametrize(
    "script",
    [
        accept_then_reset,
        accept_then_close,
        reset_at_once,
        half_a_status_line,
        only_early_hints,
        not_http,
    ],
)
def test_lost_after_the_request_left(client: PushClient, script: Callable[[Visit], None]) -> None:
    with Server(script) as server:
        outcomes = send(client, server)
    assert short(outcomes) == [("unknown", "reset_after_request")]
    assert outcomes[0].status_code is None
    assert server.visits == 1


def drip(visit: Visit) -> None:
    """One byte at a time would satisfy a time-out for each read for ever."""
    visit.read_request()
    while True:
        visit.answer(b"H")
        time.sleep(0.02)


def drip_headers(visit: Visit) -> None:
    visit.read_request()
    visit.answer(b"HTTP/1.1 102 Processing\r\n")
    while True:
        visit.answer(b"a: b\r\n")
        time.sleep(0.02)


@pytest.mark.parametrize("script", [hang, hang, drip_headers])
def test_no_answer_in_time(hasty_client: PushClient, script: Callable[[Visit], None]) -> None:
    with Server(script) as server:
        started = time.monotonic()
        outcomes = send(hasty_client, server)
        assert time.monotonic() - started < 2
    assert short(outcomes) == [("unknown", "timeout_after_request")]
    assert len(server.requests) == 1


def test_a_dripping_answer(hasty_client: PushClient) -> None:
    with Server(drip) as server:
        started = time.monotonic()
        (outcome,) = send(hasty_client, server)
        assert time.monotonic() - started < 2
    assert outcome.kind is OutcomeKind.UNKNOWN


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (b"HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\nabc", "accepted", "201"),
        (b"HTTP/1.1 410 Gone\r\nLoc", "gone", "410"),
        (b"HTTP/1.1 429 Slow\r\nContent-Length: 10\r\n\r\n", "retry", "429"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 10\r\n\r\n", "unknown", "500"),
        (b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Made\r\n\r\n", "accepted", "201"),
        (b"HTTP/1.0 201 Created\r\n\r\n", "accepted", "201"),
        (b"HTTP/1.1 201\r\nContent-Length: 0\r\n\r\n", "accepted", "201"),
    ],
)
def test_a_status_counts_whatever_breaks_after_it(
    client: PushClient, answer: bytes, kind: str, reason: str
) -> None:
    def script(visit: Visit) -> None:
        visit.read_request()
        visit.answer(answer)

    with Server(script) as server:
        assert short(send(client, server)) == [(kind, reason)]
    assert len(server.requests) == 1


def test_accepted_but_the_end_never_comes(hasty_client: PushClient) -> None:
    def script(visit: Visit) -> None:
        visit.read_request()
        visit.answer(b"HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n")
        visit.wait_for_client()

    with Server(script) as server:
        assert short(send(hasty_client, server)) == [("accepted", "201")]


def huge_body(visit: Visit) -> None:
    visit.read_request()
    visit.answer(b"HTTP/1.1 201 Created\r\nContent-Length: 31457280\r\n\r\n")
    block = b"b" * 65536
    for _ in range(480):
        visit.answer(block)


def endless_chunks(visit: Visit) -> None:
    visit.read_request()
    visit.answer(b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        visit.answer(b"1000\r\n" + b"c" * 4096 + b"\r\n")


def endless_headers(visit: Visit) -> None:
    visit.read_request()
    visit.answer(b"HTTP/1.1 410 Gone\r\n")
    while True:
        visit.answer(b"X-Header: " + b"h" * 1000 + b"\r\n")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (huge_body, ("accepted", "201")),
        (endless_chunks, ("unknown", "500")),
        (endless_headers, ("gone", "410")),
    ],
)
def test_answers_are_read_up_to_a_bound(
    client: PushClient, script: Callable[[Visit], None], expected: tuple[str, str]
) -> None:
    with Server(created) as warm:
        send(client, warm)
    with Server(script) as server:
        gc.collect()
        tracemalloc.start()
        started = time.monotonic()
        outcomes = send(client, server, 8)
        # Cut off at the bound, rather than read until the deadline.
        assert time.monotonic() - started < 5
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert short(outcomes) == [expected] * 8
    # Eight answers at once, the test's own server in the same process included.
    assert peak < 2_000_000
    assert all(len(outcome.detail) <= 200 for outcome in outcomes)


def test_a_compressed_bomb_is_not_unpacked(client: PushClient) -> None:
    data = b"HTTP/1.1 500 x\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
    with Server(answering(data)) as server:
        assert send(client, server)[0].detail == "abc"


def die_on_second(how: Callable[[Visit], None]) -> Callable[[Visit], None]:
    """Answer the first request of the first connection; take the second, and die unanswered."""

    def script(visit: Visit) -> None:
        visit.read_request()
        visit.answer(CREATED)
        if visit.number > 1:
            created(visit)
        else:
            visit.read_request()
            how(visit)

    return script


@pytest.mark.parametrize("how", [Visit.reset, lambda visit: None], ids=["reset", "closed"])
@pytest.mark.parametrize("secure", [False, True])
def test_a_dead_connection_does_not_send_twice(
    client: PushClient, certificate: Certificate, how: Callable[[Visit], None], secure: bool
) -> None:
    """Left to itself, curl sends a request again when a reused connection dies unanswered."""
    with Server(die_on_second(how), tls=certificate[1] if secure else None) as server:
        outcomes = [send(client, server)[0] for _ in range(3)]
    assert short(outcomes) == [
        ("accepted", "201"),
        ("unknown", "reset_after_request"),
        ("accepted", "201"),
    ]
    assert len(server.requests) == 3
    assert server.visits == 2


def test_curl_by_itself_does_send_twice() -> None:
    """The fault that the client is built around. When this fails, curl has changed: look again."""
    curl = pycurl.Curl()
    curl.setopt(pycurl.POSTFIELDS, b"x")
    with Server(die_on_second(Visit.reset)) as server:
        curl.setopt(pycurl.URL, server.origin)
        curl.perform()
        curl.perform()
    curl.close()
    assert len(server.requests) == 3


@pytest.mark.parametrize("how", [Visit.reset, Visit.close], ids=["reset", "closed"])
@pytest.mark.parametrize("secure", [False, True])
def test_a_connection_closed_while_idle_is_replaced(
    client: PushClient, certificate: Certificate, how: Callable[[Visit], None], secure: bool
) -> None:
    """For a second after its last use, curl itself does not look."""
    answered = threading.Event()
    closed = threading.Event()

    def script(visit: Visit) -> None:
        visit.read_request()
        visit.answer(CREATED)
        if visit.number == 1:
            assert answered.wait(5)
            how(visit)
            closed.set()
        else:
            created(visit)

    with Server(script, tls=certificate[1] if secure else None) as server:
        first = send(client, server)
        answered.set()
        assert closed.wait(5)
        second = send(client, server)
    assert short(first + second) == [("accepted", "201")] * 2
    assert len(server.requests) == 2


def test_closed_descriptors_are_not_watched() -> None:
    connections = Connections()
    left, right = socket.socketpair()
    connections.add(left.fileno())
    assert not connections.any_closed_by_peer()
    right.close()
    assert connections.any_closed_by_peer()
    left.close()
    assert not connections.any_closed_by_peer()
    # The number may be given to something else, which is none of our business.
    left, right = socket.socketpair()
    connections.add(left.fileno())
    other = os.open(os.devnull, os.O_RDONLY)
    os.dup2(other, left.fileno())
    right.close()
    assert not connections.any_closed_by_peer()
    os.close(other)
    left.close()
