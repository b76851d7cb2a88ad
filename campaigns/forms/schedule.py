"""When a campaign goes out, and how fast."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from crispy_forms.layout import Div, Layout, Row
from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.forms.base import helper
from accounts.forms.site import RateField, time_zones
from accounts.models import Site
from campaigns import rates, scheduling
from campaigns.models import Campaign


class ThrottleForm(forms.Form):
    """How fast a campaign goes out, also while it runs."""

    throttle = RateField(label=gettext_lazy("Send at most"))

    def __init__(self, campaign: Campaign, data: Any = None) -> None:
        super().__init__(data, initial={"throttle": campaign.throttle})
        self.fields["throttle"].help_text = rates.without(campaign.site)
        self.helper = helper()


class WallField(forms.DateTimeField):
    """The digits of a clock, without a zone: Django would read them in the server's."""

    def to_python(self, value: Any) -> datetime | None:
        with timezone.override(UTC):
            wall = super().to_python(value)
        return wall.replace(tzinfo=None) if wall else None


class ScheduleForm(forms.Form):
    """Now, or at a wall time in a named zone; and how fast."""

    NOW, LATER = "now", "later"

    when = forms.ChoiceField(
        label=gettext_lazy("When it goes out"),
        choices=[
            (NOW, gettext_lazy("As soon as I say so on the next page")),
            (LATER, gettext_lazy("At a time that I choose")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose one of the two.")},
    )
    wall = WallField(
        label=gettext_lazy("Date and time"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        error_messages={"invalid": gettext_lazy("Write a date and a time: 2026-11-26 18:00.")},
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    zone = forms.ChoiceField(label=gettext_lazy("Time zone"), required=False)
    throttle = RateField(label=gettext_lazy("Send at most"))

    def __init__(self, campaign: Campaign, data: Any = None) -> None:
        self.site: Site = campaign.site
        super().__init__(data, initial=time_of(campaign) | {"throttle": campaign.throttle})
        self.fields["zone"].choices = zones(self.initial["zone"])  # type: ignore[attr-defined]
        self.fields["throttle"].help_text = rates.without(self.site)
        self.helper = helper()
        later = Div(Row("wall", "zone"), css_class="compose-later")
        speed = Div("throttle", css_class="compose-speed")
        self.helper.layout = Layout("when", later, speed)

    def clean(self) -> None:
        if self.cleaned_data.get("when") != self.LATER or {"wall", "zone"} & set(self.errors):
            return
        wall, zone = self.cleaned_data.get("wall"), self.cleaned_data.get("zone")
        if wall is None:
            self.add_error("wall", _("Say which day and what time."))
        elif not zone:
            self.add_error("zone", _("Say in which time zone."))
        else:
            self._refuse_the_past(wall, zone)

    def _refuse_the_past(self, wall: datetime, zone: str) -> None:
        try:
            moment = scheduling.instant(wall, zone)
        except OverflowError:
            self.add_error("wall", _("That is not a day that can come."))
            return
        if moment <= timezone.now():
            clock = date_format(timezone.localtime(timezone=ZoneInfo(zone)), "D j M H:i")
            self.add_error(
                "wall",
                _("That moment has passed. Pick one after now: there it is %(now)s.")
                % {"now": clock},
            )


def zones(current: str) -> list[tuple[str, str]]:
    """The zones to choose from, with the one that is set even if it has an odd name."""
    known = time_zones()
    return known if current in dict(known) else [(current, current), *known]


def wall_of(campaign: Campaign) -> datetime | None:
    """The naive wall time that was asked for."""
    wall = campaign.scheduled_wall
    return wall.astimezone(UTC).replace(tzinfo=None) if wall else None


def time_of(campaign: Campaign) -> dict[str, Any]:
    """The form's values for what is stored."""
    wall = wall_of(campaign)
    return {
        "when": ScheduleForm.LATER if wall else ScheduleForm.NOW,
        "wall": wall,
        "zone": campaign.scheduled_zone or campaign.site.time_zone,
    }
