"""What one variant says in one language: the words, pictures, addresses and buttons."""

from __future__ import annotations

from typing import Any

from crispy_forms.layout import HTML, Div, Row
from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Site
from audiences import languages
from campaigns import cells
from campaigns.cells import Cell
from campaigns.forms.fields import AddressField, Beside, More, TextField
from campaigns.models import Campaign, Message

TITLE_FITS = 40
BODY_FITS = 120
BUTTONS = ("action1_title", "action1_url", "action2_title", "action2_url")
# What a system shows of its own: Apple's show no picture.
SYSTEMS = {
    "windows": ("Windows", ("title", "body", "image")),
    "mac": ("macOS", ("title", "body")),
    "ios": ("iOS", ("title", "body")),
    "android": ("Android", ("title", "body", "image")),
}
LABELS = {
    "title": gettext_lazy("Title on %(system)s"),
    "body": gettext_lazy("Text on %(system)s"),
    "image": gettext_lazy("Picture on %(system)s"),
}


class WordsPart(forms.Form):
    """The part of the message's form that is one cell. `message` and `cell` are set before."""

    campaign: Campaign
    message: Message
    cell: Cell

    title = TextField(
        "title",
        label=gettext_lazy("Title"),
        widget=forms.TextInput(
            attrs={"data-counter": TITLE_FITS, "autocomplete": "off", "dir": "auto"}
        ),
    )
    body = TextField(
        "body",
        label=gettext_lazy("Text"),
        widget=forms.Textarea(attrs={"rows": 3, "data-counter": BODY_FITS, "dir": "auto"}),
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

    @property
    def site(self) -> Site:
        return self.campaign.site

    def add_words(self) -> None:
        """Make the fields those of the cell, with what it says."""
        said = cells.content(self.message, self.cell)
        for number, action in enumerate(said.get("actions") or [], start=1):
            self.initial[f"action{number}_title"] = action["title"]
            self.initial[f"action{number}_url"] = action["url"]
        for name in (*cells.TRANSLATED, "icon", "badge"):
            if name != "actions":
                self.initial[name] = said.get(name, "")
        if self.cell.language:
            del self.fields["icon"], self.fields["badge"]
            self._in_language()
        else:
            self.fields["icon"].help_text = (
                format_html(_("Empty: the icon of {site}."), site=self.site.name)
                if self.site.icon_url
                else _("Empty: the browser shows its own.")
            )
            self._add_systems(said.get("overrides") or {})

    def _in_language(self) -> None:
        """Screen readers and spelling follow the language that is written in."""
        base = cells.content(self.message, Cell(self.cell.variant))
        for name in ("title", "body"):
            self.fields[name].widget.attrs["lang"] = self.cell.language
        for name in ("url", "image"):
            if base[name]:
                self.fields[name].widget.attrs["placeholder"] = base[name]

    def _add_systems(self, overrides: dict[str, Any]) -> None:
        for system, (label, names) in SYSTEMS.items():
            for name in names:
                key = f"{system}_{name}"
                words = LABELS[name] % {"system": label}
                self.fields[key] = (
                    AddressField("image", label=words)
                    if name == "image"
                    else TextField(name, label=words, widget=forms.TextInput(attrs={"dir": "auto"}))
                )
                self.initial[key] = (overrides.get(system) or {}).get(name, "")

    def words_layout(self) -> list[Any]:
        buttons = Div(
            HTML('{% include "campaigns/compose_buttons_head.html" %}'),
            Row("action1_title", "action1_url"),
            Row("action2_title", "action2_url"),
            css_class="field compose-buttons",
        )
        insert = HTML('{% include "campaigns/compose_insert.html" %}')
        opens = HTML('{% include "campaigns/compose_opens.html" %}')
        picture = HTML('{% include "campaigns/compose_picture.html" %}')
        if self.cell.language:
            beside = [self._beside(name) for name in ("title", "body")]
            return [*beside, insert, "url", opens, "image", picture, buttons]
        systems = [Row(*(f"{key}_{name}" for name in SYSTEMS[key][1])) for key in SYSTEMS]
        return [
            *("title", "body", insert, "url", opens, "image", picture, buttons),
            More(gettext_lazy("Icon and badge"), "about_icons", Row("icon", "badge")),
            More(gettext_lazy("Other words on some systems"), "about_systems", *systems),
        ]

    def _beside(self, name: str) -> Beside:
        base = cells.content(self.message, Cell(self.cell.variant))
        return Beside(name, base[name], self.site.language)

    def about_icons(self) -> str:
        own = [name for name in ("icon", "badge") if self[name].value()]
        return _("your own") if own else _("the site's icon, no badge")

    def about_systems(self) -> str:
        own = [
            label
            for system, (label, names) in SYSTEMS.items()
            if any(self[f"{system}_{name}"].value() for name in names)
        ]
        return ", ".join(own) or _("the same everywhere")

    @property
    def language_name(self) -> str:
        """ "Norwegian Bokmål": the cell's language, else the site's."""
        return languages.label(self.cell.language or self.site.language)

    def clean_buttons(self) -> None:
        for number in (1, 2):
            self._clean_button(f"action{number}_title", f"action{number}_url")

    def _clean_button(self, title: str, url: str) -> None:
        """Both or neither: a button without words, or that leads nowhere, is no button."""
        if title in self.errors or url in self.errors:
            return
        if self.cleaned_data[title] and not self.cleaned_data[url]:
            self.add_error(url, _("Say what this button opens."))
        elif self.cleaned_data[url] and not self.cleaned_data[title]:
            self.add_error(title, _("Say what stands on this button."))

    def words(self) -> dict[str, Any]:
        """What is valid, as `cells.written` takes it; what is not valid is left out."""
        clean = self.cleaned_data
        plain = ("title", "body", "url", "icon", "image", "badge")
        found: dict[str, Any] = {name: clean[name] for name in plain if name in clean}
        if not any(name in self.errors for name in BUTTONS):
            pairs = [(f"action{number}_title", f"action{number}_url") for number in (1, 2)]
            found["actions"] = [
                {"title": clean[title], "url": clean[url]}
                for title, url in pairs
                if clean.get(title)
            ]
        if not self.cell.language:
            found["overrides"] = self._overrides()
        return found

    def _overrides(self) -> dict[str, Any]:
        """By system what it says instead; what was refused stays as it was."""
        before = cells.content(self.message, self.cell)["overrides"] or {}
        found = dict(before)
        for system, (_label, names) in SYSTEMS.items():
            said = dict(before.get(system) or {})
            for name in names:
                key = f"{system}_{name}"
                if key in self.cleaned_data and key in self.data:
                    said[name] = self.cleaned_data[key]
            found[system] = {name: value for name, value in said.items() if value}
        return {system: said for system, said in found.items() if said}
