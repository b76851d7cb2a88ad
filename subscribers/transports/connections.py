"""What the client has to know of curl's connections: which are closed, and which are kept apart.

For a second after a connection was used, curl uses it again without looking whether it is still
there (lib/conncache.c). A request sent on one that the push service has closed is lost, and as
nothing may be sent twice it counts as unknown. So the client looks first.

APNs holds a connection to the key that its first request came with, refuses those of other teams
there, and takes one request at a time until one had a valid token (developer.apple.com,
"Establishing a connection to APNs"; "UnrelatedKeyIdInToken").
"""

from __future__ import annotations

import os
import select
from collections.abc import Hashable

import pycurl

# Streams of one HTTP/2 connection: hundreds in flight spread over several, which push services
# answer faster than one, and a connection that is lost costs fewer of them.
STREAMS = 64
IDLE_SECONDS = 60  # connections idle for longer are closed rather than reused
MOST_POOLS = 8  # for one key at one origin
# Linux tells a peer's orderly close by POLLRDHUP; elsewhere POLLHUP does.
_CLOSED = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


class Connections:
    """The sockets that curl has opened, by descriptor and inode."""

    def __init__(self) -> None:
        self._inodes: dict[int, int] = {}

    def add(self, descriptor: int) -> None:
        """Watch a socket that curl has just opened."""
        self._inodes[descriptor] = os.fstat(descriptor).st_ino

    def any_closed_by_peer(self) -> bool:
        """Whether curl holds a connection that has ended. Only meaningful while nothing is sent."""
        poll = select.poll()
        for descriptor, inode in list(self._inodes.items()):
            if _is_open(descriptor, inode):
                poll.register(descriptor, _CLOSED)
            else:
                del self._inodes[descriptor]
        return bool(poll.poll(0))


class Pool:
    """One connection to a service that is kept apart. Another takes its place when it has ended.

    `share`: what makes curl keep it apart. Cold, it takes one request at a time.
    """

    def __init__(self) -> None:
        self.share = pycurl.CurlShare()
        self.share.setopt(pycurl.SH_SHARE, pycurl.LOCK_DATA_CONNECT)
        self.in_flight = 0
        self._warm_until = 0.0

    def is_warm(self, now: float) -> bool:
        return now < self._warm_until

    def has_room(self, now: float) -> bool:
        return self.in_flight < (STREAMS if self.is_warm(now) else 1)

    def note(self, now: float, status: int | None) -> None:
        """Learn from the status of an answer, None without one: it may have ended."""
        valid = status is not None and status not in (401, 403)
        self._warm_until = now + IDLE_SECONDS * 0.9 if valid else 0.0


class Pools:
    """The connections that are kept apart, by whom they are for."""

    def __init__(self) -> None:
        self._pools: dict[Hashable, list[Pool]] = {}

    def with_room(self, whom: Hashable, now: float) -> Pool | None:
        """One that takes another request now. There are more only when the others are full."""
        pools = self._pools.setdefault(whom, [])
        for pool in pools:
            if pool.has_room(now):
                return pool
        if len(pools) < MOST_POOLS and all(pool.is_warm(now) for pool in pools):
            pools.append(Pool())
            return pools[-1]
        return None

    def close(self) -> None:
        """Close them all. Nothing may be in flight, nor any handle set to use them."""
        for pool in (pool for pools in self._pools.values() for pool in pools):
            pool.share.close()
        self._pools.clear()


def _is_open(descriptor: int, inode: int) -> bool:
    """Whether curl has not closed it yet: its number may belong to something else by now."""
    try:
        return os.fstat(descriptor).st_ino == inode
    except OSError:
        return False
