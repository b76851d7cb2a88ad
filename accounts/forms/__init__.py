"""Forms of the pages of accounts."""

from accounts.forms.signin import (
    ChangePasswordForm,
    FirstOwnerForm,
    JoinForm,
    NewPasswordForm,
    ProfileForm,
    SignInForm,
)
from accounts.forms.site import RateField, SiteForm, SiteSettingsForm
from accounts.forms.team import ApiKeyForm, InviteForm

__all__ = [
    "ApiKeyForm",
    "ChangePasswordForm",
    "FirstOwnerForm",
    "InviteForm",
    "JoinForm",
    "NewPasswordForm",
    "ProfileForm",
    "RateField",
    "SignInForm",
    "SiteForm",
    "SiteSettingsForm",
]
