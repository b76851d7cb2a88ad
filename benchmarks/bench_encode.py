"""CPU time of one message: our encoding, against `pywebpush.webpush()` without the network.

    python -m benchmarks.bench_encode [messages]

Absolute figures are the machine's; the ratio is what is held.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable
from typing import ClassVar
from unittest import mock

import pywebpush

from subscribers.transports.keys import (
    VapidIdentity,
    VapidSigner,
    encode_base64url,
    generate_vapid,
)
from subscribers.transports.messages import Endpoint, Message, Urgency
from subscribers.transports.webpush import encrypt, request_for

PAYLOAD = os.urandom(600)
URL = "https://updates.push.services.mozilla.com/wpush/v2/" + "g" * 180
AUTH = os.urandom(16)
P256DH = generate_vapid()[1]
VAPID = VapidIdentity("bench", *generate_vapid(), "mailto:push@shop.example")
SUBSCRIPTION = {
    "endpoint": URL,
    "keys": {"p256dh": encode_base64url(P256DH), "auth": encode_base64url(AUTH)},
}
ROUNDS = 3


def microseconds(work: Callable[[], object], count: int) -> float:
    """CPU time of one call; the best round, as the others were disturbed."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(count):
            work()
        best = min(best, (time.process_time() - started) / count * 1e6)
    return best


class Answer:
    """What stands in for the network."""

    status_code = 201
    text = ""
    headers: ClassVar[dict[str, str]] = {}


def webpush() -> None:
    pywebpush.webpush(
        SUBSCRIPTION,
        PAYLOAD,
        vapid_private_key=encode_base64url(VAPID.private_key),
        vapid_claims={"sub": VAPID.subject},
        ttl=60,
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    signer = VapidSigner()
    endpoint = Endpoint(URL, P256DH, AUTH, VAPID)
    message = Message(PAYLOAD, 60, Urgency.NORMAL, "t" * 32)
    ours = microseconds(lambda: request_for(endpoint, message, signer), count)
    only_encrypt = microseconds(lambda: encrypt(PAYLOAD, P256DH, AUTH), count)
    with mock.patch.object(pywebpush.requests, "post", lambda *args, **kwargs: Answer()):
        theirs = microseconds(webpush, count)
    print(f"{platform.machine()}, {os.cpu_count()} cores, {len(PAYLOAD)} bytes, {count} messages")
    print(f"encrypt                    {only_encrypt:7.0f} µs")
    print(f"request_for                {ours:7.0f} µs")
    print(f"webpush() without network  {theirs:7.0f} µs")
    print(f"ratio                      {theirs / ours:7.2f}")
    assert theirs / ours > 1.5, "One request must cost much less than webpush() does."


if __name__ == "__main__":
    main()
