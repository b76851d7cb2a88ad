"""When a campaign goes out, and how fast."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from crispy_forms.layout import Div, Layout, Row
from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.forms.base import helper
from accounts.forms.site import RateField, time_zones
from accounts.models import Site
from campaigns import rates, terms
from campaigns.forms import reaching, repeating, ruling
from campaigns.forms.reaching import ReachFields
from campaigns.forms.repeating import RepeatFields
from campaigns.forms.ruling import RuleFields
from campaigns.models import Campaign
from campaigns.moments import wall_of


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


class ScheduleForm(RepeatFields, RuleFields, ReachFields):
    """Now, at a wall time in a zone or on each person's clock, or again and again; and how fast.

    `campaign` as it would be: `changed`, once the form is valid.
    """

    NOW, LATER, REPEAT = "now", "later", "repeat"

    when = forms.ChoiceField(
        label=gettext_lazy("When it goes out"),
        choices=[
            (NOW, gettext_lazy("As soon as I say so on the next page")),
            (LATER, gettext_lazy("At a time that I choose")),
            (REPEAT, gettext_lazy("Again and again")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose one of these.")},
    )
    wall = WallField(
        label=gettext_lazy("Date and time"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        error_messages={"invalid": gettext_lazy("Write a date and a time: 2026-11-26 18:00.")},
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    timing = forms.ChoiceField(
        label=gettext_lazy("On whose clock"),
        required=False,
        choices=[
            (Campaign.Timing.ZONE, gettext_lazy("One moment for everybody, in a time zone")),
            (Campaign.Timing.LOCAL, gettext_lazy("Each person's own, wherever they are")),
        ],
        widget=forms.RadioSelect,
    )
    zone = forms.ChoiceField(label=gettext_lazy("Time zone"), required=False)
    late = forms.ChoiceField(
        label=gettext_lazy("Where that time has passed already"),
        required=False,
        choices=Campaign.Late.choices,
    )
    no_zone = forms.ChoiceField(
        label=gettext_lazy("People whose time zone is not known"),
        required=False,
        choices=Campaign.NoZone.choices,
    )
    throttle = RateField(label=gettext_lazy("Send at most"))

    # Terms by the names that their fields have here.
    NAMES: ClassVar = {
        "scheduled_wall": "wall",
        "scheduled_zone": "zone",
        "expiry_minutes": "expiry",
        "recurrence": "every",
        "exceptions": "every",
    }

    def __init__(self, campaign: Campaign, data: Any = None) -> None:
        self.campaign = campaign
        self.site: Site = campaign.site
        super().__init__(data, initial=time_of(campaign) | {"throttle": campaign.throttle})
        self.fields["zone"].choices = zones(self.initial["zone"])  # type: ignore[attr-defined]
        self.fields["throttle"].help_text = rates.without(self.site)
        own = _("Use the site's: %(zone)s") % {"zone": self.site.time_zone.replace("_", " ")}
        self.fields["no_zone"].choices = [  # type: ignore[attr-defined]
            (Campaign.NoZone.SITE, own),
            (Campaign.NoZone.SKIP, Campaign.NoZone.SKIP.label),
        ]
        self.helper = helper()
        local = Div(Row("late", "no_zone"), css_class="compose-local")
        clock = Div("timing", Div("zone", css_class="compose-zone"), local)
        later = Div(Div("wall", css_class="compose-wall"), self.repeat_layout(), clock)
        later.css_class = "compose-later"
        speed = Row("throttle", Div(), css_class="compose-speed")
        self.explain_devices()
        self.helper.layout = Layout(
            *("when", later, speed, self.expiry_layout()),
            *(self.reach_layout(), self.rules_layout()),
        )

    def clean(self) -> None:
        self._forget_what_is_not_asked()
        if self.cleaned_data.get("when") in (self.LATER, self.REPEAT):
            self._require_a_time()
        if self.errors:
            return
        try:
            self.changed = terms.applied(self.campaign, self.terms())
        except ValidationError as error:
            self.refuse(error)

    def _require_a_time(self) -> None:
        found = self.cleaned_data
        if {"wall", "zone"} & set(self.errors):
            return
        if found.get("wall") is None:
            self.add_error("wall", _("Say which day and what time."))
        elif not self.is_local and not found.get("zone"):
            self.add_error("zone", _("Say in which time zone."))

    def _forget_what_is_not_asked(self) -> None:
        """What is wrong in fields that nobody sees says nothing."""
        when = self.cleaned_data.get("when")
        hidden = [] if when == self.REPEAT else list(self.REPEATING)
        if when == self.NOW:
            hidden += ["wall", "timing", "zone", "late", "no_zone"]
        elif self.is_local:
            hidden.append("zone")
        if not self.cleaned_data.get("inbox"):
            hidden.append("inbox_days")
        for name in hidden:
            self.errors.pop(name, None)

    def refuse(self, error: ValidationError) -> None:
        """Show beside the fields what is wrong with the terms."""
        for name, sentences in error.message_dict.items():
            own = self.NAMES.get(name, name)
            if own == "every" and self.cleaned_data.get("rrule"):
                own = "rrule"
            for sentence in sentences:
                self.add_error(own if own in self.fields else None, sentence)

    @property
    def is_local(self) -> bool:
        return self.cleaned_data.get("timing") == Campaign.Timing.LOCAL

    def terms(self) -> dict[str, Any]:
        """What was filled in, by the names of campaigns.terms.FIELDS. ValidationError."""
        found, rules = self.cleaned_data, self.rules(self.campaign) | self.reach(self.campaign)
        rules |= {name: found.get(name) or getattr(self.campaign, name) for name in OWN_TIME}
        if found["when"] == self.NOW:
            return rules | NO_TIME
        wall, repeats = found["wall"], found["when"] == self.REPEAT
        try:
            recurrence = self.recurrence(wall) if repeats else ""
        except ValueError as error:
            raise ValidationError({"recurrence": str(error)}) from error
        return rules | {
            "timing": found["timing"] or Campaign.Timing.ZONE,
            "scheduled_wall": wall,
            "scheduled_zone": found.get("zone") or self.initial["zone"],
            "recurrence": recurrence,
            "exceptions": found["skip"] if repeats else [],
        }


OWN_TIME = ("late", "no_zone")
NO_TIME: dict[str, Any] = {
    "timing": Campaign.Timing.ZONE,
    "scheduled_wall": None,
    "scheduled_zone": "",
    "recurrence": "",
    "exceptions": [],
}


def zones(current: str) -> list[tuple[str, str]]:
    """The zones to choose from, with the one that is set even if it has an odd name."""
    known = time_zones()
    return known if current in dict(known) else [(current, current), *known]


def time_of(campaign: Campaign) -> dict[str, Any]:
    """The form's values for what is stored."""
    wall = wall_of(campaign)
    when = ScheduleForm.NOW if wall is None else ScheduleForm.LATER
    return {
        "when": ScheduleForm.REPEAT if wall and campaign.recurrence else when,
        "wall": wall,
        "timing": campaign.timing,
        "zone": campaign.scheduled_zone or campaign.site.time_zone,
        "late": campaign.late,
        "no_zone": campaign.no_zone,
        **repeating.initial_of(campaign, wall),
        **ruling.initial_of(campaign),
        **reaching.initial_of(campaign),
    }
