"""What is known of a person."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.db.models import BooleanField, Func, Q, TextField, Value
from django.db.models.functions import Cast, Concat
from django.utils.dateformat import format as formatted
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Site
from audiences import shapes
from audiences.catalogue import kinds
from audiences.catalogue.base import Args, Clause, Field, Names, Op, Scope
from audiences.models import ListMember, StaticList
from audiences.shapes import Param
from subscribers.models import Subscription

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

PERSON = gettext_lazy("Person")
BUCKETS = 10_000
# Django casts what is compared to the column's type, which cuts it: no value may be longer.
ARRAY_VALUES = {"values": Param("texts", shapes.many(shapes.text(64)))}
ARRAY_OPS = {key: Op(op.label, ARRAY_VALUES) for key, op in kinds.LIST_OPS.items()}


def of_array(
    key: str, label: _StrPromise, has: _StrPromise, has_not: _StrPromise, has_all: _StrPromise
) -> Field:
    """A list of texts that every person has, if only an empty one."""
    column = f"subscriber__{key}s"

    def asks(op: str, args: Args, _scope: Scope) -> Q:
        if op == "all_of":
            return Q(**{f"{column}__contains": args["values"]})
        found = Q(**{f"{column}__overlap": args["values"]})
        return ~found if op == "none_of" else found

    def says(op: str, args: Args, _names: Names) -> Clause:
        text = {"any_of": has, "none_of": has_not, "all_of": has_all}[op]
        if op == "all_of":
            return Clause(str(text), {"values": (_(" and ").join(args["values"]),)})
        return Clause(str(text), {"values": tuple(args["values"])})

    def knows(_args: Args, device: Subscription, _scope: Scope) -> str:
        return ", ".join(getattr(device.subscriber, f"{key}s"))

    return Field(key, label, PERSON, ARRAY_OPS, asks, says, knows)


def of_moment(
    key: str, label: _StrPromise, group: _StrPromise, column: str, words: _StrPromise
) -> Field:
    """A moment that is always known. `words` come before "within the last …"."""
    ops = kinds.DATE_OPS if key == "last_seen" else {**kinds.DATE_OPS, **kinds.ANNIVERSARY}

    def asks(op: str, args: Args, scope: Scope) -> Q:
        return kinds.moment_q(column, op, args, scope)

    def says(op: str, args: Args, _names: Names) -> Clause:
        return Clause(f"{words} {kinds.dated(op)}", kinds.date_parts(args))

    def knows(_args: Args, device: Subscription, scope: Scope) -> str:
        holder: Any = device
        for step in column.split("__"):
            holder = getattr(holder, step)
        return formatted(holder.astimezone(scope.site.zone), "j M Y H:i")

    return Field(key, label, group, ops, asks, says, knows)


def of_attribute(
    kind: str,
    ops: Mapping[str, Op],
    asks_kind: Callable[[Func, str, Args, Scope], Q],
    says_kind: Callable[[str, Args], Clause],
) -> Field:
    """Attributes of one kind: the name is a parameter."""

    def asks(op: str, args: Args, scope: Scope) -> Q:
        reader = "text" if kind == "boolean" else kind
        read = kinds.of_json(reader, "subscriber__attributes", args["name"])
        return asks_kind(read, op, args, scope)

    def says(op: str, args: Args, _names: Names) -> Clause:
        if op in kinds.IS_SET:
            known, unknown = _("whose {name} is known"), _("whose {name} is {not_} known")
            clause = Clause(known if op == "is_set" else unknown)
        else:
            clause = says_kind(op, args)
        return Clause(clause.text, {"name": (args["name"],), **clause.parts})

    def knows(args: Args, device: Subscription, _scope: Scope) -> str:
        value = device.subscriber.attributes.get(args["name"], "")
        if isinstance(value, bool):
            return _("yes") if value else _("no")
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

    return Field(
        key=f"attribute_{kind}",
        label=ATTRIBUTE_LABELS[kind],
        group=gettext_lazy("Attribute"),
        ops={**ops, **kinds.IS_SET},
        asks=asks,
        says=says,
        knows=knows,
        params={"name": Param("attribute", shapes.text(64))},
    )


ATTRIBUTE_LABELS = {
    "text": gettext_lazy("Attribute: text"),
    "number": gettext_lazy("Attribute: number"),
    "boolean": gettext_lazy("Attribute: yes or no"),
    "date": gettext_lazy("Attribute: date"),
    "list": gettext_lazy("Attribute: list"),
}


def boolean_q(expression: Func, op: str, _args: Args, _scope: Scope) -> Q:
    if op in kinds.IS_SET:
        known = kinds.any_text(expression, "any_of", ["true", "false"])
        return known if op == "is_set" else ~known
    return kinds.any_text(expression, "any_of", ["true" if op == "is_true" else "false"])


def says_text(op: str, args: Args) -> Clause:
    text = {
        "any_of": _("whose {name} is {values}"),
        "none_of": _("whose {name} is {not_} {values}"),
        "contains": _("whose {name} contains {values}"),
        "starts_with": _("whose {name} starts with {values}"),
    }[op]
    return Clause(text, {"values": tuple(args["values"])})


def says_number(op: str, args: Args) -> Clause:
    return Clause(f"{_('whose {name} is')} {kinds.compared(op)}", kinds.number_parts(args))


def says_boolean(op: str, _args: Args) -> Clause:
    return Clause(_("whose {name} is yes") if op == "is_true" else _("whose {name} is no"))


def says_date(op: str, args: Args) -> Clause:
    return Clause(f"{_('whose {name} is')} {kinds.dated(op)}", kinds.date_parts(args))


def says_list(op: str, args: Args) -> Clause:
    text = {
        "any_of": _("whose {name} include {values}"),
        "all_of": _("whose {name} include all of {values}"),
        "none_of": _("whose {name} do {not_} include {values}"),
    }[op]
    if op == "all_of":
        return Clause(text, {"values": (_(" and ").join(args["values"]),)})
    return Clause(text, {"values": tuple(args["values"])})


def identified(op: str, _args: Args, _scope: Scope) -> Q:
    unknown = Q(subscriber__external_id="")
    return ~unknown if op == "is_true" else unknown


def says_identified(op: str, _args: Args, _names: Names) -> Clause:
    if op == "is_true":
        return Clause(_("whom your site knows by an id"))
    return Clause(_("whom your site does {not_} know by an id"))


def in_bucket(_op: str, args: Args, _scope: Scope) -> Q:
    """The person's number from 0 to 9999: the first 4 bytes of MD5("salt:id"), modulo 10,000."""
    named = Concat(
        Value(f"{args['salt']}:"), Cast("subscriber_id", TextField()), output_field=TextField()
    )
    number = f"mod(('x' || left(md5(%(expressions)s), 8))::bit(32)::bigint, {BUCKETS})"
    # A range, as two comparisons would compute the number twice.
    between = f"{number} <@ int8range({int(args['low'])}, {int(args['high'])}, '[]')"
    return Q(Func(named, template=between, output_field=BooleanField()))


