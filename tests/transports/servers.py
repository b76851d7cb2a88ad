"""Push services that misbehave, on real sockets of 127.0.0.1."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Self

import h2.config
import h2.connection
import h2.errors
import h2.events
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hyperframe.frame import GoAwayFrame

CREATED = b"HTTP/1.1 201 Created\r\nLocation: /m/1\r\nTTL: 60\r\nContent-Length: 0\r\n\r\n"
_LOOPBACK = IPv4Address("127.0.0.1")
GRACE = 5.0  # seconds that a fault of a test itself may take to show


@dataclass
class Visit:
    """One accepted connection: what the script of a test acts on."""

    socket: socket.socket
    server: Server
    number: int  # of the connection, from 1

    def read_request(self) -> bytes:
        """The whole next request, recorded on the server; b'' when the client has closed."""
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = self.socket.recv(65536)
            if not chunk:
                return b""
            data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        while len(body) < length:
            body += self.socket.recv(65536)
        self.server.requests.append(head + b"\r\n\r\n" + body)
        return head + b"\r\n\r\n" + body

    def answer(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reset(self) -> None:
        """Close with RST, so that the client reads an error and no end of file."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()

    def wait_for_client(self) -> None:
        """Hang until the client gives up."""
        with contextlib.suppress(OSError):
            while self.socket.recv(65536):
                pass


@dataclass
class Server:
    """Runs `script` for every connection, each on a thread of its own."""

    script: Callable[[Visit], None]
    tls: ssl.SSLContext | None = None
    requests: list[bytes] = field(default_factory=list)
    visits: int = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        scheme = "http" if self.tls is None else "https"
        self.origin = f"{scheme}://127.0.0.1:{self.port}"
        self.extra = frozenset({self.origin})
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        # A closed listener does not wake accept(); a last visitor does.
        self._closing = True
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
        self._accepting.join(GRACE)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(GRACE)
        for connection in self._open:
            connection.close()

    _closing = False

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._closing:
                connection.close()
                return
            # Otherwise an answer waits 40 ms for the acknowledgement of the TLS session tickets.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.visits += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection, self.visits))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            self.script(Visit(connection, self, number))
            connection.close()


def created(visit: Visit) -> None:
    """A well-behaved push service."""
    while visit.read_request():
        visit.answer(CREATED)


def hang(visit: Visit) -> None:
    """One that takes a request and never answers."""
    visit.read_request()
    visit.wait_for_client()


def answering(data: bytes) -> Callable[[Visit], None]:
    """One that answers every request with `data`."""

    def script(visit: Visit) -> None:
        while visit.read_request():
            visit.answer(data)

    return script


@dataclass
class Stream:
    """One HTTP/2 request that has arrived in full."""

    number: int  # in order of arrival at this connection, from 1
    id: int
    headers: dict[str, str]
    body: bytes
    connection: h2.connection.H2Connection
    visit: Visit

    def respond(self, status: int = 201) -> None:
        headers = [(":status", str(status)), ("location", f"/m/{self.headers[':path'][1:]}")]
        self.connection.send_headers(self.id, headers, end_stream=True)

    def reset(self, code: h2.errors.ErrorCodes) -> None:
        self.connection.reset_stream(self.id, code)

    def say_goaway(self) -> None:
        """Take no stream after this one, and leave the closing to the client, as servers do."""
        frame = GoAwayFrame(0, last_stream_id=self.id)
        self.visit.answer(self.connection.data_to_send() + frame.serialize())


def http2(script: Callable[[Stream], None]) -> Callable[[Visit], None]:
    """Speak HTTP/2 and run `script` for each request."""

    def serve(visit: Visit) -> None:
        connection = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        connection.initiate_connection()
        visit.socket.sendall(connection.data_to_send())
        for stream in _streams(visit, connection):
            script(stream)
            visit.socket.sendall(connection.data_to_send())

    return serve


def _streams(visit: Visit, connection: h2.connection.H2Connection) -> Iterator[Stream]:
    heads: dict[int, dict[str, str]] = {}
    bodies: dict[int, bytes] = {}
    count = 0
    while data := visit.socket.recv(65536):
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                heads[event.stream_id] = {str(k): str(v) for k, v in event.headers}
                bodies[event.stream_id] = b""
            elif isinstance(event, h2.events.DataReceived):
                bodies[event.stream_id] += event.data
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                count += 1
                head, body = heads[event.stream_id], bodies[event.stream_id]
                visit.server.requests.append(head[":path"].encode() + b" " + body)
                yield Stream(count, event.stream_id, head, body, connection, visit)
        visit.socket.sendall(connection.data_to_send())


def make_certificate(folder: Path) -> tuple[str, ssl.SSLContext]:
    """A self-signed certificate for 127.0.0.1: its file, and a server's context that uses it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(_LOOPBACK)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "push.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return str(path), context
