"""The acceptance log: one JSON line per message that was accepted, written before the answer.

It is what a test compares a campaign's ledger with, so a sender must not be able to edit it:
append-only, numbered from 1 without gaps, and never rotated.
"""

from __future__ import annotations

import json
import os
from array import array
from pathlib import Path
from typing import Any


class AcceptanceLog:
    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._starts = array("Q")
        self._end = 0
        self._index(path)

    def _index(self, path: Path) -> None:
        with path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    # A kill in the middle of a write: that message was never answered.
                    os.ftruncate(self._file, self._end)
                    return
                self._starts.append(self._end)
                self._end += len(line)

    def __len__(self) -> int:
        return len(self._starts)

    def append(self, entry: dict[str, Any]) -> None:
        line = json.dumps({"n": len(self._starts) + 1, **entry}, separators=(",", ":")) + "\n"
        data = line.encode()
        os.write(self._file, data)
        self._starts.append(self._end)
        self._end += len(data)

    def read(self, *, since: int = 0, limit: int = 10_000) -> list[dict[str, Any]]:
        """Entries with a number above `since`, oldest first."""
        if since >= len(self._starts):
            return []
        last = min(since + limit, len(self._starts))
        end = self._starts[last] if last < len(self._starts) else self._end
        start = self._starts[since]
        data = os.pread(self._file, end - start, start)
        return [json.loads(line) for line in data.splitlines()]

    def close(self) -> None:
        os.close(self._file)
