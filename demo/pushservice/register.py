"""Subscribe a virtual browser at a Beckon, with the two requests that its snippet makes."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from demo.pushservice.model import Device, subscription
from demo.pushservice.vapid import normal_key
from demo.pushservice.virtual import Habits

SECONDS = 10.0
# What the browsers call themselves: a campaign server reads browser and platform from it.
AGENTS = {
    "chrome-android": "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Mobile Safari/537.36",
    "firefox-linux": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "edge-windows": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like "
    "Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
    "safari-iphone": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
}


@dataclass(frozen=True)
class Suggestions:
    """What the page's form for a new virtual browser is filled with, as far as it is known."""

    beckon: str = ""
    shop: str = ""
    site_key_file: Path | None = None

    def now(self) -> dict[str, str]:
        """By field. The file may appear later, so it is read every time."""
        key = ""
        if self.site_key_file:
            with contextlib.suppress(OSError, UnicodeDecodeError):
                key = self.site_key_file.read_text("utf-8").strip()
        fields = {"beckon": self.beckon, "origin": self.shop, "site_key": key}
        return {name: value for name, value in fields.items() if value}


class RegisterError(Exception):
    """It did not work; the text says what to do, `field` which entry it is about."""

    def __init__(self, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.field = field


async def register(
    service_origin: str,
    make: Callable[..., Device],
    *,
    beckon: str,
    site_key: str,
    origin: str,
    name: str = "",
    agent: str = "",
    language: str = "",
    timezone: str = "",
) -> Device:
    """A virtual browser that the campaign server knows. `origin` is the shop's."""
    beckon = _origin(beckon, "beckon")
    origin = _origin(origin, "origin")
    if not site_key or not all(c.isalnum() or c in "-_" for c in site_key):
        raise RegisterError("Give the site key, from the Install page.", "site_key")
    headers = {
        "Origin": origin,
        "Referer": origin + "/",
        "User-Agent": AGENTS.get(agent, AGENTS["chrome-android"]),
    }
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session:
        config = await _ask(session, "GET", f"{beckon}/push/{site_key}/config.json")
        try:
            key = normal_key(config["key"])
        except (KeyError, ValueError):
            raise RegisterError("Beckon's answer has no usable public key.", "beckon") from None
        device = make(key, Habits(), name=name[:60] or "Virtual browser", agent=agent)
        device.agent, device.origin = headers["User-Agent"], origin
        body = {
            "subscription": subscription(device, service_origin),
            "language": language or "en",
            "timezone": timezone or "UTC",
            "page": origin + "/",
            "prompt": _agreed(config),
            "install": str(uuid.uuid4()),
            "key": key,
        }
        answer = await _ask(session, "POST", f"{beckon}/push/{site_key}/subscriptions/", body)
    device.subscription_id = str(answer.get("id", ""))
    return device


def _agreed(config: dict[str, Any]) -> int | None:
    """The version of the prompt to which the virtual browser says yes, if the site has one."""
    prompt = config.get("prompt")
    version = prompt.get("version") if isinstance(prompt, dict) else None
    return version if isinstance(version, int) else None


async def _ask(
    session: aiohttp.ClientSession, method: str, url: str, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    data = None if body is None else json.dumps(body)
    headers = {} if body is None else {"Content-Type": "text/plain;charset=UTF-8"}
    try:
        async with session.request(
            method, url, data=data, headers=headers, allow_redirects=False
        ) as answer:
            text = (await answer.content.read(65_536)).decode(errors="replace")
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, ValueError):
        detail = "Beckon does not answer at this address. Is it running?"
        raise RegisterError(detail, "beckon") from None
    try:
        found = json.loads(text)
    except ValueError:
        found = {}
    found = found if isinstance(found, dict) else {}
    if status == 404:
        raise RegisterError("Beckon does not know this site key.", "site_key")
    if status not in {200, 201}:
        detail = found.get("detail") or "no reason given"
        raise RegisterError(f"Beckon refused ({status}): {detail}", _field(found))
    return found


def _field(answer: dict[str, Any]) -> str:
    return "origin" if "origin" in json.dumps(answer).lower() else ""


def _origin(text: str, field: str) -> str:
    """`https://shop.example` of an address that a person typed."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise RegisterError("Give an address such as http://127.0.0.1:8000.", field)
    return f"{parts.scheme}://{parts.netloc}"
