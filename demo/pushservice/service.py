"""The push service itself: accept a message (RFC 8030 section 5) and bring it to its device."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from demo.pushservice.faults import ABOUT_DEVICES, Action, Fault, Faults, act, reset
from demo.pushservice.log import AcceptanceLog
from demo.pushservice.model import Device, Kind, Message, State, encode
from demo.pushservice.store import Store
from demo.pushservice.vapid import VapidError, Verifier

MAX_BODY = 4096
MAX_TTL = 30 * 24 * 3600
TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
URGENCIES = {"very-low", "low", "normal", "high"}


class Refused(Exception):
    """The message is not accepted; `errno` as Mozilla's autopush numbers them."""

    def __init__(self, status: int, errno: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.errno = errno
        self.message = message

    def response(self) -> web.Response:
        body = {"code": self.status, "errno": self.errno, "message": self.message}
        return web.json_response(body, status=self.status)


class Service:
    """`origin` is where endpoints live and what tokens must name as `aud`: scheme, host, port."""

    def __init__(self, *, origin: str, data: Path) -> None:
        self.origin = origin
        self.store = Store(data / "pushservice.sqlite3")
        self.log = AcceptanceLog(data / "accepted.jsonl")
        self.verifier = Verifier(origin)
        self.faults = Faults()
        self.counters: Counter[str] = Counter()
        self.devices = {device.token: device for device in self.store.devices()}
        self.waiting: defaultdict[str, list[Message]] = defaultdict(list)
        for message in self.store.waiting():
            self.waiting[message.token].append(message)
        self.to_virtual: Callable[[Device, Message], None] = _nobody
        """What a virtual device does with a message that has arrived."""
        self.to_browser: Callable[[Device, Message], bool] = _nobody_connected
        """Hand a message to a real browser; False if it is not connected."""

    def close(self) -> None:
        self.store.close()
        self.log.close()

    # Accepting

    async def post(self, request: web.Request) -> web.StreamResponse:
        """`POST /wpush/v2/<token>`"""
        token = request.match_info["token"]
        fault = self.faults.pick(token) if self.faults.rules else None
        if fault is not None:
            self.counters[f"fault {fault.action}"] += 1
            if fault.action is Action.RESET and not fault.accept:
                return reset(request)
        try:
            accepted = await self._receive(request, token, fault)
        except Refused as refused:
            self.counters[f"answered {refused.status}"] += 1
            return refused.response()
        if fault is not None and fault.action not in ABOUT_DEVICES:
            if fault.action is Action.REDIRECT:
                accepted = {"Location": fault.location or f"{self.origin}/trap"}
            return await act(fault, request, accepted)
        self.counters["answered 201"] += 1
        return web.Response(status=201, headers=accepted)

    async def _receive(
        self, request: web.Request, token: str, fault: Fault | None
    ) -> dict[str, str]:
        """Check and keep the message; the headers of the 201. {} if a fault keeps it out."""
        headers = request.headers
        device = self.devices.get(token)
        if device is None:
            raise Refused(404, 102, "no such subscription")
        if device.gone:
            raise Refused(410, 106, "the subscription is gone")
        if (request.content_length or 0) > MAX_BODY:
            raise Refused(413, 104, f"more than {MAX_BODY} bytes")
        body = await request.read()
        key = device.key
        if fault is not None and fault.action is Action.KEY_CHANGE:
            key = "changed"
        if key:
            try:
                self.verifier.check(headers.get("Authorization", ""), key)
            except VapidError as error:
                raise Refused(error.status, 109, error.reason) from None
        message = _message(token, headers, body)
        if fault is not None and fault.action not in ABOUT_DEVICES and not fault.accept:
            return {}
        return self.accept(device, message)

    def accept(self, device: Device, message: Message) -> dict[str, str]:
        """Log the message, then bring it to its device or keep it; the headers of the answer."""
        self.log.append(
            {
                "at": datetime.fromtimestamp(message.accepted_at, UTC).isoformat(),
                "token": message.token,
                "id": message.id,
                "topic": message.topic,
                "ttl": message.ttl,
                "urgency": message.urgency,
                "size": len(message.body),
            }
        )
        if message.topic and device.token in self.waiting:
            self._replace(message)
        if not self._bring(device, message):
            if message.ttl > 0:
                message.state = State.WAITING
                self.waiting[device.token].append(message)
                self.store.add(message)
        elif device.kind is Kind.VIRTUAL:
            self.store.add(message)
        return {"Location": f"{self.origin}/m/{message.id}", "TTL": str(message.ttl)}

    def _replace(self, message: Message) -> None:
        """A topic replaces a message that still waits (RFC 8030 section 5.4), no other."""
        waiting = self.waiting[message.token]
        for old in [old for old in waiting if old.topic == message.topic]:
            waiting.remove(old)
            self.store.remove(old)
            self.counters["replaced"] += 1

    def _bring(self, device: Device, message: Message) -> bool:
        """Bring the message to the device; False if it is offline."""
        if not device.online or self.faults.offline(device.token):
            return False
        if device.kind is Kind.VIRTUAL:
            message.state = State.ARRIVED
            self.to_virtual(device, message)
            return True
        # A real browser must acknowledge: until then the message stays here.
        return self.to_browser(device, message) and message.ttl == 0

    async def withdraw(self, request: web.Request) -> web.Response:
        """`DELETE /m/<id>`: take back a message that still waits (RFC 8030 section 7.1)."""
        for messages in self.waiting.values():
            for message in messages:
                if message.id == request.match_info["id"]:
                    messages.remove(message)
                    self.store.remove(message)
                    return web.Response(status=204)
        return Refused(404, 102, "no such message waits").response()

    async def trap(self, request: web.Request) -> web.Response:
        """Where the redirects lead: a sender that comes here followed one."""
        self.counters["redirects followed"] += 1
        return Refused(400, 0, "never follow a redirect from a push service").response()

    # Devices

    def deliver_waiting(self, device: Device) -> None:
        """The device is online (again): bring what waited for it, oldest first."""
        now = time.time()
        for message in list(self.waiting.get(device.token, ())):
            if message.expires_at <= now:
                self._expire(message)
            elif self._bring(device, message) and device.kind is Kind.VIRTUAL:
                self.waiting[device.token].remove(message)
                self.store.change(message)
        if not self.waiting.get(device.token):
            self.waiting.pop(device.token, None)

    def deliver_all_waiting(self) -> None:
        for token in list(self.waiting):
            if device := self.devices.get(token):
                self.deliver_waiting(device)

    def sweep(self) -> None:
        """Forget what waited longer than its TTL."""
        now = time.time()
        for messages in list(self.waiting.values()):
            for message in [m for m in messages if m.expires_at <= now]:
                self._expire(message)

    def _expire(self, message: Message) -> None:
        self.waiting[message.token].remove(message)
        self.store.remove(message)
        self.counters["expired"] += 1

    def acknowledge(self, token: str, id: str, code: int) -> None:
        """A real browser has taken the message (100), or could not decrypt it (101, 102)."""
        for message in list(self.waiting.get(token, ())):
            if message.id == id:
                self.waiting[token].remove(message)
                message.state, message.ack = State.READ, code
                self.store.change(message)
        self.counters[f"acknowledged {code}"] += 1

    def forget(self, devices: list[Device]) -> None:
        """The subscriptions are gone for good: 410 from now on."""
        for device in devices:
            device.gone = True
            for message in self.waiting.pop(device.token, []):
                self.store.remove(message)
        self.store.save_devices(devices)

    def misbehave(self, rules: list[Fault]) -> None:
        """Replace the rules. "expire" is done at once and for good; the others last until the
        next call, and then messages that were held back are brought."""
        for rule in (rule for rule in rules if rule.action is Action.EXPIRE):
            self.forget([d for d in self.devices.values() if not d.gone and rule.covers(d.token)])
        self.faults.rules = [rule for rule in rules if rule.action is not Action.EXPIRE]
        self.deliver_all_waiting()

    def figures(self) -> dict[str, Any]:
        """The counters: `accepted` since ever, the others since start."""
        gone = sum(device.gone for device in self.devices.values())
        return {
            "accepted": len(self.log),
            "devices": len(self.devices) - gone,
            "gone": gone,
            "waiting": sum(map(len, self.waiting.values())),
            **{name.replace(" ", "_"): count for name, count in sorted(self.counters.items())},
        }

    async def keep_house(self) -> None:
        """Write what is new ten times a second, and sweep once a minute."""
        turn = 0
        while True:
            await asyncio.sleep(0.1)
            self.store.flush()
            turn += 1
            if turn % 600 == 0:
                self.sweep()


def _message(token: str, headers: Any, body: bytes) -> Message:
    """The message of a request, or Refused."""
    ttl = headers.get("TTL", "")
    if not (ttl.isascii() and ttl.isdigit()):
        raise Refused(400, 111, "TTL is missing or not a number of seconds")
    topic = headers.get("Topic", "")
    if topic and not TOPIC.fullmatch(topic):
        raise Refused(400, 113, "Topic must be at most 32 characters of base64url")
    urgency = headers.get("Urgency", "normal")
    if urgency not in URGENCIES:
        raise Refused(400, 114, "unknown Urgency")
    if len(body) > MAX_BODY:
        raise Refused(413, 104, f"more than {MAX_BODY} bytes")
    if body:
        _check_encryption(headers.get("Content-Encoding", ""), body)
    # 128 random bits, without the cost of `secrets` (which asks for 256).
    id = encode(os.urandom(16))
    return Message(id, token, time.time(), min(int(ttl), MAX_TTL), body, topic, urgency)


def _check_encryption(encoding: str, body: bytes) -> None:
    """RFC 8291 section 4: aes128gcm, the sender's P-256 key in the header, a single record."""
    if encoding != "aes128gcm":
        raise Refused(400, 110, "Content-Encoding must be aes128gcm")
    if len(body) < 86 + 17 or body[20] != 65 or body[21] != 4:
        raise Refused(400, 110, "the header of RFC 8188 with a P-256 key is missing")
    if len(body) - 86 > int.from_bytes(body[16:20], "big"):
        raise Refused(400, 110, "more than one record")


def _nobody(device: Device, message: Message) -> None:
    """Until virtual devices are switched on, messages stay unread."""


def _nobody_connected(device: Device, message: Message) -> bool:
    return False
