"""The forms of the library: a name, and a file."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from accounts.forms.base import helper
from audiences import uploads
from campaigns import imaging, library, pictures
from campaigns.models import Picture


class NameForm(forms.Form):
    """What a message is called in the library."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=library.LONGEST_NAME,
        widget=forms.TextInput(
            attrs={"data-hint": gettext_lazy("Only your team sees it"), "autocomplete": "off"}
        ),
        error_messages={"required": gettext_lazy("Give it a name, so that others find it.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = helper()


class PictureForm(forms.Form):
    """A file, and what it is for."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp,image/gif"}),
        error_messages={"required": gettext_lazy("Choose the file.")},
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Used as"),
        choices=Picture.Kind.choices,
        initial=Picture.Kind.IMAGE,
        error_messages={"required": gettext_lazy("Say what it is for.")},
    )

    def __init__(self, *args: Any, large: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = helper()
        if large:  # it was not kept: see audiences.uploads
            self.fields["file"].error_messages["required"] = pictures.too_large()


def too_large(length: str) -> bool:
    """Whether a body of so many bytes, as its header says, is larger than any picture's form."""
    return int(length or 0) > imaging.MOST_BYTES + uploads.FIELDS
