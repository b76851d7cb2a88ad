"""The client against push services that behave, and ones that do not."""

from __future__ import annotations

import gc
import os
import signal
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Callable

import pycurl
import pytest

from subscribers.transports import client as client_module
from subscribers.transports.client import HTTP1_IN_FLIGHT, PushClient
from subscribers.transports.connections import Connections
from subscribers.transports.exchange import Exchange, Limits
from subscribers.transports.messages import Outcome, OutcomeKind, Request

from .servers import CREATED, Server, Visit, answering, created

Certificate = tuple[str, ssl.SSLContext]
HEADERS = (("TTL", "60"), ("Urgency", "normal"))
UNKNOWN = OutcomeKind.UNKNOWN


def request_to(origin: str, path: str = "/d/1", body: bytes = b"x" * 300) -> Request:
    return Request(url=origin + path, headers=HEADERS, body=body)


def send(client: PushClient, server: Server, count: int = 1) -> list[Outcome]:
    requests = [request_to(server.origin, f"/d/{number}") for number in range(count)]
    return client.send_many(requests, extra_origins=server.extra)


def paths(server: Server) -> list[str]:
    return [request.split()[1].decode() for request in server.requests]


def short(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    return [(str(outcome.kind), outcome.reason) for outcome in outcomes]


def test_nothing_to_send(client: PushClient) -> None:
    assert client.send_many([], extra_origins=frozenset()) == []


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
        "Accept: */*",
        "Content-Length: 300",
        "Content-Type: application/x-www-form-urlencoded",
        f"Host: 127.0.0.1:{server.port}",
        "TTL: 60",
        "Urgency: normal",
        "User-Agent: Beckon",
    ]
    assert body == b"x" * 300


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
        outcomes = client.send_many([request_to(origin)], extra_origins=frozenset({origin}))
    assert short(outcomes) == [("retry", "tls")]


