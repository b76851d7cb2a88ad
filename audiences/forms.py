"""Who a campaign goes to: everyone, or those whom the builder describes."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from accounts.forms.base import helper


class WhoForm(forms.Form):
    EVERYONE, MATCHING = "everyone", "matching"

    who = forms.ChoiceField(
        label=gettext_lazy("Who gets it"),
        choices=[
            (EVERYONE, gettext_lazy("Everyone who gave permission")),
            (MATCHING, gettext_lazy("Only those who match")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose one of the two.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = helper()
