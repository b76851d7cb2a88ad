"""Numbers and lengths of time that people write into forms."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

MINUTE, HOUR, DAY = 1, 60, 1_440
UNITS: Final = ((MINUTE, _("minutes")), (HOUR, _("hours")), (DAY, _("days")))
LARGEST: Final = 2_000_000_000


class Number(forms.IntegerField):
    """A whole number in a text field, without arrows that change it by accident."""

    def __init__(self, hint: Any = "", **options: Any) -> None:
        attrs = {"inputmode": "numeric", "autocomplete": "off"}
        attrs |= {"data-hint": hint} if hint else {}
        messages = {"invalid": _("Write a whole number.")}
        messages |= dict.fromkeys(("min_value", "max_value"), _("Write a whole number from 0 on."))
        given: dict[str, Any] = {"min_value": 0, "max_value": LARGEST, "error_messages": messages}
        super().__init__(widget=forms.TextInput(attrs=attrs), **(given | options))


class UnitField(forms.TypedChoiceField):
    """What the number beside it counts, in minutes; hours where nothing was said."""

    def __init__(self) -> None:
        super().__init__(label=_("Unit"), choices=UNITS, coerce=int, required=False)

    def clean(self, value: Any) -> int:
        return super().clean(value) or HOUR


def in_units(minutes: int | None) -> tuple[int | None, int]:
    """A length as a number of the largest unit that fits: 120 is (2, HOUR)."""
    if not minutes:
        return None, HOUR
    unit = next(unit for unit in (DAY, HOUR, MINUTE) if minutes % unit == 0)
    return minutes // unit, unit
