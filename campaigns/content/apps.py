"""What apps get beside the texts: deep links, and how their system shows a notification.

Names and values as in Firebase's AndroidNotification (HTTP v1) and in Apple's "Generating a remote
notification".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from campaigns.content.parts import each, within
from campaigns.content.texts import (
    LONGEST,
    Check,
    Names,
    a_str,
    address,
    must_begin,
    readable,
    text,
)
from campaigns.personal import addresses, apps
from campaigns.personal.scanning import has_liquid

LONGEST_NAME = 100
MOST_BADGE = 99_999
LEVELS = ("passive", "active", "time-sensitive")
# A resource of the app, with or without its ending; a file in its bundle of a kind that iOS plays.
_SOUNDS = {
    apps.ANDROID: re.compile(r"[a-z0-9_]+(\.[a-z0-9]+)?", re.ASCII),
    apps.IOS: re.compile(r"default|[\w-][\w .-]*\.(caf|aiff?|wav)", re.ASCII | re.IGNORECASE),
}


def _name(value: Any, _names: Names | None = None) -> str:
    return text(a_str(value), longest=LONGEST_NAME)


def _sound(system: str) -> Check:
    def check(value: Any, _names: Names) -> str:
        name = _name(value)
        if name and not _SOUNDS[system].fullmatch(name):
            raise ValidationError(
                _("Write default, or the name of a sound in the app, such as bell.")
                if system == apps.ANDROID
                else _("Write default, or the name of a sound file in the app, such as bell.caf.")
            )
        return name

    return check


def _badge(value: Any, _names: Names) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_BADGE:
        most = {"most": MOST_BADGE}
        raise ValidationError(_("A badge is a whole number from 0 to %(most)d.") % most)
    return value


def _level(value: Any, _names: Names) -> str:
    name = _name(value)
    if name and name not in LEVELS:
        raise ValidationError(_("The level is one of: %s.") % ", ".join(LEVELS))
    return name


def _link(value: Any, names: Names) -> str:
    """Where a tap leads within the app: a link of its own scheme, or an address of a web page."""
    source = a_str(value).strip()
    liquid = has_liquid(source)
    clean = text(source, longest=LONGEST["url"])
    if liquid:
        readable(source, names)
    written = addresses.written_schemes(clean) if liquid else {addresses.scheme(clean)}
    if unsafe := sorted(written & addresses.UNSAFE):
        sentence = _("A link can't begin with %(scheme)s:, which is not safe to open.")
        raise ValidationError(sentence % {"scheme": unsafe[0]})
    if addresses.scheme(clean) not in {"", "http", "https"}:
        if not addresses.leads_into_app(addresses.filled(clean, "x")):
            raise ValidationError(_must_say())
    elif not liquid:
        _web(clean)
    elif not addresses.anchor(clean) and not addresses.begins_with_value(clean):
        raise ValidationError(_must_say())
    else:
        must_begin(clean)
    return clean


def _web(link: str) -> None:
    try:
        address(link, longest=LONGEST["url"])
    except ValidationError as error:
        if link.lower().startswith(("http://", "https://")):
            raise
        raise ValidationError(_must_say()) from error


def _must_say() -> str:
    return _(
        "Write a whole link with its scheme, such as shop://products/7 or "
        "https://shop.example/sale. What is put in comes after the scheme."
    )


APP: Mapping[str, Mapping[str, Check]] = {
    apps.ANDROID: {"link": _link, "channel_id": _name, "sound": _sound(apps.ANDROID)},
    apps.IOS: {
        "link": _link,
        "sound": _sound(apps.IOS),
        "badge": _badge,
        "category": _name,
        "interruption_level": _level,
    },
}


def app(value: Any, names: Names) -> dict[str, dict[str, Any]]:
    """What was chosen for apps, by system, without what is left empty."""
    if not isinstance(value, dict) or not all(isinstance(one, dict) for one in value.values()):
        raise ValidationError(_("Here must be an object of objects."))
    chosen: dict[str, dict[str, Any]] = {}
    errors: list[ValidationError] = []
    for system, said in value.items():
        if system not in APP:
            known = _("Apps are of one of: %s.") % ", ".join(APP)
            errors += within(str(system)[:35], ValidationError(known))
            continue
        clean, wrong = each(said, APP[system], names, system)
        errors += wrong
        chosen[system] = {name: one for name, one in clean.items() if one not in ("", None)}
    if errors:
        raise ValidationError(errors)
    return {system: said for system, said in chosen.items() if said}
