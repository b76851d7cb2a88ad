"""Operators by kind of value: what they take, how they are asked, how they are said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import connection
from django.db.models import (
    BooleanField,
    DateField,
    F,
    Field,
    Func,
    JSONField,
    Q,
    TextField,
    Value,
)
from django.db.models.expressions import Combinable
from django.db.models.fields.json import HasAnyKeys, HasKeys
from django.db.models.functions import Coalesce, ExtractDay, ExtractMonth
from django.db.models.lookups import (
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IsNull,
    LessThan,
    LessThanOrEqual,
    Lookup,
)
from django.utils.dateformat import format as formatted
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audiences import shapes
from audiences.catalogue.base import Args, Op, Scope
from audiences.shapes import Param

VALUES = {"values": Param("texts", shapes.many(shapes.text(200)))}
IDS = {"values": Param("ids", shapes.many(shapes.one_id, most=50))}
VALUE = {"value": Param("number", shapes.number)}
DAYS = {"days": Param("days", shapes.whole(0, shapes.MOST_DAYS))}
DAY = {"date": Param("day", shapes.day)}

IS_SET: Mapping[str, Op] = {
    "is_set": Op(gettext_lazy("is known")),
    "is_not_set": Op(gettext_lazy("is not known")),
}
CHOICE_OPS: Mapping[str, Op] = {
    "any_of": Op(gettext_lazy("is any of"), VALUES),
    "none_of": Op(gettext_lazy("is none of"), VALUES),
}
TEXT_OPS: Mapping[str, Op] = {
    **CHOICE_OPS,
    "contains": Op(gettext_lazy("contains"), VALUES),
    "starts_with": Op(gettext_lazy("starts with"), VALUES),
}
LIST_OPS: Mapping[str, Op] = {
    "any_of": Op(gettext_lazy("includes any of"), VALUES),
    "all_of": Op(gettext_lazy("includes all of"), VALUES),
    "none_of": Op(gettext_lazy("includes none of"), VALUES),
}
COMPARE_OPS: Mapping[str, Op] = {
    "at_least": Op(gettext_lazy("is at least"), VALUE),
    "more_than": Op(gettext_lazy("is more than"), VALUE),
    "at_most": Op(gettext_lazy("is at most"), VALUE),
    "less_than": Op(gettext_lazy("is less than"), VALUE),
    "equals": Op(gettext_lazy("is exactly"), VALUE),
    "not_equals": Op(gettext_lazy("is not"), VALUE),
    "between": Op(
        gettext_lazy("is between"),
        {"low": Param("number", shapes.number), "high": Param("number", shapes.number)},
    ),
}
BOOLEAN_OPS: Mapping[str, Op] = {
    "is_true": Op(gettext_lazy("is yes")),
    "is_false": Op(gettext_lazy("is no")),
}
DATE_OPS: Mapping[str, Op] = {
    "within_last": Op(gettext_lazy("within the last"), DAYS),
    "more_than_ago": Op(gettext_lazy("more than … ago"), DAYS),
    "days_ago": Op(gettext_lazy("exactly … ago"), DAYS),
    "on": Op(gettext_lazy("on"), DAY),
    "before": Op(gettext_lazy("before"), DAY),
    "after": Op(gettext_lazy("after"), DAY),
    "between": Op(
        gettext_lazy("between"),
        {"from": Param("day", shapes.day), "to": Param("day", shapes.day)},
    ),
}
ANNIVERSARY: Mapping[str, Op] = {"anniversary": Op(gettext_lazy("has its anniversary today"))}
WITHIN_NEXT: Mapping[str, Op] = {"within_next": Op(gettext_lazy("within the next"), DAYS)}

_LOOKUPS: Mapping[str, type[Lookup[Any]]] = {
    "equals": Exact,
    "more_than": GreaterThan,
    "at_least": GreaterThanOrEqual,
    "less_than": LessThan,
    "at_most": LessThanOrEqual,
}


def held(lookup: Lookup[Any] | Func) -> Q:
    """The comparison, False where there is nothing to compare: NOT of it is then exact too."""
    return Q(Coalesce(lookup, Value(value=False)))


def of_json(reader: str, column: str, key: str) -> Func:
    """A key of a JSON column read as a text, number, date or list; NULL where it is none."""
    fields: Mapping[str, Field[Any, Any]] = {
        "text": TextField(),
        # Not DecimalField: that would round to its own places.
        "number": Field(),
        "date": DateField(),
        "list": JSONField(),
    }
    # Not KeyTransform: that takes "0" for a place in an array.
    inner = Func(F(column), Value(key), template="(%(expressions)s)", arg_joiner=" -> ")
    return Func(inner, function=f"beckon_{reader}", output_field=fields[reader])


def any_text(expression: Combinable, op: str, values: Iterable[str]) -> Q:
    """A text against any of several: any_of, contains, starts_with; none_of is their complement."""
    if op == "any_of":
        return held(In(expression, list(values)))
    if op == "none_of":
        return ~held(In(expression, list(values)))
    return held(like_any(expression, op, values))


def like_any(expression: Combinable, op: str, values: Iterable[str]) -> Func:
    """Contains or starts with any of the values, whatever the case: one comparison for them all.

    A comparison for each would take seconds to write down for as many as a rule may have. They are
    made capitals once for a statement, not once for every row.
    """
    before = "%" if op == "contains" else ""
    patterns = [f"{before}{connection.ops.prep_for_like_query(value)}%" for value in values]
    return Func(
        expression,
        Value(patterns, output_field=ArrayField(TextField())),
        template="(UPPER(%(expressions)s) pattern)::text[]))",
        arg_joiner=") LIKE ANY ((SELECT array_agg(UPPER(pattern)) FROM unnest(",
        output_field=BooleanField(),
    )


def text_q(expression: Combinable, op: str, args: Args) -> Q:
    return set_q(expression, op) or any_text(expression, op, args["values"])


def number_q(expression: Combinable, op: str, args: Args) -> Q:
    if asked := set_q(expression, op):
        return asked
    if op == "not_equals":
        return ~number_q(expression, "equals", args)
    if op == "between":
        return held(GreaterThanOrEqual(expression, decimal(args["low"]))) & held(
            LessThanOrEqual(expression, decimal(args["high"]))
        )
    return held(_LOOKUPS[op](expression, decimal(args["value"])))


def decimal(value: float) -> Decimal:
    """The number as it was written."""
    return Decimal(str(value))


def compares(number: Decimal, op: str, args: Args) -> bool:
    """What `number_q` asks, of a number at hand."""
    if op == "between":
        return decimal(args["low"]) <= number <= decimal(args["high"])
    value = decimal(args["value"])
    return {
        "equals": number == value,
        "not_equals": number != value,
        "more_than": number > value,
        "at_least": number >= value,
        "less_than": number < value,
        "at_most": number <= value,
    }[op]


def list_q(expression: Combinable, op: str, args: Args) -> Q:
    if asked := set_q(expression, op):
        return asked
    if op == "all_of":
        return held(HasKeys(expression, args["values"]))
    found = held(HasAnyKeys(expression, args["values"]))
    return ~found if op == "none_of" else found


def set_q(expression: Combinable, op: str) -> Q | None:
    return Q(IsNull(expression, op == "is_not_set")) if op in IS_SET else None


def moment_q(column: str, op: str, args: Args, scope: Scope) -> Q:
    """A moment that is always known, in whole days of the site's calendar."""
    if op == "anniversary":
        return _anniversary(F(column), scope)
    first, last = days_of(op, args, scope)
    asked = Q()
    if first is not None:
        asked &= Q(**{f"{column}__gte": scope.midnight(first)})
    if last is not None:
        asked &= Q(**{f"{column}__lt": scope.midnight(last + timedelta(days=1))})
    return asked


