"""What a message may hold: plain text that reads as it looks, and addresses of web pages.

Both may have Liquid in them (campaigns.personal). What each variant, language and platform says is
checked as the message's own columns are. Apps may be led by links of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.models import Site
from campaigns import coupons
from campaigns.content.apps import APP, app
from campaigns.content.parts import VARIED, actions, tag, variants, weight
from campaigns.content.texts import LONGEST, Check, Names, a_text, address, text
from campaigns.models import Message
from campaigns.personal.rendering import UTM

__all__ = [
    "APP",
    "CHECKS",
    "LONGEST",
    "Names",
    "actions",
    "address",
    "checked",
    "tag",
    "text",
    "weight",
]


def _ttl(value: Any, _names: Names) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValidationError(_("Here must be a whole number of seconds."))
    Message._meta.get_field("ttl").run_validators(value)
    return int(value)


def _urgency(value: Any, _names: Names) -> str:
    if value not in Message.Urgency.values:
        raise ValidationError(_("Urgency is one of: %s.") % ", ".join(Message.Urgency.values))
    return str(value)


CHECKS: Mapping[str, Check] = {
    **VARIED,
    "variants": variants,
    "app": app,
    "coupon": lambda value, _names: coupons.checked(value),
    "ttl": _ttl,
    "urgency": _urgency,
    **{name: a_text("utm", utm=True) for name in UTM},
}


def checked(fields: Mapping[str, Any], site: Site | None = None) -> dict[str, Any]:
    """Fields of a message, cleaned. ValidationError by field; ValueError for an unknown field.

    With `site`, texts may name the attributes that its people have, and no others. Errors of a part
    have its place as their code: "nb.title", "B.url", "B.translations".
    """
    if unknown := set(fields) - set(CHECKS):
        raise ValueError(f"Not a field of a message: {', '.join(sorted(unknown))}")
    names = Names(site)
    clean: dict[str, Any] = {}
    errors: dict[str, ValidationError] = {}
    for name, value in fields.items():
        try:
            clean[name] = CHECKS[name](value, names)
        except ValidationError as error:
            errors[name] = error
    if errors:
        raise ValidationError(errors)
    return clean
