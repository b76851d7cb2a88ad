"""The message of a campaign, as a marketer writes it."""

from __future__ import annotations

import re
from typing import Any

from crispy_forms.layout import HTML, Div, Layout, Row
from django import forms
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.forms.base import helper
from campaigns import content, drafting
from campaigns.models import Campaign, Message

TITLE_FITS = 40
BODY_FITS = 120
CUSTOM = "custom"
KEEP = [
    ("0", gettext_lazy("Only devices that are online now")),
    ("3600", gettext_lazy("1 hour")),
    ("14400", gettext_lazy("4 hours")),
    ("43200", gettext_lazy("12 hours")),
    ("86400", gettext_lazy("24 hours")),
    ("259200", gettext_lazy("3 days")),
    ("604800", gettext_lazy("1 week")),
    ("2419200", gettext_lazy("4 weeks, the longest that push services keep it")),
    (CUSTOM, gettext_lazy("Another time, in seconds")),
]
BARE_HOST = re.compile(r"[\w-]+(\.[\w-]+)+([/?#].*)?")


class TextField(forms.CharField):
    """Text that `content` accepts; its sentence, when it does not."""

    def __init__(self, kind: str, **options: Any) -> None:
        self.kind = kind
        super().__init__(required=False, strip=False, **options)

    def clean(self, value: Any) -> str:
        longest = content.LONGEST[self.kind]
        return content.text(super().clean(value), longest=longest, lines=self.kind == "body")


class AddressField(forms.CharField):
    """An address that `content` accepts; https:// is added to a bare "shop.example/sale"."""

    def __init__(self, kind: str, **options: Any) -> None:
        self.kind = kind
        hint = options.pop("hint", "")
        widget = forms.TextInput(
            attrs={
                "inputmode": "url",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autocomplete": "off",
                **({"data-hint": hint} if hint else {}),
                **options.pop("attrs", {}),
            }
        )
        super().__init__(required=False, widget=widget, **options)

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        if BARE_HOST.fullmatch(text):
            text = f"https://{text}"
        return content.address(text, longest=content.LONGEST[self.kind])


class More(Div):  # type: ignore[misc]
    """Fields behind a <details> whose summary says what is set; open when something is wrong."""

    def __init__(self, title: str | Promise, about: str, *fields: Any) -> None:
        super().__init__(*fields)
        self.title = title
        self.about = about
        self.names = fields

    def render(self, form: Any, context: Any, template_pack: str = "", **options: Any) -> str:
        inside = self.get_rendered_fields(form, context, template_pack, **options)
        wrong = any(form[pointer.name].errors for pointer in self.get_field_names())
        about = getattr(form, self.about)()
        return render_to_string(
            "campaigns/compose_more.html",
            {
                "title": self.title,
                "about": about,
                "id": self.about,
                "open": wrong,
                "fields": inside,
            },
        )


