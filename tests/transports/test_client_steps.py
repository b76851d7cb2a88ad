"""Starting, stepping and taking back: when a request leaves, and what of it can still be undone."""

from __future__ import annotations

import os
import ssl
import threading
import time
import warnings

import pytest

from subscribers.transports.client import HTTP1_IN_FLIGHT, PushClient
from subscribers.transports.messages import Outcome

from .sending import ended, paths, request_to, short
from .servers import CREATED, Server, Visit, answering, created, hang, http2

Certificate = tuple[str, ssl.SSLContext]


def start(
    client: PushClient, server: Server, tickets: range, leave_at: float = 0.0, origin: str = ""
) -> None:
    """A request for each ticket, to a path that ends in it."""
    extra = server.extra | ({origin} if origin else set())
    for ticket in tickets:
        request = request_to(origin or server.origin, f"/d/{ticket}")
        client.start(ticket, request, extra_origins=extra, leave_at=leave_at)


def step_until(client: PushClient, count: int) -> dict[int, Outcome]:
    """Step until so many have ended, and not further."""
    outcomes: dict[int, Outcome] = {}
    give_up = time.monotonic() + 20
    while len(outcomes) < count:
        assert time.monotonic() < give_up
        outcomes |= dict(client.step(1.0))
    return outcomes


def step_until_arrived(client: PushClient, server: Server, count: int) -> None:
    """Step until so many requests have come to the server; none of them may end."""
    give_up = time.monotonic() + 8
    while len(server.requests) < count:
        assert time.monotonic() < give_up
        assert client.step(0.05) == []


def timed_step(client: PushClient, seconds: float) -> tuple[list[tuple[int, Outcome]], float]:
    began = time.monotonic()
    outcomes = client.step(seconds)
    return outcomes, time.monotonic() - began


def test_with_nothing_pending_a_step_is_over_at_once(client: PushClient) -> None:
    outcomes, took = timed_step(client, 30)
    assert (outcomes, client.pending, client.withdraw()) == ([], 0, [])
    assert took < 5


def test_a_step_ends_with_its_time(client: PushClient) -> None:
    with Server(hang) as server:
        start(client, server, range(3))
        outcomes, took = timed_step(client, 0.15)
        assert (outcomes, client.pending) == ([], 3)
        assert 0.15 <= took < 1
        # Without any time it still gives whatever can be done at once its turn.
        outcomes, took = timed_step(client, 0)
        assert (outcomes, client.pending) == ([], 3)
        assert took < 0.15


def test_what_has_ended_comes_while_another_hangs(client: PushClient) -> None:
    with Server(hang) as stuck, Server(created) as well:
        start(client, stuck, range(3))
        start(client, well, range(3, 6))
        outcomes = step_until(client, 3)
        assert {ticket: o.reason for ticket, o in outcomes.items()} == dict.fromkeys(
            (3, 4, 5), "201"
        )
        assert client.pending == 3


def test_a_refused_one_has_ended_without_a_byte(client: PushClient) -> None:
    client.start(7, request_to("https://evil.example"), extra_origins=frozenset())
    assert client.pending == 1
    ((ticket, outcome),), took = timed_step(client, 30)
    assert (ticket, outcome.reason, client.pending) == (7, "endpoint_host", 0)
    assert took < 5


def test_more_can_be_started_while_others_are_in_flight(client: PushClient) -> None:
    with Server(created) as server:
        start(client, server, range(30))
        outcomes = step_until(client, 1)
        start(client, server, range(30, 60))
        outcomes |= step_until(client, 60 - len(outcomes))
    assert sorted(outcomes) == list(range(60))
    assert {outcome.reason for outcome in outcomes.values()} == {"201"}


class Clock:
    """Notes when each request arrived, by `time.monotonic()`."""

    def __init__(self, answer: bytes = CREATED) -> None:
        self.answer = answer
        self.arrived: dict[str, float] = {}

    def __call__(self, visit: Visit) -> None:
        while request := visit.read_request():
            self.arrived[request.split()[1].decode()] = time.monotonic()
            visit.answer(self.answer)


def test_nothing_leaves_before_its_time(client: PushClient) -> None:
    clock = Clock()
    with Server(clock) as server:
        now = time.monotonic()
        # In another order than they leave in.
        start(client, server, range(2, 3), leave_at=now + 0.3)
        start(client, server, range(1, 2), leave_at=now + 0.15)
        start(client, server, range(0, 1))
        # One long step is enough for each: it wakes by itself.
        for ticket in range(3):
            ((ended_now, outcome),) = client.step(30)
            assert (ended_now, outcome.reason) == (ticket, "201")
    delays = [clock.arrived[f"/d/{ticket}"] - now for ticket in range(3)]
    assert delays[1] >= 0.15
    assert delays[2] >= 0.3
    # Early enough that a rate can be kept; generous, as the machine is shared.
    assert delays[2] < 1.3


def test_a_step_that_ends_before_their_time_sends_nothing(client: PushClient) -> None:
    with Server(created) as server:
        start(client, server, range(3), leave_at=time.monotonic() + 60)
        outcomes, took = timed_step(client, 0.1)
        assert (outcomes, client.pending) == ([], 3)
        assert 0.1 <= took < 1
        assert client.withdraw() == [0, 1, 2]
    assert server.visits == 0


