"""What strangers post, turned into checked values or refused with a code, a field and a sentence.

Nothing in here touches the database. The shapes are in docs/web-developer.md.
"""

import json
import math
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from django.conf import settings

from subscribers.onboarding import LANGUAGE
from subscribers.transports.endpoints import EndpointRefused, check_endpoint
from subscribers.transports.keys import BadKey, parse_auth, parse_p256dh

MAX_BODY = 4096
MAX_EXTERNAL_ID = 128
MAX_TAGS = 50
MAX_TAG = 64
MAX_ATTRIBUTES = 4096  # bytes of all of a person's, as JSON
MAX_ATTRIBUTE_NAME = 64
MAX_LIST = 50  # texts in an attribute that is a list
MAX_LIST_TEXT = 200
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

Scalar = str | int | float | bool
# What an attribute may be. A date is a text, as ISO 8601 writes it.
Value = Scalar | list[str]


class Refused(ValueError):
    """A request that is not carried out. `field` is where it is wrong, '' for the whole."""

    def __init__(self, code: str, sentence: str, *, field: str = "", status: int = 400) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.field = field
        self.status = status
        self.retry_after = 0  # seconds


@dataclass(frozen=True)
class Incoming:
    """A browser's subscription and what came with it."""

    endpoint: str = field(repr=False)
    p256dh: bytes = field(repr=False)
    auth: bytes = field(repr=False)
    # The auth secret that the browser had before, as proof that it is the same browser.
    old_auth: bytes | None = field(repr=False)
    install_id: uuid.UUID | None
    language: str
    time_zone: str
    page: str
    prompt: int | None
    # The application server key, 65 bytes; None: the site's current one.
    key: bytes | None
    # The snippet repairs by itself: nobody has just said yes.
    sync: bool


@dataclass(frozen=True)
class Change:
    """What a page or a server wants to change about a person. None: as it is."""

    external_id: str | None = None
    signature: str | None = field(default=None, repr=False)
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    # A value of None takes the attribute away.
    attributes: dict[str, Value | None] = field(default_factory=dict)
    # Instead of those that the person has.
    topics: tuple[str, ...] | None = None


def read_json(body: bytes) -> dict[str, Any]:
    """The JSON object of a body; every text in it can be stored."""
    if len(body) > MAX_BODY:
        raise Refused("too_large", "The body is larger than 4,096 bytes.", status=413)
    try:
        value = json.loads(body, parse_constant=_no_constant)
        fine = storable(value)
    except (ValueError, RecursionError):
        raise Refused("json", "The body is not JSON.") from None
    if not fine:
        raise Refused("characters", "A text has characters that cannot be stored.")
    if not isinstance(value, dict):
        raise Refused("json", "The body must be a JSON object.")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(name)


