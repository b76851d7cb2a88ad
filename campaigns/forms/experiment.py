"""How people are shared out among variants, who is kept back, and how one variant wins."""

from __future__ import annotations

from typing import Any

from crispy_forms.layout import HTML, Div, Row
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns import cells, drafting
from campaigns.models import Campaign, Message

WinnerBy = Campaign.WinnerBy
MINUTES = (15, 30, 60, 120, 240, 480, 720, 1_440, 2_880, 4_320)


def duration(minutes: int) -> str:
    """ "15 minutes", "4 hours", "2 days": the largest unit that leaves no rest."""
    if minutes and minutes % 1_440 == 0:
        days = minutes // 1_440
        return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}
    if minutes and minutes % 60 == 0:
        hours = minutes // 60
        return ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}
    return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}


def percent(label: Any, least: int, most: int, **options: Any) -> forms.IntegerField:
    wrong = _("Write a whole number from %(least)d to %(most)d.")
    wrong %= {"least": least, "most": most}
    return forms.IntegerField(
        label=label,
        required=False,
        min_value=least,
        max_value=most,
        error_messages={"invalid": wrong, "min_value": wrong, "max_value": wrong},
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        **options,
    )


def shares(message: Message) -> list[int]:
    """Whole percents of the variants, 100 together."""
    found = [round(share) for share in cells.shares(message)]
    found[0] += 100 - sum(found)
    return found


class ExperimentPart(forms.Form):
    """The part of the message's form that is about the test. `message` is set before."""

    campaign: Campaign
    message: Message

    def add_experiment(self, *, fixed: bool) -> None:
        """Add the fields; none where the campaign goes out already, but for the shares."""
        several = cells.count(self.message) > 1
        for letter, share in zip(cells.LETTERS, shares(self.message), strict=False):
            if several:
                label = _("Variant %(letter)s") % {"letter": letter}
                self.fields[f"weight_{letter}"] = percent(label, 1, 99)
                self.initial[f"weight_{letter}"] = share
        if fixed:
            return
        for name in drafting.EXPERIMENT:
            self.initial[name] = getattr(self.campaign, name)
        self.fields["holdout"] = percent(
            gettext_lazy("Kept back"),
            0,
            50,
            help_text=_("Percent who would have got it and do not, to see what it changes."),
        )
        if several:
            self._add_winner()
        self.fields["conversion"] = forms.CharField(
            label=gettext_lazy("Conversion"),
            max_length=64,
            required=False,
            help_text=_("The event that counts as one, as your site names it."),
            widget=forms.TextInput(attrs={"autocomplete": "off", "list": "event-names"}),
        )

    def _add_winner(self) -> None:
        minutes = sorted({*MINUTES, self.campaign.decide_minutes})
        self.fields["winner_by"] = forms.ChoiceField(
            label=gettext_lazy("Which one wins"), choices=WinnerBy.choices, required=False
        )
        self.fields["sample"] = percent(
            gettext_lazy("Tried on"),
            1,
            90,
            help_text=_("Percent of the people; the rest gets what won."),
        )
        self.fields["decide_minutes"] = forms.TypedChoiceField(
            label=gettext_lazy("Decided after"),
            coerce=int,
            empty_value=None,
            required=False,
            choices=[(number, duration(number)) for number in minutes],
        )

    def experiment_layout(self) -> list[Any]:
        has = self.fields
        weights = [name for name in has if name.startswith("weight_")]
        return [
            *([HTML('{% include "campaigns/compose_weights.html" %}')] if weights else []),
            *([Row(*weights, css_class="compose-weights")] if weights else []),
            *([Row("holdout", "conversion")] if "holdout" in has else []),
            *(["winner_by"] if "winner_by" in has else []),
            *(
                [Div(Row("sample", "decide_minutes"), css_class="compose-winner")]
                if "sample" in has
                else []
            ),
        ]

    def about_test(self) -> str:
        """ "50 : 50, 2 % kept back, most clicks after 4 hours"."""
        several = cells.count(self.message) > 1
        parts = [" : ".join(map(str, shares(self.message)))] if several else []
        if self.campaign.holdout:
            parts.append(_("%(percent)d %% kept back") % {"percent": self.campaign.holdout})
        by = WinnerBy(self.campaign.winner_by)
        if several and by != WinnerBy.NEVER:
            parts.append(str(by.label).lower())
        return ", ".join(parts) or _("nobody is kept back")

    def clean_weights(self) -> None:
        weights = {name: self.cleaned_data.get(name) for name in self._weights()}
        if not weights or any(name in self.errors for name in weights):
            return
        total = sum(weight or 0 for weight in weights.values())
        if total != 100 or not all(weights.values()):
            sentence = _("Together the shares are %(total)d %%. Make them 100 %%, each at least 1.")
            self.add_error("weight_A", sentence % {"total": total})

    def weights(self) -> list[int]:
        """Each variant's; [] where they were refused, or where there are none."""
        names = self._weights()
        if any(name in self.errors for name in names):
            return []
        return [self.cleaned_data[name] for name in names]

    def _weights(self) -> list[str]:
        """Their fields, if they were sent."""
        return [name for name in self.fields if name.startswith("weight_") and name in self.data]

    def experiment(self) -> dict[str, Any]:
        """What is valid, as `drafting.set_experiment` takes it."""
        found = {name: self.cleaned_data.get(name) for name in drafting.EXPERIMENT}
        sent = set(self.fields) & set(self.data)
        kept = {name: value for name, value in found.items() if name in sent}
        # What was left empty stays as it was, but for the event: none is an answer.
        return {
            name: value
            for name, value in kept.items()
            if name not in self.errors and (value not in (None, "") or name == "conversion")
        }
