"""Forms of the pages of accounts."""

from accounts.forms.site import SiteForm, SiteSettingsForm

__all__ = ["SiteForm", "SiteSettingsForm"]
