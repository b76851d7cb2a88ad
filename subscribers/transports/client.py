"""The one client by which web pushes leave: many requests at once, one outcome for each.

No retries, no redirects, no proxies, a deadline for each request, bounded answers, and connections
to public addresses only. Connections stay open between calls of the same process.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pycurl

from .connections import Connections
from .endpoints import EndpointRefused, Origin, examine_endpoint
from .exchange import Exchange, Limits
from .messages import Outcome, OutcomeKind, Request

MAX_IN_FLIGHT = 256
# For one origin: less than all, so that one that hangs does not hold up the others.
HTTP2_IN_FLIGHT = 192
# Before an origin has answered by HTTP/2, one request needs one connection.
HTTP1_IN_FLIGHT = 24
_MAX_CONNECTIONS = 64
_LONGEST_WAIT = 1.0
_REMOVED = "removed"
_UNACCOUNTED = Outcome(OutcomeKind.UNKNOWN, None, "internal_error")
# What one row can cause. Not Exception: a job's time limit arrives as one, and must get through.
_ROW_FAULTS = (pycurl.error, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

logger = logging.getLogger(__name__)

# A forked child must not close what it inherited: that would end TLS sessions of its parent.
_inherited: list[object] = []


@dataclass
class _Work:
    """One call of `send_many`."""

    requests: list[Request]
    extra_origins: frozenset[str]
    outcomes: list[Outcome | None]
    give_up_at: float
    waiting: dict[Origin, deque[int]] = field(default_factory=dict)
    active: dict[pycurl.Curl, tuple[Exchange, int, Origin]] = field(default_factory=dict)
    in_flight: dict[Origin, int] = field(default_factory=dict)


class PushClient:
    """Sends requests and says what became of each.

    `timeout` and `connect_timeout`: seconds for one request; `budget`: seconds after which a call
    starts no further requests, so that it ends within `budget + timeout`. `ca_file`: certificates
    to trust instead of the system's. `resolve`: fixed addresses (`host:port:address`) in place of
    DNS. Calls from several threads take turns; give each thread its own client to avoid that.
    """

    def __init__(
        self,
        *,
        timeout: float = 10.0,
        connect_timeout: float = 5.0,
        budget: float = 60.0,
        ca_file: str | None = None,
        resolve: Sequence[str] = (),
    ) -> None:
        self._limits = Limits(total=timeout, connect=connect_timeout)
        self._budget = budget
        self._ca_file = ca_file
        self._resolve = tuple(resolve)
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._multi: pycurl.CurlMulti | None = None
        self._idle: list[Exchange] = []
        self._connections = Connections()
        self._http2_origins: set[Origin] = set()

    def send_many(
        self, requests: Sequence[Request], *, extra_origins: frozenset[str]
    ) -> list[Outcome]:
        """One outcome for each request, in their order. No request can make it raise.

        What interrupts the whole process (a job's time limit, Ctrl-C) does pass through; then what
        was in flight is cut off, and its outcome is not known.
        """
        if self._pid != os.getpid():
            _inherited.append((self._multi, self._idle))
            self._start_afresh()
        work = _Work(
            requests=list(requests),
            extra_origins=extra_origins,
            outcomes=[None] * len(requests),
            give_up_at=time.monotonic() + self._budget,
        )
        with self._lock:
            self._sort(work)
            if self._multi is not None and self._connections.any_closed_by_peer():
                self._close_multi()
            try:
                self._run(work)
            except BaseException:
                self._discard(work)
                raise
        return [outcome or _UNACCOUNTED for outcome in work.outcomes]

    def close(self) -> None:
        """Close all connections. The client can be used again."""
        if self._pid == os.getpid():
            with self._lock:
                for exchange in self._idle:
                    exchange.curl.close()
                self._idle.clear()
                self._close_multi()

    def _close_multi(self) -> None:
        if self._multi is not None:
            self._multi.close()
            self._multi = None

    def _sort(self, work: _Work) -> None:
        """Refuse what may not be sent to; queue the rest by origin: none holds up another."""
        for index, request in enumerate(work.requests):
            try:
                url, origin = examine_endpoint(request.url, extra_origins=work.extra_origins)
                if url != request.url:
                    # What is sent to is exactly what was checked.
                    work.requests[index] = replace(request, url=url)
                work.waiting.setdefault(origin, deque()).append(index)
            except EndpointRefused as refusal:
                removed = refusal.code == _REMOVED
                kind = OutcomeKind.GONE if removed else OutcomeKind.REFUSED
                work.outcomes[index] = Outcome(kind, None, f"endpoint_{refusal.code}")
            except _ROW_FAULTS:
                work.outcomes[index] = _failed_before_sending()

    def _run(self, work: _Work) -> None:
        while work.waiting or work.active:
            if time.monotonic() >= work.give_up_at:
                _give_up(work)
            try:
                self._start_waiting(work)
                self._perform(work)
            except pycurl.error:
                self._lose_all(work)

    def _start_waiting(self, work: _Work) -> None:
        for origin in list(work.waiting):
            queue = work.waiting[origin]
            most = HTTP2_IN_FLIGHT if origin in self._http2_origins else HTTP1_IN_FLIGHT
            while (
                queue and len(work.active) < MAX_IN_FLIGHT and work.in_flight.get(origin, 0) < most
            ):
                self._start(work, origin, queue.popleft())
            if not queue:
                del work.waiting[origin]

    def _start(self, work: _Work, origin: Origin, index: int) -> None:
        exchange = self._idle.pop() if self._idle else self._new_exchange()
        request = work.requests[index]
        try:
            exchange.prepare(request, host=origin.host, guarded=not origin.added)
            self._shared_multi().add_handle(exchange.curl)
        except _ROW_FAULTS:
            # Nothing has left. The handle may be half set, so it is not used again.
            exchange.curl.close()
            work.outcomes[index] = _failed_before_sending()
            return
        work.active[exchange.curl] = (exchange, index, origin)
        work.in_flight[origin] = work.in_flight.get(origin, 0) + 1

    def _new_exchange(self) -> Exchange:
        return Exchange(
            self._limits, self._connections, ca_file=self._ca_file, resolve=self._resolve
        )

    def _shared_multi(self) -> pycurl.CurlMulti:
        if self._multi is None:
            self._multi = pycurl.CurlMulti()
            self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
            self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, HTTP1_IN_FLIGHT)
            self._multi.setopt(pycurl.M_MAXCONNECTS, _MAX_CONNECTIONS)
        return self._multi

    def _perform(self, work: _Work) -> None:
        if not work.active:
            return
        multi = self._shared_multi()
        multi.perform()
        if not self._collect(work, multi) and work.active:
            _wait(multi)

    def _collect(self, work: _Work, multi: pycurl.CurlMulti) -> int:
        """Record what has finished; returns how many."""
        count = 0
        more = 1
        while more:
            more, good, bad = multi.info_read()
            for curl in good:
                self._finish(work, multi, curl, None)
            for curl, error, _message in bad:
                self._finish(work, multi, curl, error)
            count += len(good) + len(bad)
        return count

    def _finish(
        self, work: _Work, multi: pycurl.CurlMulti, curl: pycurl.Curl, error: int | None
    ) -> None:
        exchange, index, origin = work.active.pop(curl)
        work.in_flight[origin] -= 1
        try:
            work.outcomes[index] = exchange.outcome(error)
        except _ROW_FAULTS:
            logger.exception("An answer of a push service could not be understood")
            work.outcomes[index] = exchange.without_answer(error)
        if exchange.speaks_http2():
            self._http2_origins.add(origin)
        multi.remove_handle(curl)
        exchange.release()
        self._idle.append(exchange)

    def _lose_all(self, work: _Work) -> None:
        """After a fault of curl itself: account for what was in flight and begin anew."""
        for exchange, index, _origin in work.active.values():
            work.outcomes[index] = exchange.without_answer(None)
        self._discard(work)
        _give_up(work)

    def _discard(self, work: _Work) -> None:
        multi = self._shared_multi()
        for exchange, _index, _origin in work.active.values():
            with contextlib.suppress(pycurl.error):
                multi.remove_handle(exchange.curl)
            exchange.curl.close()
        work.active.clear()
        self._close_multi()


def _wait(multi: pycurl.CurlMulti) -> None:
    milliseconds = multi.timeout()
    seconds = _LONGEST_WAIT if milliseconds < 0 else min(milliseconds / 1000, _LONGEST_WAIT)
    if multi.select(seconds) < 0:
        # A signal, or no socket yet, as while a name is looked up on a thread of curl's.
        time.sleep(min(seconds, 0.005))


def _give_up(work: _Work) -> None:
    for queue in work.waiting.values():
        for index in queue:
            work.outcomes[index] = Outcome(OutcomeKind.RETRY, None, "not_started", retry_after=0.0)
    work.waiting.clear()


def _failed_before_sending() -> Outcome:
    """A fault of this program before any byte left: this row is at fault, and the others go on."""
    logger.exception("A push could not be prepared")
    return Outcome(OutcomeKind.REFUSED, None, "internal_error")
