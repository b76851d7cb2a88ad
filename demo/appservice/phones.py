"""Virtual phones: they register at Beckon as an app would, and report what they show.

Those that a person made by name report every display and wait for that person to tap. Those made
in bulk report a share by themselves, at a limited rate.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import aiohttp

from demo.appservice.model import Device, Message, new_token
from demo.appservice.service import Service
from demo.appservice.showing import receipt
from demo.pushservice.faults import fraction

EVENTS = {"displayed", "opened", "dismissed"}
CONCURRENT = 20
SECONDS = 10.0
VERSION = "4.12.0"
AGENTS = {
    "Android": "FjellFjord/4.12.0 (Linux; Android 15; Pixel 9)",
    "iOS": "FjellFjord/4.12.0 (iPhone; iOS 18.6)",
}
Due = tuple[float, int, Device, Message, str]


class PhoneError(Exception):
    """It did not work; the text says what to do, `field` which entry it is about."""

    def __init__(self, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.field = field


class Phones:
    """What the phones' apps do. `rate`: the most reports a second of those made in bulk."""

    def __init__(self, service: Service, *, rate: float = 300.0) -> None:
        self.service = service
        self.seen: Callable[[Device, Message], None] = lambda device, message: None
        """Called when a phone that somebody looks at has something new to show."""
        self._rate = rate
        self._queue: list[Due] = []
        self._numbers = itertools.count()
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(CONCURRENT)
        self._running: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        service.arrived = self.arrived

    # The app and Beckon

    async def install(self, device: Device) -> None:
        """A new phone, known here once Beckon knows it; PhoneError."""
        self.service.know([device])
        try:
            await self.register(device)
        except PhoneError:
            self.service.end([device])
            raise

    async def register(self, device: Device) -> None:
        """Tell Beckon what the app has now; PhoneError."""
        said: dict[str, Any] = {
            "app_key": device.app_key,
            "install": device.install,
            "channel": "fcm" if device.service == "fcm" else "apns",
            "platform": device.platform.lower(),
            "app": device.app,
            "token": device.token if device.allowed else None,
            "app_version": VERSION,
            "language": device.language,
            "timezone": device.time_zone,
        }
        if device.service != "fcm":
            sandbox = device.service == "apns+sandbox"
            said["environment"] = "sandbox" if sandbox else "production"
        if device.allowed:
            said["consent"] = {"source": "Settings of the app"}
        answer = await self._ask(device, said)
        device.subscription_id = str(answer.get("id", ""))
        self.service.store.save_devices([device])

    async def rotate(self, device: Device) -> Device:
        """The system gives the app another token, which takes the former one's place; PhoneError.

        The former one goes on being refused, as after a restore from a backup.
        """
        fresh = replace(device, token=new_token(device.service))
        self.service.know([fresh])
        self.service.end([device])
        await self.register(fresh)
        return fresh

    async def allow(self, device: Device, *, allowed: bool) -> None:
        """Its owner lets the app show notifications, or does not; PhoneError."""
        device.allowed = allowed
        self.service.store.save_devices([device])
        await self.register(device)

    def uninstall(self, device: Device) -> None:
        """Nobody tells Beckon: the push service will."""
        device.uninstalled = True
        self.service.end([device])

    async def _ask(self, device: Device, said: dict[str, Any]) -> dict[str, Any]:
        assert self._session is not None  # noqa: S101 - `run` has begun
        headers = {"User-Agent": AGENTS[device.platform]}
        try:
            async with self._session.post(
                device.form, json=said, headers=headers, allow_redirects=False
            ) as answer:
                status = answer.status
                text = (await answer.content.read(65_536)).decode(errors="replace")
        except (aiohttp.ClientError, TimeoutError, ValueError):
            words = "Beckon does not answer at this address. Is it running?"
            raise PhoneError(words, "beckon") from None
        with contextlib.suppress(ValueError):
            found = json.loads(text)
            if isinstance(found, dict):
                return _registered(status, found)
        return _registered(status, {})

    # What arrives

    def arrived(self, device: Device, message: Message) -> None:
        if not message.shown:
            self._tell(device, message)
        elif device.watched or fraction(message.id) < device.displayed:
            self._put(device, message, "displayed", 0.0)

    def _tell(self, device: Device, message: Message) -> None:
        if device.watched:
            self.seen(device, message)

    def _put(self, device: Device, message: Message, event: str, delay: float) -> None:
        # A person is looking at watched phones: they go first.
        due = 0.0 if device.watched else time.monotonic() + delay
        heapq.heappush(self._queue, (due, next(self._numbers), device, message, event))
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        timeout = aiohttp.ClientTimeout(total=SECONDS)
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
        if not self._queue or self._queue[0][0] > now:
            self._wake.clear()
            wait = self._queue[0][0] - now if self._queue else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait)
            return
        _due, _number, device, message, event = heapq.heappop(self._queue)
        await self._slots.acquire()
        task = asyncio.create_task(self._handle(device, message, event))
        self._running.add(task)
        task.add_done_callback(self._done)
        if not device.watched:
            await asyncio.sleep(1 / self._rate)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._slots.release()

    async def _handle(self, device: Device, message: Message, event: str) -> None:
        if event == "displayed" and not device.watched:
            self._plan(device, message)
        await self.report(device, message, event)

    def _plan(self, device: Device, message: Message) -> None:
        """Open or dismiss later, as often as its habits say; the same message always alike."""
        chance = fraction("then " + message.id)
        delay = 1 + 14 * fraction("when " + message.id)
        if chance < device.clicked:
            self._put(device, message, "opened", delay)
        elif chance < device.clicked + device.dismissed:
            self._put(device, message, "dismissed", delay)

    async def report(self, device: Device, message: Message, event: str) -> bool:
        """Note the event and tell Beckon; False if that did not take it."""
        message.events.setdefault(event, time.time())
        self.service.counters[event] += 1
        self.service.store.save(message)
        self._tell(device, message)
        target = receipt(device, message)
        if target is None or self._session is None:
            return False
        address, token = target
        headers = {"User-Agent": AGENTS[device.platform]}
        try:
            async with self._session.post(
                address, json={"t": token, "e": event}, headers=headers, allow_redirects=False
            ) as answer:
                ok = answer.status == 204
        except (aiohttp.ClientError, TimeoutError, ValueError):
            ok = False
        self.service.counters["receipts taken" if ok else "receipts not taken"] += 1
        return ok


def _registered(status: int, answer: dict[str, Any]) -> dict[str, Any]:
    if status in {200, 201}:
        return answer
    if status == 404:
        raise PhoneError("Beckon does not know this site key.", "site_key")
    detail = answer.get("detail") or "no reason given"
    field = "app_key" if "app_key" in json.dumps(answer) or status in {401, 403} else ""
    raise PhoneError(f"Beckon refused ({status}): {detail}", field)


def as_json(device: Device) -> dict[str, Any]:
    """What the pages may know of a phone: not the app key."""
    found = asdict(device)
    del found["app_key"]
    return found | {"gone": device.gone, "watched": device.watched}
