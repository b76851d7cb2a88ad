"""What a person enters for a new virtual phone, and what that form is filled with."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from demo.appservice.apns import BUNDLE
from demo.appservice.google import PROJECT
from demo.appservice.model import Device, new_device
from demo.appservice.phones import PhoneError

# By what the form calls them: (service, platform).
KINDS = {
    "android": ("fcm", "Android"),
    "iphone": ("apns", "iOS"),
    "iphone-sandbox": ("apns+sandbox", "iOS"),
    "iphone-fcm": ("fcm", "iOS"),
}
NAMES = {"Android": "Virtual Android", "iOS": "Virtual iPhone"}


@dataclass(frozen=True)
class Suggestions:
    """What the page's form for a new phone is filled with, as far as it is known."""

    beckon: str = ""
    site_key_file: Path | None = None
    app_key_file: Path | None = None

    def now(self) -> dict[str, Any]:
        """By field. The files may appear later, so they are read every time."""
        fields = {
            "beckon": self.beckon,
            "site_key": _read(self.site_key_file),
            "app_key": _read(self.app_key_file),
        }
        return {name: value for name, value in fields.items() if value}


def phone_of(data: dict[str, Any]) -> Device:
    """A new phone of the fields {"beckon", "site_key", "app_key", "kind", "name"?, "app"?,
    "language"?, "timezone"?}; PhoneError."""
    given = {name: str(value).strip() for name, value in data.items()}
    key = given.get("site_key", "")
    if not key or not all(c.isalnum() or c in "-_" for c in key):
        raise PhoneError("Give the site key, from the Install page.", "site_key")
    if not given.get("app_key"):
        raise PhoneError("Give the site's app key, from the page Apps.", "app_key")
    kind = given.get("kind", "android")
    if kind not in KINDS:
        raise PhoneError(f"kind must be one of {', '.join(KINDS)}.", "kind")
    service, platform = KINDS[kind]
    return new_device(
        service,
        given.get("app") or (PROJECT if service == "fcm" else BUNDLE),
        platform,
        name=given.get("name", "")[:60] or NAMES[platform],
        form=f"{_origin(given.get('beckon', ''))}/push/{key}/devices/",
        app_key=given["app_key"],
        language=given.get("language") or "en",
        time_zone=given.get("timezone") or "UTC",
        displayed=1.0,
    )


def _origin(text: str) -> str:
    """`https://shop.example` of an address that a person typed."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise PhoneError("Give an address such as http://127.0.0.1:8000.", "beckon")
    return f"{parts.scheme}://{parts.netloc}"


def _read(path: Path | None) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text("utf-8").strip() if path else ""
    return ""
