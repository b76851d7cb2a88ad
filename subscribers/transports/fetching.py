"""One bounded request with its answer: looking at what a person typed, or asking for a token.

The guard is the one of pushes: asked for the very address of each connection, so that no name, no
spelling and no redirect leads into a private network. Only the usual ports, no cookies, no proxy.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import pycurl

from .endpoints import MAX_URL, blocked_address
from .exchange import TLS_ERRORS, LentSocket, SocketAddress

SECONDS = 3.0  # for all of it: names, connections, redirects and what is read
MOST_REDIRECTS = 3
PORTS = frozenset({80, 443})
_MAX_HEADERS = 32 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_USER_AGENT = "Beckon (link check)"
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\]")
_SAFE = "/%:@!$&'()*+,;=~-._"


class Why(StrEnum):
    """Why there is no answer. `NO` also for what the guard forbids, so that it tells nothing."""

    NO = "no"
    SLOW = "slow"
    CERTIFICATE = "certificate"
    ROUND = "round"  # redirected too often


class NotReached(Exception):
    """There was no answer to look at."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Answer:
    """What an address gave.

    `url`: where it was found in the end, after `redirects` of them. `content_type`: in lower case,
    without parameters. `length`: in bytes, as announced or as read to the end, else None. `body`:
    its beginning. `seconds`: since the first request.
    """

    url: str
    status: int
    content_type: str
    length: int | None
    body: bytes
    seconds: float
    redirects: int = 0


def fetch(
    url: str,
    *,
    most_bytes: int,
    trusted: Collection[tuple[str, int]] = (),
    seconds: float = SECONDS,
) -> Answer:
    """GET an http(s) address and read at most `most_bytes`. NotReached if there is no answer.

    `trusted`: (IP address, port) pairs of the operator's own that the guard lets through.
    """
    began = time.monotonic()
    for redirects in range(MOST_REDIRECTS + 1):
        left = seconds - (time.monotonic() - began)
        one = _One(_plain(url), most_bytes, trusted)
        answer, location = one.run(left)
        if not location:
            passed = time.monotonic() - began
            return replace(answer, seconds=passed, redirects=redirects)
        try:
            url = urljoin(answer.url, location)
        except ValueError:
            raise NotReached(Why.NO) from None
    raise NotReached(Why.ROUND)


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    most_bytes: int,
    seconds: float,
    guarded: bool = True,
    ca_file: str | None = None,
) -> Answer:
    """POST once to an address that the operator set; a redirect is the answer, never followed.

    NotReached if there is no answer. `guarded`: only to public addresses. `ca_file`: certificates
    (PEM) to trust instead of the system's.
    """
    began = time.monotonic()
    one = _One(_plain(url), most_bytes, None if not guarded else ())
    one.carry(body, headers, ca_file)
    answer, _location = one.run(seconds)
    return replace(answer, seconds=time.monotonic() - began)


