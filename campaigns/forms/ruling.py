"""The rules that a campaign goes out by: until when, how important, and what else holds it."""

from __future__ import annotations

from typing import Any

from crispy_forms.layout import Div, Row
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.forms.fields import More
from campaigns.forms.numbers import Number, UnitField, in_units
from campaigns.models import Campaign

SAME_NAME = ("priority", "topic", "transactional", "quiet", "caps", "override_reason", "once_key")


class RuleFields(forms.Form):
    """Left out of a request, the choices and the priority stay as they are."""

    expiry = Number(
        label=gettext_lazy("Stop sending after"),
        required=False,
        hint=gettext_lazy("optional"),
        help_text=gettext_lazy("From its time on; whoever has not been sent to by then is not."),
    )
    expiry_unit = UnitField()
    priority = Number(
        label=gettext_lazy("Priority"),
        required=False,
        hint=gettext_lazy("0 to 100"),
        help_text=gettext_lazy("Where a cap leaves room for one, the higher goes first."),
    )
    topic = forms.CharField(
        label=gettext_lazy("Topic"),
        required=False,
        widget=forms.TextInput(
            attrs={
                "data-hint": gettext_lazy("optional"),
                "list": "topics",
                "autocomplete": "off",
            }
        ),
        help_text=gettext_lazy("Caps may be by topic."),
    )
    once_key = forms.CharField(
        label=gettext_lazy("Send-once key"),
        required=False,
        widget=forms.TextInput(
            attrs={"data-hint": gettext_lazy("optional"), "autocomplete": "off"}
        ),
        help_text=gettext_lazy("Of all campaigns with the same key a person gets one."),
    )
    transactional = forms.BooleanField(
        label=gettext_lazy("It answers something that the person did, such as an order"),
        required=False,
        help_text=gettext_lazy("No cap, no minimum gap and no quiet hours hold it."),
    )
    uncounted = forms.BooleanField(
        label=gettext_lazy("It takes no place under the caps of other campaigns"), required=False
    )
    quiet = forms.ChoiceField(
        label=gettext_lazy("In quiet hours"), choices=Campaign.Quiet.choices, required=False
    )
    caps = forms.ChoiceField(
        label=gettext_lazy("Where a cap is reached"), choices=Campaign.Caps.choices, required=False
    )
    override_reason = forms.CharField(
        label=gettext_lazy("Why it does not do as the site does"),
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Who approves it reads this."),
    )

    RULING = ("expiry", "uncounted", *SAME_NAME)

    @staticmethod
    def expiry_layout() -> Row:
        return Row("expiry", "expiry_unit", css_class="compose-expiry")

    @staticmethod
    def rules_layout() -> More:
        return More(
            gettext_lazy("Rules"),
            "about_rules",
            Row("priority", "topic"),
            Row("once_key", Div()),
            "transactional",
            "uncounted",
            Row("quiet", "caps"),
            "override_reason",
        )

    def about_rules(self) -> str:
        """What stands behind the details, in a few words."""
        said = [_("priority %(number)s") % {"number": self["priority"].value() or 0}]
        if topic := self["topic"].value():
            said.append(_("topic “%(topic)s”") % {"topic": topic})
        if self["transactional"].value():
            said.append(_("answers the person"))
        if self["quiet"].value() not in ("", None, Campaign.Quiet.SITE):
            said.append(_("its own way in quiet hours"))
        if self["caps"].value() not in ("", None, Campaign.Caps.SITE):
            said.append(_("no caps"))
        return ", ".join(said)

    def rules(self, campaign: Campaign) -> dict[str, Any]:
        """The terms (campaigns.terms.RULES) of what was filled in."""
        found = self.cleaned_data
        terms: dict[str, Any] = {name: found[name] for name in SAME_NAME}
        for name in ("quiet", "caps"):
            terms[name] = terms[name] or getattr(campaign, name)
        if terms["priority"] is None:
            terms["priority"] = campaign.priority
        expiry = found["expiry"]
        terms["expiry_minutes"] = None if expiry is None else expiry * found["expiry_unit"]
        return terms | {"counted": not found["uncounted"]}


def initial_of(campaign: Campaign) -> dict[str, Any]:
    expiry, unit = in_units(campaign.expiry_minutes)
    same = {name: getattr(campaign, name) for name in SAME_NAME}
    return same | {"expiry": expiry, "expiry_unit": unit, "uncounted": not campaign.counted}
