"""What holds for all campaigns of a site: quiet hours, caps, a gap, approvals."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from campaigns import policies
from campaigns.forms.numbers import Number, UnitField, in_units
from campaigns.models import Policy
from campaigns.policies import Limit


class PoliciesForm(forms.Form):
    """Everything but the caps, which are a list (CapForm)."""

    quiet_start = forms.TimeField(
        label=_("From"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        error_messages={"invalid": _("Write a time of day: 21:00.")},
    )
    quiet_end = forms.TimeField(
        label=_("Until"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        error_messages={"invalid": _("Write a time of day: 08:00.")},
    )
    quiet_action = forms.ChoiceField(
        label=_("What comes in that time"),
        widget=forms.RadioSelect,
        choices=[
            (Policy.QuietAction.HOLD, _("Is held and sent when they end")),
            (Policy.QuietAction.SKIP, _("Is not sent to that person")),
        ],
    )
    gap = Number(label=_("At least"), required=False, hint=_("optional"))
    gap_unit = UnitField()
    approval = forms.ChoiceField(
        label=_("Approval"),
        widget=forms.RadioSelect,
        choices=[
            (Policy.Approval.NEVER, _("Nobody has to approve a campaign")),
            (Policy.Approval.OVER, _("Large campaigns need a second person")),
            (Policy.Approval.ALWAYS, _("Every campaign needs a second person")),
        ],
    )
    approval_over = Number(label=_("Large: more than"), hint=_("devices"))
    type_over = Number(
        label=_("Type the site's name for more than"),
        hint=_("devices"),
        help_text=_("Before such a campaign goes out, the person types the name of the site."),
    )

    def __init__(self, policy: Policy, data: Any = None) -> None:
        gap, unit = in_units(policy.gap_minutes)
        initial = {name: getattr(policy, name) for name in policies.FIELDS}
        super().__init__(data, initial=initial | {"gap": gap, "gap_unit": unit})

    def fields_of_policy(self) -> dict[str, Any]:
        """What was filled in, as campaigns.policies.FIELDS."""
        found = {name: self.cleaned_data[name] for name in policies.FIELDS if name != "gap_minutes"}
        gap = self.cleaned_data["gap"]
        unit = self.cleaned_data["gap_unit"]
        return found | {"gap_minutes": None if gap is None else gap * unit}

    def refuse(self, error: ValidationError) -> list[str]:
        """Show beside the fields what the policies contradict; what is said of the caps."""
        caps: list[str] = []
        for name, sentences in error.message_dict.items():
            if name == "caps":
                caps += sentences
            else:
                self.add_error("gap" if name == "gap_minutes" else name, sentences)
        return caps


class CapForm(forms.Form):
    """One row of the list. Without a number of messages it is no cap."""

    most = Number(label=_("Messages"), required=False)
    days = Number(label=_("Days"), required=False)
    topic = forms.CharField(
        label=_("Topic"),
        required=False,
        max_length=64,
        widget=forms.TextInput(attrs={"list": "topics", "autocomplete": "off"}),
    )

    def clean(self) -> None:
        most, days = self.cleaned_data.get("most"), self.cleaned_data.get("days")
        if (most is None) != (days is None) and not self.errors:
            self.add_error(
                "days" if most else "most",
                _("Say how many messages in how many days, or empty the row to remove it."),
            )

    @property
    def limit(self) -> Limit | None:
        found = self.cleaned_data
        if not found.get("most") or not found.get("days"):
            return None
        return Limit(found.get("topic", ""), found["most"], found["days"])


CapForms = forms.formset_factory(CapForm, extra=1, max_num=policies.MOST_CAPS + 1)


def cap_forms(caps: list[Limit], data: Any = None) -> Any:
    """The rows of a site's caps and an empty one; what was filled in, whatever they are by now."""
    rows = [{"topic": cap.topic, "most": cap.most, "days": cap.days} for cap in caps]
    return CapForms(data, initial=rows if data is None else None, prefix="caps")
