"""Members and API keys."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy

from accounts.forms.base import helper
from accounts.forms.signin import EmailField
from accounts.models import ApiKey, Role

ROLE_MEANINGS = {
    Role.OWNER: gettext_lazy("Everything, also who the owners are"),
    Role.ADMIN: gettext_lazy("Settings, members, keys, prompts, and unsubscribing people"),
    Role.MARKETER: gettext_lazy("Writes, schedules, sends and stops campaigns"),
    Role.VIEWER: gettext_lazy("Reads campaigns, reports and people, changes nothing"),
}


class InviteForm(forms.Form):
    """Whom to invite, as what."""

    email = EmailField(
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField(label=gettext_lazy("Role"), initial=Role.MARKETER)

    def __init__(self, *args: Any, roles: list[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = helper()
        field = self.fields["role"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [(role.value, role.label) for role in roles]


EXPIRIES = (
    ("30", gettext_lazy("In 30 days")),
    ("90", gettext_lazy("In 90 days")),
    ("365", gettext_lazy("In a year")),
    ("", gettext_lazy("Never")),
)


class ApiKeyForm(forms.Form):
    """A new key: what it is for, what it may do, until when."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Where it is used, such as “Shop backend”."),
        error_messages={"required": gettext_lazy("Name the key, so that you know it again.")},
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("May"),
        choices=ApiKey.Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose what the key may do.")},
    )
    expires = forms.ChoiceField(
        label=gettext_lazy("Expires"), choices=EXPIRIES, required=False, initial="365"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = helper()

    def expires_at(self) -> datetime | None:
        days = self.cleaned_data["expires"]
        return timezone.now() + timedelta(days=int(days)) if days else None