def test_the_deadline_counts_from_leaving(certificate: Certificate) -> None:
    """Neither waiting for one's time nor for room is held against a request."""

    def slowly(visit: Visit) -> None:
        while visit.read_request():
            time.sleep(0.2)
            visit.answer(CREATED)

    one_by_one = PushClient(timeout=0.6, connect_timeout=0.5, most_in_flight=1)
    with Server(slowly) as server:
        start(one_by_one, server, range(4), leave_at=time.monotonic() + 0.7)
        outcomes = ended(one_by_one, 4)
    one_by_one.close()
    assert short(outcomes) == [("accepted", "201")] * 4
    assert all(outcome.latency is not None and outcome.latency < 0.6 for outcome in outcomes)


def test_an_origin_gets_four_fifths_of_the_room(client: PushClient) -> None:
    narrow = PushClient(most_in_flight=10)
    with Server(hang) as stuck, Server(created) as well:
        start(narrow, stuck, range(30))
        start(narrow, well, range(30, 40))
        outcomes = step_until(narrow, 10)
        assert sorted(outcomes) == list(range(30, 40))
        assert sorted(narrow.withdraw()) == list(range(8, 30))
        assert narrow.pending == 8
    narrow.close()


def test_what_waits_for_room_is_taken_back(client: PushClient) -> None:
    with Server(hang) as server:
        start(client, server, range(HTTP1_IN_FLIGHT + 5))
        step_until_arrived(client, server, HTTP1_IN_FLIGHT)
        assert client.withdraw() == list(range(HTTP1_IN_FLIGHT, HTTP1_IN_FLIGHT + 5))
        assert client.withdraw() == []
        assert client.pending == HTTP1_IN_FLIGHT
    assert sorted(paths(server)) == sorted(f"/d/{n}" for n in range(HTTP1_IN_FLIGHT))


def test_what_was_never_stepped_is_taken_back(client: PushClient) -> None:
    with Server(created) as server:
        start(client, server, range(3))
        assert client.withdraw() == [0, 1, 2]
        assert timed_step(client, 30)[0] == []
        start(client, server, range(3, 4))
        assert list(step_until(client, 1)) == [3]
    assert paths(server) == ["/d/3"]


def test_what_waits_for_a_connection_is_taken_back(client: PushClient) -> None:
    """No byte of a request can have left while TLS is still being agreed on."""
    with Server(Visit.wait_for_client) as silent, Server(created) as well:
        start(client, silent, range(5), origin=silent.origin.replace("http:", "https:"))
        assert client.step(0.1) == []
        assert sorted(client.withdraw()) == list(range(5))
        assert client.pending == 0
        start(client, well, range(1))
        assert short(ended(client, 1)) == [("accepted", "201")]


def test_what_has_left_is_not_taken_back(client: PushClient) -> None:
    release = threading.Event()

    def script(visit: Visit) -> None:
        visit.read_request()
        assert release.wait(10)
        visit.answer(CREATED)

    with Server(script) as server:
        start(client, server, range(2))
        step_until_arrived(client, server, 2)
        assert client.withdraw() == []
        release.set()
        assert short(ended(client, 2)) == [("accepted", "201")] * 2


def test_closing_forgets_what_is_pending(client: PushClient) -> None:
    with Server(hang) as server:
        start(client, server, range(HTTP1_IN_FLIGHT + 1))
        start(client, server, range(99, 100), leave_at=time.monotonic() + 60)
        client.start(100, request_to("ftp://x"), extra_origins=frozenset())
        client.step(0.05)
        client.start(101, request_to("ftp://x"), extra_origins=frozenset())
        assert client.pending
        client.close()
        assert (client.pending, client.step(0.05)) == (0, [])


def test_the_latency_is_that_of_the_answer(client: PushClient) -> None:
    def slowly(visit: Visit) -> None:
        visit.read_request()
        time.sleep(0.1)
        visit.answer(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")

    with Server(slowly) as server:
        start(client, server, range(1))
        (outcome,) = ended(client, 1)
    assert outcome.reason == "503"
    assert outcome.latency is not None
    assert 0.1 <= outcome.latency < 5


def test_without_an_answer_there_is_no_latency(hasty_client: PushClient) -> None:
    with Server(hang) as server:
        start(hasty_client, server, range(1))
        (outcome,) = ended(hasty_client, 1)
    assert (outcome.reason, outcome.latency) == ("timeout_after_request", None)


def test_a_forked_child_has_none_of_the_tickets(client: PushClient) -> None:
    release = threading.Event()

    def script(visit: Visit) -> None:
        visit.read_request()
        assert release.wait(10)
        visit.answer(CREATED)

    with Server(script) as server:
        start(client, server, range(2))
        start(client, server, range(2, 3), leave_at=time.monotonic() + 0.01)
        step_until_arrived(client, server, 3)
        with warnings.catch_warnings():
            # Newer Pythons warn of forking beside threads; this server's are only for the test.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:  # pragma: no cover - another process
            code = 1
            try:
                nothing = (client.pending, client.withdraw(), client.step(1.0))
                code = 0 if nothing == (0, [], []) else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        release.set()
        assert short(ended(client, 3)) == [("accepted", "201")] * 3


@pytest.mark.parametrize("secure", [False, True])
def test_waiting_costs_no_cpu(
    client: PushClient, http2_context: ssl.SSLContext, secure: bool
) -> None:
    silent = http2(lambda stream: None) if secure else hang
    with Server(silent, tls=http2_context if secure else None) as server:
        start(client, server, range(10))
        step_until_arrived(client, server, 10)
        began = time.thread_time()
        assert client.step(0.5) == []
        assert time.thread_time() - began < 0.1


def test_an_answer_that_is_no_success_is_given_with_its_ticket(client: PushClient) -> None:
    data = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
    with Server(answering(data)) as server:
        client.start(2**62, request_to(server.origin), extra_origins=server.extra)
        ((ticket, outcome),) = client.step(30)
    assert (ticket, outcome.reason) == (2**62, "410")
