"""The one client by which web pushes leave: many requests at once, one outcome for each.

No retries, no redirects, no proxies, a deadline for each request, bounded answers, and connections
to public addresses only. Connections stay open between requests of the same process.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import os
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import pycurl

from .classify import misplaced
from .connections import STREAMS, Connections, Pool, Pools
from .endpoints import EndpointRefused, Origin, examine_app_url, examine_endpoint
from .exchange import Exchange, Limits
from .messages import Outcome, OutcomeKind, Request

MAX_IN_FLIGHT = 500
# Before an origin has answered by HTTP/2, one request needs one connection.
HTTP1_IN_FLIGHT = 24
_MAX_CONNECTIONS = 64
_LONGEST_WAIT = 1.0
_REMOVED = "removed"
_NOT_STARTED = Outcome(OutcomeKind.RETRY, None, "not_started", retry_after=0.0)
# What one row can cause. Not Exception: a job's time limit arrives as one, and must get through.
_ROW_FAULTS = (pycurl.error, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

logger = logging.getLogger(__name__)

# A forked child must not close what it inherited: that would end TLS sessions of its parent.
_inherited: list[object] = []


class _Row(NamedTuple):
    """One request that waits for its time, or for room at its origin."""

    ticket: int
    request: Request
    origin: Origin


class _Flight(NamedTuple):
    exchange: Exchange
    row: _Row
    pool: Pool | None


# An origin, and whom connections to it are kept apart for.
_Lane = tuple[Origin, str]


class PushClient:
    """Sends requests and says what became of each: `start` some, then `step` until they ended.

    `timeout` and `connect_timeout`: seconds for one request, from when it begins to leave.
    `most_in_flight`: of all origins; one origin gets four fifths of it, so that one that hangs does
    not hold up the others. `ca_file`: certificates to trust instead of the system's. `resolve`:
    fixed addresses (`host:port:address`) in place of DNS. A client belongs to one thread.
    """

    def __init__(
        self,
        *,
        timeout: float = 10.0,
        connect_timeout: float = 5.0,
        most_in_flight: int = MAX_IN_FLIGHT,
        ca_file: str | None = None,
        resolve: Sequence[str] = (),
    ) -> None:
        self._limits = Limits(total=timeout, connect=connect_timeout)
        self._most_in_flight = most_in_flight
        self._most_at_origin = max(1, most_in_flight * 4 // 5)
        self._ca_file = ca_file
        self._resolve = tuple(resolve)
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._pid = os.getpid()
        self._multi: pycurl.CurlMulti | None = None
        self._idle: list[Exchange] = []
        self._connections = Connections()
        self._pools = Pools()
        self._http2_origins: set[Origin] = set()
        self._forget()

    def _forget(self) -> None:
        """Hold no tickets: neither waiting, nor in flight, nor ended."""
        self._later: list[tuple[float, int, _Row]] = []  # a heap, by when each may leave
        self._order = itertools.count()
        self._waiting: dict[_Lane, deque[_Row]] = {}
        self._active: dict[pycurl.Curl, _Flight] = {}
        self._in_flight: dict[Origin, int] = {}
        self._ended: list[tuple[int, Outcome]] = []

    @property
    def pending(self) -> int:
        """How many have been started and neither returned by `step` nor withdrawn."""
        self._leave_to_parent()
        waiting = sum(map(len, self._waiting.values()))
        return waiting + len(self._later) + len(self._active) + len(self._ended)

    def start(
        self,
        ticket: int,
        request: Request,
        *,
        extra_origins: frozenset[str],
        leave_at: float = 0.0,
    ) -> None:
        """Take a request, of which `step` will say under `ticket` what it came to.

        It leaves at the next `step` after `leave_at` (`time.monotonic()` seconds) at which its
        origin has room. No request can make this raise: a refused one has ended at once.
        """
        self._leave_to_parent()
        try:
            examine = examine_endpoint if request.service is None else examine_app_url
            url, origin = examine(request.url, extra_origins=extra_origins)
            if url != request.url:
                # What is sent to is exactly what was checked.
                request = replace(request, url=url)
        except EndpointRefused as refusal:
            self._ended.append((ticket, _refused(request, refusal)))
            return
        except _ROW_FAULTS:
            self._ended.append((ticket, _failed_before_sending()))
            return
        row = _Row(ticket, request, origin)
        if leave_at:
            heapq.heappush(self._later, (leave_at, next(self._order), row))
        else:
            self._queue(row)

    def _queue(self, row: _Row) -> None:
        lane = row.origin, row.request.apart
        queue = self._waiting.get(lane)
        if queue is None:
            queue = self._waiting[lane] = deque()
        queue.append(row)

    def step(self, seconds: float) -> list[tuple[int, Outcome]]:
        """Send and receive for at most `seconds`; return as soon as something has ended.

        Each ticket comes once. Returns [] when the time is over, and at once when nothing is
        pending. What interrupts the whole process (a job's time limit, Ctrl-C) passes through; then
        what was pending is cut off and forgotten, and whether it was accepted is not known.
        """
        self._leave_to_parent()
        until = time.monotonic() + seconds
        try:
            while True:
                now = time.monotonic()
                self._drive(now)
                if self._ended or not (self._active or self._later) or now >= until:
                    break
                self._wait(until)
        except BaseException:
            self._cut_off()
            raise
        ended, self._ended = self._ended, []
        return ended

    def withdraw(self) -> list[int]:
        """Take back all that can't have been accepted yet: they are neither sent nor returned.

        Those are what waits for its time or for room, and what has been given to curl but waits for
        a connection: nothing of its body was asked for yet.
        """
        self._leave_to_parent()
        tickets = [row.ticket for queue in self._waiting.values() for row in queue]
        tickets += [row.ticket for _leave_at, _order, row in sorted(self._later)]
        self._waiting.clear()
        self._later.clear()
        for curl, flight in list(self._active.items()):
            if flight.exchange.untouched:
                tickets.append(flight.row.ticket)
                with contextlib.suppress(pycurl.error):
                    self._land(curl)
        return tickets

    def close(self) -> None:
        """Close all connections and forget what is pending. The client can be used again."""
        self._leave_to_parent()
        self._cut_off()
        for exchange in self._idle:
            exchange.curl.close()
        self._idle.clear()

    def _leave_to_parent(self) -> None:
        """In a forked child: what the parent has started, and its connections, are the parent's."""
        if self._pid != os.getpid():
            _inherited.append((self._multi, self._pools, self._idle, self._active))
            self._start_afresh()

    def _drive(self, now: float) -> None:
        """One round: let leave what may leave, and see what has ended."""
        try:
            self._let_leave(now)
            if self._active:
                multi = self._shared_multi()
                multi.perform()
                self._collect(multi)
        except pycurl.error:
            logger.exception("The HTTP client failed")
            self._lose_all()

    def _let_leave(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            row = heapq.heappop(self._later)[2]
            self._queue(row)
        if not self._waiting:
            return
        if not self._active and self._multi and self._connections.any_closed_by_peer():
            self._close_multi()
        for lane in list(self._waiting):
            queue = self._waiting[lane]
            for _ in range(min(self._room(lane[0]), len(queue))):
                # APNs needs no probing whether it speaks HTTP/2, but that of each connection.
                pool = self._pools.with_room(lane, now) if lane[1] else None
                if lane[1] and pool is None:
                    break
                self._send(queue.popleft(), pool)
            if not queue:
                del self._waiting[lane]

    def _room(self, origin: Origin) -> int:
        known = origin in self._http2_origins
        most = self._most_at_origin if known else min(HTTP1_IN_FLIGHT, self._most_at_origin)
        return min(self._most_in_flight - len(self._active), most - self._in_flight.get(origin, 0))

    def _send(self, row: _Row, pool: Pool | None) -> None:
        exchange = self._idle.pop() if self._idle else self._new_exchange()
        try:
            exchange.prepare(
                row.request,
                host=row.origin.host,
                guarded=not row.origin.added,
                share=pool.share if pool else None,
            )
            self._shared_multi().add_handle(exchange.curl)
        except _ROW_FAULTS:
            # Nothing has left. The handle may be half set, so it is not used again.
            exchange.curl.close()
            self._ended.append((row.ticket, _failed_before_sending()))
            return
        self._active[exchange.curl] = _Flight(exchange, row, pool)
        self._in_flight[row.origin] = self._in_flight.get(row.origin, 0) + 1
        if pool:
            pool.in_flight += 1

    def _new_exchange(self) -> Exchange:
        return Exchange(
            self._limits, self._connections, ca_file=self._ca_file, resolve=self._resolve
        )

    def _shared_multi(self) -> pycurl.CurlMulti:
        if self._multi is None:
            self._multi = pycurl.CurlMulti()
            self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
            self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, HTTP1_IN_FLIGHT)
            self._multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, STREAMS)
            self._multi.setopt(pycurl.M_MAXCONNECTS, _MAX_CONNECTIONS)
        return self._multi

    def _collect(self, multi: pycurl.CurlMulti) -> None:
        """Record what has finished."""
        more = 1
        while more:
            more, good, bad = multi.info_read()
            for curl in good:
                self._finish(curl, None)
            for curl, error, _message in bad:
                self._finish(curl, error)

    def _finish(self, curl: pycurl.Curl, error: int | None) -> None:
        exchange, row, pool = self._active[curl]
        try:
            outcome = exchange.outcome(error)
        except _ROW_FAULTS:
            logger.exception("An answer of a push service could not be understood")
            outcome = exchange.without_answer(error)
        self._ended.append((row.ticket, outcome))
        if row.origin not in self._http2_origins and exchange.speaks_http2():
            self._http2_origins.add(row.origin)
        if pool:
            pool.note(time.monotonic(), outcome.status_code)
        self._land(curl)

    def _land(self, curl: pycurl.Curl) -> None:
        # First of all it is in flight no more: should curl fail, it is accounted for only once.
        exchange, row, pool = self._active.pop(curl)
        if pool:
            pool.in_flight -= 1
        self._in_flight[row.origin] -= 1
        if not self._in_flight[row.origin]:
            del self._in_flight[row.origin]
        self._shared_multi().remove_handle(curl)
        exchange.release()
        self._idle.append(exchange)

    def _wait(self, until: float) -> None:
        """Until a socket is ready, something may leave, or curl or the caller wants its turn."""
        now = time.monotonic()
        if self._later:
            until = min(until, self._later[0][0])
        seconds = max(0.0, min(until - now, _LONGEST_WAIT))
        if not self._active:
            time.sleep(seconds)
            return
        multi = self._shared_multi()
        milliseconds = multi.timeout()
        if milliseconds >= 0:
            seconds = min(seconds, milliseconds / 1000)
        if multi.select(seconds) < 0:
            # A signal, or no socket yet, as while a name is looked up on a thread of curl's.
            time.sleep(min(seconds, 0.005))

    def _lose_all(self) -> None:
        """After a fault of curl itself: account for what was in flight and begin anew."""
        lost = [(row.ticket, one.without_answer(None)) for one, row, _pool in self._active.values()]
        lost += [(row.ticket, _NOT_STARTED) for queue in self._waiting.values() for row in queue]
        ended, later = self._ended, self._later
        self._cut_off()
        self._ended, self._later = ended + lost, later

    def _cut_off(self) -> None:
        for exchange, _row, _pool in self._active.values():
            if self._multi is not None:
                with contextlib.suppress(pycurl.error):
                    self._multi.remove_handle(exchange.curl)
            exchange.curl.close()
        self._forget()
        self._close_multi()

    def _close_multi(self) -> None:
        if self._multi is not None:
            self._multi.close()
            self._multi = None
        self._pools.close()


def _refused(request: Request, refusal: EndpointRefused) -> Outcome:
    if request.service is not None:
        return misplaced(request.service, refusal.sentence)
    kind = OutcomeKind.GONE if refusal.code == _REMOVED else OutcomeKind.REFUSED
    return Outcome(kind, None, f"endpoint_{refusal.code}")


def _failed_before_sending() -> Outcome:
    """A fault of this program before any byte left: this row is at fault, and the others go on."""
    logger.exception("A push could not be prepared")
    return Outcome(OutcomeKind.REFUSED, None, "internal_error")