def bucket_of(subscriber_id: object, salt: str) -> int:
    """What `in_bucket` computes, for one person."""
    digest = hashlib.md5(f"{salt}:{subscriber_id}".encode(), usedforsecurity=False).hexdigest()
    return int(digest[:8], 16) % BUCKETS


def says_bucket(_op: str, args: Args, _names: Names) -> Clause:
    share = (args["high"] - args["low"] + 1) / (BUCKETS / 100)
    parts = {
        "share": (f"{share:g} %",),
        "low": (str(args["low"]),),
        "high": (str(args["high"]),),
        "salt": (args["salt"],),
    }
    return Clause(_("who are among a random {share} ({salt}, {low} to {high})"), parts)


def on_list(op: str, args: Args, scope: Scope) -> Q:
    members = ListMember.objects.filter(
        list__in=args["values"], list__site=scope.site, removed=None
    )
    found = Q(subscriber_id__in=scope.among(members).values("subscriber_id"))
    return ~found if op == "none_of" else found


def says_list_of_people(op: str, args: Args, names: Names) -> Clause:
    values = tuple(names.get(value, value) for value in args["values"])
    text = _("who are on the list {values}")
    return Clause(
        text if op == "any_of" else _("who are {not_} on the list {values}"), {"values": values}
    )


