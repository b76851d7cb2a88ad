"""What apps, and the servers behind them, post about a device: checked values, or a refusal.

Nothing in here touches the database. The shapes are in docs/mobile.md.
"""

import re
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from subscribers import incoming
from subscribers.incoming import Change, Refused
from subscribers.models import Channel

PLATFORMS = {"android": "Android", "ios": "iOS"}  # as subscribers.agents names them
CHANNELS = (Channel.FCM.value, Channel.APNS.value)
KINDS = ("token", "fid")
ENVIRONMENTS = ("production", "sandbox")
MAX_TOKEN = 1024
MAX_VERSION = 40
MAX_SOURCE = 200
MAX_WORDING = 500
FIRST_YES = datetime(2000, 1, 1, tzinfo=UTC)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Details:
    """What an app says of itself and its device; '' for what it does not say."""

    app_version: str = ""
    language: str = ""
    time_zone: str = ""


@dataclass(frozen=True)
class Agreed:
    """When somebody said yes, in which place of the app and to which words."""

    at: datetime
    source: str
    text: str


@dataclass(frozen=True)
class IncomingDevice:
    """An app's installation and what came with it."""

    install_id: uuid.UUID = field(repr=False)
    platform: str
    channel: str
    # None: push is not allowed, the app has its inbox only.
    token: str | None = field(repr=False)
    kind: str
    # The bundle id (APNs) or the Firebase project (FCM, '' for the site's current one).
    app: str
    sandbox: bool
    details: Details
    # What somebody said yes to in the app; None when nobody has just done so.
    agreed: Agreed | None
    person: Change


def read_device(data: dict[str, Any]) -> IncomingDevice:
    """The body of a registration."""
    channel = _one_of(data, "channel", CHANNELS)
    platform = _one_of(data, "platform", tuple(PLATFORMS))
    if channel == Channel.APNS and platform != "ios":
        raise Refused("channel", "APNs reaches iOS alone.", field="channel")
    return IncomingDevice(
        install_id=install_id(data),
        platform=PLATFORMS[platform],
        channel=channel,
        token=_token(data),
        kind=_one_of(data, "kind", KINDS if channel == Channel.FCM else KINDS[:1], KINDS[0]),
        app=incoming.text_in(data, "app"),
        sandbox=_one_of(data, "environment", ENVIRONMENTS, ENVIRONMENTS[0]) == "sandbox",
        details=read_details(data),
        agreed=_agreed(data),
        person=read_person(data),
    )


def read_details(data: dict[str, Any]) -> Details:
    """Unknown languages and zones are left out: an odd setting must not cost a registration."""
    version = " ".join(incoming.text_in(data, "app_version").split())
    return Details(
        app_version="" if _UNPRINTABLE.search(version) else version[:MAX_VERSION],
        language=incoming.language(incoming.text_in(data, "language")),
        time_zone=incoming.time_zone(incoming.text_in(data, "timezone")),
    )


def read_person(data: dict[str, Any]) -> Change:
    """As a page's change of a person, with topics, which replace those that are known."""
    topics = data.get("topics")
    change = incoming.read_change(data)
    if topics is None:
        return change
    return replace(change, topics=incoming.check_topics(topics, "topics"))


def install_id(data: dict[str, Any]) -> uuid.UUID:
    """What names an app's installation and proves that a request comes from it."""
    found = incoming.uuid_in(data, "install")
    # Whatever is not random may be another device's too: two people would become one.
    if found is None or found.version != 4:
        sentence = "“install” must be a random UUID (version 4) that the app made and keeps."
        raise Refused("uuid", sentence, field="install")
    return found


def _token(data: dict[str, Any]) -> str | None:
    # Left out by mistake must not mean that permission was taken back.
    if "token" not in data:
        sentence = "“token” is missing. It is null where push is not allowed."
        raise Refused("required", sentence, field="token")
    token = data["token"]
    if token is None:
        return None
    if not isinstance(token, str):
        raise Refused("type", "“token” must be a text or null.", field="token")
    if not token or len(token) > MAX_TOKEN:
        raise Refused("token", f"A token has 1 to {MAX_TOKEN:,} characters.", field="token")
    return token


def _one_of(
    data: dict[str, Any], name: str, choices: tuple[str, ...], default: str | None = None
) -> str:
    value = data.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or value not in choices:
        known = ", ".join(choices)
        raise Refused("choice", f"“{name}” must be one of: {known}.", field=name)
    return value


def _agreed(data: dict[str, Any]) -> Agreed | None:
    said = data.get("consent")
    if said is None:
        return None
    if not isinstance(said, dict):
        raise Refused("type", "“consent” must be an object.", field="consent")
    return Agreed(
        at=_moment(incoming.text_in(said, "at", at="consent.")),
        source=_words(said, "source", MAX_SOURCE),
        text=_words(said, "text", MAX_WORDING),
    )


def _words(said: dict[str, Any], name: str, most: int) -> str:
    words = " ".join(incoming.text_in(said, name, at="consent.").split())
    if len(words) > most or _UNPRINTABLE.search(words):
        sentence = f"“consent.{name}” has at most {most} printable characters."
        raise Refused(name, sentence, field=f"consent.{name}")
    return words


def _moment(text: str) -> datetime:
    """A time that has been, with its zone; '' for now. A phone's clock may be ahead."""
    now = timezone.now()
    if not text:
        return now
    try:
        moment = parse_datetime(text)
        if moment is not None and moment.tzinfo is not None and moment >= FIRST_YES:
            return min(moment, now)
    except (ValueError, OverflowError):
        pass
    sentence = "“consent.at” must be a time with its zone, such as 2026-11-22T20:15:00Z."
    raise Refused("time", sentence, field="consent.at")