def _plain(url: str) -> str:
    """An address in ASCII as curl takes it; NotReached for what is no address of a page."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or ""), parts.port
        host = f"[{host}]" if ":" in host else host.encode("idna").decode()
    except ValueError:
        raise NotReached(Why.NO) from None
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or not _HOST.fullmatch(host):
        raise NotReached(Why.NO)
    netloc = host if port is None else f"{host}:{port}"
    path, query = quote(parts.path or "/", safe=_SAFE), quote(parts.query, safe=_SAFE + "?[]")
    plain = urlunsplit((parts.scheme, netloc, path, query, ""))
    if len(plain) > MAX_URL:
        raise NotReached(Why.NO)
    return plain


class _One:
    """One request without redirects: a GET, unless it has a body to `carry`.

    `trusted`: None for any address. What curl calls raises nothing: that would be lost.
    """

    def __init__(
        self, url: str, most_bytes: int, trusted: Collection[tuple[str, int]] | None
    ) -> None:
        self._url = url
        self._post: tuple[bytes, Mapping[str, str], str | None] | None = None
        self._most = most_bytes
        self._trusted = trusted
        self._body = bytearray()
        self._headers: dict[str, str] = {}
        self._header_room = _MAX_HEADERS
        self._full = False

    def carry(self, body: bytes, headers: Mapping[str, str], ca_file: str | None) -> None:
        """Be a POST."""
        self._post = body, headers, ca_file

    def run(self, seconds: float) -> tuple[Answer, str]:
        """The answer, and where it sends one on to if it is a redirect."""
        if seconds <= 0:
            raise NotReached(Why.SLOW)
        curl = pycurl.Curl()
        try:
            self._set(curl, seconds)
            if self._post is not None:
                _set_post(curl, *self._post)
            self._perform(curl)
            status = int(curl.getinfo(pycurl.RESPONSE_CODE))
        finally:
            curl.close()
        location = self._headers.get("location", "") if status in _REDIRECTS else ""
        kind = self._headers.get("content-type", "").partition(";")[0].strip().lower()
        return Answer(self._url, status, kind, self._length(), bytes(self._body), 0.0), location

    def _set(self, curl: pycurl.Curl, seconds: float) -> None:
        curl.setopt(pycurl.URL, self._url)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.TIMEOUT_MS, max(1, int(seconds * 1000)))
        curl.setopt(pycurl.FOLLOWLOCATION, 0)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        # An empty proxy switches off http_proxy and its kin: the guard must see the real address.
        curl.setopt(pycurl.PROXY, "")
        curl.setopt(pycurl.NOPROXY, "*")
        curl.setopt(pycurl.USERAGENT, _USER_AGENT)
        curl.setopt(pycurl.HTTPHEADER, ["Accept: text/html,image/*;q=0.9,*/*;q=0.8"])
        curl.setopt(pycurl.HEADERFUNCTION, self._take_header)
        curl.setopt(pycurl.WRITEFUNCTION, self._take_body)
        curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)

    def _perform(self, curl: pycurl.Curl) -> None:
        try:
            curl.perform()
        except pycurl.error as error:
            code = error.args[0]
            # Cut off after enough was read, or while reading on: there is an answer all the same.
            if self._full or (curl.getinfo(pycurl.RESPONSE_CODE) >= 200 and self._body):
                return
            if code == pycurl.E_OPERATION_TIMEDOUT:
                raise NotReached(Why.SLOW) from None
            raise NotReached(Why.CERTIFICATE if code in TLS_ERRORS else Why.NO) from None
        self._headers.setdefault("content-length", str(len(self._body)))

    def _length(self) -> int | None:
        text = self._headers.get("content-length", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None

    def _take_header(self, line: bytes) -> int | None:
        self._header_room -= len(line)
        if self._header_room < 0:
            return -1
        text = line.decode("latin-1")
        if text.startswith("HTTP/"):
            self._headers.clear()
            return None
        name, colon, value = text.partition(":")
        if colon:
            self._headers.setdefault(name.strip().lower(), value.strip())
        return None  # as good as its length

    def _take_body(self, chunk: bytes) -> int:
        room = self._most - len(self._body)
        self._body += chunk[:room]
        self._full = len(chunk) > room
        return -1 if self._full else len(chunk)

    def _open_socket(self, purpose: int, address: SocketAddress) -> socket.socket | int:
        if address.family not in (socket.AF_INET, socket.AF_INET6):
            return int(pycurl.SOCKET_BAD)
        ip, port = address.addr[0], address.addr[1]
        public = port in PORTS and not blocked_address(ip)
        if not public and self._trusted is not None and (ip, port) not in self._trusted:
            return int(pycurl.SOCKET_BAD)
        return LentSocket(address.family, address.socktype, address.protocol)


def _set_post(
    curl: pycurl.Curl, body: bytes, headers: Mapping[str, str], ca_file: str | None
) -> None:
    # A body in place, unlike one from a callback, is never sent again: the handle is new, and curl
    # repeats a request on a reused connection only.
    curl.setopt(pycurl.POST, 1)
    curl.setopt(pycurl.POSTFIELDS, body)
    curl.setopt(pycurl.USERAGENT, "Beckon")
    lines = [f"{name}: {value}" for name, value in headers.items()]
    curl.setopt(pycurl.HTTPHEADER, [*lines, "Expect:"])
    curl.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
    if ca_file is not None:
        curl.setopt(pycurl.CAINFO, ca_file)
