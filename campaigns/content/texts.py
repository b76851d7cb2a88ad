"""Texts that read as they look, and addresses of web pages; both may have Liquid in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils.translation import gettext as _

from accounts.models import Site
from campaigns.personal import addresses, checking, scanning, variables
from campaigns.personal.faults import Fault
from campaigns.personal.scanning import has_liquid
from campaigns.personal.values import is_invisible
from campaigns.personal.variables import Known

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
# With Liquid, what is stored is longer than what people see.
LONGEST_SOURCE = {**LONGEST, "title": 500, "body": scanning.MOST_SOURCE, "action title": 200}

_web_page = URLValidator(schemes=["http", "https"])


def text(value: str, *, longest: int, lines: bool = False) -> str:
    """Trimmed text; ValidationError for control characters, turning marks and excess length."""
    value = value.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").strip()
    if not lines:
        value = " ".join(value.split())
    for letter in value:
        if is_invisible(letter) and letter != "\n":
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
    if not value.lower().startswith(("http://", "https://")) or any(map(is_invisible, value)):
        raise refused
    try:
        _web_page(value)
        parts = urlsplit(value)
    except (ValidationError, ValueError):
        raise refused from None
    if parts.username is not None or parts.password is not None:
        raise ValidationError(_("Leave the user name and password out of the address."))
    return value


class Names:
    """What texts may name: whatever, or what a site has. It is read once, and only if needed."""

    def __init__(self, site: Site | None = None) -> None:
        self._site = site
        self._known: Known | None = None

    def faults(self, source: str, *, utm: bool = False) -> list[Fault]:
        if self._site is None:
            return checking.check(source, utm=utm)
        found = checking.check(source, self._known or Known(), utm=utm)
        if found and self._known is None:
            self._known = variables.known(self._site)
            found = checking.check(source, self._known, utm=utm)
        return found


Check = Callable[[Any, Names], Any]


def a_str(value: Any) -> str:
    """ValidationError for what is no text."""
    if not isinstance(value, str):
        raise ValidationError(_("Here must be a text."))
    return value


def readable(source: str, names: Names, *, utm: bool = False) -> None:
    """ValidationError with each fault of a text, and where it is."""
    found = names.faults(source, utm=utm)
    where = _("Line %(line)d, column %(column)d: %(sentence)s")
    if found:
        raise ValidationError(
            [
                where % {"line": one.line, "column": one.column, "sentence": one.sentence}
                for one in found
            ]
        )


def a_text(kind: str, *, lines: bool = False, utm: bool = False) -> Check:
    def check(value: Any, names: Names) -> str:
        # The places of faults are those in what was sent.
        source = a_str(value).replace("\r\n", "\n").replace("\r", "\n")
        if not has_liquid(source):
            return text(source, longest=LONGEST[kind], lines=lines)
        clean = text(source, longest=LONGEST_SOURCE[kind], lines=lines)
        readable(source, names, utm=utm)
        return clean

    return check


def an_address(kind: str) -> Check:
    def check(value: Any, names: Names) -> str:
        source = a_str(value).strip()
        if not has_liquid(source):
            return address(source, longest=LONGEST[kind])
        clean = text(source, longest=LONGEST_SOURCE[kind])
        readable(source, names)
        must_begin(clean)
        return clean

    return check


def must_begin(source: str) -> None:
    """ValidationError for an address whose host could be made up of what is put in."""
    if addresses.anchor(source):
        address(addresses.filled(source, "x"), longest=scanning.MOST_SOURCE * 2)
    elif not addresses.begins_with_value(source):
        raise ValidationError(
            _(
                "Write the beginning of the address out, such as https://shop.example/, before the "
                "first variable; or begin with a variable that holds a whole address, such as "
                "{{ cart.first_item.url }}."
            )
        )


def a_plain_address(kind: str) -> Check:
    def check(value: Any, _names: Names) -> str:
        return address(a_str(value), longest=LONGEST[kind])

    return check
