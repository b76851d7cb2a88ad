"""Which fields an FCM message may have, and of which type: the `Message` resource of HTTP v1.

firebase.google.com/docs/reference/fcm/rest/v1/projects.messages. As everywhere in Google's JSON,
`collapseKey` may also be written `collapse_key`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Violation = tuple[str, str]
"""Where, and what is wrong with it."""

Check = Callable[[Any], str]
"""The type's name in Google's answers if the value is not of it, else ""."""


def _string(value: Any) -> str:
    return "" if isinstance(value, str) else "TYPE_STRING"


def _bool(value: Any) -> str:
    return "" if isinstance(value, bool) else "TYPE_BOOL"


def _int(value: Any) -> str:
    whole = isinstance(value, int) or (isinstance(value, str) and re.fullmatch(r"-?\d+", value))
    return "" if whole and not isinstance(value, bool) else "TYPE_INT32"


def _float(value: Any) -> str:
    return "" if isinstance(value, int | float) and not isinstance(value, bool) else "TYPE_FLOAT"


def _duration(value: Any) -> str:
    fits = isinstance(value, str) and re.fullmatch(r"\d{1,12}(\.\d{1,9})?s", value)
    return "" if fits else "type.googleapis.com/google.protobuf.Duration"


def _time(value: Any) -> str:
    fits = isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", value)
    return "" if fits else "type.googleapis.com/google.protobuf.Timestamp"


def _struct(value: Any) -> str:
    return "" if isinstance(value, dict) else "type.googleapis.com/google.protobuf.Struct"


def _one_of(name: str, *values: str) -> Check:
    def check(value: Any) -> str:
        return "" if value in values else f"type.googleapis.com/google.firebase.fcm.v1.{name}"

    return check


MAP = "map"
LIST = "list"
Schema = Mapping[str, Any]
OPTIONS: Schema = {"analyticsLabel": _string}
NOTIFICATION: Schema = {"title": _string, "body": _string, "image": _string}
COLOR: Schema = dict.fromkeys(("red", "green", "blue", "alpha"), _float)
LIGHT: Schema = {"color": COLOR, "lightOnDuration": _duration, "lightOffDuration": _duration}
ANDROID_NOTIFICATION: Schema = {
    **dict.fromkeys(
        ("title", "body", "icon", "color", "sound", "tag", "clickAction", "bodyLocKey"), _string
    ),
    **dict.fromkeys(("titleLocKey", "channelId", "ticker", "image"), _string),
    **dict.fromkeys(("bodyLocArgs", "titleLocArgs", "vibrateTimings"), LIST),
    **dict.fromkeys(
        ("sticky", "localOnly", "defaultSound", "defaultVibrateTimings", "defaultLightSettings"),
        _bool,
    ),
    "bypassProxyNotification": _bool,
    "eventTime": _time,
    "notificationCount": _int,
    "notificationPriority": _one_of(
        "AndroidNotification.NotificationPriority",
        *("PRIORITY_UNSPECIFIED", "PRIORITY_MIN", "PRIORITY_LOW", "PRIORITY_DEFAULT"),
        *("PRIORITY_HIGH", "PRIORITY_MAX"),
    ),
    "visibility": _one_of(
        "AndroidNotification.Visibility", "VISIBILITY_UNSPECIFIED", "PRIVATE", "PUBLIC", "SECRET"
    ),
    "proxy": _one_of(
        "AndroidNotification.Proxy", "PROXY_UNSPECIFIED", "ALLOW", "DENY", "IF_PRIORITY_LOWERED"
    ),
    "lightSettings": LIGHT,
}
ANDROID: Schema = {
    "collapseKey": _string,
    "priority": _one_of("AndroidMessagePriority", "NORMAL", "HIGH", "normal", "high"),
    "ttl": _duration,
    "restrictedPackageName": _string,
    "data": MAP,
    "notification": ANDROID_NOTIFICATION,
    "fcmOptions": OPTIONS,
    "directBootOk": _bool,
    "bandwidthConstrainedOk": _bool,
    "restrictedSatelliteOk": _bool,
}
MESSAGE: Schema = {
    "name": _string,
    "data": MAP,
    "notification": NOTIFICATION,
    "android": ANDROID,
    "webpush": {
        "headers": MAP,
        "data": MAP,
        "notification": _struct,
        "fcmOptions": {"link": _string, "analyticsLabel": _string},
    },
    "apns": {
        "headers": MAP,
        "payload": _struct,
        "fcmOptions": {"analyticsLabel": _string, "image": _string},
        "liveActivityToken": _string,
    },
    "fcmOptions": OPTIONS,
    "token": _string,
    "fid": _string,
    "topic": _string,
    "condition": _string,
}
BODY: Schema = {"message": MESSAGE, "validateOnly": _bool}


def camel(name: str) -> str:
    """`collapse_key` as `collapseKey`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def check(
    value: dict[str, Any], schema: Schema, place: str = ""
) -> tuple[dict[str, Any], list[Violation]]:
    """(the object with its names in camel case, what is wrong with it)."""
    clean: dict[str, Any] = {}
    wrong: list[Violation] = []
    for name, given in value.items():
        kind = schema.get(name) or schema.get(camel(name))
        here = f"{place}.{name}" if place else name
        if kind is None:
            at = f" at '{place}'" if place else ""
            words = f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.'
            wrong.append((place, words))
            continue
        if given is None:
            # JSON's null is the default of any field.
            continue
        found, problems = _checked(given, kind, here)
        clean[camel(name)] = found
        wrong += problems
    return clean, wrong


def _checked(given: Any, kind: Any, here: str) -> tuple[Any, list[Violation]]:
    if kind == MAP:
        return given, _map(given, here)
    if kind == LIST:
        if not isinstance(given, list):
            return given, [(here, _invalid(here, "TYPE_STRING", given))]
        return given, [
            (f"{here}[{number}]", _invalid(f"{here}[{number}]", "TYPE_STRING", item))
            for number, item in enumerate(given)
            if not isinstance(item, str)
        ]
    if isinstance(kind, Mapping):
        if isinstance(given, dict):
            return check(given, kind, here)
        name = "type.googleapis.com/google.firebase.fcm.v1.Message"
        return given, [(here, _invalid(here, name, given))]
    problem = kind(given)
    return given, [(here, _invalid(here, problem, given))] if problem else []


def _map(given: Any, here: str) -> list[Violation]:
    if not isinstance(given, dict):
        return [(here, _invalid(here, "Map", given))]
    wrong = []
    for number, value in enumerate(given.values()):
        if not isinstance(value, str):
            place = f"{here}[{number}].value"
            wrong.append((place, _invalid(place, "TYPE_STRING", value)))
    return wrong


def _invalid(place: str, kind: str, value: Any) -> str:
    shown = f'"{value}"' if isinstance(value, str) else str(value).lower()
    return f"Invalid value at '{place}' ({kind}), {shown[:100]}"
