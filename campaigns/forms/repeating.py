"""How often a campaign goes out: a few fields for most rules, an RRULE for all others."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from crispy_forms.bootstrap import InlineCheckboxes
from crispy_forms.layout import Div, Field, Row
from django import forms
from django.core.exceptions import ValidationError
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.forms.fields import More
from campaigns.forms.numbers import Number
from campaigns.models import Campaign
from campaigns.timing.reading import WEEKDAYS
from campaigns.timing.recurrence import Recurrence

DAY, WEEKDAY, LAST_WEEKDAY, LAST_DAY = "day", "weekday", "last_weekday", "last_day"
NEVER, ON, AFTER = "never", "on", "after"
UNITS: Final = [
    ("day", gettext_lazy("days")),
    ("week", gettext_lazy("weeks")),
    ("month", gettext_lazy("months")),
    ("year", gettext_lazy("years")),
]


class DaysField(forms.Field):
    """Days of a calendar, each as 2026-11-30, from fields of the same name."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[date]:
        try:
            return sorted({date.fromisoformat(text) for text in value or []})
        except ValueError:
            raise ValidationError(_("Write each day as 2026-11-30.")) from None


class RepeatFields(forms.Form):
    """Asked only of a series; what they mean depends on the day of its first time."""

    every = Number(label=gettext_lazy("Every"), required=False, initial=1)
    unit = forms.ChoiceField(label=gettext_lazy("Unit"), choices=UNITS, required=False)
    days = forms.MultipleChoiceField(
        label=gettext_lazy("On"),
        required=False,
        choices=[(code, WEEKDAYS_ABBR[number]) for number, code in enumerate(WEEKDAYS)],
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None ticked: the weekday of the first date."),
    )
    monthly = forms.ChoiceField(
        label=gettext_lazy("On"),
        required=False,
        choices=[
            (DAY, gettext_lazy("the same day of the month as the first")),
            (WEEKDAY, gettext_lazy("the same weekday, such as each second Tuesday")),
            (LAST_WEEKDAY, gettext_lazy("the last such weekday of the month")),
            (LAST_DAY, gettext_lazy("the last day of the month")),
        ],
    )
    ends = forms.ChoiceField(
        label=gettext_lazy("Ends"),
        required=False,
        choices=[
            (NEVER, gettext_lazy("Never: until somebody stops it")),
            (ON, gettext_lazy("After a day")),
            (AFTER, gettext_lazy("After a number of times")),
        ],
    )
    until = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": gettext_lazy("Write a date: 2026-12-31.")},
    )
    count = Number(label=gettext_lazy("Times"), required=False)
    rrule = forms.CharField(
        label=gettext_lazy("RRULE"),
        required=False,
        max_length=300,
        widget=forms.TextInput(
            attrs={"spellcheck": "false", "autocomplete": "off", "autocapitalize": "none"}
        ),
        help_text=gettext_lazy(
            "As in iCalendar (RFC 5545): FREQ=MONTHLY;BYDAY=-1FR. Filled in, it counts instead of "
            "the fields above."
        ),
    )
    skip = DaysField(label=gettext_lazy("Left out"), required=False)

    REPEATING = ("every", "unit", "days", "monthly", "ends", "until", "count", "rrule", "skip")

    @staticmethod
    def repeat_layout() -> Div:
        return Div(
            Row("every", "unit"),
            Div(InlineCheckboxes("days"), css_class="compose-weekly"),
            Div("monthly", css_class="compose-monthly"),
            Row(
                "ends",
                Div(Field("until"), css_class="compose-until"),
                Div(Field("count"), css_class="compose-count"),
            ),
            More(gettext_lazy("Write the rule yourself"), "about_rule", "rrule"),
            css_class="compose-repeat",
        )

    def about_rule(self) -> str:
        return str(self["rrule"].value() or "") or _("for what the fields above can't say")

    def recurrence(self, wall: datetime) -> str:
        """The RRULE of what was filled in; ValueError with a sentence."""
        found = self.cleaned_data
        if found["rrule"]:
            return Recurrence.parse(found["rrule"]).text
        unit: Any = found["unit"] or "week"
        days, ordinal, monthday = _where(unit, found, wall)
        ends = found["ends"] or NEVER
        if ends == ON and not found["until"]:
            raise ValidationError({"until": _("Say which day is the last.")})
        if ends == AFTER and not found["count"]:
            raise ValidationError({"count": _("Say how many times.")})
        return Recurrence.of(
            unit,
            1 if found["every"] is None else found["every"],
            days=days,
            ordinal=ordinal,
            monthday=monthday,
            until=found["until"] if ends == ON else None,
            count=found["count"] if ends == AFTER else None,
        ).text


def _where(
    unit: str, found: dict[str, Any], wall: datetime
) -> tuple[list[str], int | None, int | None]:
    """Weekdays, their position in a month, and the day of a month."""
    if unit == "week":
        return found["days"] or [WEEKDAYS[wall.weekday()]], None, None
    if unit != "month":
        return [], None, None
    monthly = found["monthly"] or DAY
    if monthly == LAST_DAY:
        return [], None, -1
    if monthly == DAY:
        return [], None, wall.day
    position = -1 if monthly == LAST_WEEKDAY else (wall.day - 1) // 7 + 1
    return [WEEKDAYS[wall.weekday()]], position, None


def initial_of(campaign: Campaign, wall: datetime | None) -> dict[str, Any]:
    """The fields' values for a stored rule; `rrule` where they can't say it."""
    found = {"every": 1, "unit": "week", "monthly": DAY, "ends": NEVER}
    found |= {"skip": [day.isoformat() for day in campaign.exceptions]}
    if not campaign.recurrence or wall is None:
        return found
    rule = Recurrence.parse(campaign.recurrence)
    parts = rule.parts()
    monthly = _monthly(parts, wall) if parts else None
    if parts is None or monthly is None:
        return found | {"rrule": rule.text}
    ends = ON if parts.until else AFTER if parts.count else NEVER
    return found | {
        "every": parts.interval,
        "unit": parts.every,
        "days": list(parts.days) if parts.every == "week" else [],
        "monthly": monthly,
        "ends": ends,
        "until": parts.until,
        "count": parts.count,
    }


def _monthly(parts: Any, wall: datetime) -> str | None:
    """Which of the choices a rule is; None where the first day does not say it."""
    if parts.every != "month":
        return DAY
    if parts.monthday == -1:
        return LAST_DAY
    if parts.ordinal is None:
        return DAY if parts.monthday in (None, wall.day) else None
    if tuple(parts.days) != (WEEKDAYS[wall.weekday()],):
        return None
    if parts.ordinal == -1:
        return LAST_WEEKDAY
    return WEEKDAY if parts.ordinal == (wall.day - 1) // 7 + 1 else None
