"""Misbehaving on demand: the rules of `demo.pushservice.faults`, in the words of apps' services.

A rule may also say `"service"` ("fcm", "apns", "apns+sandbox"; "oauth" is meant only by name), and
`"reason"`: an error as the service itself would answer it. There are two more actions, `refuse`
(REFUSED_STREAM) and `goaway` (GOAWAY; with `"accept": true` after the message was accepted).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from demo.appservice import apns, fcm, google
from demo.appservice.http import Answer, Stream
from demo.pushservice import faults as web
from demo.pushservice.faults import ABOUT_DEVICES, Action, Fault, FaultError

__all__ = ["FaultError", "Rule", "act", "parse"]

SERVICES = ("fcm", "apns", "apns+sandbox", "oauth")
OAUTH_ERRORS = {
    "invalid_grant": google.NO_ACCOUNT,
    "invalid_signature": google.BAD_SIGNATURE,
    "not_now": google.NOT_NOW,
    "disabled_client": ("disabled_client", "The OAuth client was disabled."),
    "unauthorized_client": (
        "unauthorized_client",
        "Client is unauthorized to retrieve access tokens using this method.",
    ),
    "internal_failure": ("internal_failure", "Backend Error"),
}
TEXT = (("content-type", "text/plain; charset=utf-8"),)


@dataclass(slots=True)
class Rule:
    """`how`: "refuse" or "goaway", where the fault itself is only a reset; or ""."""

    fault: Fault
    service: str
    reason: str
    how: str

    def takes(self, service: str, token: str) -> bool:
        """Does this request meet it? Counts down `next`, and spreads `share` evenly."""
        return self._about(service) and self.fault.takes(token)

    def covers(self, service: str, token: str) -> bool:
        """Is this device meant (for faults that belong to a device, not to a request)?"""
        return self._about(service) and self.fault.covers(token)

    def _about(self, service: str) -> bool:
        return service == self.service if self.service else service != "oauth"

    @property
    def action(self) -> Action:
        return self.fault.action

    @property
    def about_devices(self) -> bool:
        return self.fault.action in ABOUT_DEVICES

    def as_json(self) -> dict[str, Any]:
        found = self.fault.as_json()
        if self.how:
            found["action"] = self.how
        more = {"service": self.service, "reason": self.reason}
        return found | {name: value for name, value in more.items() if value}


def parse(data: object) -> list[Rule]:
    """Rules from JSON: one object, or `{"rules": […]}`; the first that fits a request is used."""
    if not isinstance(data, dict):
        raise FaultError('send one rule as a JSON object, or {"rules": [...]}')
    rules = data.get("rules", [data])
    if not isinstance(rules, list):
        raise FaultError("rules must be a list")
    return [_rule(rule) for rule in rules]


def reasons_of(service: str) -> list[str]:
    """The errors that a service may be told to answer with."""
    by_service = {"fcm": list(fcm.ERRORS), "oauth": list(OAUTH_ERRORS)}
    return by_service.get(service, list(apns.REASONS))


def _rule(data: object) -> Rule:
    if not isinstance(data, dict):
        raise FaultError("a rule must be a JSON object")
    rest = {name: value for name, value in data.items() if name not in {"service", "reason"}}
    service, reason = str(data.get("service", "")), str(data.get("reason", ""))
    how = rest["action"] if rest.get("action") in {"refuse", "goaway"} else ""
    if how:
        rest["action"] = "reset"
    if how == "refuse" and rest.get("accept"):
        raise FaultError("a refused stream says that nothing was accepted")
    if service and service not in SERVICES:
        raise FaultError(f"service must be one of {', '.join(SERVICES)}")
    if reason and not service:
        raise FaultError("a reason is one of a service: name that, too")
    if reason and reason not in (known := reasons_of(service)):
        raise FaultError(f"reason must be one of {', '.join(known)}")
    # What a rule without a status means here: an error if it says one, else the service's own 200.
    if reason:
        rest["status"] = _error(service, reason, "").status
    elif "action" in rest and rest["action"] not in {"status", "redirect"}:
        rest.setdefault("status", 200)
    [fault] = web.parse(rest)
    return Rule(fault, service, reason, how)


def _error(service: str, reason: str, message_id: str) -> Answer:
    if service == "fcm":
        return fcm.error(reason)
    if service == "oauth":
        return google.refusal(*OAUTH_ERRORS[reason], 500 if reason == "internal_failure" else 400)
    return apns.error(reason, message_id=message_id)


def answer_of(rule: Rule, message_id: str) -> Answer:
    """The answer of a rule that has a status. An APNs error names the request's `apns-id`."""
    fault = rule.fault
    given = tuple((name.lower(), value) for name, value in fault.headers.items())
    if rule.reason:
        found = _error(rule.service, rule.reason, message_id)
        return found._replace(headers=(*found.headers, *given))
    if fault.action is Action.REDIRECT:
        given += (("location", fault.location or "/trap"),)
    return Answer(fault.status, fault.body.encode(), (*TEXT, *given))


async def act(rule: Rule, stream: Stream, message_id: str, accepted: Answer | None) -> None:
    """Do to `stream` what the rule says; `accepted`: the proper answer, if it was accepted."""
    fault = rule.fault
    proper = accepted or answer_of(rule, message_id)
    match fault.action:
        case Action.RESET if rule.how == "refuse":
            stream.refuse()
        case Action.RESET if rule.how == "goaway":
            stream.go_away(taken=fault.accept)
        case Action.RESET:
            stream.reset()
        case Action.HANG:
            await asyncio.sleep(fault.seconds)
            stream.reset()
        case Action.SLOW:
            await asyncio.sleep(fault.seconds)
            stream.answer(proper)
        case Action.DRIP:
            await _pour(stream, proper, fault.seconds, None)
        case Action.HUGE:
            await _pour(stream, proper, 0.0, fault.bytes)
        case _:
            stream.answer(answer_of(rule, message_id))


async def _pour(stream: Stream, answer: Answer, seconds: float, size: int | None) -> None:
    """A body of `size` bytes, or a byte at a time for `seconds`."""
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    headers = tuple(pair for pair in answer.headers if pair[0] != "content-length")
    stream.begin(answer.status, headers)
    try:
        if size is not None:
            while size > 0:
                await stream.write(b"x" * min(size, 65_536))
                size -= 65_536
        while clock() < end:
            await stream.write(b".")
            await asyncio.sleep(min(0.2, seconds))
    except ConnectionError:
        return  # The sender had enough: that is what the fault is for.
    stream.end()
