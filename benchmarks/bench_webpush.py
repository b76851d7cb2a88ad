"""Sending: our client against `requests`, to a loopback server in another process.

    python -m benchmarks.bench_webpush [messages] [latency in ms]

Encoding is left out (see `bench_encode`). Absolute figures are the machine's; ratios are held.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import platform
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

import requests

from subscribers.transports.client import HTTP1_IN_FLIGHT, PushClient
from subscribers.transports.messages import OutcomeKind, Request

BODY = os.urandom(703)
HEADERS = (
    ("TTL", "3600"),
    ("Urgency", "normal"),
    ("Content-Encoding", "aes128gcm"),
    ("Content-Type", "application/octet-stream"),
    ("Authorization", "vapid t=" + "e" * 250 + ", k=" + "B" * 87),
    ("Topic", "t" * 32),
)
CREATED = b"HTTP/1.1 201 Created\r\nLocation: /m/1\r\nTTL: 3600\r\nContent-Length: 0\r\n\r\n"
ROUNDS = 3
Measured = tuple[float, float]


class PushService(asyncio.Protocol):
    """Answers each POST of a known length after a fixed delay."""

    latency = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if separator and len(body) >= len(BODY):
            self.received = body[len(BODY) :]
            loop = asyncio.get_running_loop()
            loop.call_later(self.latency, self.transport.write, CREATED)


def serve(pipe: Connection, latency: float) -> None:
    async def run() -> None:
        PushService.latency = latency
        loop = asyncio.get_running_loop()
        server = await loop.create_server(PushService, "127.0.0.1", 0, backlog=256)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def measured(send: Callable[[], object], count: int) -> Measured:
    """Messages a second, and microseconds of CPU time for each."""
    wall, cpu = time.perf_counter(), time.process_time()
    send()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return count / wall, cpu / count * 1e6


def with_our_client(origin: str, count: int) -> Measured:
    client = PushClient()
    todo = [Request(f"{origin}/d/{number}", HEADERS, BODY) for number in range(count)]
    extra = frozenset({origin})
    client.send_many(todo[:HTTP1_IN_FLIGHT], extra_origins=extra)

    def send() -> None:
        outcomes = client.send_many(todo, extra_origins=extra)
        assert all(outcome.kind is OutcomeKind.ACCEPTED for outcome in outcomes)

    result = measured(send, count)
    client.close()
    return result


def with_requests(origin: str, count: int) -> Measured:
    """As many threads as our client has connections, each of them kept open."""
    session = requests.Session()
    adapter = requests.adapters.HTTPAdapter(pool_maxsize=HTTP1_IN_FLIGHT)
    session.mount("http://", adapter)

    def post(number: int) -> None:
        url = f"{origin}/d/{number}"
        answer = session.post(url, data=BODY, headers=dict(HEADERS), timeout=10)
        assert answer.status_code == 201

    with ThreadPoolExecutor(HTTP1_IN_FLIGHT) as pool:
        list(pool.map(post, range(HTTP1_IN_FLIGHT)))
        result = measured(lambda: list(pool.map(post, range(count))), count)
    session.close()
    return result


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    latency = float(sys.argv[2]) if len(sys.argv) > 2 else 5.0
    context = multiprocessing.get_context("spawn")
    ours_end, theirs_end = context.Pipe()
    server = context.Process(target=serve, args=(theirs_end, latency / 1000), daemon=True)
    server.start()
    origin = f"http://127.0.0.1:{ours_end.recv()}"
    try:
        rounds = [
            (with_our_client(origin, count), with_requests(origin, count)) for _ in range(ROUNDS)
        ]
    finally:
        server.terminate()
        server.join()
    report(rounds, f"{count} messages of {len(BODY)} bytes, {latency:g} ms, HTTP/1.1")


def report(rounds: list[tuple[Measured, Measured]], what: str) -> None:
    # The median round by its ratio of CPU time, as loopback rates swing with the machine.
    rounds.sort(key=lambda pair: pair[1][1] / pair[0][1])
    ours, theirs = rounds[len(rounds) // 2]
    print(f"{platform.machine()}, {os.cpu_count()} cores, {what}, {HTTP1_IN_FLIGHT} connections")
    print(f"PushClient  {ours[0]:7.0f} a second  {ours[1]:7.0f} µs of CPU each")
    print(f"requests    {theirs[0]:7.0f} a second  {theirs[1]:7.0f} µs of CPU each")
    print(f"ratio       {ours[0] / theirs[0]:7.2f}           {theirs[1] / ours[1]:7.2f}")
    assert theirs[1] / ours[1] > 2, "Our client must cost less than half of what requests does."


if __name__ == "__main__":
    main()