def days_of(op: str, args: Args, scope: Scope) -> tuple[date | None, date | None]:
    """The first and the last day that an operator means; None: no bound."""
    if "days" in args:
        back, ahead = timedelta(days=args["days"]), timedelta(days=1)
        return {
            # Not bounded by today: who was seen a moment after `now` was seen.
            "within_last": (scope.today - back, None),
            "more_than_ago": (None, scope.today - back - ahead),
            "days_ago": (scope.today - back, scope.today - back),
            "within_next": (scope.today, scope.today + back),
        }[op]
    if op == "between":
        return date.fromisoformat(args["from"]), date.fromisoformat(args["to"])
    day = date.fromisoformat(args["date"])
    one = timedelta(days=1)
    return {"on": (day, day), "before": (None, day - one), "after": (day + one, None)}[op]


def day_q(expression: Combinable, op: str, args: Args, scope: Scope) -> Q:
    """A day that may not be known."""
    if asked := set_q(expression, op):
        return asked
    if op == "anniversary":
        return _anniversary(expression, scope)
    first, last = days_of(op, args, scope)
    if op == "within_last":
        last = scope.today
    asked = Q()
    if first is not None:
        asked &= held(GreaterThanOrEqual(expression, first))
    if last is not None:
        asked &= held(LessThanOrEqual(expression, last))
    return asked


