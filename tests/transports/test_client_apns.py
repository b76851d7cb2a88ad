"""What APNs does not let connections do: share them, hurry on them, or trust what it has lost."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import pytest
from hyperframe.frame import GoAwayFrame

from subscribers.transports.client import PushClient
from subscribers.transports.connections import Pools
from subscribers.transports.messages import Request

from .sending import short
from .servers import Server, Stream, Visit, http2
from .test_client_apps import send, to_apple

MAX_STREAMS = h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS
ErrorCodes = h2.errors.ErrorCodes
SHUTDOWN = b'{"reason":"Shutdown"}'


def test_no_two_keys_share_a_connection(client: PushClient, http2_context: ssl.SSLContext) -> None:
    """Apple refuses a key of another team on a connection that began with one."""
    seen: dict[int, set[str]] = {}

    def script(stream: Stream) -> None:
        head = stream.headers.get("authorization", "web").partition(".")[0]
        seen.setdefault(stream.visit.number, set()).add(head)
        stream.respond(200)

    with Server(http2(script), tls=http2_context) as server:
        for turn in range(2):
            requests = [
                to_apple(server.origin, number, f"key-{number % 3}.turn-{turn}.signature")
                for number in range(30)
            ]
            web = Request(url=f"{server.origin}/d/1", headers=(("TTL", "60"),), body=b"x")
            outcomes = send(client, server, *requests, web)
            assert {outcome.reason for outcome in outcomes} == {"200"}
    assert sorted(seen.values(), key=sorted) == [
        {"bearer key-0"}, {"bearer key-1"}, {"bearer key-2"}, {"web"},
    ]  # fmt: skip


class Apple:
    """APNs, as far as streams go: one at a time until one was answered well, then many.

    Answers come when nothing has for a while. `fails`: what it does instead, once, with the nine
    streams after the first; `closed_on`: connections that had a stream too many, which it closes.
    """

    def __init__(
        self, status: int = 200, fails: Callable[[list[Stream]], None] | None = None
    ) -> None:
        self.status = status
        self.fails = fails
        self.closed_on: list[int] = []
        self.most_at_once = 0

    def __call__(self, visit: Visit) -> None:
        connection = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        connection.local_settings = h2.settings.Settings(
            client=False, initial_values={MAX_STREAMS: 1}
        )
        connection.initiate_connection()
        visit.answer(connection.data_to_send())
        held: list[Stream] = []
        while True:
            visit.socket.settimeout(0.05 if held else None)
            try:
                data = visit.socket.recv(65536)
            except TimeoutError:
                if self.fails and 1 < len(visit.server.requests) < 10:
                    continue
                self.answer(held, connection)
                visit.answer(connection.data_to_send())
                held.clear()
                continue
            if not data or not self.take(data, connection, visit, held):
                return
            visit.answer(connection.data_to_send())

    def take(
        self,
        data: bytes,
        connection: h2.connection.H2Connection,
        visit: Visit,
        held: list[Stream],
    ) -> bool:
        try:
            events = connection.receive_data(data)
        except h2.exceptions.TooManyStreamsError:
            self.closed_on.append(visit.number)
            return False
        for event in events:
            if isinstance(event, h2.events.StreamEnded):
                visit.server.requests.append(b"")
                held.append(Stream(0, event.stream_id, {":path": "/"}, b"", connection, visit))
        self.most_at_once = max(self.most_at_once, len(held))
        return True

    def answer(self, held: list[Stream], connection: h2.connection.H2Connection) -> None:
        if self.fails and len(held) == 9:
            fails, self.fails = self.fails, None
            fails(held)
            return
        if self.status == 200 and connection.local_settings.max_concurrent_streams == 1:
            connection.update_settings({MAX_STREAMS: 1000})
        for stream in held:
            stream.respond(self.status)


def test_one_request_goes_first_on_each_connection(
    client: PushClient, http2_context: ssl.SSLContext
) -> None:
    """Who sends more is closed on, and of all that is under way then nobody knows what became."""
    apple = Apple()
    with Server(apple, tls=http2_context) as server:
        outcomes = send(client, server, *(to_apple(server.origin, n) for n in range(400)))
    assert short(outcomes) == [("accepted", "200")] * 400
    assert apple.closed_on == []
    assert 32 < apple.most_at_once <= 64
    assert 4 <= server.visits <= 8
    assert len(server.requests) == 400


def test_a_key_that_is_refused_goes_on_one_by_one(
    client: PushClient, http2_context: ssl.SSLContext
) -> None:
    apple = Apple(status=403)
    with Server(apple, tls=http2_context) as server:
        outcomes = send(client, server, *(to_apple(server.origin, n) for n in range(8)))
    assert short(outcomes) == [("config", "apns_auth")] * 8
    assert (apple.most_at_once, server.visits) == (1, 1)


def test_a_key_that_waits_does_not_hold_up_another(
    client: PushClient, http2_context: ssl.SSLContext
) -> None:
    hanging: list[Stream] = []

    def script(stream: Stream) -> None:
        if stream.headers["authorization"].startswith("bearer hangs"):
            hanging.append(stream)
        else:
            stream.respond(200)

    with Server(http2(script), tls=http2_context) as server:
        for ticket in range(4):
            key = "hangs.c.s" if ticket < 2 else "works.c.s"
            request = to_apple(server.origin, ticket, key)
            client.start(ticket, request, extra_origins=server.extra)
        done: set[int] = set()
        give_up = time.monotonic() + 8
        while done != {2, 3} or not hanging:
            assert time.monotonic() < give_up
            done |= {ticket for ticket, _outcome in client.step(0.05)}
        # The second waits for the first, which is under way.
        assert client.withdraw() == [1]
        assert (client.pending, len(hanging)) == (1, 1)


def test_how_many_requests_a_key_has_under_way() -> None:
    """As many connections as are needed, each tried by one request; after a pause, again."""

    def fill(now: float) -> list[int]:
        while pool := pools.with_room("key", now):
            pool.in_flight += 1
        return [pool.in_flight for pool in pools._pools["key"]]

    pools = Pools()
    assert fill(0) == [1]
    for count in range(1, 9):
        for pool in pools._pools["key"]:
            pool.note(0, 400)
        assert fill(0) == [64] * count + [1] * (count < 8)
    for pool in pools._pools["key"]:
        pool.in_flight = 0
    assert fill(59) == [1] * 8
    pools.close()
    assert fill(59) == [1]
    pools.close()


def goaway(last: Callable[[list[Stream]], int]) -> Callable[[list[Stream]], None]:
    """As Apple ends a connection: with a reason in JSON."""

    def act(held: list[Stream]) -> None:
        frame = GoAwayFrame(0, last_stream_id=last(held), additional_data=SHUTDOWN)
        visit = held[0].visit
        visit.answer(held[0].connection.data_to_send() + frame.serialize())
        visit.socket.close()

    return act


def reset_all(code: ErrorCodes) -> Callable[[list[Stream]], None]:
    def act(held: list[Stream]) -> None:
        for stream in held:
            stream.reset(code)

    return act


REFUSED, LOST = ("retry", "refused_stream"), ("unknown", "reset_after_request")


@pytest.mark.parametrize(
    ("fails", "expected"),
    [
        (reset_all(ErrorCodes.REFUSED_STREAM), [REFUSED] * 9),
        (reset_all(ErrorCodes.INTERNAL_ERROR), [LOST] * 9),
        (reset_all(ErrorCodes.ENHANCE_YOUR_CALM), [LOST] * 9),
        (goaway(lambda held: held[0].id - 2), [REFUSED] * 9),
        (goaway(lambda held: held[3].id), [LOST] * 4 + [REFUSED] * 5),
        (goaway(lambda held: held[-1].id), [LOST] * 9),
        (lambda held: held[0].visit.reset(), [LOST] * 9),
    ],
    ids=[
        "refused", "internal", "calm", "goaway-before", "goaway-between", "goaway-after", "lost",
    ],
)  # fmt: skip
def test_only_what_apple_proves_to_be_unread_is_sent_again(
    client: PushClient,
    http2_context: ssl.SSLContext,
    fails: Callable[[list[Stream]], None],
    expected: list[tuple[str, str]],
) -> None:
    """And the connection after it begins with one request again."""
    apple = Apple(fails=fails)
    with Server(apple, tls=http2_context) as server:
        first = send(client, server, *(to_apple(server.origin, n) for n in range(10)))
        again = send(client, server, *(to_apple(server.origin, n) for n in range(10)))
    assert short(first) == [("accepted", "200"), *expected]
    assert short(again) == [("accepted", "200")] * 10
    assert len(server.requests) == 20
    assert apple.closed_on == []


def test_a_connection_that_apple_closed_in_between_costs_nothing(
    client: PushClient, http2_context: ssl.SSLContext
) -> None:
    def script(stream: Stream) -> None:
        stream.respond(200)
        stream.say_goaway()
        stream.visit.answer(stream.connection.data_to_send())
        stream.visit.socket.close()

    with Server(http2(script), tls=http2_context) as server:
        outcomes = [send(client, server, to_apple(server.origin, n))[0] for n in range(4)]
    assert short(outcomes) == [("accepted", "200")] * 4
    assert server.visits == 4


def test_the_client_begins_anew_after_close(
    client: PushClient, http2_context: ssl.SSLContext
) -> None:
    with Server(http2(lambda stream: stream.respond(200)), tls=http2_context) as server:
        for _ in range(3):
            assert short(send(client, server, to_apple(server.origin))) == [("accepted", "200")]
            client.close()
    assert server.visits == 3
