"""The guarded look at an address: what it finds, and where it never goes."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from subscribers.transports import fetching
from subscribers.transports.fetching import Answer, NotReached, Why

from .servers import Server as TlsServer
from .servers import Visit

HOST = "127.0.0.1"


class Handler(BaseHTTPRequestHandler):
    """/status/404, /to?where, /loop, /big, /slow, /quiet, else a short page."""

    seen: list[str] = []

    def do_GET(self) -> None:  # noqa: N802 - the library's name
        self.seen.append(self.path)
        if self.path.startswith("/status/"):
            self._answer(int(self.path.rpartition("/")[2]), b"x")
        elif self.path.startswith("/to?"):
            self._answer(302, b"gone on", Location=self.path.partition("?")[2])
        elif self.path == "/loop":
            self._answer(307, b"", Location="/loop")
        elif self.path == "/big":
            self._answer(200, b"b" * 3_000_000, **{"Content-Type": "Image/PNG; x=y"})
        elif self.path == "/heads":
            self._answer(200, b"", **{f"X-{number}": "v" * 900 for number in range(60)})
        elif self.path == "/slow":
            self.server.quiet.wait(20)  # type: ignore[attr-defined]
        else:
            self._answer(200, b"hello", **{"Content-Type": "text/html; charset=utf-8"})

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    quiet = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who looks hangs up early."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server((HOST, 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.quiet.set()
        running.shutdown()
        thread.join()


def get(server: Server, path: str, most_bytes: int = 100, **how: Any) -> Answer:
    port = server.server_port
    url = path if path.startswith("http") else f"http://{HOST}:{port}{path}"
    return fetching.fetch(url, most_bytes=most_bytes, trusted=[(HOST, port)], **how)


def why(url: str, **how: Any) -> Why:
    with pytest.raises(NotReached) as refused:
        fetching.fetch(url, most_bytes=100, **how)
    return refused.value.why


def test_a_page_is_read_as_far_as_was_asked(server: Server) -> None:
    page = get(server, "/æ ø?q=ü b#part")
    assert (page.status, page.content_type, page.body) == (200, "text/html", b"hello")
    assert (page.length, page.redirects) == (5, 0)
    assert Handler.seen[-1] == "/%C3%A6%20%C3%B8?q=%C3%BC%20b"
    assert 0 < page.seconds < fetching.SECONDS


@pytest.mark.parametrize("most", [0, 100, 1_000_000])
def test_no_more_is_read_and_the_announced_length_is_told(server: Server, most: int) -> None:
    big = get(server, "/big", most)
    assert (big.status, big.content_type, big.length) == (200, "image/png", 3_000_000)
    assert len(big.body) == most


@pytest.mark.parametrize("status", [404, 410, 500])
def test_an_error_is_an_answer_too(server: Server, status: int) -> None:
    assert get(server, f"/status/{status}").status == status


def test_redirects_are_followed_and_counted(server: Server) -> None:
    found = get(server, "/to?/to?/page")
    assert (found.status, found.redirects) == (200, 2)
    assert found.url.endswith("/page")


def test_a_redirect_without_a_place_is_the_answer(server: Server) -> None:
    assert get(server, "/status/302").status == 302


def test_too_many_redirects_are_told_apart(server: Server) -> None:
    url = f"http://{HOST}:{server.server_port}/loop"
    assert why(url, trusted=[(HOST, server.server_port)]) is Why.ROUND


def test_all_of_it_has_one_deadline(server: Server) -> None:
    began = time.monotonic()
    with pytest.raises(NotReached) as refused:
        get(server, "/to?/slow", seconds=0.4)
    assert refused.value.why is Why.SLOW
    assert time.monotonic() - began < 3


def test_without_time_nothing_is_asked(server: Server) -> None:
    with pytest.raises(NotReached) as refused:
        get(server, "/page", seconds=0)
    assert refused.value.why is Why.SLOW


def test_endless_headers_are_cut_off(server: Server) -> None:
    url = f"http://{HOST}:{server.server_port}/heads"
    assert why(url, trusted=[(HOST, server.server_port)]) is Why.NO


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]"],
)
def test_this_machine_is_never_asked(server: Server, host: str) -> None:
    before = len(Handler.seen)
    assert why(f"http://{host}:{server.server_port}/page") is Why.NO
    assert len(Handler.seen) == before


def test_a_trusted_server_leads_nowhere_else_on_this_machine(server: Server) -> None:
    """What a redirect names passes the guard anew, by address and by port."""
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        trusted = [(HOST, server.server_port)]
        url = f"http://{HOST}:{server.server_port}/to?http://{HOST}:{port}/"
        assert why(url, trusted=trusted) is Why.NO
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.accept()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example",
        "ftp://shop.example/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "gopher://127.0.0.1:6379/_x",
        "http://",
        "http://ada:secret@shop.example/",
        "http://shop.example:99999/",
        "http://shop.example:port/",
        "http://a\x00b.example/",
        "http://a b.example/",
        "http://[::1/",
        "http://" + "a" * 64 + ".example/",
        "https://shop.example/" + "a" * 3_000,
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://192.168.1.1/",
        "http://[fd00::1]/",
        "http://8.8.8.8:6379/",
        "https://no-such-host.invalid/",
    ],
)
def test_all_that_is_forbidden_reads_like_what_is_not_there(url: str) -> None:
    assert why(url, seconds=1.0) is Why.NO


@pytest.mark.parametrize("place", ["ftp://x.example/", "http://[::1/", "http://10.0.0.1/"])
def test_a_redirect_to_what_is_forbidden_reads_the_same(server: Server, place: str) -> None:
    url = f"http://{HOST}:{server.server_port}/to?{place}"
    assert why(url, trusted=[(HOST, server.server_port)]) is Why.NO


def test_a_certificate_that_nobody_trusts_is_told_apart() -> None:
    """A server that speaks no TLS at all, on a port that is trusted."""
    with socket.create_server((HOST, 0)) as plain:
        port = plain.getsockname()[1]

        def answer() -> None:
            connection, _address = plain.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nnot what was asked")

        thread = threading.Thread(target=answer)
        thread.start()
        assert why(f"https://{HOST}:{port}/", trusted=[(HOST, port)]) is Why.CERTIFICATE
        thread.join()


def test_a_post_is_sent_once_and_trusts_the_given_certificates_alone(
    certificate: tuple[str, ssl.SSLContext],
) -> None:
    def script(visit: Visit) -> None:
        visit.read_request()
        visit.answer(b"HTTP/1.1 302 Found\r\nLocation: /on\r\nContent-Length: 2\r\n\r\n{}")

    ca_file, tls = certificate
    with TlsServer(script, tls=tls) as server:
        url = f"https://{HOST}:{server.port}/token"
        ask = {"most_bytes": 10, "seconds": 5.0, "guarded": False}
        headers = {"Content-Type": "text/plain"}
        answer = fetching.post(url, b"a=b", headers, ca_file=ca_file, **ask)  # type: ignore[arg-type]
        assert (answer.status, answer.body) == (302, b"{}") and answer.seconds > 0
        [sent] = server.requests
        assert sent.startswith(b"POST /token ") and sent.endswith(b"\r\n\r\na=b")
        assert b"Content-Type: text/plain" in sent
        with pytest.raises(NotReached) as refused:
            fetching.post(url, b"a=b", headers, **ask)  # type: ignore[arg-type]
        assert refused.value.why is Why.CERTIFICATE
        with pytest.raises(NotReached) as refused:
            fetching.post(url, b"a=b", headers, ca_file=ca_file, most_bytes=10, seconds=5.0)
        assert refused.value.why is Why.NO and len(server.requests) == 1
