"""Misbehaving on demand: which request meets which fault, and how the fault is acted out."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiohttp import web

MIB = 1024 * 1024


class Action(StrEnum):
    STATUS = "status"
    RESET = "reset"
    HANG = "hang"
    SLOW = "slow"
    DRIP = "drip"
    HUGE = "huge"
    REDIRECT = "redirect"
    OFFLINE = "offline"
    EXPIRE = "expire"
    KEY_CHANGE = "key_change"


ABOUT_DEVICES = {Action.OFFLINE, Action.EXPIRE, Action.KEY_CHANGE}
WHOLE_NUMBERS = {"next", "status", "bytes"}
NUMBERS = WHOLE_NUMBERS | {"share", "seconds"}


class FaultError(ValueError):
    """The rule cannot be understood; the text says which part."""


@dataclass(slots=True)
class Fault:
    """One rule. Exactly one of `tokens`, `next`, `share` narrows it; none of them means all."""

    action: Action
    tokens: frozenset[str] | None = None
    next: int | None = None
    share: float | None = None
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    seconds: float = 600.0
    bytes: int = 30 * MIB
    location: str = ""
    accept: bool = False
    """Log the message as accepted before misbehaving."""
    _due: float = 0.0

    def takes(self, token: str) -> bool:
        """Does this request meet the fault? Counts down `next`, and spreads `share` evenly."""
        if self.tokens is not None:
            return token in self.tokens
        if self.next is not None:
            if self.next == 0:
                return False
            self.next -= 1
            return True
        if self.share is None:
            return True
        if self.action in ABOUT_DEVICES:
            return self.covers(token)
        # Every request adds its share, a full one is a hit: exact, and without chance.
        self._due += self.share
        if self._due < 1 - 1e-9:
            return False
        self._due -= 1
        return True

    def covers(self, token: str) -> bool:
        """Is this device meant (for faults that belong to a device, not to a request)?"""
        if self.tokens is not None:
            return token in self.tokens
        return self.share is None or fraction(token) < self.share

    def as_json(self) -> dict[str, Any]:
        scope: dict[str, Any] = {"scope": "all"}
        if self.tokens is not None:
            scope = {"tokens": sorted(self.tokens)}
        elif self.next is not None:
            scope = {"next": self.next}
        elif self.share is not None:
            scope = {"share": self.share}
        return {"action": self.action.value, "accept": self.accept, **scope} | {
            name: getattr(self, name)
            for name in DETAILS.get(self.action, ())
            if getattr(self, name) not in ("", {})
        }


DETAILS = {
    Action.STATUS: ("status", "headers", "body"),
    Action.HANG: ("seconds",),
    Action.SLOW: ("seconds", "status"),
    Action.DRIP: ("seconds", "status"),
    Action.HUGE: ("bytes", "status"),
    Action.REDIRECT: ("location", "status"),
}


def parse(data: object) -> list[Fault]:
    """Rules from JSON: one object, or `{"rules": […]}`; the first that fits a request is used."""
    if not isinstance(data, dict):
        raise FaultError('send one rule as a JSON object, or {"rules": [...]}')
    rules = data.get("rules", [data])
    if not isinstance(rules, list):
        raise FaultError("rules must be a list")
    return [_rule(rule) for rule in rules]


def _rule(data: object) -> Fault:
    if not isinstance(data, dict):
        raise FaultError("a rule must be a JSON object")
    known = {"action", "scope", "tokens", "headers", "body", "location", "accept", *NUMBERS}
    if unknown := sorted(data.keys() - known):
        raise FaultError(f"unknown: {', '.join(unknown)}")
    try:
        action = Action(data.get("action", "status"))
    except ValueError:
        raise FaultError(f"action must be one of {', '.join(Action)}") from None
    if data.get("scope", "all") != "all" or len(data.keys() & {"tokens", "next", "share"}) > 1:
        raise FaultError('give "scope": "all", or one of tokens, next, share')
    if action in ABOUT_DEVICES and "next" in data:
        raise FaultError(f"{action} is about devices: give all, tokens or share, not next")
    fault = Fault(action, **_numbers(data), **_texts(data))
    if "status" not in data and action is not Action.STATUS:
        fault.status = 307 if action is Action.REDIRECT else 201
    if not 100 < fault.status < 600 or not 0 <= (fault.share or 0) <= 1:
        raise FaultError("status must be 101 to 599, share 0 to 1")
    answering = action in {Action.STATUS, Action.SLOW, Action.DRIP, Action.HUGE}
    accepting = answering and 200 <= fault.status < 300
    fault.accept = bool(data.get("accept", accepting))
    return fault


def _numbers(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in NUMBERS & data.keys():
        value = data[name]
        allowed = (int,) if name in WHOLE_NUMBERS else (int, float)
        if isinstance(value, bool) or not isinstance(value, allowed) or value < 0:
            raise FaultError(f"{name} must be a number of at least 0")
        found[name] = value
    return found


def _texts(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "tokens" in data:
        if not isinstance(data["tokens"], list):
            raise FaultError("tokens must be a list")
        # Whole endpoints are taken too: that is what a sender's log has.
        found["tokens"] = frozenset(str(item).rpartition("/")[2] for item in data["tokens"])
    headers = data.get("headers", {})
    if not isinstance(headers, dict):
        raise FaultError("headers must be an object")
    found["headers"] = {str(name): str(value) for name, value in headers.items()}
    for name in ("body", "location"):
        found[name] = str(data.get(name, ""))
    return found


def fraction(token: str) -> float:
    """A number in [0, 1) that always is the same for one token."""
    return int.from_bytes(hashlib.sha256(token.encode()).digest()[:6], "big") / 2**48


class Faults:
    """The rules in force."""

    def __init__(self) -> None:
        self.rules: list[Fault] = []

    def pick(self, token: str) -> Fault | None:
        """The fault that this request meets, if any."""
        for rule in self.rules:
            if rule.action is not Action.OFFLINE and rule.takes(token):
                return rule
        return None

    def offline(self, token: str) -> bool:
        return any(r.action is Action.OFFLINE and r.covers(token) for r in self.rules)


async def act(fault: Fault, request: web.Request, accepted: dict[str, str]) -> web.StreamResponse:
    """Answer `request` as the fault says; `accepted` are the headers of an acceptance or empty."""
    match fault.action:
        case Action.RESET:
            return reset(request)
        case Action.HANG:
            await asyncio.sleep(fault.seconds)
            return reset(request)
        case Action.SLOW:
            await asyncio.sleep(fault.seconds)
            return web.Response(status=fault.status, headers=accepted)
        case Action.DRIP:
            return await _stream(request, fault, accepted, _drip(fault))
        case Action.HUGE:
            return await _stream(request, fault, accepted, _pour(fault))
        case _:
            return web.Response(
                status=fault.status, headers=accepted | fault.headers, text=fault.body
            )


Writer = Callable[[web.StreamResponse], Any]


async def _stream(
    request: web.Request, fault: Fault, accepted: dict[str, str], write: Writer
) -> web.StreamResponse:
    response = web.StreamResponse(status=fault.status, headers=accepted | fault.headers)
    try:
        await response.prepare(request)
        await write(response)
        await response.write_eof()
    except ConnectionError:
        pass  # The sender had enough: that is what the fault is for.
    return response


def _drip(fault: Fault) -> Writer:
    async def write(response: web.StreamResponse) -> None:
        end = asyncio.get_running_loop().time() + fault.seconds
        while asyncio.get_running_loop().time() < end:
            await response.write(b".")
            await asyncio.sleep(min(0.2, fault.seconds))

    return write


def _pour(fault: Fault) -> Writer:
    async def write(response: web.StreamResponse) -> None:
        left = fault.bytes
        while left > 0:
            await response.write(b"x" * min(left, 65_536))
            left -= 65_536

    return write


def reset(request: web.Request) -> web.Response:
    """Drop the connection so that the sender sees a reset, not an orderly end."""
    transport = request.transport
    if transport is not None:
        raw: socket.socket | None = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=500)
