"""Forms of lists: a name, and a file."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from accounts.forms.base import helper
from audiences import list_files, lists
from audiences.models import ListUpload


class UploadForm(forms.Form):
    """A file, and what is to become of the list by it."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,text/csv,text/plain"}),
        help_text=gettext_lazy("CSV in UTF-8, one person a row. A first line of names is fine."),
        error_messages={"required": gettext_lazy("Choose the file.")},
    )
    names = forms.ChoiceField(
        label=gettext_lazy("It holds"),
        choices=ListUpload.Names.choices,
        initial=ListUpload.Names.EXTERNAL_ID,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Say what the file holds.")},
    )
    column = forms.CharField(
        label=gettext_lazy("Column"),
        required=False,
        max_length=200,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "data-hint": gettext_lazy("optional")}
        ),
        help_text=gettext_lazy(
            "As the first line calls it. Left empty: “external_id”, “id” or “email_sha256” if "
            "there is one, else the first column."
        ),
    )
    mode = forms.ChoiceField(
        label=gettext_lazy("What to do"),
        choices=ListUpload.Mode.choices,
        initial=ListUpload.Mode.REPLACE,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Say what to do with the list.")},
    )
    may_empty = forms.BooleanField(
        label=gettext_lazy("Empty it if nobody is named"), required=False
    )

    def __init__(self, *args: Any, too_large: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = helper()
        if too_large:  # it was not kept: see audiences.uploads
            self.fields["file"].error_messages["required"] = list_files.too_large()


class NewListForm(UploadForm):
    """A list and its first file."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=lists.LONGEST_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Such as “Bought in the shop in Bergen”."),
        error_messages={"required": gettext_lazy("Name the list, so that you know it again.")},
    )
    field_order = ("name", "file", "names", "column")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["mode"], self.fields["may_empty"]
