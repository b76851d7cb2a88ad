"""What lies in the cart of a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import BooleanField, F, Func, Q, QuerySet, TextField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audiences import shapes
from audiences.catalogue import behaviour, kinds
from audiences.catalogue.base import Args, Clause, Field, Names, Op, Scope
from audiences.catalogue.behaviour import people
from audiences.shapes import Param
from subscribers.models import Cart, Subscription

CART = gettext_lazy("Cart")
MINUTES = {"minutes": Param("minutes", shapes.whole(0, shapes.MOST_MINUTES))}


def carts(scope: Scope) -> QuerySet[Cart]:
    """Open ones, as they are now: of what a cart was before nothing is kept."""
    return scope.among(Cart.objects.filter(site=scope.site, state=Cart.State.OPEN))


def cart_open(op: str, _args: Args, scope: Scope) -> Q:
    found = people(carts(scope))
    return found if op == "is_true" else ~found


def cart_value(op: str, args: Args, scope: Scope) -> Q:
    if op == "not_equals":
        return ~cart_value("equals", args, scope)
    return people(carts(scope).filter(kinds.number_q(F("value"), op, args)))


def cart_idle(op: str, args: Args, scope: Scope) -> Q:
    since = scope.now - timedelta(minutes=args["minutes"])
    wanted = Q(updated_at__lte=since) if op == "at_least" else Q(updated_at__gt=since)
    return people(carts(scope).filter(wanted))


def cart_product(op: str, args: Args, scope: Scope) -> Q:
    if op == "none_of":
        return ~cart_product("any_of", args, scope)
    if op == "any_of":
        held = (holds_product(value) for value in args["values"])
        return people(carts(scope).filter(reduce(or_, held)))
    return people(carts(scope).filter(holds_like(args["values"])))


def holds_product(value: str) -> Q:
    """An item whose product or name is the value."""
    return Q(items__contains=[{"product": value}]) | Q(items__contains=[{"name": value}])


WORDS = """$[*].keyvalue() ? (@.key == "product" || @.key == "name").value"""


def holds_like(values: list[str]) -> Q:
    """An item whose product or name contains any of the values, whatever the case."""
    word: Func = Func(template="word #>> '{}'", output_field=TextField())
    exists: Func = Func(
        F("items"),
        kinds.like_any(word, "contains", values),
        template="EXISTS (SELECT FROM jsonb_path_query(%(expressions)s)",
        arg_joiner=f", '{WORDS}', '{{}}', true) AS word WHERE ",
        output_field=BooleanField(),
    )
    return Q(exists)


def says_cart_open(op: str, _args: Args, _names: Names) -> Clause:
    return Clause(
        _("who have an open cart") if op == "is_true" else _("who do {not_} have an open cart")
    )


def says_cart_value(op: str, args: Args, _names: Names) -> Clause:
    if op == "not_equals":
        return Clause(_("whose cart is {not_} worth {value}"), kinds.number_parts(args))
    return Clause(f"{_('whose cart is worth')} {kinds.compared(op)}", kinds.number_parts(args))


def says_cart_idle(op: str, args: Args, _names: Names) -> Clause:
    least, less = (
        _("whose cart has lain for at least {time}"),
        _("whose cart has lain for less than {time}"),
    )
    return Clause(least if op == "at_least" else less, {"time": (shown_minutes(args["minutes"]),)})


def shown_minutes(minutes: int) -> str:
    """In the largest unit that divides it."""
    for size, one, several in (
        (1440, "%(n)d day", "%(n)d days"),
        (60, "%(n)d hour", "%(n)d hours"),
    ):
        if minutes and minutes % size == 0:
            return ngettext(one, several, minutes // size) % {"n": minutes // size}
    return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}


def says_cart_product(op: str, args: Args, _names: Names) -> Clause:
    text = {
        "any_of": _("who have {values} in the cart"),
        "none_of": _("who do {not_} have {values} in the cart"),
        "contains": _("who have something like {values} in the cart"),
    }[op]
    return Clause(text, {"values": tuple(args["values"])})


def known_cart(_args: Args, device: Subscription, scope: Scope) -> str:
    cart = Cart.objects.filter(subscriber=device.subscriber_id, state=Cart.State.OPEN).first()
    if cart is None:
        return _("no open cart")
    products = [str(item.get("name") or item.get("product") or "") for item in cart.items]
    worth = (
        "" if cart.value is None else f"{kinds.shown_number(cart.value)} {cart.currency}".strip()
    )
    return ", ".join(
        part for part in (*products[:5], worth, behaviour.shown(cart.updated_at, scope)) if part
    )


def cart_field(key: str, label: Any, ops: Mapping[str, Op], asks: Any, says: Any) -> Field:
    return Field(key, label, CART, ops, asks, says, known_cart)


FIELDS = (
    cart_field(
        "cart_open", gettext_lazy("Open cart"), kinds.BOOLEAN_OPS, cart_open, says_cart_open
    ),
    cart_field(
        "cart_value", gettext_lazy("Cart: value"), kinds.COMPARE_OPS, cart_value, says_cart_value
    ),
    cart_field(
        "cart_idle",
        gettext_lazy("Cart: untouched"),
        {
            "at_least": Op(gettext_lazy("for at least"), MINUTES),
            "less_than": Op(gettext_lazy("for less than"), MINUTES),
        },
        cart_idle,
        says_cart_idle,
    ),
    cart_field(
        "cart_product",
        gettext_lazy("Cart: product"),
        {key: kinds.TEXT_OPS[key] for key in ("any_of", "none_of", "contains")},
        cart_product,
        says_cart_product,
    ),
)
