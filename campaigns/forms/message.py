"""The message of a campaign, as a marketer writes it: one cell of it, and what all cells share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from crispy_forms.layout import Layout
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.forms.base import helper
from campaigns import cells, content, drafting, scheduling
from campaigns.cells import FIRST, Cell
from campaigns.forms.apps import AppsPart, OptionField
from campaigns.forms.delivery import DeliveryPart
from campaigns.forms.experiment import ExperimentPart
from campaigns.forms.fields import AddressField, More, TextField
from campaigns.forms.words import WordsPart
from campaigns.models import Campaign, Message


class MessageForm(WordsPart, AppsPart, DeliveryPart, ExperimentPart):
    """A cell of a campaign's message, with what no cell has of its own.

    Nothing but the name is required: a draft may be unfinished. `change` has what is valid, also
    when the rest is not.

    `cell` says which cell is shown; what is posted names its own. `held` is what was written in
    other cells and not stored yet, where nothing is stored by looking at another one: it is posted
    as JSON and comes back with the next answer.
    """

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=drafting.LONGEST_NAME,
        error_messages={"required": gettext_lazy("Give it a name. Only your team sees it.")},
        widget=forms.TextInput(
            attrs={"data-hint": gettext_lazy("Only your team sees it"), "autocomplete": "off"}
        ),
    )
    named = True

    def __init__(
        self,
        campaign: Campaign,
        message: Message,
        data: Any = None,
        *,
        cell: Cell = FIRST,
        held: Mapping[str, Any] | None = None,
    ) -> None:
        self.campaign = campaign
        self.held = dict(held or {})
        self.wrong_cell = ""
        if data is not None:
            self.held |= _held(data.get("held", ""))
        self.stored = message
        self.message = cells.applied(message, self.held)
        self.cell = cell
        if data is not None and data.get("cell"):
            self.cell = cells.parse(data["cell"], self.message)
            self.wrong_cell = data["cell"] if str(self.cell) != data["cell"] else ""
        super().__init__(data, initial={"name": campaign.name})
        if not self.named:
            del self.fields["name"]
        self.add_words()
        self.add_apps()
        self.add_delivery()
        self.add_experiment(fixed=campaign.state not in Campaign.EDITABLE)
        names = content.Names(campaign.site)
        for field in self.fields.values():
            if isinstance(field, TextField | AddressField | OptionField):
                field.names = names
        self.helper = helper()
        self.helper.layout = Layout(*self.parts())

    def parts(self) -> list[Any]:
        """The form from top to bottom."""
        return [
            *(["name"] if self.named else []),
            *self.words_layout(),
            *self.apps_layout(),
            More(gettext_lazy("Test"), "about_test", *self.experiment_layout()),
            *self.delivery_layout(),
        ]

    def clean_name(self) -> str:
        return content.text(self.cleaned_data["name"], longest=drafting.LONGEST_NAME)

    def clean(self) -> None:
        if self.wrong_cell:
            self.add_error(None, _GONE % {"cell": self.wrong_cell[:20]})
        self.clean_buttons()
        self.clean_ttl_chosen()
        self.clean_weights()
        expires = self.cleaned_data.get("coupon_expires")
        if expires and expires.year not in scheduling.YEARS:
            self.add_error("coupon_expires", _("Choose a time in the years 2000 to 2099."))

    def change(self, message: Message) -> dict[str, Any]:
        """What is valid, made to fields of the message as it stands now (`drafting.Change`)."""
        draft = cells.applied(message, self.held)
        if self.cell.variant >= cells.count(draft):
            raise ValidationError({"title": [_GONE % {"cell": self.cell.letter}]})
        found = {**self.held, **self.delivery(), **self.app()}
        found |= cells.written(draft, self.cell, self.words())
        draft = cells.applied(draft, found)
        weights = self.weights()
        if weights and len(weights) == cells.count(draft):
            found |= cells.weighed(draft, weights)
        return found

    def shown(self) -> Message:
        """The message with what is valid in the form, not stored."""
        return cells.applied(self.stored, self.change(self.stored))

    def add_refusal(self, errors: Mapping[str, list[str]]) -> None:
        """Put what `drafting` refused beside the fields that it is about."""
        for name, sentences in errors.items():
            for sentence in sentences:
                self.add_error(self._field_of(name), sentence)

    def _field_of(self, name: str) -> str | None:
        if name in self.fields:
            return name
        fields = {"actions": "action1_title", "coupon": "coupon_code", "app": "android_link"}
        return fields.get(name)


class RevisionForm(MessageForm):
    """The message of a campaign that is going out. It keeps its name."""

    named = False

    def clean(self) -> None:
        super().clean()
        if self.cell.language:
            return
        for name, sentence in drafting.needed(_("It is going out.")).items():
            if name not in self.errors and not self.cleaned_data.get(name):
                self.add_error(name, sentence)


_GONE = gettext_lazy(
    "There is no %(cell)s any more: it was removed meanwhile. What you wrote stands below and is "
    "not saved. Copy what you need, then load the page again."
)


def _held(text: str) -> dict[str, Any]:
    """What a page held, checked as if it were typed; nothing of it if it is not understood."""
    try:
        found = json.loads(text or "{}")
        return content.checked(found) if isinstance(found, dict) else {}
    except (ValueError, ValidationError, RecursionError):
        return {}
