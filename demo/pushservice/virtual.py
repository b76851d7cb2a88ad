"""Virtual browsers: they hold keys, decrypt what arrives, and report back like a worker does.

Those that a person made by name show every message at once and wait for that person to click.
Those made in bulk report a share of displays and clicks by themselves, at a limited rate: 10,000
of them must not fall upon the campaign server in the same second.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from demo.pushservice.faults import fraction
from demo.pushservice.model import Device, Kind, Message, State
from demo.pushservice.service import Service

EVENTS = {"displayed", "clicked", "dismissed"}
CONCURRENT = 20
REPORT_SECONDS = 10.0
DETAILS = ("title", "body", "navigate", "icon", "image", "badge", "lang", "dir", "tag", "actions")


@dataclass(frozen=True, slots=True)
class Habits:
    """How often a device reports, as shares: of all messages, then of those displayed."""

    displayed: float = 1.0
    clicked: float = 0.0
    dismissed: float = 0.0


@dataclass(order=True, slots=True)
class Report:
    due: float
    number: int
    device: Device = field(compare=False)
    message: Message = field(compare=False)
    event: str = field(compare=False)
    """"" = it has arrived: decrypt it and decide."""


def make_device(key: str, habits: Habits, *, name: str = "", agent: str = "") -> Device:
    """A new virtual browser that was subscribed with `key`."""
    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return Device(
        token=secrets.token_urlsafe(32),
        kind=Kind.VIRTUAL,
        key=key,
        created_at=time.time(),
        name=name,
        agent=agent,
        private=private.private_numbers().private_value.to_bytes(32, "big"),
        public=public,
        auth=secrets.token_bytes(16),
        displayed=habits.displayed,
        clicked=habits.clicked,
        dismissed=habits.dismissed,
    )


async def make_devices(count: int, key: str, habits: Habits) -> list[Device]:
    """`count` of them, without stopping the service for long."""
    devices = []
    for number in range(count):
        devices.append(make_device(key, habits))
        if number % 200 == 199:
            await asyncio.sleep(0)
    return devices


def decrypt(device: Device, body: bytes) -> str:
    """The text of a message (RFC 8291), "" for an empty one; ValueError says what is wrong."""
    if not body:
        return ""
    private = ec.derive_private_key(int.from_bytes(device.private, "big"), ec.SECP256R1())
    try:
        plain: bytes = http_ece.decrypt(
            body, private_key=private, auth_secret=device.auth, version="aes128gcm"
        )
        return plain.decode()
    except (http_ece.ECEException, ValueError) as error:
        raise ValueError(f"could not be decrypted: {error}") from None


def notification(message: Message) -> dict[str, Any]:
    """What a worker would show: the fields of declarative web push, strings and actions only."""
    try:
        data = json.loads(message.payload)
        shown = data["notification"]
        if not isinstance(shown, dict):
            raise TypeError
    except (ValueError, KeyError, TypeError):
        return {"title": "", "body": message.payload}
    found = {name: shown[name] for name in DETAILS if isinstance(shown.get(name), str | list)}
    return {"title": "", "body": ""} | found


def receipt(message: Message) -> tuple[str, str] | None:
    """Where to report, and the token to report with."""
    try:
        data = json.loads(message.payload)["notification"]["data"]
        address, token = str(data["u"]), str(data["t"])
    except (ValueError, KeyError, TypeError):
        return None
    if urlsplit(address).scheme not in {"http", "https"}:
        return None
    return address, token


class Reporter:
    """Reads what arrives and reports, at most `rate` messages a second."""

    def __init__(self, service: Service, *, rate: float = 300.0) -> None:
        self.service = service
        self.seen: Callable[[Device, Message], None] = lambda device, message: None
        """Called when a watched device has something new to show."""
        self._rate = rate
        self._queue: list[Report] = []
        self._numbers = itertools.count()
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(CONCURRENT)
        self._running: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        service.to_virtual = self.arrived

    def arrived(self, device: Device, message: Message) -> None:
        # Bulk devices that do not report stay unread until somebody looks.
        if device.watched or device.reports:
            self._put(device, message, "", 0.0)

    def resume(self) -> None:
        """Read what had arrived before the last stop."""
        for message in self.service.store.arrived():
            device = self.service.devices.get(message.token)
            if device is not None and not device.gone:
                self.arrived(device, message)

    def _put(self, device: Device, message: Message, event: str, delay: float) -> None:
        # A person is looking at watched devices: they go first.
        due = 0.0 if device.watched else time.monotonic() + delay
        heapq.heappush(self._queue, Report(due, next(self._numbers), device, message, event))
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        timeout = aiohttp.ClientTimeout(total=REPORT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as self._session:
            try:
                while True:
                    await self._next()
            finally:
                for task in self._running:
                    task.cancel()
                await asyncio.gather(*self._running, return_exceptions=True)

    async def _next(self) -> None:
        now = time.monotonic()
        if not self._queue or self._queue[0].due > now:
            self._wake.clear()
            wait = self._queue[0].due - now if self._queue else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait)
            return
        report = heapq.heappop(self._queue)
        await self._slots.acquire()
        task = asyncio.create_task(self._handle(report))
        self._running.add(task)
        task.add_done_callback(self._done)
        if not report.device.watched:
            await asyncio.sleep(1 / self._rate)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._slots.release()

    async def _handle(self, report: Report) -> None:
        device, message = report.device, report.message
        if not report.event:
            self.read(device, message)
            if not self._displays(device, message):
                return
            self._plan(device, message)
        await self.report(device, message, report.event or "displayed")

    def read(self, device: Device, message: Message) -> None:
        """Decrypt the message, once."""
        if message.state is State.READ:
            return
        try:
            message.payload = decrypt(device, message.body)
        except ValueError as error:
            message.error = str(error)
            self.service.counters["undecryptable"] += 1
        message.state = State.READ
        self.service.store.change(message)

    def _displays(self, device: Device, message: Message) -> bool:
        return not message.error and fraction(message.id) < device.displayed

    def _plan(self, device: Device, message: Message) -> None:
        """Click or dismiss later, as often as its habits say; the same message always alike."""
        chance = fraction("then " + message.id)
        delay = 1 + 14 * fraction("when " + message.id)
        if chance < device.clicked:
            self._put(device, message, "clicked", delay)
        elif chance < device.clicked + device.dismissed:
            self._put(device, message, "dismissed", delay)

    async def report(self, device: Device, message: Message, event: str) -> bool:
        """Note the event and tell the campaign server; False if that did not take it."""
        message.events.setdefault(event, time.time())
        self.service.counters[event] += 1
        self.service.store.change(message)
        if device.watched:
            self.seen(device, message)
        target = receipt(message)
        if target is None or self._session is None:
            return False
        headers = {"Content-Type": "text/plain;charset=UTF-8", "User-Agent": device.agent}
        if device.origin:
            headers["Origin"] = device.origin
        body = json.dumps({"t": target[1], "e": event})
        try:
            async with self._session.post(
                target[0], data=body, headers=headers, allow_redirects=False
            ) as answer:
                ok = answer.status == 204
        except (aiohttp.ClientError, TimeoutError, ValueError):
            ok = False
        self.service.counters["receipts taken" if ok else "receipts not taken"] += 1
        return ok
