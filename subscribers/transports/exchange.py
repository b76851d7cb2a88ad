"""One curl handle: one request out, one answer in, and an honest account of what happened.

Two promises are kept here, because the ledger above relies on them.

Nothing is sent twice. Of its own accord curl sends a request again when a reused connection dies
before an answer, also a POST whose body has left, which the push service may have accepted. To
repeat, it must rewind the body, so the body comes from a callback that refuses to be rewound.

"Not accepted" is only said where it is proven: the body was never handed to curl (a push without
its body is no push), the HTTP/2 stream was refused (RFC 9113 section 8.7), or the answer says so.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import pycurl

from .classify import classify, misplaced, service_of
from .connections import IDLE_SECONDS, Connections
from .endpoints import blocked_address
from .messages import Outcome, OutcomeKind, Request

MAX_BODY = 8 * 1024
MAX_HEADERS = 32 * 1024
RETRY_SECONDS = 10.0
REFUSED_STREAM_SECONDS = 1.0
_USER_AGENT = "Beckon"
# Names without a value: never wait for 100 Continue, and no "Accept: */*".
_NOT_SENT = ["Expect:", "Accept:"]
# What curl (lib/http2.c) says when a stream was reset with REFUSED_STREAM. Where another version
# words it otherwise, the outcome is the careful one, UNKNOWN.
_REFUSED_STREAM = re.compile(rb"HTTP/2 stream \d+ refused by server")
_NOTHING = Request(url="", headers=(), body=b"")
TLS_ERRORS = frozenset(
    {
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CIPHER,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_CERTPROBLEM,
        pycurl.E_SSL_ISSUER_ERROR,
        pycurl.E_SSL_INVALIDCERTSTATUS,
    }
)


@dataclass(frozen=True)
class Limits:
    """Times in seconds. `total` counts from the start of a request, its connection included."""

    total: float = 10.0
    connect: float = 5.0


class SocketAddress(NamedTuple):
    """What curl is about to connect to, as pycurl hands it over."""

    family: int
    socktype: int
    protocol: int
    addr: tuple[str, int] | tuple[str, int, int, int]


class LentSocket(socket.socket):
    """pycurl duplicates the descriptor that it is given; this one closes when it lets go of it."""

    def __del__(self) -> None:
        self.close()


class Exchange:
    """A handle that carries one request after another. Not for two at once."""

    def __init__(
        self,
        limits: Limits,
        connections: Connections,
        *,
        ca_file: str | None,
        resolve: tuple[str, ...],
    ) -> None:
        self.curl: Final = pycurl.Curl()
        self._connections = connections
        self._secure: bool | None = None  # as set on the handle
        self._shares = False
        self._notes: list[bytes] = []
        self._reset(_NOTHING, host="", guarded=True)
        self._set_constants(limits)
        if ca_file is not None:
            self.curl.setopt(pycurl.CAINFO, ca_file)
        if resolve:
            self.curl.setopt(pycurl.RESOLVE, list(resolve))

    def _reset(self, request: Request, *, host: str, guarded: bool) -> None:
        self._request = request
        self._host = host
        self._guarded = guarded
        self._handed_over = 0
        self._header_lines: list[bytes] = []
        self._header_room = MAX_HEADERS
        self._body = bytearray()
        self._blocked = False
        self._opened = False
        self._notes.clear()

    def _set_constants(self, limits: Limits) -> None:
        set_option = self.curl.setopt
        set_option(pycurl.NOSIGNAL, 1)
        set_option(pycurl.TIMEOUT_MS, int(limits.total * 1000))
        set_option(pycurl.CONNECTTIMEOUT_MS, int(limits.connect * 1000))
        set_option(pycurl.FOLLOWLOCATION, 0)
        set_option(pycurl.MAXREDIRS, 0)
        # An empty proxy switches off http_proxy and its kin: the guard must see the real address.
        set_option(pycurl.PROXY, "")
        set_option(pycurl.NOPROXY, "*")
        set_option(pycurl.USERAGENT, _USER_AGENT)
        set_option(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
        set_option(pycurl.PIPEWAIT, 1)
        set_option(pycurl.MAXAGE_CONN, IDLE_SECONDS)
        set_option(pycurl.PATH_AS_IS, 1)
        set_option(pycurl.POST, 1)
        set_option(pycurl.READFUNCTION, self._read_body)
        set_option(pycurl.SEEKFUNCTION, _refuse_rewind)
        set_option(pycurl.HEADERFUNCTION, self._take_header)
        set_option(pycurl.WRITEFUNCTION, self._take_body)
        set_option(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        set_option(pycurl.SOCKOPTFUNCTION, self._note_socket)
        # Only curl's own words tell a refused stream from a lost connection. There are dozens for
        # each request, nearly always for nothing, so no Python runs for them: `insert` takes what
        # curl calls with, a small number and the text, and their order in the list is all the same.
        # It lists answers as well; a push service that says this itself is taken at its word.
        set_option(pycurl.DEBUGFUNCTION, self._notes.insert)

    def prepare(
        self,
        request: Request,
        *,
        host: str,
        guarded: bool,
        share: pycurl.CurlShare | None = None,
    ) -> None:
        """Load `request`. `guarded`: connect to public addresses only. `share`: by its connections
        instead of the client's.
        """
        if not request.body:
            # Whether anything has left is told by the body; without one, nobody could say.
            raise ValueError("A push needs a body.")
        self._reset(request, host=host, guarded=guarded)
        secure = request.url.startswith("https:")
        if secure is not self._secure:
            self._set_scheme(secure)
        set_option = self.curl.setopt
        set_option(pycurl.URL, request.url)
        headers = [f"{name}: {value}" for name, value in request.headers]
        set_option(pycurl.HTTPHEADER, headers + _NOT_SENT)
        set_option(pycurl.POSTFIELDSIZE, len(request.body))
        if share is not None:
            self._shares = True
            set_option(pycurl.SHARE, share)

    def _set_scheme(self, secure: bool) -> None:
        self._secure = None  # until all of it is set
        set_option = self.curl.setopt
        set_option(pycurl.PROTOCOLS, pycurl.PROTO_HTTPS if secure else pycurl.PROTO_HTTP)
        version = pycurl.CURL_HTTP_VERSION_2TLS if secure else pycurl.CURL_HTTP_VERSION_1_1
        set_option(pycurl.HTTP_VERSION, version)
        set_option(pycurl.VERBOSE, int(secure))
        self._secure = secure

    def speaks_http2(self) -> bool:
        """Whether the last answer came by HTTP/2."""
        return bool(self.curl.getinfo(pycurl.INFO_HTTP_VERSION) == pycurl.CURL_HTTP_VERSION_2_0)

    def release(self) -> None:
        """Forget the request, which is secret, between uses."""
        self._reset(_NOTHING, host="", guarded=True)
        if self._shares:
            self.curl.unsetopt(pycurl.SHARE)
            self._shares = False

    @property
    def untouched(self) -> bool:
        """Whether curl has asked for nothing of the body yet, and nothing was answered."""
        return not (self._handed_over or self._header_lines)

    def outcome(self, error: int | None) -> Outcome:
        """What the finished transfer came to. `error`: curl's code, None for success."""
        status = self.curl.getinfo(pycurl.RESPONSE_CODE)
        if status >= 200:
            # An answer counts from its status line on, whatever broke while reading the rest.
            service = self._request.service or service_of(self._host)
            answer = classify(service, status, self._headers(), bytes(self._body))
            return replace(answer, latency=self.curl.getinfo(pycurl.TOTAL_TIME))
        if any(map(_REFUSED_STREAM.match, self._notes)):
            return _retry("refused_stream", REFUSED_STREAM_SECONDS)
        return self.without_answer(error)

    def without_answer(self, error: int | None) -> Outcome:
        """The outcome when no status line came, by whether the request can have left."""
        if self._handed_over:
            timed_out = error == pycurl.E_OPERATION_TIMEDOUT
            reason = "timeout_after_request" if timed_out else "reset_after_request"
            return Outcome(OutcomeKind.UNKNOWN, None, reason)
        if self._blocked and not self._opened:
            if self._request.service is not None:
                return misplaced(self._request.service, "It is in a private network.")
            return Outcome(OutcomeKind.REFUSED, None, "blocked_address")
        if error in (pycurl.E_URL_MALFORMAT, pycurl.E_UNSUPPORTED_PROTOCOL):
            return Outcome(OutcomeKind.REFUSED, None, "endpoint_malformed")
        if error == pycurl.E_COULDNT_RESOLVE_HOST:
            return _retry("dns", RETRY_SECONDS)
        if error == pycurl.E_OPERATION_TIMEDOUT:
            return _retry("connect_timeout", RETRY_SECONDS)
        if error in TLS_ERRORS:
            return _retry("tls", RETRY_SECONDS)
        return _retry("connect", RETRY_SECONDS)

    def _headers(self) -> dict[str, str]:
        """Those of the last status line; of a name that comes again, the first."""
        headers: dict[str, str] = {}
        for line in b"".join(self._header_lines).decode("latin-1").split("\n"):
            if line.startswith("HTTP/"):
                headers.clear()
                continue
            name, colon, value = line.partition(":")
            if colon:
                headers.setdefault(name.strip().lower(), value.strip())
        return headers

    # What curl calls. An exception in here would be printed and lost, so there are none to raise.

    def _read_body(self, size: int) -> bytes:
        start = self._handed_over
        if start == 0:
            # A refusal before this was of a stream without its body; curl has opened another.
            self._notes.clear()
        chunk = self._request.body[start : start + size]
        self._handed_over = start + len(chunk)
        return chunk

    def _take_header(self, line: bytes) -> int | None:
        self._header_room -= len(line)
        if self._header_room < 0:
            return -1
        self._header_lines.append(line)
        return None  # as good as its length

    def _take_body(self, chunk: bytes) -> int:
        room = MAX_BODY - len(self._body)
        self._body += chunk[:room]
        return len(chunk) if len(chunk) <= room else -1

    def _open_socket(self, purpose: int, address: SocketAddress) -> socket.socket | int:
        if address.family not in (socket.AF_INET, socket.AF_INET6):
            self._blocked = True
            return int(pycurl.SOCKET_BAD)
        if self._guarded and blocked_address(address.addr[0]):
            self._blocked = True
            return int(pycurl.SOCKET_BAD)
        self._opened = True
        return LentSocket(address.family, address.socktype, address.protocol)

    def _note_socket(self, descriptor: int, purpose: int) -> int:
        self._connections.add(descriptor)
        return int(pycurl.SOCKOPT_OK)


def _refuse_rewind(offset: int, origin: int) -> int:
    return int(pycurl.SEEKFUNC_FAIL)


def _retry(reason: str, seconds: float) -> Outcome:
    return Outcome(OutcomeKind.RETRY, None, reason, retry_after=seconds)
