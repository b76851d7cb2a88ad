"""The SQLite file in the data folder: devices and messages survive a restart.

Messages are written in groups, a tenth of a second late at most: a campaign of 10,000 must not
wait for a disk. What proves an acceptance is the log (`log.py`), which is written at once.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from demo.pushservice.model import Device, Kind, Message, State

SCHEMA = """
CREATE TABLE IF NOT EXISTS device (
    token TEXT PRIMARY KEY, kind TEXT, key TEXT, created_at REAL, name TEXT, agent TEXT,
    origin TEXT, private BLOB, public BLOB, auth BLOB, displayed REAL, clicked REAL,
    dismissed REAL, online INTEGER, gone INTEGER, uaid TEXT, channel TEXT, subscription_id TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS message (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE, token TEXT, accepted_at REAL, ttl INTEGER,
    body BLOB, topic TEXT, urgency TEXT, state TEXT, payload TEXT, error TEXT, ack INTEGER,
    events TEXT
);
CREATE INDEX IF NOT EXISTS message_token ON message (token, number);
CREATE INDEX IF NOT EXISTS message_waiting ON message (state) WHERE state = 'waiting';
CREATE TABLE IF NOT EXISTS client (uaid TEXT PRIMARY KEY) WITHOUT ROWID;
"""
DEVICE = "INSERT OR REPLACE INTO device VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
MESSAGE = """INSERT INTO message (id, token, accepted_at, ttl, body, topic, urgency, state, payload,
    error, ack, events) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"""
COLUMNS = """SELECT id, token, accepted_at, ttl, body, topic, urgency, state, payload, error, ack,
    events FROM message """


class Store:
    """`keep`: how many messages stay to be looked at; older ones that are not waiting go."""

    def __init__(self, path: Path, *, keep: int = 200_000) -> None:
        # One connection, used from the event loop's thread only.
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.executescript(SCHEMA)
        self._new: dict[str, Message] = {}
        self._changed: dict[str, Message] = {}
        self._keep = keep

    def close(self) -> None:
        self.flush()
        self._db.close()

    # Devices

    def devices(self) -> list[Device]:
        rows = self._db.execute("SELECT * FROM device ORDER BY created_at, token")
        return [_device(list(row)) for row in rows]

    def save_devices(self, devices: Iterable[Device]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany(DEVICE, (_device_row(device) for device in devices))
        self._db.execute("COMMIT")

    def clients(self) -> set[str]:
        """The identifiers of real browsers that have said hello."""
        return {uaid for (uaid,) in self._db.execute("SELECT uaid FROM client")}

    def add_client(self, uaid: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO client VALUES (?)", (uaid,))

    # Messages

    def add(self, message: Message) -> None:
        self._new[message.id] = message

    def change(self, message: Message) -> None:
        """Its state, payload, error, ack or events are new."""
        if message.id not in self._new:
            self._changed[message.id] = message

    def remove(self, message: Message) -> None:
        """It was replaced, withdrawn, or its time ended."""
        self._changed.pop(message.id, None)
        if self._new.pop(message.id, None) is None:
            self._db.execute("DELETE FROM message WHERE id = ?", (message.id,))

    def flush(self) -> None:
        if not self._new and not self._changed:
            return
        new, changed = list(self._new.values()), list(self._changed.values())
        self._new.clear()
        self._changed.clear()
        self._db.execute("BEGIN")
        self._db.executemany(MESSAGE, (_message_row(message) for message in new))
        self._db.executemany(
            "UPDATE message SET state = ?, payload = ?, error = ?, ack = ?, events = ? "
            "WHERE id = ?",
            (
                (m.state.value, m.payload, m.error, m.ack, json.dumps(m.events), m.id)
                for m in changed
            ),
        )
        self._db.execute(
            "DELETE FROM message WHERE state <> 'waiting' AND number <= "
            "(SELECT max(number) FROM message) - ?",
            (self._keep,),
        )
        self._db.execute("COMMIT")

    def message(self, id: str) -> Message | None:
        return next(iter(self._read("WHERE id = ?", id)), None)

    def waiting(self) -> list[Message]:
        return self._read("WHERE state = 'waiting' ORDER BY number")

    def arrived(self) -> list[Message]:
        """At virtual devices, not decrypted yet."""
        return self._read(
            "WHERE state = 'arrived' AND token IN (SELECT token FROM device "
            "WHERE kind = 'virtual' AND (displayed > 0 OR name <> '')) ORDER BY number"
        )

    def latest(self, token: str, limit: int) -> list[Message]:
        """The newest messages of one device first."""
        return self._read("WHERE token = ? ORDER BY number DESC LIMIT ?", token, limit)

    def _read(self, where: str, *values: object) -> list[Message]:
        self.flush()
        rows = self._db.execute(COLUMNS + where, values)
        return [_message(list(row)) for row in rows]


def _device_row(device: Device) -> tuple[object, ...]:
    return (
        device.token,
        device.kind.value,
        device.key,
        device.created_at,
        device.name,
        device.agent,
        device.origin,
        device.private,
        device.public,
        device.auth,
        device.displayed,
        device.clicked,
        device.dismissed,
        device.online,
        device.gone,
        device.uaid,
        device.channel,
        device.subscription_id,
    )


def _message_row(message: Message) -> tuple[object, ...]:
    return (
        message.id,
        message.token,
        message.accepted_at,
        message.ttl,
        message.body,
        message.topic,
        message.urgency,
        message.state.value,
        message.payload,
        message.error,
        message.ack,
        json.dumps(message.events),
    )


def _device(row: list[Any]) -> Device:
    row[1], row[13], row[14] = Kind(row[1]), bool(row[13]), bool(row[14])
    return Device(*row)


def _message(row: list[Any]) -> Message:
    row[7], row[11] = State(row[7]), json.loads(row[11])
    return Message(*row)
