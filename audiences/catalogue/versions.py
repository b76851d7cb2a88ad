"""Versions of apps, compared number by number: 4.9 is older than 4.10, and 4.12 is 4.12.0."""

from __future__ import annotations

import re

from django.contrib.postgres.fields import ArrayField
from django.db.models import Func, IntegerField, Q, Value
from django.db.models.functions import Cast
from django.db.models.lookups import GreaterThanOrEqual, LessThan
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audiences import shapes
from audiences.catalogue import kinds
from audiences.catalogue.base import Args, Clause, Field, Names, Op, Scope
from audiences.shapes import Param
from subscribers.models import Subscription

# The same for PostgreSQL and Python: numbers at the beginning, and zeros that say nothing.
_NUMBERS = "[0-9]{1,9}(?:[.][0-9]{1,9})*"
_ZEROS = "(?:[.]0+)+$"
_ARRAY = ArrayField(IntegerField())
_VERSION = {"version": Param("version", shapes.version)}
_OPS = {
    **kinds.CHOICE_OPS,
    "at_least": Op(gettext_lazy("is at least"), _VERSION),
    "less_than": Op(gettext_lazy("is older than"), _VERSION),
}


def numbers(version: str) -> list[int] | None:
    """[4, 12] of "4.12.0-beta"; None for what does not begin with a number."""
    found = re.match(_NUMBERS, version)
    return [int(part) for part in re.sub(_ZEROS, "", found[0]).split(".")] if found else None


def _compared(op: str, version: str) -> Q:
    known: Func = Func(
        "app_version",
        function="",
        template="string_to_array(regexp_replace("
        f"substring(%(expressions)s from '^{_NUMBERS}'), '{_ZEROS}', ''), '.')::int[]",
        output_field=_ARRAY,
    )
    asked = Cast(Value(numbers(version), output_field=_ARRAY), _ARRAY)
    lookup = GreaterThanOrEqual if op == "at_least" else LessThan
    return kinds.held(lookup(known, asked))


def _asks(op: str, args: Args, _scope: Scope) -> Q:
    if "version" in args:
        return _compared(op, args["version"])
    found = Q(app_version__in=args["values"])
    return ~found if op == "none_of" else found


def _says(op: str, args: Args, _names: Names) -> Clause:
    if op == "at_least":
        return Clause(_("whose app is {version} or newer"), {"version": (args["version"],)})
    if op == "less_than":
        return Clause(_("whose app is older than {version}"), {"version": (args["version"],)})
    text = _("whose app is {values}") if op == "any_of" else _("whose app is {not_} {values}")
    return Clause(text, {"values": tuple(args["values"])})


def _knows(_args: Args, device: Subscription, _scope: Scope) -> str:
    return device.app_version


APP_VERSION = Field(
    "app_version",
    gettext_lazy("App version"),
    gettext_lazy("Device"),
    _OPS,
    _asks,
    _says,
    _knows,
    help=gettext_lazy("Of apps alone: a browser is neither newer nor older."),
)
