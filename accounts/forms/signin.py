"""Signing in, the first account, passwords and the profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.forms.base import helper
from accounts.models import User, normal_email

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    UserModelForm = forms.ModelForm[User]
else:
    UserModelForm = forms.ModelForm

PASSWORD_HINT = gettext_lazy("10 characters or more")


class EmailField(forms.EmailField):
    """An address in its one spelling, with a sentence for what is none."""

    def __init__(self, **kwargs: Any) -> None:
        sentence = gettext_lazy("Write an e-mail address, such as marit@example.com.")
        super().__init__(
            label=gettext_lazy("E-mail"),
            max_length=254,
            error_messages={"required": sentence, "invalid": sentence},
            **kwargs,
        )

    def to_python(self, value: Any) -> str:
        return normal_email(super().to_python(value) or "")


def current_password(label: StrOrPromise, required: StrOrPromise) -> forms.CharField:
    return forms.CharField(
        label=label,
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": required},
    )


def new_password() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("New password"),
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(
            attrs={"autocomplete": "new-password", "data-hint": PASSWORD_HINT}
        ),
        help_text=gettext_lazy("Several words that only you would put together are good."),
        error_messages={"required": gettext_lazy("Choose a password.")},
    )


class SignInForm(forms.Form):
    """Address and password."""

    username = EmailField(widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    password = current_password(gettext_lazy("Password"), gettext_lazy("Write your password."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = helper()
        if not self.is_bound:
            # After an error the focus belongs to the summary.
            self.fields["username"].widget.attrs["autofocus"] = True

    def refuse(self) -> None:
        """Say that it did not fit, not which half."""
        self.add_error(None, _("This e-mail address and password do not belong together."))


class NewPasswordForm(forms.Form):
    """A password for an account, new or not."""

    password = new_password()

    def __init__(self, *args: Any, user: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.helper = helper()

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, self.user)
        return password


class JoinForm(NewPasswordForm):
    """The account of somebody who was invited."""

    name = forms.CharField(
        label=gettext_lazy("Your name"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": gettext_lazy("Write the name that your team knows.")},
    )
    field_order = ["name", "password"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].label = _("Password")


class FirstOwnerForm(JoinForm):
    """The installation's first account."""

    email = EmailField(widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    field_order = ["email", "name", "password"]

    def clean(self) -> dict[str, Any]:
        """Problems of the address and the password are found by onboarding.check_account."""
        return self.cleaned_data

    def clean_password(self) -> str:
        return str(self.cleaned_data["password"])


class ChangePasswordForm(NewPasswordForm):
    """A new password for somebody who knows the old one."""

    current = current_password(
        gettext_lazy("Current password"), gettext_lazy("Write your current password.")
    )
    field_order = ["current", "password"]

    def clean_current(self) -> str:
        current: str = self.cleaned_data["current"]
        if self.user is None or not self.user.check_password(current):
            raise ValidationError(_("This is not your current password."))
        return current


class ProfileForm(UserModelForm):
    """What others see of somebody."""

    class Meta:
        model = User
        fields = ("name",)
        labels = {"name": gettext_lazy("Name")}
        help_texts = {"name": gettext_lazy("Stands beside what you do, for your team.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = helper()
        self.fields["name"].widget.attrs["autocomplete"] = "name"
