"""Push services from outside: their rules, their counters, and logs that nobody can edit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.demo.sender import Answer, ask

Rule = dict[str, Any]
# What the sender can't know the end of: the connection goes while the answer is awaited.
LOSING = ("fault_reset", "fault_hang")
# What takes along everything else on a connection of HTTP/2.
BREAKING = ("fault_reset", "fault_goaway")
HTTP2 = ("refuse", "goaway")
CHANNELS = WEB, FCM, APNS = "web", "fcm", "apns"
REASONS = {
    **{(FCM, 410): "UNREGISTERED", (APNS, 410): "Unregistered"},
    **{(FCM, 429): "QUOTA_EXCEEDED", (APNS, 429): "TooManyRequests"},
    **{(FCM, 503): "UNAVAILABLE", (APNS, 503): "Shutdown"},
}


class PushService:
    def __init__(self, origin: str, data: Path) -> None:
        self.origin = origin
        self.data = data
        self._offset = 0
        self._lines = 0

    def control(self, method: str, path: str, data: object = None) -> Answer:
        body = None if data is None else json.dumps(data).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        return ask(method, self.origin + path, body, headers)

    def is_up(self) -> bool:
        try:
            return self.control("GET", "/healthz").status == 200
        except OSError:
            return False

    def make_devices(self, key: str, count: int) -> list[dict[str, Any]]:
        """So many subscriptions (`PushSubscription.toJSON()`) that report nothing back."""
        wanted = {"applicationServerKey": key, "count": count, "reports": False}
        answer = self.control("POST", "/devices", wanted)
        assert answer.status == 201, answer.body
        found: list[dict[str, Any]] = answer.json()["devices"]
        return found

    def misbehave(self, *rules: Rule) -> None:
        """Put rules before those in force, which keep what is left of them."""
        in_force = self.control("GET", "/misbehave").json()["rules"]
        self.replace([*rules, *in_force])

    def replace(self, rules: list[Rule]) -> None:
        answer = self.control("PUT", "/misbehave", {"rules": rules})
        assert answer.status == 200, answer.body

    def answers_lost(self) -> int:
        """Requests since its start whose sender can't know what became of them."""
        counters = self.control("GET", "/counters").json()
        return sum(counters.get(name, 0) for name in LOSING)

    def accepted(self) -> int:
        """How many lines the log has."""
        with (self.data / "accepted.jsonl").open("rb") as log:
            log.seek(self._offset)
            new = log.read()
        whole = new.rfind(b"\n") + 1
        self._lines += new.count(b"\n", 0, whole)
        self._offset += whole
        return self._lines

    def log(self, since: int) -> list[str]:
        """The tokens of whom it accepted a message for, after the first `since`."""
        with (self.data / "accepted.jsonl").open("rb") as log:
            lines = log.read().splitlines()[since:]
        return [str(json.loads(line)["token"]) for line in lines]


class AppService(PushService):
    """The stand-in for FCM and APNs: its pages' port is also theirs, by TLS.

    `at_once`: how many requests one sender may have on a connection, all of which lose their
    answers if it breaks.
    """

    def __init__(self, origin: str, data: Path, *, at_once: int = 1) -> None:
        super().__init__(origin, data)
        self.at_once = at_once

    def make_phones(self, service: str, count: int) -> list[dict[str, Any]]:
        """So many ("fcm" or "apns") with token and app, that report nothing back."""
        answer = self.control("POST", "/devices", {"count": count, "service": service})
        assert answer.status == 201, answer.body
        found: list[dict[str, Any]] = answer.json()["devices"]
        return found

    def keys(self) -> dict[str, Any]:
        """What a customer gets from Google and Apple: `google` and `apple`."""
        found: dict[str, Any] = self.control("GET", "/keys").json()
        return found

    def answers_lost(self) -> int:
        counters = self.control("GET", "/counters").json()
        broken = sum(counters.get(name, 0) for name in BREAKING)
        return int(counters.get("fault_hang", 0) + broken * self.at_once)

    def settings(self) -> dict[str, str]:
        """What must be set for messages to apps to come here; its name localhost is Google's."""
        port = urlsplit(self.origin).port
        google, apple = f"https://localhost:{port}", f"https://127.0.0.1:{port}"
        return {
            "FCM_ORIGIN": google,
            "FCM_TOKEN_URI": f"{google}/token",
            "APNS_ORIGIN": apple,
            "APNS_SANDBOX_ORIGIN": google,
            "PUSH_CA_FILE": str(self.data / "ca-bundle.pem"),
        }


class PushServices:
    """All of them, as a run that goes to several channels meets them."""

    def __init__(self, web: PushService, apps: AppService) -> None:
        self.web = web
        self.apps = apps
        self.channels: tuple[str, ...] = CHANNELS

    @property
    def origins(self) -> set[str]:
        """What EXTRA_PUSH_ORIGINS must name."""
        of_apps = self.apps.settings()
        return {self.web.origin, of_apps["FCM_ORIGIN"], of_apps["APNS_ORIGIN"]}

    def is_up(self) -> bool:
        return self.web.is_up() and self.apps.is_up()

    def marks(self) -> tuple[int, int]:
        """How many lines each log has."""
        return self.web.accepted(), self.apps.accepted()

    def log(self, since: tuple[int, int]) -> list[str]:
        return self.web.log(since[0]) + self.apps.log(since[1])

    def answers_lost(self) -> int:
        return self.web.answers_lost() + self.apps.answers_lost()

    def misbehave(self, rule: Rule, number: int) -> bool:
        """The next `number` requests meet a rule, on each channel its share; False if no channel
        can break like that."""
        meant = [one for one in self.channels if one != WEB or rule.get("action") not in HTTP2]
        some = {"next": max(1, number // len(meant))} if meant else {}
        if WEB in meant:
            self.web.misbehave({**rule, **some})
        if apps := [said_by(one, {**rule, **some}) for one in meant if one != WEB]:
            self.apps.misbehave(*apps)
        return bool(meant)

    def behave(self, *, gone: list[str], refused: list[str], latency: float) -> None:
        """From now on, but for the tokens of devices that left, or take no message."""
        late = {"action": "slow", "seconds": latency}
        left = {"status": 410, "tokens": gone}
        rules = [{"status": 413, "tokens": refused}, late]
        self.web.replace([left, *rules])
        self.apps.replace([*(said_by(one, left) for one in CHANNELS if one != WEB), *rules])


def said_by(channel: str, rule: Rule) -> Rule:
    """A rule for apps, with the reason that the service gives with the status."""
    reason = REASONS.get((channel, rule.get("status", 0)))
    words = {"reason": reason} if reason else {}
    return {**rule, "service": channel, **words}
