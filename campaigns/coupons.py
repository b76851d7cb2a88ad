"""The coupon of a message: what `coupon` means in its texts."""

from __future__ import annotations

from datetime import datetime
from math import isfinite
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from campaigns.personal.values import line

LONGEST_CODE = 64
LARGEST = 10**9


def checked(value: Any) -> dict[str, Any]:
    """Some of code (text), percent (above 0, at most 100), amount (above 0) and expires_at (ISO
    8601; the site's clock where it names no zone). Empty ones are left out. ValidationError.
    """
    if not isinstance(value, dict) or set(value) - set(_CHECKS):
        raise ValidationError(_("A coupon has a code, percent, amount and expires_at."))
    given = {name: one for name, one in value.items() if one not in (None, "")}
    return {name: _CHECKS[name](one) for name, one in given.items()}


def _code(value: Any) -> str:
    code = line(value) if isinstance(value, str) else ""
    if not code or len(code) > LONGEST_CODE:
        raise ValidationError(
            _("The code is a text of at most %(most)d characters.") % {"most": LONGEST_CODE}
        )
    return code


def _number(value: Any, most: int, sentence: str) -> int | float:
    real = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    if not real or not 0 < value <= most:
        raise ValidationError(sentence)
    number: int | float = value
    return number


def _percent(value: Any) -> int | float:
    return _number(value, 100, _("The percent is a number above 0, at most 100."))


def _amount(value: Any) -> int | float:
    return _number(value, LARGEST, _("The amount is a number above 0."))


def _expires_at(value: Any) -> str:
    try:
        return datetime.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        sentence = _("The end is a moment such as 2026-12-24T23:59 (ISO 8601).")
        raise ValidationError(sentence) from None


_CHECKS = {"code": _code, "percent": _percent, "amount": _amount, "expires_at": _expires_at}
