"""Which of curl's idle connections the other side has closed.

For a second after a connection was used, curl uses it again without looking whether it is still
there (lib/conncache.c). A request sent on one that the push service has closed is lost, and as
nothing may be sent twice it counts as unknown. So the client looks first.
"""

from __future__ import annotations

import os
import select

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


def _is_open(descriptor: int, inode: int) -> bool:
    """Whether curl has not closed it yet: its number may belong to something else by now."""
    try:
        return os.fstat(descriptor).st_ino == inode
    except OSError:
        return False
