"""What people did."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import (
    Avg,
    Count,
    F,
    Max,
    Min,
    Q,
    QuerySet,
    Sum,
    Value,
)
from django.db.models.expressions import Combinable
from django.db.models.fields import Field as Column
from django.db.models.functions import Coalesce
from django.db.models.lookups import In
from django.utils.dateformat import format as formatted
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audiences import shapes
from audiences.catalogue import kinds
from audiences.catalogue.base import Args, Clause, Field, Names, Op, Scope
from audiences.shapes import Param
from subscribers.models import Event, EventName, Subscription

BEHAVIOUR = gettext_lazy("Behaviour")
MOST_TIMES = 100_000

WINDOW = {"within": Param("window", shapes.window, required=False)}
WHERE = {"where": Param("where", shapes.where, required=False)}
NAME = {"name": Param("event", shapes.text(64))}
PROPERTY = {"property": Param("property", shapes.text(64))}
TIMES = {"count": Param("whole", shapes.whole(0, MOST_TIMES))}


def window_q(column: str, window: Mapping[str, Any], scope: Scope) -> Q:
    """A moment within a window, and never later than now: a frozen audience does not grow."""
    asked = Q(**{f"{column}__lte": scope.now})
    if "hours" in window:
        return asked & Q(**{f"{column}__gte": scope.now - timedelta(hours=window["hours"])})
    if "days" in window:
        return asked & Q(**{f"{column}__gte": scope.ago(window["days"])})
    if "from" in window:
        first, _last = kinds.days_of("on", {"date": window["from"]}, scope)
        assert first is not None  # noqa: S101 - "on" has both bounds
        asked &= Q(**{f"{column}__gte": scope.midnight(first)})
    if "to" in window:
        after, _none = kinds.days_of("after", {"date": window["to"]}, scope)
        assert after is not None  # noqa: S101 - "after" has a first day
        asked &= Q(**{f"{column}__lt": scope.midnight(after)})
    return asked


def events(args: Args, scope: Scope) -> QuerySet[Event]:
    """The events that a condition speaks of."""
    known = EventName.objects.filter(site=scope.site, name=args["name"])
    # The number itself, not a join: PostgreSQL then knows how many there are.
    found = Event.objects.filter(name_id=known.values_list("pk", flat=True).first() or 0)
    found = found.filter(window_q("at", args.get("within", {}), scope))
    for item in args.get("where", ()):
        found = found.filter(property_q(item))
    return scope.among(found)


def property_q(item: Args) -> Q:
    if "values" in item:
        read = kinds.of_json("text", "properties", item["property"])
        return kinds.any_text(read, item["op"], item["values"])
    return kinds.number_q(number_of(item["property"]), item["op"], item)


def number_of(name: str) -> Combinable:
    """A property as a number; NULL where it is none. What events are worth has a column."""
    return F(name) if name == "value" else kinds.of_json("number", "properties", name)


def people(found: QuerySet[Any, Any]) -> Q:
    """Those whom rows are of. Groups stay a set that is made once and looked up in: as a join, they
    are gone through for each device where the planner expects only a few of those.
    """
    ids = found.values("subscriber_id")
    if found.query.group_by is None:
        return Q(subscriber_id__in=ids)
    return kinds.held(In(F("subscriber_id"), ids.query))


def did(op: str, args: Args, scope: Scope) -> Q:
    """At least or at most so many times. "At most" is the complement of "at least one more"."""
    least = args["count"] if op == "at_least" else args["count"] + 1
    if least == 0:
        return Q()
    found: QuerySet[Any, Any] = events(args, scope)
    if least > 1:
        found = (
            found.values("subscriber_id").annotate(times=Count("number")).filter(times__gte=least)
        )
    return people(found) if op == "at_least" else ~people(found)


def says_did(op: str, args: Args, _names: Names) -> Clause:
    count = args["count"]
    if op == "at_least" and count == 1:
        text = _("who did {name}")
    elif op == "at_most" and count == 0:
        text = _("who did {not_} do {name}")
    elif op == "at_least":
        text = ngettext(
            "who did {name} at least once", "who did {name} at least {count} times", count
        )
    else:
        text = ngettext(
            "who did {name} at most once", "who did {name} at most {count} times", count
        )
    return with_details(
        text, {"name": (shown_event(args["name"]),), "count": (f"{count:,}",)}, args
    )


def shown_event(name: str) -> str:
    """Such as "product viewed" for "product_viewed"."""
    return name.replace("_", " ")


def with_details(text: str, parts: Mapping[str, tuple[str, ...]], args: Args) -> Clause:
    """The clause with its window and its conditions on properties."""
    parts = dict(parts)
    for number, item in enumerate(args.get("where", ())):
        text = f"{text} {_('with')} {{property_{number}}} {property_words(item, number)}"
        parts[f"property_{number}"] = (item["property"],)
        parts[f"values_{number}"] = (
            tuple(item["values"]) if "values" in item else (kinds.shown_number(item["value"]),)
        )
    window = args.get("within", {})
    if "hours" in window:
        hours = window["hours"]
        parts["hours"] = (ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours},)
        return Clause(f"{text} {_('in the last {hours}')}", parts)
    if "days" in window:
        parts["days"] = (kinds.shown_days(window["days"]),)
        return Clause(f"{text} {_('in the last {days}')}", parts)
    words = {
        ("from", "to"): _("from {from} to {to}"),
        ("from",): _("since {from}"),
        ("to",): _("until {to}"),
    }
    for key in ("from", "to"):
        if key in window:
            parts[key] = (kinds.shown_day(window[key]),)
    tail = words.get(tuple(key for key in ("from", "to") if key in window), "")
    return Clause(f"{text} {tail}".rstrip(), parts)


def property_words(item: Args, number: int) -> str:
    words = {
        "any_of": "{value}",
        "none_of": _("{not_} {value}"),
        "contains": _("containing {value}"),
        "equals": "{value}",
        "more_than": _("more than {value}"),
        "at_least": _("at least {value}"),
        "less_than": _("less than {value}"),
        "at_most": _("at most {value}"),
    }[item["op"]]
    return words.replace("{value}", f"{{values_{number}}}")


def known_events(args: Args, device: Subscription, scope: Scope) -> str:
    """How often, and when for the last time."""
    mine = events(args, Scope(scope.site, scope.now, (device.subscriber_id,)))
    found = mine.aggregate(times=Count("number"), last=Max("at"))
    if not found["times"]:
        return _("never")
    times = ngettext("%(n)s time", "%(n)s times", found["times"]) % {"n": f"{found['times']:,}"}
    return _("%(times)s, last %(when)s") % {"times": times, "when": shown(found["last"], scope)}


def shown(moment: Any, scope: Scope) -> str:
    return formatted(moment.astimezone(scope.site.zone), "j M Y H:i") if moment else ""


def first_or_last(which: str) -> Field:
    """The first or the last time of an event."""
    aggregate, label, words = {
        "first": (
            Min,
            gettext_lazy("Event: first time"),
            gettext_lazy("who did {name} for the first time"),
        ),
        "last": (
            Max,
            gettext_lazy("Event: last time"),
            gettext_lazy("who did {name} for the last time"),
        ),
    }[which]

    def asks(op: str, args: Args, scope: Scope) -> Q:
        found = events(args, scope)
        if which == "last" and op == "within_last":
            # The same, and it need not read what is older.
            return people(found.filter(at__gte=scope.ago(args["days"])))
        grouped = found.values("subscriber_id").annotate(moment=aggregate("at"))
        return people(grouped.filter(kinds.moment_q("moment", op, args, scope)))

    def says(op: str, args: Args, _names: Names) -> Clause:
        parts = {"name": (shown_event(args["name"]),), **kinds.date_parts(args)}
        return with_details(f"{words} {kinds.dated(op)}", parts, args)

    def knows(args: Args, device: Subscription, scope: Scope) -> str:
        mine = events(args, Scope(scope.site, scope.now, (device.subscriber_id,)))
        return shown(mine.aggregate(moment=aggregate("at"))["moment"], scope) or _("never")

    return Field(
        key=f"event_{which}",
        label=label,
        group=BEHAVIOUR,
        ops=kinds.DATE_OPS,
        asks=asks,
        says=says,
        knows=knows,
        params={**NAME, **WHERE},
    )


def summed(which: str) -> Field:
    """The sum or the average of a numeric property. The sum of nothing is 0."""
    aggregate, label, words = {
        "sum": (
            Sum,
            gettext_lazy("Event: sum of a property"),
            gettext_lazy("whose sum of {property} in {name} is"),
        ),
        "average": (
            Avg,
            gettext_lazy("Event: average of a property"),
            gettext_lazy("whose average {property} in {name} is"),
        ),
    }[which]

    def figure(args: Args) -> Any:
        return aggregate(number_of(args["property"]), output_field=Column())

    def asks(op: str, args: Args, scope: Scope) -> Q:
        if op == "not_equals":
            return ~asks("equals", args, scope)
        total = (
            Coalesce(figure(args), Value(Decimal(0)), output_field=Column())
            if which == "sum"
            else figure(args)
        )
        grouped = events(args, scope).values("subscriber_id").annotate(figure=total)
        holds = kinds.number_q(F("figure"), op, args)
        if which == "sum" and kinds.compares(Decimal(0), op, args):
            # Holds for those without such an event, so those are named for whom it does not hold.
            return ~people(grouped.filter(~holds))
        return people(grouped.filter(holds))

    def says(op: str, args: Args, _names: Names) -> Clause:
        parts = {
            "name": (shown_event(args["name"]),),
            "property": (args["property"],),
            **kinds.number_parts(args),
        }
        return with_details(f"{words} {kinds.compared(op)}", parts, args)

    def knows(args: Args, device: Subscription, scope: Scope) -> str:
        mine = events(args, Scope(scope.site, scope.now, (device.subscriber_id,)))
        found = mine.aggregate(figure=figure(args))["figure"]
        if found is None:
            return "0" if which == "sum" else _("never")
        return kinds.shown_number(found)

    return Field(
        key=f"event_{which}",
        label=label,
        group=BEHAVIOUR,
        ops=kinds.COMPARE_OPS,
        asks=asks,
        says=says,
        knows=knows,
        params={**NAME, **PROPERTY, **WINDOW, **WHERE},
    )


FIELDS = (
    Field(
        key="event",
        label=gettext_lazy("Event"),
        group=BEHAVIOUR,
        ops={
            "at_least": Op(gettext_lazy("done at least"), TIMES),
            "at_most": Op(gettext_lazy("done at most"), TIMES),
        },
        asks=did,
        says=says_did,
        knows=known_events,
        params={**NAME, **WINDOW, **WHERE},
    ),
    first_or_last("first"),
    first_or_last("last"),
    summed("sum"),
    summed("average"),
)
