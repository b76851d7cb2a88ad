"""What a phone makes of a message: what it shows, what a tap opens, where it reports to."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from demo.appservice.model import Device, Message

WEB = {"http", "https"}


def shown(device: Device, message: Message) -> dict[str, Any]:
    """`title`, `body`, `image`, `buttons` [{"title", "url"}], `link`, `url`, `tag`, `badge` and
    `more`, the rest by what to call it.

    `link`: what a tap opens; `url`: the web address, for an app that does not know the link. A
    later message with the same `tag` takes the place of an earlier one.
    """
    if device.service != "fcm":
        return _apple(message.body, message.collapse)
    if device.platform == "iOS":
        return _apple_by_google(message.body)
    return _android(message.body)


def receipt(device: Device, message: Message) -> tuple[str, str] | None:
    """Where to report, and the token to report with."""
    ours = _ours(device, message.body)
    address, token = ours.get("u"), ours.get("t")
    if not isinstance(address, str) or not isinstance(token, str):
        return None
    return (address, token) if urlsplit(address).scheme in WEB else None


def _ours(device: Device, body: dict[str, Any]) -> dict[str, Any]:
    """What is Beckon's in a message; {} if there is nothing."""
    if device.service != "fcm":
        found = body.get("beckon")
    elif device.platform == "iOS":
        found = body.get("apns", {}).get("payload", {}).get("beckon")
    else:
        found = body.get("data")
    return found if isinstance(found, dict) else {}


def _android(body: dict[str, Any]) -> dict[str, Any]:
    android = body.get("android", {})
    notification = body.get("notification", {}) | android.get("notification", {})
    data = body.get("data", {}) | android.get("data", {})
    more = {
        "Channel": notification.get("channelId"),
        "Sound": notification.get("sound"),
        "Priority": android.get("priority"),
    }
    return _made(
        notification,
        data,
        buttons=_read(data.get("buttons")),
        tag=notification.get("tag"),
        more=more,
    )


def _apple_by_google(body: dict[str, Any]) -> dict[str, Any]:
    apns = body.get("apns", {})
    payload = apns.get("payload", {})
    aps = {"alert": body.get("notification", {})} | payload.get("aps", {})
    image = apns.get("fcmOptions", {}).get("image")
    beckon = payload.get("beckon") or {}
    tag = apns.get("headers", {}).get("apns-collapse-id", "")
    return _apple({"aps": aps, "beckon": beckon | ({"image": image} if image else {})}, tag)


def _apple(body: dict[str, Any], collapse: str) -> dict[str, Any]:
    aps, beckon = body.get("aps", {}), body.get("beckon", {})
    alert = aps.get("alert", {})
    alert = alert if isinstance(alert, dict) else {"body": alert}
    # An extension of the app fetches the picture, and only where it is asked to.
    image = beckon.get("image") if aps.get("mutable-content") == 1 else None
    more = {
        "Sound": aps.get("sound"),
        "Category": aps.get("category"),
        "Interruption": aps.get("interruption-level"),
        "Thread": aps.get("thread-id"),
    }
    made = _made(
        alert | {"image": image}, beckon, buttons=beckon.get("buttons"), tag=collapse, more=more
    )
    return made | {"badge": aps.get("badge")}


def _made(
    notification: dict[str, Any], ours: dict[str, Any], *, buttons: Any, tag: Any, more: Any
) -> dict[str, Any]:
    texts = {name: _text(notification.get(name)) for name in ("title", "body", "image")}
    known = [one for one in buttons or () if isinstance(one, dict)]
    return {
        **texts,
        "buttons": [{"title": _text(b.get("title")), "url": _text(b.get("url"))} for b in known],
        "link": _text(ours.get("link")),
        "url": _text(ours.get("url")),
        "tag": _text(tag),
        "badge": None,
        "more": {name: str(value) for name, value in more.items() if value},
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _read(text: Any) -> Any:
    """A list that is written as JSON; None if it is not one."""
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        return None
    return found if isinstance(found, list) else None
