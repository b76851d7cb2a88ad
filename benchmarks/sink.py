"""A push service that is much faster than any sender: HTTP/2 and 1.1 over TLS, takes everything.

Granian, whose protocol work is Rust's, with an application of a few lines. It answers after so many
milliseconds as it was last told, and first appends every message that it accepts to BENCH_LOG: 24
bytes of topic and the time. What is in that file was accepted, whatever a sender believes.
"""

from __future__ import annotations

import asyncio
import base64
import datetime
import ipaddress
import os
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from config.embedded import processes

if TYPE_CHECKING:
    from granian._granian import RSGIHTTPProtocol
    from granian.rsgi import Scope

ROOT = Path(__file__).resolve().parent.parent
RECORD = struct.Struct(">24sd")
NO_TOPIC = bytes(24)
NAME = '{"name": "projects/sink/messages/0:%016d"}'
# As long as FCM's.
LOCATION = "https://sink.example/0:{:016}%e609af1cf9fd7ecd0000000000000000"
PATIENCE_SECONDS = 30.0
# As many as senders may hope for: FCM grants 100, Mozilla's autopush 128, Apple 100 to 1,000.
STREAMS = 200


class Application:
    """The answers, by RSGI."""

    def __init__(self) -> None:
        self.latency = 0.0
        path = os.environ.get("BENCH_LOG")
        self.log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if path else None
        self.count = 0

    async def __call__(self, scope: Scope, protocol: RSGIHTTPProtocol) -> None:
        if scope.method == "PUT":
            self.latency = float(scope.path.rpartition("/")[2]) / 1000
        if scope.method != "POST":
            protocol.response_empty(204, [])
            return
        await protocol()
        if self.latency:
            await asyncio.sleep(self.latency)
        if self.log is not None:
            topic = scope.headers.get("topic")
            name = base64.urlsafe_b64decode(topic) if topic else NO_TOPIC
            os.write(self.log, RECORD.pack(name, time.time()))
        self.count += 1
        if scope.path.startswith("/v1/"):
            json = [("content-type", "application/json")]
            protocol.response_str(200, json, NAME % self.count)
        elif scope.path.startswith("/3/"):
            protocol.response_empty(200, [("apns-id", scope.headers.get("apns-id") or "")])
        else:
            location = LOCATION.format(self.count)
            protocol.response_empty(201, [("location", location), ("ttl", "86400")])


app = Application()


@dataclass(frozen=True)
class Accepted:
    """One record of the log: a message that was answered with 201, and when (epoch seconds)."""

    topic: bytes
    at: float


@dataclass
class Sink:
    """A running sink. `log` is None where nobody asked for one."""

    folder: Path
    port: int
    log: Path | None
    process: subprocess.Popen[bytes]

    @property
    def origin(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> Path:
        return self.folder / "sink.crt"

    def answer_after(self, milliseconds: float) -> None:
        """Answer so late from now on."""
        connection = HTTPSConnection("127.0.0.1", self.port, context=self.context(), timeout=10)
        connection.request("PUT", f"/latency/{milliseconds:g}")
        assert connection.getresponse().status == HTTPStatus.NO_CONTENT
        connection.close()

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_file))

    def accepted(self, *, after: int = 0) -> list[Accepted]:
        """What the log holds beyond its first `after` records."""
        assert self.log is not None
        data = self.log.read_bytes()[after * RECORD.size :] if self.log.exists() else b""
        whole = len(data) - len(data) % RECORD.size
        return [Accepted(topic, at) for topic, at in RECORD.iter_unpack(data[:whole])]

    def count(self) -> int:
        """How many the log holds; cheap at any size."""
        assert self.log is not None
        return self.log.stat().st_size // RECORD.size if self.log.exists() else 0


@contextmanager
def running(folder: Path, *, log: Path | None = None) -> Iterator[Sink]:
    """A sink on a port of 127.0.0.1, with a certificate made for it in `folder`."""
    make_certificate(folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    environment = {**os.environ, "BENCH_LOG": str(log or ""), "PYTHONPATH": str(ROOT)}
    # It dies with whoever started it.
    process = processes.spawn(command(folder, port), log=folder / "sink.log", env=environment)
    sink = Sink(folder, port, log, process)
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while not answers(sink):
            assert process.poll() is None and time.monotonic() < end, "the sink did not start"
            time.sleep(0.05)
        yield sink
    finally:
        process.terminate()
        process.wait()


def command(folder: Path, port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "granian", "--interface", "rsgi", "--no-ws", "--http", "auto"),
        *("--host", "127.0.0.1", "--port", str(port), "--backlog", "4096"),
        *("--http2-max-concurrent-streams", str(STREAMS), "--runtime-mode", "st"),
        *("--ssl-certificate", str(folder / "sink.crt"), "--ssl-keyfile", str(folder / "sink.key")),
        # Senders keep their connections; it does not wait for them when it is told to stop.
        *("--workers-kill-timeout", "1", "--log-level", "critical", "benchmarks.sink:app"),
    ]


def answers(sink: Sink) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", sink.port), timeout=1) as plain:
            sink.context().wrap_socket(plain, server_hostname="127.0.0.1").close()
    except OSError:
        return False
    return True


def make_certificate(folder: Path) -> None:
    """A key and a self-signed certificate for 127.0.0.1, good for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "benchmark sink")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    descriptor = os.open(folder / "sink.key", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(private)
    (folder / "sink.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
