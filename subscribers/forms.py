"""Forms of the pages of subscribers."""

import re
from typing import TYPE_CHECKING, Any

from crispy_bootstrap5.bootstrap5 import Switch
from crispy_forms.helper import FormHelper
from crispy_forms.layout import Field, Fieldset, Layout, Row
from django import forms
from django.core.exceptions import ValidationError
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from subscribers.models import Prompt
from subscribers.prompting import LEAST_CONTRAST, WORDS, contrast_with_white

if TYPE_CHECKING:
    PromptModelForm = forms.ModelForm[Prompt]
else:
    PromptModelForm = forms.ModelForm

MAX_SECONDS = 600
MAX_VIEWS = 50


class PromptForm(PromptModelForm):
    """The site's own words, and when they are shown."""

    class Meta:
        model = Prompt
        fields = WORDS
        labels = {
            "title": gettext_lazy("Question"),
            "body": gettext_lazy("Promise"),
            "trigger": gettext_lazy("Ask"),
            "after": gettext_lazy("How many"),
            "enabled": gettext_lazy("Ask visitors"),
        }
        help_texts = {
            "body": gettext_lazy("Kept with every consent, word for word."),
            "after": gettext_lazy("Seconds on the page, or page views."),
            "color": gettext_lazy("Of the yes button, whose words are white."),
        }
        widgets = {
            "title": forms.TextInput(attrs={"data-counter": 60, "data-preview": "title"}),
            "body": forms.Textarea(attrs={"rows": 3, "data-counter": 160, "data-preview": "body"}),
            "yes": forms.TextInput(attrs={"data-counter": 24, "data-preview": "yes"}),
            "no": forms.TextInput(attrs={"data-counter": 24, "data-preview": "no"}),
            "trigger": forms.Select(attrs={"data-trigger": ""}),
            "after": forms.NumberInput(attrs={"min": 0, "max": MAX_SECONDS}),
            "color": forms.TextInput(attrs={"type": "color", "data-preview": "color"}),
        }
        error_messages = {
            "title": {"required": gettext_lazy("Write the question that visitors are asked.")},
            "body": {"required": gettext_lazy("Say what you will send, and how often.")},
            "yes": {"required": gettext_lazy("Write the words of the yes button.")},
            "no": {"required": gettext_lazy("Write the words of the no button.")},
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["after"].required = False
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.disable_csrf = True
        self.helper.layout = Layout(
            "title",
            "body",
            Row("yes", "no"),
            "color",
            Fieldset(_("When"), "trigger", Field("after", wrapper_class="prompt-after")),
            Switch("enabled"),
        )

    def clean_color(self) -> str:
        color: str = self.cleaned_data["color"].upper()
        if not re.fullmatch(r"#[0-9A-F]{6}", color):
            raise ValidationError(_("Choose a colour such as #B4430E."))
        ratio = contrast_with_white(color)
        if ratio < LEAST_CONTRAST:
            raise ValidationError(
                _(
                    "White words on this colour have a contrast of %(ratio)s : 1, too little to "
                    "read. Choose a darker one, with at least 4.5 : 1."
                ),
                params={"ratio": number_format(ratio, decimal_pos=1)},
            )
        return color

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        after = data.get("after") or 0
        if data.get("trigger") == Prompt.Trigger.CLICK:
            data["after"] = 0
        elif data.get("trigger") == Prompt.Trigger.DELAY and not 1 <= after <= MAX_SECONDS:
            self.add_error("after", _("Write from 1 to %(most)d seconds.") % {"most": MAX_SECONDS})
        elif data.get("trigger") == Prompt.Trigger.VIEWS and not 1 <= after <= MAX_VIEWS:
            self.add_error("after", _("Write from 1 to %(most)d page views.") % {"most": MAX_VIEWS})
        else:
            data["after"] = after
        return data
