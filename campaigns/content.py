"""What a message may hold: plain text that reads as it looks, and addresses of web pages."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils.translation import gettext as _

from campaigns.models import Message

MOST_ACTIONS = 2
LONGEST = {
    "title": 200,
    "body": 1000,
    "url": 1000,
    "icon": 500,
    "image": 500,
    "badge": 500,
    "action title": 50,
    "action url": 1000,
    "utm": 100,
}
# Marks that turn the reading direction of what follows: "exe.txt" can be made to read "txt.exe".
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

_web_page = URLValidator(schemes=["http", "https"])


def text(value: str, *, longest: int, lines: bool = False) -> str:
    """Trimmed text; ValidationError for control characters, turning marks and excess length."""
    value = value.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").strip()
    if not lines:
        value = " ".join(value.split())
    for letter in value:
        if letter in TURNING or (unicodedata.category(letter) in {"Cc", "Cs"} and letter != "\n"):
            raise ValidationError(
                _(
                    "This contains the invisible character U+%(code)s, which can make a text read "
                    "differently than it is. Remove it, or type the text anew."
                )
                % {"code": f"{ord(letter):04X}"}
            )
    if len(value) > longest:
        raise ValidationError(
            _("At most %(most)d characters; these are %(are)d.")
            % {"most": longest, "are": len(value)}
        )
    return value


def address(value: str, *, longest: int) -> str:
    """An http(s) address of a web page or picture, or ""; ValidationError for everything else."""
    value = value.strip()
    if not value:
        return ""
    if len(value) > longest:
        raise ValidationError(
            _("At most %(most)d characters; these are %(are)d.")
            % {"most": longest, "are": len(value)}
        )
    refused = ValidationError(
        _("Write a whole address that begins with https://, such as https://shop.example/sale.")
    )
    if not value.lower().startswith(("http://", "https://")) or TURNING & set(value):
        raise refused
    try:
        _web_page(value)
        parts = urlsplit(value)
    except (ValidationError, ValueError):
        raise refused from None
    if parts.username is not None or parts.password is not None:
        raise ValidationError(_("Leave the user name and password out of the address."))
    return value


def actions(value: Any) -> list[dict[str, str]]:
    """At most two buttons, each with a title and an address."""
    if not isinstance(value, list) or len(value) > MOST_ACTIONS:
        raise ValidationError(_("At most two buttons."))
    return [_action(item) for item in value]


def _action(item: Any) -> dict[str, str]:
    if not isinstance(item, dict) or set(item) != {"title", "url"}:
        raise ValidationError(_("A button has a title and a url."))
    if not isinstance(item["title"], str) or not isinstance(item["url"], str):
        raise ValidationError(_("A button has a title and a url."))
    title = text(item["title"], longest=LONGEST["action title"])
    url = address(item["url"], longest=LONGEST["action url"])
    if not title or not url:
        raise ValidationError(_("A button needs both its words and an address to open."))
    return {"title": title, "url": url}


def _line(name: str) -> Callable[[Any], str]:
    return lambda value: text(str(value), longest=LONGEST[name])


def _address(name: str) -> Callable[[Any], str]:
    return lambda value: address(str(value), longest=LONGEST[name])


def _ttl(value: Any) -> int:
    Message._meta.get_field("ttl").run_validators(value)
    return int(value)


def _urgency(value: Any) -> str:
    if value not in Message.Urgency.values:
        raise ValidationError(_("Urgency is one of: %s.") % ", ".join(Message.Urgency.values))
    return str(value)


CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "title": _line("title"),
    "body": lambda value: text(str(value), longest=LONGEST["body"], lines=True),
    "url": _address("url"),
    "icon": _address("icon"),
    "image": _address("image"),
    "badge": _address("badge"),
    "actions": actions,
    "ttl": _ttl,
    "urgency": _urgency,
    "utm_source": _line("utm"),
    "utm_medium": _line("utm"),
    "utm_campaign": _line("utm"),
}


def checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a message, cleaned. ValidationError by field; ValueError for an unknown field."""
    if unknown := set(fields) - set(CHECKS):
        raise ValueError(f"Not a field of a message: {', '.join(sorted(unknown))}")
    clean: dict[str, Any] = {}
    errors: dict[str, ValidationError] = {}
    for name, value in fields.items():
        try:
            clean[name] = CHECKS[name](value)
        except ValidationError as error:
            errors[name] = error
    if errors:
        raise ValidationError(errors)
    return clean
