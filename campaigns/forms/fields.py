"""The fields that forms of a message are made of, and how groups of them are laid out."""

from __future__ import annotations

import re
from typing import Any

from crispy_forms.layout import Div
from django import forms
from django.template.loader import render_to_string
from django.utils.functional import Promise

from campaigns import content, coupons

BARE_HOST = re.compile(r"[\w-]+(\.[\w-]+)+([/?#].*)?")


def checked(kind: str, value: str, names: content.Names) -> str:
    """A text of a message, cleaned as `content` does. ValidationError, with the place of faults."""
    if kind == "coupon":
        return str(coupons.checked({"code": value}).get("code", ""))
    if kind in {"action title", "action url"}:
        part = kind.removeprefix("action ")
        button = {"title": "", "url": "", part: value}
        return content.actions([button], names, partly=True)[0][part]
    return str(content.CHECKS["utm_source" if kind == "utm" else kind](value, names))


class TextField(forms.CharField):
    """Text that `content` accepts; its sentence, when it does not.

    `names` says what Liquid in it may name: forms give it their site's.
    """

    def __init__(self, kind: str, **options: Any) -> None:
        self.kind = kind
        self.names = content.Names()
        super().__init__(required=False, strip=False, **options)

    def clean(self, value: Any) -> str:
        return checked(self.kind, super().clean(value), self.names)


class AddressField(forms.CharField):
    """An address that `content` accepts; https:// is added to a bare "shop.example/sale"."""

    def __init__(self, kind: str, **options: Any) -> None:
        self.kind = kind
        self.names = content.Names()
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
        return checked(self.kind, text, self.names)


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


class Beside(Div):  # type: ignore[misc]
    """A field of a translation, with what the site's own language says beside it."""

    def __init__(self, name: str, base: str, language: str) -> None:
        super().__init__(name)
        self.base = base
        self.language = language

    def render(self, form: Any, context: Any, template_pack: str = "", **options: Any) -> str:
        return render_to_string(
            "campaigns/compose_beside.html",
            {
                "field": self.get_rendered_fields(form, context, template_pack, **options),
                "label": form.fields[self.fields[0]].label,
                "base": self.base,
                "language": self.language,
            },
        )
