"""On which devices of a person a campaign is shown, and whether it is in the inbox as well."""

from __future__ import annotations

from typing import Any, Final

from crispy_forms.layout import Div
from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns.forms.fields import More
from campaigns.forms.numbers import Number
from campaigns.models import Campaign

Devices = Campaign.Devices
HELP: Final = {
    Devices.EVERY: gettext_lazy("Whoever has a phone and a laptop sees it on both."),
    Devices.RECENT: gettext_lazy("One message for each person, where they were last."),
    Devices.MOBILE: gettext_lazy(
        "Who has your app sees it there and not in a browser; the others see it in theirs."
    ),
}


class ReachFields(forms.Form):
    """Left out of a request, the choice and the days stay as they are."""

    devices = forms.ChoiceField(
        label=gettext_lazy("Devices of a person"),
        required=False,
        choices=Devices.choices,
        widget=forms.RadioSelect,
    )
    inbox = forms.BooleanField(
        label=gettext_lazy("Also in the inbox"),
        required=False,
        help_text=gettext_lazy(
            "It can be read in your app or on your pages, also by people who allowed no "
            "notifications there."
        ),
    )
    inbox_days = Number(
        label=gettext_lazy("Days in the inbox"),
        required=False,
        hint=gettext_lazy("1 to 90"),
        help_text=gettext_lazy("From the day that it is sent; then it disappears."),
    )

    REACHING = ("devices", "inbox", "inbox_days")

    def explain_devices(self) -> None:
        """Give each choice its line of help."""
        self.fields["devices"].choices = [  # type: ignore[attr-defined]
            (one.value, format_html('{}<span class="caption">{}</span>', one.label, HELP[one]))
            for one in Devices
        ]

    @staticmethod
    def reach_layout() -> More:
        return More(
            gettext_lazy("Devices and inbox"),
            "about_reach",
            "devices",
            "inbox",
            Div("inbox_days", css_class="compose-inbox"),
        )

    def about_reach(self) -> str:
        """What stands behind the details, in a few words."""
        return ", ".join(reach_words(self["devices"].value(), self._days()))

    def _days(self) -> int | None:
        """How long it is in the inbox as the form has it; 0 for a number that is none."""
        if not self["inbox"].value():
            return None
        text = str(self["inbox_days"].value() or "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0

    def reach(self, campaign: Campaign) -> dict[str, Any]:
        """The terms of what was filled in."""
        found = self.cleaned_data
        days = found.get("inbox_days") if found["inbox"] else None
        return {
            "devices": found["devices"] or campaign.devices,
            "inbox": found["inbox"],
            "inbox_days": campaign.inbox_days if days is None else days,
        }


def reach_words(devices: str, days: int | None) -> list[str]:
    """ "every device", "in the inbox for 30 days"; `days` None: not in the inbox."""
    words = {
        Devices.EVERY: _("every device"),
        Devices.RECENT: _("the one used last"),
        Devices.MOBILE: _("app before browser"),
    }
    chosen = Devices(devices) if devices in Devices.values else Devices.EVERY
    if days is None:
        return [words[chosen], _("not in the inbox")]
    lasting = ngettext("in the inbox for %(days)d day", "in the inbox for %(days)d days", days)
    return [words[chosen], lasting % {"days": days} if days else _("in the inbox")]


def initial_of(campaign: Campaign) -> dict[str, Any]:
    return {name: getattr(campaign, name) for name in ReachFields.REACHING}
