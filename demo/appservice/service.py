"""Both services in one: accept a message and bring it to its phone."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from demo.appservice import apns, certs, fcm
from demo.appservice.apns import Apple
from demo.appservice.faults import Rule, act, answer_of
from demo.appservice.google import PROJECT, Google
from demo.appservice.http import Answer, Request, Stream
from demo.appservice.model import Device, Incoming, Message, State, new_device
from demo.appservice.store import Store
from demo.pushservice.faults import Action
from demo.pushservice.log import AcceptanceLog

SANDBOX = "localhost"


class Service:
    """`origin`: where the pages are, `http://127.0.0.1:8003`. By TLS the same port is Google's and
    Apple's; under the name localhost it is Apple's sandbox, and everything of Google's as well."""

    def __init__(self, *, origin: str, data: Path) -> None:
        parts = urlsplit(origin)
        self.origin = origin
        self.apns_origin = f"https://{parts.netloc}"
        self.apns_sandbox_origin = self.fcm_origin = f"https://{SANDBOX}:{parts.port}"
        self.token_uri = f"{self.fcm_origin}/token"
        self.certificate, self.ca_file = certs.prepare(data)
        self.google = Google(data, self.token_uri)
        self.apple = Apple(data)
        self.store = Store(data / "appservice.sqlite3")
        self.log = AcceptanceLog(data / "accepted.jsonl")
        self.rules: list[Rule] = []
        self.counters: Counter[str] = Counter()
        self.devices = {device.token: device for device in self.store.devices()}
        self.waiting: defaultdict[str, list[Message]] = defaultdict(list)
        for message in self.store.waiting():
            self.waiting[message.token].append(message)
        self.arrived: Callable[[Device, Message], None] = _nobody
        """What a phone does with a message that has arrived."""
        self._acting: set[asyncio.Task[None]] = set()

    @property
    def origins(self) -> frozenset[str]:
        """What EXTRA_PUSH_ORIGINS must name."""
        return frozenset({self.apns_origin, self.apns_sandbox_origin})

    def close(self) -> None:
        for task in self._acting:
            task.cancel()
        self.store.close()
        self.log.close()

    # Answering

    def handle(self, request: Request, stream: Stream) -> None:
        """One request that came by TLS."""
        if request.path.startswith("/3/"):
            sandbox = request.authority.rpartition(":")[0] == SANDBOX
            self._apns(request, stream, sandbox=sandbox)
        elif request.path == "/token":
            self._token(request, stream)
        elif request.path.startswith("/v1/"):
            self._fcm(request, stream)
        else:
            self._answer(stream, "fcm", fcm.not_found())

    def _token(self, request: Request, stream: Stream) -> None:
        rule = self._rule("oauth", "")
        if rule is None:
            self._answer(stream, "oauth", self.google.token(request))
        else:
            self._act(rule, stream, "", self.google.token(request) if rule.fault.accept else None)

    def _fcm(self, request: Request, stream: Stream) -> None:
        try:
            incoming = fcm.receive(request, self.google)
            rule = self._rule("fcm", incoming.token)
            device = self._fcm_device(incoming, rule)
        except fcm.Refused as refused:
            self._answer(stream, "fcm", refused.answer)
            return
        incoming.id = fcm.new_name(incoming.app)
        if incoming.dry:
            name = f"projects/{incoming.app}/messages/fake_message_id"
            self._answer(stream, "fcm", fcm.accepted(name))
            return
        self._conclude(stream, incoming, device, rule, fcm.accepted(incoming.id))

    def _fcm_device(self, incoming: Incoming, rule: Rule | None) -> Device:
        device = self.devices.get(incoming.token)
        if device is None or device.service != "fcm":
            # Google can read its tokens, so one that it never made is not merely unknown.
            raise fcm.Refused(fcm.error("INVALID_ARGUMENT"))
        if device.app != incoming.app or _is(rule, Action.KEY_CHANGE):
            raise fcm.Refused(fcm.error("SENDER_ID_MISMATCH"))
        if device.gone:
            raise fcm.Refused(fcm.error("UNREGISTERED"))
        return device

    def _apns(self, request: Request, stream: Stream, *, sandbox: bool) -> None:
        service = "apns+sandbox" if sandbox else "apns"
        if request.connection.get("version") == "1.1":
            # Apple speaks nothing but HTTP/2.
            stream.reset()
            return
        try:
            incoming = apns.receive(request, self.apple, sandbox=sandbox)
            rule = self._rule(service, incoming.token)
            device = self._apns_device(incoming, rule)
        except apns.Refused as refused:
            message_id = request.headers.get("apns-id", "")
            answer = apns.error(refused.reason, message_id=message_id, since=refused.since)
            self._answer(stream, service, answer)
            return
        self._conclude(stream, incoming, device, rule, apns.accepted(incoming.id))

    def _apns_device(self, incoming: Incoming, rule: Rule | None) -> Device:
        device = self.devices.get(incoming.token)
        if device is None or device.service != incoming.service:
            raise apns.Refused("BadDeviceToken")
        if _is(rule, Action.KEY_CHANGE):
            raise apns.Refused("InvalidProviderToken")
        if device.app != incoming.app:
            raise apns.Refused("DeviceTokenNotForTopic")
        if device.gone:
            raise apns.Refused("Unregistered", device.gone_at)
        return device

    def _rule(self, service: str, token: str) -> Rule | None:
        """The rule that this request meets, if any."""
        for rule in self.rules:
            if rule.action is not Action.OFFLINE and rule.takes(service, token):
                return rule
        return None

    def _conclude(
        self, stream: Stream, incoming: Incoming, device: Device, rule: Rule | None, proper: Answer
    ) -> None:
        """Accept it and answer, or do what the rule says."""
        if rule is None or rule.about_devices:
            self.accept(device, incoming)
            self._answer(stream, incoming.service, proper)
            return
        if rule.fault.accept:
            self.accept(device, incoming)
        self._act(rule, stream, incoming.id, proper if rule.fault.accept else None)

    def _act(self, rule: Rule, stream: Stream, message_id: str, accepted: Answer | None) -> None:
        self.counters[f"fault {rule.how or rule.action}"] += 1
        if rule.action in {Action.STATUS, Action.REDIRECT}:
            stream.answer(answer_of(rule, message_id))
            return
        task = asyncio.get_running_loop().create_task(act(rule, stream, message_id, accepted))
        self._acting.add(task)
        task.add_done_callback(self._acting.discard)

    def _answer(self, stream: Stream, service: str, answer: Answer) -> None:
        self.counters[f"{service} answered {answer.status}"] += 1
        stream.answer(answer)

    # Accepting

    def accept(self, device: Device, incoming: Incoming) -> None:
        """Log the message, then bring it to its phone or keep it."""
        now = time.time()
        self.log.append(
            {
                "at": datetime.fromtimestamp(now, UTC).isoformat(),
                "service": incoming.service,
                "token": incoming.token,
                "id": incoming.id,
                "topic": incoming.collapse,
                "ttl": incoming.ttl,
                "urgency": incoming.priority,
            }
        )
        message = Message(
            incoming.id,
            incoming.token,
            device.install,
            now,
            incoming.ttl,
            incoming.collapse,
            incoming.priority,
            incoming.body,
        )
        if message.collapse and device.token in self.waiting:
            self._replace(message)
        if self._reachable(device):
            self._bring(device, message)
        elif message.ttl > 0:
            message.state = State.WAITING
            self.waiting[device.token].append(message)
            self.store.save(message)

    def _reachable(self, device: Device) -> bool:
        return device.online and not any(
            rule.action is Action.OFFLINE and rule.covers(device.service, device.token)
            for rule in self.rules
        )

    def _bring(self, device: Device, message: Message) -> None:
        message.state = State.ARRIVED
        message.shown = device.allowed
        if device.watched or device.displayed:
            self.store.save(message)
        self.arrived(device, message)

    def _replace(self, message: Message) -> None:
        """One with the same collapse key replaces a message that still waits."""
        waiting = self.waiting[message.token]
        for old in [old for old in waiting if old.collapse == message.collapse]:
            waiting.remove(old)
            self.store.remove(old)
            self.counters["replaced"] += 1

    # Phones

    def add(
        self, count: int, service: str, app: str = "", *, platform: str = "", **more: Any
    ) -> list[Device]:
        """New phones with an app. `app`: the demo's by default."""
        app = app or (PROJECT if service == "fcm" else apns.BUNDLE)
        platform = platform or ("Android" if service == "fcm" else "iOS")
        made = [new_device(service, app, platform, **more) for _ in range(count)]
        self.know(made)
        return made

    def know(self, devices: list[Device]) -> None:
        self.devices.update((device.token, device) for device in devices)
        self.store.save_devices(devices)

    def deliver_waiting(self, device: Device) -> None:
        """The phone is online (again): bring what waited for it, oldest first."""
        if not self._reachable(device):
            return
        now = time.time()
        for message in self.waiting.pop(device.token, []):
            if message.expires_at <= now:
                self.store.remove(message)
                self.counters["expired"] += 1
            else:
                self._bring(device, message)
                self.store.save(message)

    def end(self, devices: list[Device]) -> None:
        """Their tokens are gone for good."""
        now = time.time()
        for device in devices:
            device.gone_at = device.gone_at or now
            for message in self.waiting.pop(device.token, []):
                self.store.remove(message)
        self.store.save_devices(devices)

    def misbehave(self, rules: list[Rule]) -> None:
        """Replace the rules. "expire" is done at once and for good; the others last until the
        next call, and then messages that were held back are brought."""
        for rule in (rule for rule in rules if rule.action is Action.EXPIRE):
            self.end(
                [d for d in self.devices.values() if not d.gone and rule.covers(d.service, d.token)]
            )
        self.rules = [rule for rule in rules if rule.action is not Action.EXPIRE]
        for token in list(self.waiting):
            self.deliver_waiting(self.devices[token])

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
        """Write what is new ten times a second, and forget what waited too long once a minute."""
        turn = 0
        while True:
            await asyncio.sleep(0.1)
            self.store.flush()
            turn += 1
            if turn % 600 == 0:
                self.sweep()

    def sweep(self) -> None:
        now = time.time()
        for token, messages in list(self.waiting.items()):
            for message in [message for message in messages if message.expires_at <= now]:
                messages.remove(message)
                self.store.remove(message)
                self.counters["expired"] += 1
            if not messages:
                del self.waiting[token]


def _is(rule: Rule | None, action: Action) -> bool:
    return rule is not None and rule.action is action


def _nobody(device: Device, message: Message) -> None:
    """Until virtual phones are switched on, nobody looks."""
