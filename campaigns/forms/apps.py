"""What apps get beside the texts: links of their own, and how their system shows a notification."""

from __future__ import annotations

from typing import Any, Final

from crispy_forms.layout import HTML, Row
from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import channels, content
from campaigns.forms.fields import More
from campaigns.models import Campaign, Message

ANDROID, IOS = "android", "ios"
LEVELS: Final = [
    ("", gettext_lazy("Not set: as active")),
    ("passive", gettext_lazy("Passive: in the list, no light, no sound")),
    ("active", gettext_lazy("Active: lights up, may sound")),
    ("time-sensitive", gettext_lazy("Time sensitive: also while a Focus is on")),
]


class OptionField(forms.CharField):
    """An option that `content` accepts; its sentence, when it does not."""

    def __init__(self, system: str, name: str, **options: Any) -> None:
        self.system = system
        self.name = name
        self.names = content.Names()
        attrs = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        widget = options.pop("widget", forms.TextInput(attrs=attrs | options.pop("attrs", {})))
        super().__init__(required=False, widget=widget, **options)

    def clean(self, value: Any) -> Any:
        return content.APP[self.system][self.name](self.parsed(super().clean(value)), self.names)

    def parsed(self, text: str) -> Any:
        return text


class BadgeField(OptionField):
    """A number; None for none."""

    def parsed(self, text: str) -> int | None:
        if not text:
            return None
        if not text.isascii() or not text.isdecimal() or len(text) > 9:
            raise ValidationError(_("Write a whole number, or leave it empty."))
        return int(text)


def link(system: str, label: str | Promise) -> OptionField:
    return OptionField(
        system,
        "link",
        label=label,
        help_text=gettext_lazy("Empty: the web address."),
        attrs={"inputmode": "url", "dir": "ltr"},
    )


class AppsPart(forms.Form):
    """The part of the message's form that only apps get. `message` is set before."""

    campaign: Campaign
    message: Message
    app_channels: list[str]

    android_link = link(ANDROID, gettext_lazy("Link on Android"))
    ios_link = link(IOS, gettext_lazy("Link on iOS"))
    android_channel_id = OptionField(
        ANDROID,
        "channel_id",
        label=gettext_lazy("Channel on Android"),
        help_text=gettext_lazy("The id of a notification channel that your app has made."),
    )
    android_sound = OptionField(
        ANDROID,
        "sound",
        label=gettext_lazy("Sound on Android"),
        help_text=gettext_lazy("Up to Android 7; since then the channel decides."),
    )
    ios_sound = OptionField(
        IOS,
        "sound",
        label=gettext_lazy("Sound on iOS"),
        help_text=gettext_lazy("“default”, or a file of your app. Empty: none."),
    )
    ios_badge = BadgeField(
        IOS,
        "badge",
        label=gettext_lazy("Badge on iOS"),
        help_text=gettext_lazy("The number on the app’s icon; 0 takes it away."),
        attrs={"inputmode": "numeric"},
    )
    ios_category = OptionField(
        IOS,
        "category",
        label=gettext_lazy("Category on iOS"),
        help_text=gettext_lazy("Buttons are shown only with one that your app knows."),
    )
    ios_interruption_level = OptionField(
        IOS,
        "interruption_level",
        label=gettext_lazy("Interruption on iOS"),
        widget=forms.Select(choices=LEVELS),
    )

    def add_apps(self) -> None:
        """Give the fields what the message has."""
        for name, field in self._options().items():
            said = self.message.app.get(field.system) or {}
            self.initial[name] = said.get(field.name, "")
            if field.name == "link" and self.message.url:
                field.widget.attrs["placeholder"] = self.message.url
        self.app_channels = channels.of_apps(self.campaign.site)

    def apps_layout(self) -> list[Any]:
        # What was chosen by the REST API is shown, too.
        if not self.app_channels and not self.message.app:
            return [HTML('{% include "campaigns/compose_no_apps.html" %}')]
        return [
            More(
                gettext_lazy("Apps"),
                "about_apps",
                Row("android_link", "ios_link"),
                Row("android_channel_id", "android_sound"),
                Row("ios_sound", "ios_badge"),
                Row("ios_category", "ios_interruption_level"),
            )
        ]

    def about_apps(self) -> str:
        """ "links of its own, channel “offers”": what stands behind the details."""
        values = {name: self[name].value() for name in self._options()}
        # A badge of 0 says something.
        said = {name: "" if value is None else str(value) for name, value in values.items()}
        own = said["android_link"] or said["ios_link"]
        parts = [_("a link of its own") if own else _("the web address")]
        if channel := said["android_channel_id"]:
            parts.append(_("channel “%(name)s”") % {"name": channel})
        if said["android_sound"] or said["ios_sound"]:
            parts.append(_("a sound"))
        if badge := said["ios_badge"]:
            parts.append(_("badge %(number)s") % {"number": badge})
        if category := said["ios_category"]:
            parts.append(_("category “%(name)s”") % {"name": category})
        if level := said["ios_interruption_level"]:
            parts.append(str(dict(LEVELS).get(level, level)).split(":")[0].lower())
        return ", ".join(parts)

    def app(self) -> dict[str, Any]:
        """What is valid, as `drafting.edit_message` takes it; what was refused stays as it was.

        Nothing where none of it was sent: a site without apps has no such fields.
        """
        sent = {name: field for name, field in self._options().items() if name in self.data}
        if not sent:
            return {}
        found = {system: dict(said) for system, said in self.message.app.items()}
        for name, field in sent.items():
            if name in self.cleaned_data:
                found.setdefault(field.system, {})[field.name] = self.cleaned_data[name]
        kept = {
            system: {name: value for name, value in said.items() if value not in ("", None)}
            for system, said in found.items()
        }
        return {"app": {system: said for system, said in kept.items() if said}}

    def _options(self) -> dict[str, OptionField]:
        fields = self.fields.items()
        return {name: field for name, field in fields if isinstance(field, OptionField)}
