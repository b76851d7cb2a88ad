"""The three transports side by side, and Firebase's own sender: build, POST, classify; to a sink.

    python -m benchmarks.bench_apps [messages] [latency in ms]

TLS and HTTP/2, no database: that is `bench_send`. `firebase_admin.messaging.send_each` gets 500
messages a call, the most that it takes. Absolute figures are the machine's; ratios are held.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import firebase_admin
import requests
from firebase_admin import credentials, messaging
from google.oauth2.credentials import Credentials

from benchmarks import sink
from benchmarks.bench_webpush import Contenders, Measured, Ours, compare
from subscribers.transports import addresses, apns, fcm
from subscribers.transports.messages import AppEndpoint, AppKey, Message, Request, Urgency

PROJECT = "sink-project"
TEXT = {"title": "Autumn sale", "body": "w" * 200}
DATA = {"t": "t" * 40, "url": "https://shop.example/sale"}
TTL = 3600
AT_ONCE = 500
BODIES = {
    "fcm": {"notification": TEXT, "data": DATA, "android": {"ttl": f"{TTL}s"}},
    "apns": {"aps": {"alert": TEXT}, "beckon": DATA},
}


class Apps(Ours):
    """Our client with requests for apps, each made for its message."""

    def __init__(self, service: sink.Sink) -> None:
        super().__init__(service)
        self.key = AppKey(f"head.{'c' * 120}.{'s' * 86}", service.origin)
        self.messages = {
            name: Message(json.dumps(body).encode(), TTL, Urgency.NORMAL, "t" * 32)
            for name, body in BODIES.items()
        }

    def fcm(self, number: int) -> Request:
        address = addresses.parse(addresses.fcm(PROJECT, f"{number:0>150}"))
        return fcm.request_for(AppEndpoint(address, self.key), self.messages["fcm"])

    def apns(self, number: int) -> Request:
        address = addresses.parse(addresses.apns("com.shop.app", f"{number:064x}"))
        return apns.request_for(AppEndpoint(address, self.key), self.messages["apns"])


class Token(credentials.Base):  # type: ignore[misc]
    """An access token that needs no Google."""

    def get_credential(self) -> Any:
        return Credentials(token="ya29." + "x" * 200)  # type: ignore[no-untyped-call]


class Firebase:
    """firebase-admin as it comes, but for where it sends to and whom it trusts."""

    def __init__(self, service: sink.Sink) -> None:
        self.app = firebase_admin.initialize_app(Token(), {"projectId": PROJECT}, name="bench")
        inner = messaging._get_messaging_service(self.app)
        inner._fcm_url = f"{service.origin}/v1/projects/{PROJECT}/messages:send"
        session = inner._client.session
        session.trust_env, session.verify = False, str(service.ca_file)
        # As it does for Google's host: 100 connections that are kept.
        adapter = requests.adapters.HTTPAdapter(pool_connections=100, pool_maxsize=100)
        session.mount(service.origin, adapter)

    def send(self, count: int) -> None:
        for start in range(0, count, AT_ONCE):
            batch = [self.message(start + n) for n in range(min(AT_ONCE, count - start))]
            answer = messaging.send_each(batch, app=self.app)
            assert answer.failure_count == 0, answer.responses[0].exception

    def message(self, number: int) -> messaging.Message:
        return messaging.Message(
            fid=f"{number:0>22}",
            notification=messaging.Notification(**TEXT),
            data=DATA,
            android=messaging.AndroidConfig(ttl=TTL),
        )


def contenders(service: sink.Sink, count: int) -> Contenders:
    ours, theirs = Apps(service), Firebase(service)
    return {
        "web push": (count, lambda n: ours.send(n, ours.encoded)),
        "FCM": (count, lambda n: ours.send(n, ours.fcm)),
        "APNs": (count, lambda n: ours.send(n, ours.apns)),
        "FCM by send_each": (min(count, 2 * AT_ONCE), theirs.send),
    }


def report(best: dict[str, Measured], what: str) -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {what}")
    for name, (rate, cpu) in best.items():
        print(f"{name:<18} {rate:7.0f} a second  {cpu:7.0f} us of CPU each")
    faster = best["FCM"][0] / best["FCM by send_each"][0]
    cheaper = best["FCM by send_each"][1] / best["FCM"][1]
    print(f"FCM against send_each: {faster:.1f} times as many a second, 1/{cheaper:.0f} of the CPU")
    assert faster > 3, "We must send more than three times as fast as send_each."
    assert cheaper > 5, "A message must cost less than a fifth of what send_each takes."
    assert best["FCM"][1] < best["web push"][1], "Nothing is encrypted for an app."
    assert best["APNs"][1] < best["web push"][1], "Nothing is encrypted for an app."


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    latency = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    with (
        tempfile.TemporaryDirectory(prefix="beckon-bench-") as folder,
        sink.running(Path(folder)) as service,
    ):
        service.answer_after(latency)
        best = compare(contenders(service, count))
    report(best, f"{count} messages, {latency:g} ms, TLS")


if __name__ == "__main__":
    main()
