"""The SQLite file in the data folder: phones and their messages survive a restart.

Messages are written in groups, a tenth of a second late at most. What proves an acceptance is the
log (`demo.pushservice.log`), which is written at once.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from demo.appservice.model import Device, Message, State

SCHEMA = """
CREATE TABLE IF NOT EXISTS device (
    number INTEGER PRIMARY KEY, token TEXT UNIQUE, data TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS message (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE, install TEXT NOT NULL, waits INTEGER NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS message_install ON message (install, number);
CREATE INDEX IF NOT EXISTS message_waiting ON message (waits) WHERE waits;
"""
DEVICE = """INSERT INTO device (token, data) VALUES (?, ?)
    ON CONFLICT (token) DO UPDATE SET data = excluded.data"""
MESSAGE = """INSERT INTO message (id, install, waits, data) VALUES (?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET waits = excluded.waits, data = excluded.data"""


class Store:
    """`keep`: how many messages stay to be looked at; older ones that are not waiting go."""

    def __init__(self, path: Path, *, keep: int = 100_000) -> None:
        # One connection, used from the event loop's thread only.
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.executescript(SCHEMA)
        self._changed: dict[str, Message] = {}
        self._keep = keep

    def close(self) -> None:
        self.flush()
        self._db.close()

    def devices(self) -> list[Device]:
        rows = self._db.execute("SELECT data FROM device ORDER BY number")
        return [Device(**json.loads(data)) for (data,) in rows]

    def save_devices(self, devices: Iterable[Device]) -> None:
        self._db.execute("BEGIN")
        rows = ((device.token, json.dumps(asdict(device))) for device in devices)
        self._db.executemany(DEVICE, rows)
        self._db.execute("COMMIT")

    def save(self, message: Message) -> None:
        """It is new, or its state or events are."""
        self._changed[message.id] = message

    def remove(self, message: Message) -> None:
        """It was replaced, or its time ended."""
        self._changed.pop(message.id, None)
        self._db.execute("DELETE FROM message WHERE id = ?", (message.id,))

    def flush(self) -> None:
        if not self._changed:
            return
        changed = list(self._changed.values())
        self._changed.clear()
        self._db.execute("BEGIN")
        self._db.executemany(MESSAGE, map(_row, changed))
        self._db.execute(
            "DELETE FROM message WHERE NOT waits AND number <= "
            "(SELECT max(number) FROM message) - ?",
            (self._keep,),
        )
        self._db.execute("COMMIT")

    def message(self, id: str) -> Message | None:
        return next(iter(self._read("WHERE id = ?", id)), None)

    def waiting(self) -> list[Message]:
        return self._read("WHERE waits ORDER BY number")

    def latest(self, install: str, limit: int) -> list[Message]:
        """The newest messages of one app first."""
        return self._read("WHERE install = ? ORDER BY number DESC LIMIT ?", install, limit)

    def _read(self, where: str, *values: object) -> list[Message]:
        self.flush()
        rows = self._db.execute(f"SELECT data FROM message {where}", values)  # noqa: S608
        return [_message(json.loads(data)) for (data,) in rows]


def _row(message: Message) -> tuple[object, ...]:
    waits = message.state is State.WAITING
    return message.id, message.install, waits, json.dumps(asdict(message), ensure_ascii=False)


def _message(data: dict[str, Any]) -> Message:
    return Message(**data | {"state": State(data["state"])})