class MessageForm(forms.Form):
    """The words, pictures, buttons and delivery details of a campaign's message.

    Nothing but the name is required: a draft may be unfinished. `fields_of_message` has what is
    valid, also when the rest is not.
    """

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=drafting.LONGEST_NAME,
        error_messages={"required": gettext_lazy("Give it a name. Only your team sees it.")},
        widget=forms.TextInput(
            attrs={"data-hint": gettext_lazy("Only your team sees it"), "autocomplete": "off"}
        ),
    )
    title = TextField(
        "title",
        label=gettext_lazy("Title"),
        widget=forms.TextInput(attrs={"data-counter": TITLE_FITS, "autocomplete": "off"}),
    )
    body = TextField(
        "body",
        label=gettext_lazy("Text"),
        widget=forms.Textarea(attrs={"rows": 3, "data-counter": BODY_FITS}),
    )
    url = AddressField("url", label=gettext_lazy("Opens"))
    image = AddressField(
        "image", label=gettext_lazy("Picture"), hint=gettext_lazy("2 : 1, optional")
    )
    icon = AddressField("icon", label=gettext_lazy("Icon"), hint=gettext_lazy("Square"))
    badge = AddressField(
        "badge",
        label=gettext_lazy("Badge"),
        hint=gettext_lazy("Android only"),
        help_text=gettext_lazy("The small sign in the status bar: white on transparent, 96 × 96."),
    )
    action1_title = TextField("action title", label=gettext_lazy("First button"))
    action1_url = AddressField("action url", label=gettext_lazy("The first button opens"))
    action2_title = TextField("action title", label=gettext_lazy("Second button"))
    action2_url = AddressField("action url", label=gettext_lazy("The second button opens"))
    keep = forms.ChoiceField(
        label=gettext_lazy("Kept for devices that are offline"), choices=KEEP, required=False
    )
    ttl = forms.IntegerField(
        label=gettext_lazy("Seconds"), min_value=0, max_value=2_419_200, required=False
    )
    urgency = forms.ChoiceField(
        label=gettext_lazy("Urgency"),
        choices=Message.Urgency.choices,
        required=False,
        help_text=gettext_lazy("Lower saves people's batteries; the phone may wait with it."),
    )
    utm_source = TextField("utm", label="utm_source")
    utm_medium = TextField("utm", label="utm_medium")
    utm_campaign = TextField("utm", label="utm_campaign")

    def __init__(self, campaign: Campaign, message: Message, data: Any = None) -> None:
        self.campaign = campaign
        self.message = message
        super().__init__(data, initial=initial_of(campaign, message))
        self.fields["icon"].help_text = (
            _("Empty: the icon of %(site)s.") % {"site": campaign.site.name}
            if campaign.site.icon_url
            else _("Empty: the browser shows its own.")
        )
        self.helper = helper()
        self.helper.layout = self.layout()

    def layout(self) -> Layout:
        return Layout("name", *self.parts())

    def parts(self) -> list[Any]:
        """All but the name, which only the team sees."""
        return [
            "title",
            "body",
            "url",
            HTML('{% include "campaigns/compose_opens.html" %}'),
            "image",
            Div(
                HTML('{% include "campaigns/compose_buttons_head.html" %}'),
                Row("action1_title", "action1_url"),
                Row("action2_title", "action2_url"),
                css_class="field compose-buttons",
            ),
            More(gettext_lazy("Icon and badge"), "about_icons", Row("icon", "badge")),
            More(gettext_lazy("Delivery details"), "about_delivery", Row("keep", "ttl"), "urgency"),
            More(
                gettext_lazy("UTM parameters"),
                "about_utm",
                Row("utm_source", "utm_medium", "utm_campaign"),
            ),
        ]

    def about_icons(self) -> str:
        own = [name for name in ("icon", "badge") if self[name].value()]
        return _("your own") if own else _("the site's icon, no badge")

    def about_delivery(self) -> str:
        urgency = dict(Message.Urgency.choices).get(str(self["urgency"].value()), "")
        return f"{self.kept()} · {urgency}"

    def kept(self) -> str:
        """How long a push service keeps it for a device that is offline, in words."""
        chosen = str(self["keep"].value())
        if chosen == CUSTOM:
            return _("%(count)s seconds") % {"count": self["ttl"].value() or "?"}
        return str(dict(KEEP).get(chosen, ""))

    def about_utm(self) -> str:
        named = [str(self[name].value() or "") for name in UTM]
        return ", ".join(filter(None, named)) or _("none are added")

    def clean_name(self) -> str:
        return content.text(self.cleaned_data["name"], longest=drafting.LONGEST_NAME)

    def clean(self) -> None:
        for number in (1, 2):
            self._clean_button(f"action{number}_title", f"action{number}_url")
        custom = self.cleaned_data.get("keep") == CUSTOM and "ttl" not in self.errors
        if custom and self.cleaned_data.get("ttl") is None:
            self.add_error("ttl", _("Say how many seconds, from 0 to 2,419,200 (4 weeks)."))

    def _clean_button(self, title: str, url: str) -> None:
        """Both or neither: a button without words, or that leads nowhere, is no button."""
        if title in self.errors or url in self.errors:
            return
        if self.cleaned_data[title] and not self.cleaned_data[url]:
            self.add_error(url, _("Say what this button opens."))
        elif self.cleaned_data[url] and not self.cleaned_data[title]:
            self.add_error(title, _("Say what stands on this button."))

    def fields_of_message(self) -> dict[str, Any]:
        """What is valid, as `drafting.edit_message` takes it; what is not valid is left out."""
        clean = self.cleaned_data
        fields = {name: clean[name] for name in PLAIN if name in clean}
        self._add_actions(fields)
        if clean.get("keep") and clean["keep"] != CUSTOM:
            fields["ttl"] = int(clean["keep"])
        elif clean.get("keep") and clean.get("ttl") is not None:
            fields["ttl"] = clean["ttl"]
        if clean.get("urgency"):
            fields["urgency"] = clean["urgency"]
        if "name" in clean and fields.get("utm_campaign") == drafting.utm_of(self.initial["name"]):
            # It follows the name until somebody gives it another.
            fields["utm_campaign"] = drafting.utm_of(clean["name"])
        return fields

    def _add_actions(self, fields: dict[str, Any]) -> None:
        if any(name in self.errors for name in BUTTONS):
            return
        pairs = [(f"action{number}_title", f"action{number}_url") for number in (1, 2)]
        fields["actions"] = [
            {"title": self.cleaned_data[title], "url": self.cleaned_data[url]}
            for title, url in pairs
            if self.cleaned_data.get(title)
        ]

    def add_refusal(self, errors: dict[str, list[str]]) -> None:
        """Put what `drafting` refused beside the fields that it is about."""
        for name, sentences in errors.items():
            field = name if name in self.fields else "action1_title"
            for sentence in sentences:
                self.add_error(field, sentence)


class RevisionForm(MessageForm):
    """The message of a campaign that is going out. It keeps its name."""

    def __init__(self, campaign: Campaign, message: Message, data: Any = None) -> None:
        super().__init__(campaign, message, data)
        del self.fields["name"]

    def layout(self) -> Layout:
        return Layout(*self.parts())

    def clean(self) -> None:
        super().clean()
        for name, sentence in drafting.needed(_("It is going out.")).items():
            if name not in self.errors and not self.cleaned_data.get(name):
                self.add_error(name, sentence)


UTM = ("utm_source", "utm_medium", "utm_campaign")
PLAIN = ("title", "body", "url", "icon", "image", "badge", *UTM)
BUTTONS = ("action1_title", "action1_url", "action2_title", "action2_url")


def initial_of(campaign: Campaign, message: Message) -> dict[str, Any]:
    """The form's values for what is stored."""
    keep = str(message.ttl) if str(message.ttl) in dict(KEEP) else CUSTOM
    initial: dict[str, Any] = {name: getattr(message, name) for name in (*PLAIN, "urgency")}
    initial |= {"name": campaign.name, "keep": keep}
    if keep == CUSTOM:
        initial["ttl"] = message.ttl
    for number, action in enumerate(message.actions, start=1):
        initial[f"action{number}_title"] = action["title"]
        initial[f"action{number}_url"] = action["url"]
    return initial
