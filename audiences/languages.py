"""Languages as people name them, and as browsers tag them (BCP 47)."""

from __future__ import annotations

import re
from functools import cache

from django.conf.locale import LANG_INFO
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

TAG = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*", re.IGNORECASE)


# Where Django's own list misspells a name.
OWN_NAMES = {"nb": _("Norwegian Bokmål")}


def label(code: str) -> str:
    """What people call a language: "Norwegian Bokmål" for "nb", the code itself when unknown."""
    if code.lower() in OWN_NAMES:
        return str(OWN_NAMES[code.lower()])
    info = LANG_INFO.get(code.lower())
    return gettext(info["name"]) if info and "name" in info else code


def code(text: str) -> str:
    """The tag that a person means by "nb", "NB-no", "Norwegian Bokmål" or "norsk"; "" if none."""
    text = text.strip()
    named = _codes_by_name().get(text.casefold()) or next(
        (key for key in _named() if label(key).casefold() == text.casefold()), ""
    )
    if named:
        return named
    return text.lower() if TAG.fullmatch(text) else ""


def _named() -> list[str]:
    return [key for key, info in LANG_INFO.items() if "name" in info]


@cache
def _codes_by_name() -> dict[str, str]:
    """English and own names, the plain code winning over a regional one of the same name."""
    found: dict[str, str] = {}
    for key in sorted(_named(), key=len):
        info = LANG_INFO[key]
        for name in (info["name"], info["name_local"]):
            found.setdefault(name.casefold(), key)
    return found
