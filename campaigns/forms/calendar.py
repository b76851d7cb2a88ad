"""Where an entry of the calendar is moved to."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from accounts.forms.base import helper
from campaigns import scheduling
from campaigns.rescheduling import Target


class WallField(forms.Field):
    """A naive wall time in ISO 8601; None where it is left out."""

    def to_python(self, value: Any) -> datetime | None:
        found = read(value)
        return found.replace(tzinfo=None) if found else None


class InstantField(forms.Field):
    """The same with its offset."""

    def to_python(self, value: Any) -> datetime | None:
        found = read(value)
        return found.replace(tzinfo=found.tzinfo or UTC) if found else None


def read(value: Any) -> datetime | None:
    if not value:
        return None
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        found = None
    # Clocks of other zones can't count on from the first and the last year there is.
    if found is None or found.year not in scheduling.YEARS:
        raise forms.ValidationError(gettext_lazy("That is no time."))
    return found


class MoveForm(forms.Form):
    """A day and, unless it keeps its own, a time; or, to undo a move, the wall time before it."""

    day = forms.DateField(
        label=gettext_lazy("Day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": gettext_lazy("Write a day: 2026-11-26.")},
    )
    clock = forms.TimeField(
        label=gettext_lazy("Time"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        input_formats=["%H:%M", "%H:%M:%S"],
        error_messages={"invalid": gettext_lazy("Write a time: 18:00.")},
    )
    wall = WallField(required=False, widget=forms.HiddenInput)
    seen = InstantField(required=False, widget=forms.HiddenInput)
    occurrence = WallField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial)
        self.helper = helper()

    def clean_day(self) -> date | None:
        day: date | None = self.cleaned_data["day"]
        if day and day.year not in scheduling.YEARS:
            raise forms.ValidationError(gettext_lazy("Choose a day in the years 2000 to 2099."))
        return day

    def clean(self) -> None:
        given = self.cleaned_data.get("day") or self.cleaned_data.get("wall")
        if not given and "day" not in self.errors:
            self.add_error("day", gettext_lazy("Say which day."))

    @property
    def target(self) -> Target:
        cleaned = self.cleaned_data
        return Target(cleaned.get("day"), cleaned.get("clock"), cleaned.get("wall"))
