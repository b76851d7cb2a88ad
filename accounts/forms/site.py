"""A site's settings."""

import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from django import forms
from django.conf.locale import LANG_INFO
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import rates
from accounts.forms.base import helper
from accounts.models import Site
from accounts.origins import is_loopback, parse_origins

if TYPE_CHECKING:
    SiteModelForm = forms.ModelForm[Site]
else:
    SiteModelForm = forms.ModelForm


@cache
def time_zones() -> list[tuple[str, str]]:
    """Named places and UTC; without the aliases that no person would choose."""
    names = {name for name in available_timezones() if "/" in name}
    places = {name for name in names if name.split("/")[0] not in {"Etc", "SystemV", "posix"}}
    return [(name, name.replace("_", " ")) for name in ["UTC", *sorted(places)]]


@cache
def languages() -> list[tuple[str, str]]:
    """Code and own name of the languages that Django knows."""
    pairs = [(code, info["name_local"]) for code, info in LANG_INFO.items() if "name" in info]
    return sorted(((code, f"{name} ({code})") for code, name in pairs), key=lambda pair: pair[0])


class OriginsField(forms.CharField):
    """Origins, one on each line."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        lines = value if isinstance(value, list) else str(value or "").splitlines()
        return parse_origins([str(line) for line in lines]) if any(lines) else []

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != (initial or []))
        except ValidationError:
            return True


class RateField(forms.IntegerField):
    """Messages a minute, as `accounts.rates` has them; empty for no limit."""

    def __init__(self, **options: Any) -> None:
        attrs = {
            "inputmode": "numeric",
            "autocomplete": "off",
            "data-hint": gettext_lazy("messages a minute, optional"),
        }
        super().__init__(required=False, widget=forms.TextInput(attrs=attrs), **options)

    def to_python(self, value: Any) -> int | None:
        # As people write large numbers: 1,000, 1 000, 1.000 or 1'000.
        digits = re.sub(r"(?<=\d)[\s,.'\u2019](?=\d{3}(?!\d))", "", str(value or "").strip())
        try:
            return rates.checked(int(digits) if digits else None)
        except ValueError:
            raise ValidationError(rates.refusal()) from None


class SiteForm(SiteModelForm):
    """Name, origins, language, time zone, icon and default address of a site."""

    origins = OriginsField(
        label=gettext_lazy("Origins"),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocomplete": "off"}),
        help_text=gettext_lazy(
            "Where your pages live, one on each line, such as https://shop.example. "
            "Subscriptions from anywhere else are refused."
        ),
        error_messages={
            "required": gettext_lazy("Name at least one origin, such as https://shop.example.")
        },
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        initial="en",
        help_text=gettext_lazy("For visitors whose browser does not say."),
    )
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        initial="UTC",
        help_text=gettext_lazy("Times on pages, and schedules unless you choose another."),
    )
    icon_url = forms.URLField(
        label=gettext_lazy("Icon"),
        required=False,
        max_length=500,
        assume_scheme="https",
        help_text=gettext_lazy(
            "A square picture, 192 pixels or more. It stands in notifications and the prompt."
        ),
        error_messages={
            "invalid": gettext_lazy("Write a whole address, such as https://shop.example/icon.png.")
        },
    )
    default_url = forms.URLField(
        label=gettext_lazy("Default address"),
        required=False,
        max_length=1000,
        assume_scheme="https",
        help_text=gettext_lazy("What a notification opens when the campaign does not say."),
        error_messages={
            "invalid": gettext_lazy("Write a whole address, such as https://shop.example/sale.")
        },
    )

    class Meta:
        model = Site
        fields = ("name", "origins", "language", "time_zone", "icon_url", "default_url")
        error_messages = {  # noqa: RUF012
            "name": {"required": gettext_lazy("Write the name that visitors know the site by.")}
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = helper()
        for name, known in (("language", languages()), ("time_zone", time_zones())):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
            current = getattr(self.instance, name)
            extra = [] if current in dict(known) else [(current, current)]
            field.choices = [*extra, *known]

    def clean_icon_url(self) -> str:
        return self._web_address("icon_url", secure=True)

    def clean_default_url(self) -> str:
        return self._web_address("default_url", secure=False)

    def _web_address(self, name: str, *, secure: bool) -> str:
        text: str = self.cleaned_data[name]
        if not text:
            return ""
        parts = urlsplit(text)
        if parts.scheme not in {"http", "https"}:
            raise ValidationError(_("Write an address that begins with https://."))
        if secure and parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise ValidationError(_("Browsers load this picture over https only."))
        return text


class SiteSettingsForm(SiteForm):
    """What `SiteForm` has, how fast it may send, and how strictly identities are checked."""

    throttle = RateField(
        label=gettext_lazy("Send at most"),
        help_text=gettext_lazy(
            "All campaigns of this site together: for pages that can't serve everybody at once. "
            "Empty: as fast as the push services take it."
        ),
    )

    class Meta(SiteForm.Meta):
        fields = (*SiteForm.Meta.fields, "throttle", "identity_required")  # type: ignore[assignment]
        help_texts = {
            "identity_required": gettext_lazy(
                "An external id counts only with a signature that your server made with the "
                "identity secret, so that nobody can claim to be somebody else."
            )
        }
        labels = {"identity_required": gettext_lazy("Require signed identity")}
