"""A rule as a form: everyone, or conditions that must all hold."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BaseFormSet, formset_factory
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.forms.base import helper
from audiences import languages, rules
from audiences.catalogue import FIELDS
from audiences.rules import Condition, Group, Match, Rule, RuleError

MOST_CONDITIONS = 20


def split(text: str) -> list[str]:
    """Values separated by commas; one with a comma stands in double quotes."""
    try:
        rows = list(csv.reader(StringIO(text.replace("\n", ",")), skipinitialspace=True))
    except csv.Error:
        raise ValidationError(_("Separate the values by commas.")) from None
    return [value.strip() for row in rows for value in row if value.strip()]


def joined(values: tuple[str, ...]) -> str:
    """What `split` takes apart again."""
    line = StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue().replace(",", ", ") if '"' not in line.getvalue() else line.getvalue()


class ConditionForm(forms.Form):
    """One line: a field, "is any of" or "is none of", and values."""

    field = forms.ChoiceField(
        label=gettext_lazy("About"),
        choices=[(key, FIELDS[key].label) for key in ("tag", "language", "browser")],
    )
    op = forms.ChoiceField(
        label=gettext_lazy("Comparison"),
        choices=[(key, op.label) for key, op in FIELDS["browser"].ops.items()],
    )
    values = forms.CharField(
        label=gettext_lazy("Values"),
        max_length=4000,
        error_messages={"required": gettext_lazy("Name at least one value, or remove this line.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )

    def clean_values(self) -> tuple[str, ...]:
        values = split(self.cleaned_data["values"])
        if self.cleaned_data.get("field") == "language":
            values = [_language(value) for value in values]
        return tuple(values)

    def clean(self) -> None:
        if self.errors:
            return
        item = self.cleaned_data | {"values": list(self.cleaned_data["values"])}
        try:
            self.condition = rules.condition(item)
        except RuleError as error:
            self.add_error("values", error.sentence)


def _language(text: str) -> str:
    code = languages.code(text)
    if not code:
        raise ValidationError(
            _("“%(text)s” is no language that we know. Write its name or its code, such as nb.")
            % {"text": text}
        )
    return code


if TYPE_CHECKING:
    ConditionForms = BaseFormSet[ConditionForm]
else:
    ConditionForms = BaseFormSet  # takes no parameter when it runs


class Conditions(ConditionForms):
    """The lines; all of them must hold."""

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        # A line that says nothing is an error, never a line to be overlooked.
        return {"empty_permitted": False}

    def rule(self) -> Rule:
        """The rule of valid lines."""
        return Rule(Group(Match.ALL, tuple(form.condition for form in self.forms)))


ConditionFormSet = cast(
    type[Conditions],
    formset_factory(
        ConditionForm,
        formset=Conditions,
        extra=0,
        max_num=MOST_CONDITIONS,
        validate_max=True,
        absolute_max=MOST_CONDITIONS,
    ),
)


class WhoForm(forms.Form):
    """Everyone, or only those who match the conditions."""

    EVERYONE, MATCHING = "everyone", "matching"

    who = forms.ChoiceField(
        label=gettext_lazy("Who gets it"),
        choices=[
            (EVERYONE, gettext_lazy("Everyone who gave permission")),
            (MATCHING, gettext_lazy("Only those who match every condition")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose one of the two.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = helper()


def initial_line(item: Condition) -> dict[str, Any]:
    """A condition as its line shows it: languages by name."""
    shown = tuple(
        languages.label(value) if item.field == "language" else value
        for value in item.args["values"]
    )
    return {"field": item.field, "op": item.op, "values": joined(shown)}


class RuleForm:
    """The choice and its lines together.

    `data` is the POST; a button named `add` appends an empty line, one named `remove` with a line's
    number takes it away: `changed_lines` is then true, nothing is to be saved, and `focus` is the
    line that the person goes on with.
    """

    def __init__(self, rule: Rule, data: Any = None) -> None:
        self.focus: int | None = None
        self.changed_lines = False
        if data is None:
            self._show(rule)
            return
        self.who = WhoForm(data)
        lines = ConditionFormSet(data, prefix="line")
        self.changed_lines = "add" in data or "remove" in data
        if self.changed_lines:
            self._change(data, lines)
        else:
            self.lines = lines

    def _show(self, rule: Rule) -> None:
        flat = [node for node in rule.root.nodes if isinstance(node, Condition)]
        matching = bool(flat)
        self.who = WhoForm(initial={"who": WhoForm.MATCHING if matching else WhoForm.EVERYONE})
        self.lines = ConditionFormSet(
            initial=[initial_line(item) for item in flat] or [{}], prefix="line"
        )

    def _change(self, data: Any, lines: Conditions) -> None:
        """Show the lines as they were typed, one more or one fewer; not yet a reason for errors."""
        typed = [
            {name: form.data.get(form.add_prefix(name), "") for name in form.fields}
            for form in lines.forms
        ]
        if "add" in data and len(typed) < MOST_CONDITIONS:
            typed.append({})
            self.focus = len(typed) - 1
        elif str(data.get("remove", "")).isdigit() and int(data["remove"]) < len(typed):
            del typed[int(data["remove"])]
            self.focus = max(int(data["remove"]) - 1, 0) if typed else None
        self.who = WhoForm(initial={"who": WhoForm.MATCHING if typed else WhoForm.EVERYONE})
        self.lines = ConditionFormSet(initial=typed or [{}], prefix="line")

    def is_valid(self) -> bool:
        if self.changed_lines or not self.who.is_valid():
            return False
        if not self.everyone and not self.lines.forms:
            self.who.add_error("who", _("Add a condition, or choose everyone."))
            return False
        return self.everyone or self.lines.is_valid()

    @property
    def wrong(self) -> list[tuple[int, str, str]]:
        """What is wrong in which line: its number, the id of its field, the sentence."""
        if self.changed_lines or not self.who.is_bound or self.everyone:
            return []
        return [
            (number, str(line[name].id_for_label), str(sentence))
            for number, line in enumerate(self.lines.forms, start=1)
            for name, sentences in line.errors.items()
            for sentence in sentences
        ]

    @property
    def everyone(self) -> bool:
        return self.who.cleaned_data.get("who") == WhoForm.EVERYONE

    def rule(self) -> Rule:
        """The rule of a valid form."""
        return rules.EVERYONE if self.everyone else self.lines.rule()
