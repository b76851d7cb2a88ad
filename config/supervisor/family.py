"""All descendants of this process, so that none is left behind. Linux alone knows them."""

import contextlib
import ctypes
import os
import signal
from pathlib import Path
from typing import Final

from config.embedded import processes

PR_SET_CHILD_SUBREAPER: Final = 36


class Family:
    """Everything that descends from this process from now on."""

    def __init__(self) -> None:
        """Make processes whose parent dies our own children."""
        self.strangers = set(children())
        if processes.LINUX:
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def bury(self, known: set[int]) -> None:
        """Take note of adopted orphans that have ended; whoever started `known` does that."""
        for pid, state in self.members().items():
            if state == "Z" and pid not in known:
                reap(pid)

    def end(self, seconds: float = 5) -> None:
        """Kill all that are left. The children of a killed one become ours: until none is."""

        def none_left() -> bool:
            for pid, state in self.members().items():
                if state == "Z":
                    reap(pid)
                else:
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGKILL)
            return not self.members()

        processes.wait_for(none_left, seconds)

    def members(self) -> dict[int, str]:
        return {pid: state for pid, state in children().items() if pid not in self.strangers}


def children() -> dict[int, str]:
    """Our direct children by process id, with their one-letter states."""
    found: dict[int, str] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = entry.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == os.getpid():
            found[int(entry.parent.name)] = state
    return found


def reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
