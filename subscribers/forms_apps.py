"""Forms of the page "Mobile apps". What is wrong with a value, the domain says."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from accounts.forms.base import helper

_PLAIN = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "characters"}


class FirebaseForm(forms.Form):
    """A service account's JSON."""

    file = forms.FileField(
        label=gettext_lazy("Service account key"),
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".json,application/json"}),
        help_text=gettext_lazy("The JSON file. It is kept encrypted and never shown again."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = helper()


class AppleForm(forms.Form):
    """A .p8, whose it is, and for which apps."""

    file = forms.FileField(
        label=gettext_lazy("Key file"),
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".p8"}),
        help_text=gettext_lazy("AuthKey_….p8. It is kept encrypted and never shown again."),
    )
    key_id = forms.CharField(
        label=gettext_lazy("Key id"),
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs=_PLAIN | {"data-hint": gettext_lazy("10 characters")}),
        help_text=gettext_lazy("Left empty: as in the file's name."),
    )
    team_id = forms.CharField(
        label=gettext_lazy("Team id"),
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs=_PLAIN | {"data-hint": gettext_lazy("10 characters")}),
        help_text=gettext_lazy("At Apple under Membership details."),
    )
    bundle_ids = forms.CharField(
        label=gettext_lazy("Bundle ids"),
        required=False,
        max_length=9000,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy(
            "Of each app that gets pushes, one on each line, such as com.example.shop."
        ),
    )

    def __init__(self, *args: Any, kept: str = "", **kwargs: Any) -> None:
        """`kept`: what is said of a file that need not be chosen again."""
        super().__init__(*args, **kwargs)
        self.helper = helper()
        if kept:
            self.fields["file"].help_text = kept


class IdentityKeyForm(forms.Form):
    """The public half of the key that signs identities."""

    public_key = forms.CharField(
        label=gettext_lazy("Public key"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(
            attrs={
                "rows": 5,
                "class": "mono",
                "autocomplete": "off",
                "spellcheck": "false",
                "data-hint": gettext_lazy("PEM, P-256"),
            }
        ),
        help_text=gettext_lazy("Empty: only the identity secret counts."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = helper()