def storable(value: object) -> bool:
    """PostgreSQL keeps no NUL and no half of a surrogate pair, and JSON no infinity."""
    if isinstance(value, str):
        return not _UNSTORABLE.search(value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(storable(key) and storable(item) for key, item in value.items())
    if isinstance(value, list):
        return all(storable(item) for item in value)
    return True


def read_subscription(data: dict[str, Any]) -> Incoming:
    """The body of POST …/subscriptions/."""
    subscription = _dict(data, "subscription")
    keys = _dict(subscription, "keys", at="subscription.")
    return Incoming(
        endpoint=_endpoint(subscription.get("endpoint")),
        p256dh=_key(parse_p256dh, keys.get("p256dh"), "subscription.keys.p256dh"),
        auth=_key(parse_auth, keys.get("auth"), "subscription.keys.auth"),
        old_auth=_key(parse_auth, data["auth"], "auth") if data.get("auth") else None,
        install_id=uuid_in(data, "install"),
        language=language(text_in(data, "language")),
        time_zone=time_zone(text_in(data, "timezone")),
        page=page(text_in(data, "page")),
        prompt=_prompt(data),
        key=_key(parse_p256dh, data["key"], "key") if data.get("key") else None,
        sync=_flag(data, "sync"),
    )


def read_proof(data: dict[str, Any]) -> bytes:
    """The `auth` of a PATCH or DELETE."""
    return _key(parse_auth, data.get("auth"), "auth")


def read_change(data: dict[str, Any]) -> Change:
    """The body of PATCH …/subscriptions/{id}/."""
    tags = _dict(data, "tags") if data.get("tags") is not None else {}
    external_id = text_in(data, "external_id") if data.get("external_id") is not None else None
    return Change(
        external_id=None if external_id is None else check_external_id(external_id),
        signature=text_in(data, "signature") if data.get("signature") is not None else None,
        add_tags=check_tags(tags.get("add"), "tags.add"),
        remove_tags=check_tags(tags.get("remove"), "tags.remove"),
        attributes=check_attributes(data.get("attributes")),
    )


def check_external_id(text: str) -> str:
    """A site's own id of a person: 1 to 128 printable characters."""
    text = text.strip()
    if not text or len(text) > MAX_EXTERNAL_ID or _UNPRINTABLE.search(text):
        raise Refused(
            "external_id",
            f"The external id must have 1 to {MAX_EXTERNAL_ID} printable characters.",
            field="external_id",
        )
    return text


def check_tags(value: object, at: str) -> tuple[str, ...]:
    """At most 50 tags of at most 64 characters, each once."""
    return _labels(value, at, "tag", "Tags")


def check_topics(value: object, at: str) -> tuple[str, ...]:
    """Within the limits of tags."""
    return _labels(value, at, "topic", "Topics")


def _labels(value: object, at: str, one: str, many: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Refused("type", f"{many} must be a list of texts.", field=at)
    labels = tuple(dict.fromkeys(item.strip() for item in value))
    if len(labels) > MAX_TAGS:
        raise Refused("too_many", f"At most {MAX_TAGS} {many.lower()} are kept.", field=at)
    if any(not item or len(item) > MAX_TAG or _UNPRINTABLE.search(item) for item in labels):
        raise Refused(one, f"A {one} must have 1 to {MAX_TAG} printable characters.", field=at)
    return labels


def check_attributes(value: object) -> dict[str, Value | None]:
    """Names of at most 64 characters; texts, numbers, true, false, lists; null takes one away."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refused("type", "Attributes must be an object.", field="attributes")
    for name, item in value.items():
        if not name or len(name) > MAX_ATTRIBUTE_NAME or _UNPRINTABLE.search(name):
            raise Refused(
                "attribute",
                f"An attribute's name must have 1 to {MAX_ATTRIBUTE_NAME} printable characters.",
                field="attributes",
            )
        _check_attribute(item, f"attributes.{name}")
    check_attributes_size(value)
    return value


def _check_attribute(value: object, at: str) -> None:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        if len(value) > MAX_LIST or any(len(item) > MAX_LIST_TEXT for item in value):
            raise Refused(
                "attribute",
                f"A list may have {MAX_LIST} texts of {MAX_LIST_TEXT} characters.",
                field=at,
            )
    elif value is not None and not isinstance(value, str | int | float | bool):
        raise Refused(
            "attribute",
            "An attribute must be a text, a number, true, false, a list of texts or null.",
            field=at,
        )


def check_attributes_size(attributes: dict[str, Any]) -> None:
    """All attributes of a person together are at most 4 KB of JSON."""
    if len(json.dumps(attributes, ensure_ascii=False).encode()) > MAX_ATTRIBUTES:
        raise Refused(
            "too_large",
            f"A person's attributes may have {MAX_ATTRIBUTES:,} bytes together.",
            field="attributes",
        )


def language(text: str) -> str:
    """A language tag, or '' for what is none: an odd setting must not cost a subscription."""
    return text if len(text) <= 35 and LANGUAGE.fullmatch(text) else ""


def time_zone(text: str) -> str:
    """An IANA zone, or '' for what is none."""
    return text if text in _zones() else ""


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def page(text: str) -> str:
    """An http(s) address without its query, which may hold secrets; '' for what is none."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not parts.netloc or "@" in parts.netloc:
        return ""
    return f"{parts.scheme}://{parts.netloc}{parts.path}"[:500]


def _dict(data: dict[str, Any], name: str, *, at: str = "") -> dict[str, Any]:
    value = data.get(name)
    if not isinstance(value, dict):
        raise Refused("type", f"“{at}{name}” must be an object.", field=at + name)
    return value


def text_in(data: dict[str, Any], name: str, *, at: str = "") -> str:
    """A text of an object, '' for none."""
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refused("type", f"“{at}{name}” must be a text.", field=at + name)
    return value


def _flag(data: dict[str, Any], name: str) -> bool:
    value = data.get(name)
    if not (value is None or isinstance(value, bool)):
        raise Refused("type", f"“{name}” must be true or false.", field=name)
    return bool(value)


def uuid_in(data: dict[str, Any], name: str) -> uuid.UUID | None:
    """A UUID of an object, None for none."""
    written = text_in(data, name)
    if not written:
        return None
    try:
        return uuid.UUID(written)
    except ValueError:
        raise Refused("uuid", f"“{name}” must be a UUID.", field=name) from None


def _prompt(data: dict[str, Any]) -> int | None:
    value = data.get("prompt")
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refused("type", "“prompt” must be a version number or null.", field="prompt")
    return value


def _key(parse: Callable[[object], bytes], value: object, at: str) -> bytes:
    try:
        return parse(value)
    except BadKey as error:
        raise Refused("key", error.sentence, field=at) from None


def _endpoint(value: object) -> str:
    if not isinstance(value, str):
        raise Refused("type", "The endpoint must be a text.", field="subscription.endpoint")
    try:
        return check_endpoint(value, extra_origins=settings.EXTRA_PUSH_ORIGINS)
    except EndpointRefused as error:
        code = f"endpoint_{error.code}"
        raise Refused(code, error.sentence, field="subscription.endpoint") from None
