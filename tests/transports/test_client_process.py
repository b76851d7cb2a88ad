"""The client and its process: faults of a row, signals, forks and threads."""

from __future__ import annotations

import os
import signal
import ssl
import time
import warnings
from dataclasses import replace
from operator import itemgetter

import pycurl
import pytest

from subscribers.transports import client as client_module
from subscribers.transports.client import HTTP1_IN_FLIGHT, PushClient
from subscribers.transports.exchange import Exchange
from subscribers.transports.messages import Outcome, Request

from .sending import HEADERS, request_to, send, send_all, short
from .servers import CREATED, Server, Visit, created, hang

Certificate = tuple[str, ssl.SSLContext]


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
            good,
        ]
        outcomes = send_all(client, rows, extra_origins=server.extra)
        assert short(send(client, server)) == [("accepted", "201")]
    assert short(outcomes) == [
        ("accepted", "201"),
        *[("refused", "internal_error")] * 5,
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
        later = time.monotonic() + 60
        client.start(99, request_to(server.origin), extra_origins=server.extra, leave_at=later)
        patch.setattr(PushClient, "_collect", broken)
        for ticket in range(HTTP1_IN_FLIGHT + 1):
            request = request_to(server.origin, f"/d/{ticket}")
            client.start(ticket, request, extra_origins=server.extra)
        outcomes = [outcome for _ticket, outcome in sorted(client.step(5), key=itemgetter(0))]
        # What had not come to its turn is as it was.
        assert client.withdraw() == [99]
    assert set(short(outcomes[:-1])) <= {("unknown", "reset_after_request"), ("retry", "connect")}
    assert short(outcomes[-1:]) == [("retry", "not_started")]
    with Server(created) as server:
        assert short(send(client, server)) == [("accepted", "201")]


def test_a_fault_of_curl_after_an_answer_counts_it_once(
    client: PushClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handle can't be taken back; what was answered has been answered all the same."""

    def broken(exchange: Exchange) -> None:
        raise pycurl.error(1, "out of luck")

    with Server(created) as server:
        with monkeypatch.context() as patch:
            patch.setattr(Exchange, "release", broken)
            assert short(send(client, server)) == [("accepted", "201")]
        assert short(send(client, server, 3)) == [("accepted", "201")] * 3


class OutOfTime(Exception):
    """As RQ raises it: an ordinary exception out of a signal handler."""


def test_a_time_limit_gets_through_and_the_client_lives(client: PushClient) -> None:
    def ring(*args: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    try:
        with Server(hang) as server, pytest.raises(OutOfTime):
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            send(client, server, HTTP1_IN_FLIGHT + 1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    # Its tickets belong to whoever was interrupted, and must not turn up under another's.
    assert (client.pending, client.step(0.1)) == (0, [])
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


def send_one(client: PushClient, server: Server, apart: str) -> list[tuple[str, str]]:
    request = replace(request_to(server.origin), apart=apart)
    return short(send_all(client, [request], extra_origins=server.extra))


@pytest.mark.parametrize(
    ("secure", "apart"), [(False, ""), (True, ""), (True, "key")], ids=["plain", "tls", "apart"]
)
def test_a_forked_child_has_its_own_connections(
    client: PushClient, certificate: Certificate, secure: bool, apart: str
) -> None:
    """RQ forks a process for each job; the parent's TLS session must survive the child."""
    with Server(created, tls=certificate[1] if secure else None) as server:
        send_one(client, server, apart)
        with warnings.catch_warnings():
            # Newer Pythons warn of forking beside threads; this server's are only for the test.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:  # pragma: no cover - another process
            code = 1
            try:
                client.close()
                code = 0 if send_one(client, server, apart) == [("accepted", "201")] else 2
                client.close()
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert send_one(client, server, apart) == [("accepted", "201")]
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


def test_only_a_poisoned_row(client: PushClient) -> None:
    row = Request(url="https://fcm.googleapis.com/wp/a", headers=HEADERS, body=b"")
    assert short(send_all(client, [row], extra_origins=frozenset())) == [
        ("refused", "internal_error")
    ]
