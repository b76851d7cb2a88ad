"""The components in one place, for those who build pages. Wired in DEBUG only."""

from typing import Any

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Layout, Row
from django import forms
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from accounts.bars import Part

SWATCHES = (
    (_("Ground and text"), "paper surface sunken line line-2 ctl ink-3 ink"),
    (_("Accent and states"), "accent accent-h ember focus ok info warn bad"),
    (_("Charts"), "c1 c2 c3 c4 c5 c6 skip track"),
)

RUNNING = [
    Part("accepted", count=112_806),
    Part("skipped", count=8_918),
    Part("gone", count=1_312),
    Part("refused", count=214),
    Part("unknown", count=37, href="#unknown"),
    Part("expired", count=0),
    Part("cancelled", count=0),
    Part("pending", count=63_153),
]

EVERY_OUTCOME = [
    Part("accepted", count=44),
    Part("skipped", count=14),
    Part("gone", count=8),
    Part("refused", count=6),
    Part("unknown", count=5),
    Part("expired", count=5),
    Part("cancelled", count=4),
    Part("later", count=5),
    Part("pending", count=9),
]

REACH = {
    "type": "line",
    "x": "Day",
    "labels": [f"{day} Nov" for day in range(1, 25)],
    "series": [
        {
            "label": "People you can reach",
            "values": [409_262 + day * 130 - (day > 18) * 500 for day in range(24)],
            "colour": "c1",
            "fill": True,
        }
    ],
    "from": "auto",
}

GAINS = {
    "type": "bars",
    "x": "Day",
    "labels": REACH["labels"],
    "series": [
        {"label": "Gained", "values": [280 + day % 5 * 22 for day in range(24)], "colour": "c3"},
        {
            "label": "Lost",
            "values": [150 + (day in (17, 18)) * 210 for day in range(24)],
            "colour": "c2",
            "down": True,
        },
    ],
    "axis": False,
    "low": True,
}


class FieldsForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        widget=forms.TextInput(attrs={"data-hint": _("Only your team sees it")}),
    )
    opens = forms.URLField(label=_("Opens"), assume_scheme="https")
    starts = forms.CharField(label=_("Starts"))
    topic = forms.ChoiceField(
        label=_("Topic"),
        choices=[("offers", _("Offers"))],
        help_text=_("371,206 people subscribe to it."),
    )
    text = forms.CharField(
        label=_("Text"), widget=forms.Textarea(attrs={"rows": 2, "data-counter": 120})
    )
    quiet = forms.BooleanField(label=_("Quiet hours"), required=False)
    clock = forms.ChoiceField(
        label=_("Which clock"),
        choices=[("own", _("Their own time")), ("one", _("One moment"))],
        widget=forms.RadioSelect,
    )

    def clean_starts(self) -> str:
        raise forms.ValidationError(_("That was yesterday. Pick a moment after now, 18:31."))


def fields_form() -> FieldsForm:
    data = {
        "name": "Warm hands",
        "opens": "https://fjellogfjord.example",
        "starts": "23.11.2026 18:00",
        "topic": "offers",
        "text": "Frost Mitt is still in your cart.",
        "quiet": "on",
        "clock": "own",
    }
    form = FieldsForm(data)
    form.helper = FormHelper()  # type: ignore[attr-defined]
    form.helper.form_tag = False  # type: ignore[attr-defined]
    form.helper.layout = Layout(  # type: ignore[attr-defined]
        Row("name", "opens"), Row("starts", "topic"), "text", "quiet", "clock"
    )
    return form


@login_not_required
def look(request: HttpRequest) -> HttpResponse:
    """Every component, with the examples of its documentation."""
    context: dict[str, Any] = {
        "swatches": [(title, names.split()) for title, names in SWATCHES],
        "states": ["draft", "scheduled", "running", "paused", "finished", "attention", "cancelled"],
        "running": RUNNING,
        "every_outcome": EVERY_OUTCOME,
        "reach": REACH,
        "gains": GAINS,
        "form": fields_form(),
        "checks": [
            ("done", _("The snippet works."), _("Last heard from it 12 seconds ago.")),
            ("todo", _("Write a message"), _("and see it on four systems as you type.")),
        ],
        "snippet": '<script async src="https://push.example.com/static/push/snippet.js"></script>',
        "steps": [
            {"name": _("Message"), "line": _("4 languages"), "href": "#1", "state": "current"},
            {"name": _("Audience"), "line": _("44,816 devices"), "href": "#2", "state": "done"},
            {"name": _("Schedule"), "line": _("Not set"), "href": "#3", "state": "attention"},
            {"name": _("Review"), "line": _("Not read yet"), "href": "", "state": ""},
        ],
    }
    return render(request, "dev/components.html", context)