def list_names(site: Site, ids: Iterable[str]) -> Names:
    found = StaticList.objects.filter(site=site, pk__in=list(ids)).values_list("pk", "name")
    return {str(pk): name for pk, name in found}


def lists_of(_args: Args, device: Subscription, scope: Scope) -> str:
    on = StaticList.objects.filter(
        site=scope.site,
        members__subscriber=device.subscriber_id,
        members__removed=None,
    )
    return ", ".join(on.order_by("name").values_list("name", flat=True))


FIELDS = (
    of_array(
        "tag",
        gettext_lazy("Tag"),
        gettext_lazy("who have the tag {values}"),
        gettext_lazy("who do {not_} have the tag {values}"),
        gettext_lazy("who have all the tags {values}"),
    ),
    of_array(
        "topic",
        gettext_lazy("Topic"),
        gettext_lazy("who subscribe to {values}"),
        gettext_lazy("who do {not_} subscribe to {values}"),
        gettext_lazy("who subscribe to all of {values}"),
    ),
    of_attribute(
        "text",
        kinds.TEXT_OPS,
        lambda read, op, args, _scope: kinds.text_q(read, op, args),
        says_text,
    ),
    of_attribute(
        "number",
        kinds.COMPARE_OPS,
        lambda read, op, args, _scope: kinds.number_q(read, op, args),
        says_number,
    ),
    of_attribute("boolean", kinds.BOOLEAN_OPS, boolean_q, says_boolean),
    of_attribute(
        "date",
        {**kinds.DATE_OPS, **kinds.WITHIN_NEXT, **kinds.ANNIVERSARY},
        kinds.day_q,
        says_date,
    ),
    of_attribute(
        "list",
        kinds.LIST_OPS,
        lambda read, op, args, _scope: kinds.list_q(read, op, args),
        says_list,
    ),
    Field(
        key="identified",
        label=gettext_lazy("Known by an id"),
        group=PERSON,
        ops=kinds.BOOLEAN_OPS,
        asks=identified,
        says=says_identified,
        knows=lambda _args, device, _scope: device.subscriber.external_id,
    ),
    of_moment(
        "first_seen",
        gettext_lazy("First seen"),
        PERSON,
        "subscriber__created_at",
        gettext_lazy("who were first seen"),
    ),
    of_moment(
        "last_seen",
        gettext_lazy("Last seen"),
        PERSON,
        "subscriber__last_seen_at",
        gettext_lazy("who were last seen"),
    ),
    Field(
        key="list",
        label=gettext_lazy("List"),
        group=PERSON,
        ops={key: Op(op.label, kinds.IDS) for key, op in kinds.CHOICE_OPS.items()},
        asks=on_list,
        says=says_list_of_people,
        knows=lists_of,
        names=list_names,
    ),
    Field(
        key="bucket",
        label=gettext_lazy("Random share"),
        group=PERSON,
        ops={
            "between": Op(
                gettext_lazy("is between"),
                {
                    "low": Param("whole", shapes.whole(0, BUCKETS - 1)),
                    "high": Param("whole", shapes.whole(0, BUCKETS - 1)),
                    "salt": Param("salt", shapes.text(40)),
                },
            )
        },
        asks=in_bucket,
        says=says_bucket,
        knows=lambda args, device, _scope: str(bucket_of(device.subscriber_id, args["salt"])),
        help=gettext_lazy(
            "Everybody has a number from 0 to 9999 that stays the same for the same word; "
            "another word deals the numbers anew."
        ),
    ),
)