def _anniversary(expression: Any, scope: Scope) -> Q:
    """Day and month are today's. The 29th of February has its day on the 28th in other years."""
    zone: Any = None if isinstance(expression, Func) else scope.site.zone
    month, day = ExtractMonth(expression, tzinfo=zone), ExtractDay(expression, tzinfo=zone)
    days = [scope.today.day]
    if (scope.today.month, scope.today.day) == (2, 28):
        leap = (scope.today + timedelta(days=1)).month == 2
        days += [] if leap else [29]
    return held(Exact(month, scope.today.month)) & held(In(day, days))


# How operators are said, after "is", "was …" or a name.


def compared(op: str) -> str:
    """Such as "at least {value}"."""
    return {
        "equals": _("exactly {value}"),
        "not_equals": _("{not_} {value}"),
        "more_than": _("more than {value}"),
        "at_least": _("at least {value}"),
        "less_than": _("less than {value}"),
        "at_most": _("at most {value}"),
        "between": _("between {low} and {high}"),
    }[op]


def number_parts(args: Args) -> dict[str, tuple[str, ...]]:
    """The numbers of a comparison as people read them."""
    return {key: (shown_number(args[key]),) for key in ("value", "low", "high") if key in args}


def shown_number(value: float | Decimal) -> str:
    """Such as "1,200" and "12.5"."""
    text = f"{value:,}" if isinstance(value, int) else f"{decimal(float(value)):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def dated(op: str) -> str:
    """Such as "within the last {days}"."""
    return {
        "within_last": _("within the last {days}"),
        "more_than_ago": _("more than {days} ago"),
        "days_ago": _("exactly {days} ago"),
        "within_next": _("within the next {days}"),
        "on": _("on {date}"),
        "before": _("before {date}"),
        "after": _("after {date}"),
        "between": _("between {from} and {to}"),
        "anniversary": _("on this day of a year"),
    }[op]


def date_parts(args: Args) -> dict[str, tuple[str, ...]]:
    """The days of a comparison as people read them."""
    parts: dict[str, tuple[str, ...]] = {
        key: (shown_day(args[key]),) for key in ("date", "from", "to") if key in args
    }
    if "days" in args:
        parts["days"] = (shown_days(args["days"]),)
    return parts


def shown_day(day: str) -> str:
    """Such as "27 Nov 2026"."""
    return formatted(date.fromisoformat(day), "j M Y")


def shown_days(days: int) -> str:
    return ngettext("%(days)d day", "%(days)d days", days) % {"days": days}
