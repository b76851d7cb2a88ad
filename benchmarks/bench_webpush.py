"""The sender's core: encrypt, sign, POST over TLS and HTTP/2, classify; to a local sink.

    python -m benchmarks.bench_webpush [messages] [latency in ms]

Against it, what one would write with pywebpush and a session; and the client alone, without
encryption, against `requests` in threads. No database: that is `bench_send`. Absolute figures are
the machine's; ratios are held.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pywebpush
import requests

from benchmarks import sink
from subscribers.transports.client import MAX_IN_FLIGHT, PushClient
from subscribers.transports.keys import VapidIdentity, VapidSigner, encode_base64url, generate_vapid
from subscribers.transports.messages import Endpoint, Message, OutcomeKind, Request, Urgency
from subscribers.transports.webpush import request_for

PAYLOAD = os.urandom(340)
P256DH = generate_vapid()[1]
AUTH = os.urandom(16)
VAPID = VapidIdentity("bench", *generate_vapid(), "mailto:push@shop.example")
MESSAGE = Message(PAYLOAD, 3600, Urgency.NORMAL, "t" * 32)
THREADS = 24
ROUNDS = 5
Measured = tuple[float, float]
Contenders = dict[str, tuple[int, Callable[[int], None]]]
Make = Callable[[int], Request]


def measured(send: Callable[[], object], count: int) -> Measured:
    """Messages a second, and microseconds of CPU time for each."""
    wall, cpu = time.perf_counter(), time.process_time()
    send()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return count / wall, cpu / count * 1e6


def url(origin: str, number: int) -> str:
    return f"{origin}/wpush/v2/{'g' * 160}{number}"


class Ours:
    """Our client, kept open between rounds as in a worker."""

    def __init__(self, service: sink.Sink) -> None:
        self.origin, self.extra = service.origin, frozenset({service.origin})
        self.client, self.signer = PushClient(ca_file=str(service.ca_file)), VapidSigner()
        self.ready = [self.encoded(number) for number in range(MAX_IN_FLIGHT)]

    def encoded(self, number: int) -> Request:
        endpoint = Endpoint(url(self.origin, number), P256DH, AUTH, VAPID)
        return request_for(endpoint, MESSAGE, self.signer)

    def made_before(self, number: int) -> Request:
        return self.ready[number % len(self.ready)]

    def send(self, count: int, make: Make) -> None:
        """As the engine does: so many in flight, and more as answers come in."""
        started = ended = 0
        while ended < count:
            while started < count and started - ended < MAX_IN_FLIGHT:
                self.client.start(started, make(started), extra_origins=self.extra)
                started += 1
            for _ticket, outcome in self.client.step(1.0):
                assert outcome.kind is OutcomeKind.ACCEPTED, outcome
                ended += 1


class Theirs:
    """`requests` with a session, whose connections are kept open."""

    def __init__(self, service: sink.Sink, ready: list[Request]) -> None:
        self.origin, self.ready = service.origin, ready
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(service.ca_file)
        self.session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=THREADS))

    def post(self, number: int) -> None:
        request = self.ready[number % len(self.ready)]
        answer = self.session.post(
            request.url, data=request.body, headers=dict(request.headers), timeout=10
        )
        assert answer.status_code == requests.codes.created

    def post_all(self, count: int) -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(self.post, range(count)))

    def webpush(self, count: int) -> None:
        keys = {"p256dh": encode_base64url(P256DH), "auth": encode_base64url(AUTH)}
        for number in range(count):
            pywebpush.webpush(
                {"endpoint": url(self.origin, number), "keys": keys},
                PAYLOAD,
                vapid_private_key=encode_base64url(VAPID.private_key),
                vapid_claims={"sub": VAPID.subject},
                ttl=3600,
                timeout=10,
                requests_session=self.session,
            )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    latency = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    with (
        tempfile.TemporaryDirectory(prefix="beckon-bench-") as folder,
        sink.running(Path(folder)) as service,
    ):
        service.answer_after(latency)
        best = compare(contenders(service, count, min(count, 100)))
    report(best, f"{count} messages of {len(PAYLOAD)} bytes, {latency:g} ms, TLS")


def contenders(service: sink.Sink, count: int, few: int) -> Contenders:
    ours = Ours(service)
    theirs = Theirs(service, ours.ready)
    return {
        "core": (count, lambda n: ours.send(n, ours.encoded)),
        "webpush": (few, theirs.webpush),
        "client": (count, lambda n: ours.send(n, ours.made_before)),
        "requests": (few, theirs.post_all),
    }


def compare(contenders: Contenders) -> dict[str, Measured]:
    """The best of several rounds of each, taken in turn: the others were disturbed."""
    rounds: dict[str, list[Measured]] = {name: [] for name in contenders}
    for _ in range(ROUNDS + 1):  # the first is for connections and caches
        for name, (count, send) in contenders.items():
            rounds[name].append(measured(partial(send, count), count))
    return {
        name: (max(rate for rate, _cpu in all_of[1:]), min(cpu for _rate, cpu in all_of[1:]))
        for name, all_of in rounds.items()
    }


def report(best: dict[str, Measured], what: str) -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {what}")
    names = {
        "core": "encrypt, sign, PushClient",
        "webpush": "webpush() with a session",
        "client": "PushClient alone",
        "requests": f"requests, {THREADS} threads",
    }
    for key, name in names.items():
        rate, cpu = best[key]
        print(f"{name:<26} {rate:7.0f} a second  {cpu:7.0f} us of CPU each")
    core = best["webpush"][1] / best["core"][1]
    client = best["requests"][1] / best["client"][1]
    print(f"CPU, webpush() / core      {core:7.2f}")
    print(f"CPU, requests / PushClient {client:7.2f}")
    assert core > 3, "A message must cost less than a third of what webpush() does."
    assert client > 4, "Our client must cost less than a quarter of what requests does."


if __name__ == "__main__":
    main()