def test_nobody_listens(client: PushClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    (outcome,) = client.send_many([request_to(origin)], extra_origins=frozenset({origin}))
    assert (outcome.kind, outcome.reason) == (OutcomeKind.RETRY, "connect")
    assert outcome.retry_after == 10


def test_a_name_that_does_not_exist(client: PushClient) -> None:
    origin = "http://nowhere.invalid:8002"
    outcomes = client.send_many([request_to(origin)], extra_origins=frozenset({origin}))
    assert short(outcomes) == [("retry", "dns")]


def test_a_connection_that_is_never_answered(hasty_client: PushClient) -> None:
    """A full backlog drops connection attempts without a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            origin = f"http://127.0.0.1:{port}"
            requests = [request_to(origin), request_to(origin)]
            outcomes = hasty_client.send_many(requests, extra_origins=frozenset({origin}))
    assert short(outcomes) == [("retry", "connect_timeout")] * 2


def test_tls_that_never_answers(hasty_client: PushClient) -> None:
    with Server(Visit.wait_for_client) as server:
        origin = server.origin.replace("http:", "https:")
        outcomes = hasty_client.send_many([request_to(origin)], extra_origins=frozenset({origin}))
    assert short(outcomes) == [("retry", "connect_timeout")]


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


def hang(visit: Visit) -> None:
    visit.read_request()
    visit.wait_for_client()


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
    assert outcome.kind is UNKNOWN


def test_one_that_hangs_does_not_hold_up_another(hasty_client: PushClient) -> None:
    with Server(hang) as stuck, Server(created) as well:
        both = stuck.extra | well.extra
        requests = [request_to(stuck.origin) for _ in range(300)]
        requests += [request_to(well.origin) for _ in range(20)]
        quick = PushClient(timeout=0.4, connect_timeout=0.3, budget=0.2)
        outcomes = quick.send_many(requests, extra_origins=both)
        quick.close()
    reasons = [outcome.reason for outcome in outcomes]
    assert reasons[:HTTP1_IN_FLIGHT] == ["timeout_after_request"] * HTTP1_IN_FLIGHT
    assert set(reasons[HTTP1_IN_FLIGHT:300]) == {"not_started"}
    assert reasons[300:] == ["201"] * 20


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
            outcomes = client.send_many(
                [request_to(server.origin)], extra_origins=server.extra | target.extra
            )
    assert short(outcomes) == [("refused", "redirect")]
    assert outcomes[0].message_location == ""
    assert target.visits == 0


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
        outcomes = send(client, server, 8)
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


def test_cookies_are_not_kept(client: PushClient) -> None:
    data = CREATED.replace(b"TTL: 60", b"Set-Cookie: a=b; Path=/")
    with Server(answering(data)) as server:
        send(client, server)
        send(client, server)
    assert all(b"cookie" not in request.lower() for request in server.requests)


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


def test_a_poisoned_row_leaves_the_others_alone(client: PushClient) -> None:
    with Server(created) as server:
        good = request_to(server.origin)
        rows = [
            good,
            Request(url=server.origin + "/d/2", headers=HEADERS, body=b""),
            Request(url=server.origin + "/d/3", headers=(("X", "\ud800"),), body=b"x"),
            Request(url=server.origin + "/d/4", headers=(("X", "é"),), body=b"x"),
            Request(url=None, headers=HEADERS, body=b"x"),  # type: ignore[arg-type]
            Request(url=server.origin + "/d/5", headers=HEADERS, body=None),  # type: ignore[arg-type]
            Request(url=server.origin.upper() + "/d/6", headers=HEADERS, body=b"x"),
            good,
        ]
        outcomes = client.send_many(rows, extra_origins=server.extra)
        assert short(send(client, server)) == [("accepted", "201")]
    assert short(outcomes) == [
        ("accepted", "201"),
        *[("refused", "internal_error")] * 5,
        ("refused", "endpoint_not_normalised"),
        ("accepted", "201"),
    ]


def test_an_answer_that_cannot_be_understood_is_unknown(
    client: PushClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> Outcome:
        raise ValueError("boom")

    monkeypatch.setattr("subscribers.transports.exchange.classify", broken)
    with Server(created) as server:
        assert short(send(client, server)) == [("unknown", "reset_after_request")]


def test_a_fault_of_curl_itself(client: PushClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> int:
        raise pycurl.error(4, "out of luck")

    with Server(hang) as server, monkeypatch.context() as patch:
        patch.setattr(PushClient, "_collect", broken)
        outcomes = send(client, server, HTTP1_IN_FLIGHT + 1)
    assert set(short(outcomes[:-1])) <= {("unknown", "reset_after_request"), ("retry", "connect")}
    assert short(outcomes[-1:]) == [("retry", "not_started")]
    with Server(created) as server:
        assert short(send(client, server)) == [("accepted", "201")]


class OutOfTime(Exception):
    """As RQ raises it: an ordinary exception out of a signal handler."""


def test_a_time_limit_gets_through_and_the_client_lives(client: PushClient) -> None:
    def ring(*args: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    try:
        with Server(hang) as server, pytest.raises(OutOfTime):
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            send(client, server)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with Server(created) as server:
        assert short(send(client, server)) == [("accepted", "201")]


def test_a_signal_that_is_handled_does_not_disturb(client: PushClient) -> None:
    rung: list[int] = []

    def slowly(visit: Visit) -> None:
        visit.read_request()
        while not rung:
            time.sleep(0.01)
        visit.answer(CREATED)

    before = signal.signal(signal.SIGALRM, lambda number, frame: rung.append(number))
    try:
        with Server(slowly) as server:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            assert short(send(client, server)) == [("accepted", "201")]
    finally:
        signal.signal(signal.SIGALRM, before)
    assert rung


@pytest.mark.parametrize("secure", [False, True])
def test_a_forked_child_has_its_own_connections(
    client: PushClient, certificate: Certificate, secure: bool
) -> None:
    """RQ forks a process for each job; the parent's TLS session must survive the child."""
    with Server(created, tls=certificate[1] if secure else None) as server:
        send(client, server)
        child = os.fork()
        if child == 0:  # pragma: no cover - another process
            code = 1
            try:
                client.close()
                code = 0 if short(send(client, server)) == [("accepted", "201")] else 2
                client.close()
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert short(send(client, server)) == [("accepted", "201")]
        assert server.visits == 2


def test_inherited_connections_are_set_aside_not_closed(
    client: PushClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(created) as server:
        send(client, server)
        monkeypatch.setattr(client_module, "_inherited", [])
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: -1)
            client.close()
            send(client, server)
            client.close()
        assert server.visits == 2
        assert len(client_module._inherited) == 1


def test_close_and_use_again(client: PushClient) -> None:
    with Server(created) as server:
        send(client, server)
        client.close()
        client.close()
        assert short(send(client, server)) == [("accepted", "201")]
    assert server.visits == 2


def test_threads_take_turns(client: PushClient) -> None:
    outcomes: list[Outcome] = []
    with Server(created) as server:
        threads = [
            threading.Thread(target=lambda: outcomes.extend(send(client, server, 10)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert short(outcomes) == [("accepted", "201")] * 40


def test_a_large_body_is_handed_over_in_pieces(client: PushClient) -> None:
    body = os.urandom(300_000)
    with Server(created) as server:
        outcomes = client.send_many(
            [request_to(server.origin, body=body)], extra_origins=server.extra
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
    exchange.prepare(request_to("http://127.0.0.1:9"), guarded=True)
    exchange.release()
    assert exchange._request.body == b""
    exchange.curl.close()
