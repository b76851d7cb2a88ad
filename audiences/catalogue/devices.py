"""What is known of a device."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from django.db.models import F, Func, Q, TextField, Value
from django.db.models.functions import Lower
from django.db.models.lookups import In
from django.utils.translation import gettext_lazy

from audiences import countries, languages
from audiences.catalogue import kinds
from audiences.catalogue.base import Args, Clause, Field, Names, Scope
from audiences.catalogue.profile import of_moment
from audiences.catalogue.versions import APP_VERSION
from subscribers.models import Channel, Subscription

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

DEVICE = gettext_lazy("Device")


def of_device(
    key: str,
    label: _StrPromise,
    has: _StrPromise,
    has_not: _StrPromise,
    *,
    matches: Callable[[list[str]], Q] | None = None,
    shown: Callable[[str], str] = str,
    known: Callable[[Subscription], str] | None = None,
    **more: Any,
) -> Field:
    """One of several values of a device's column."""

    def asks(op: str, args: Args, _scope: Scope) -> Q:
        found = matches(args["values"]) if matches else Q(**{f"{key}__in": args["values"]})
        return ~found if op == "none_of" else found

    def says(op: str, args: Args, _names: Names) -> Clause:
        values = tuple(shown(value) for value in args["values"])
        return Clause(str(has if op == "any_of" else has_not), {"values": values})

    def knows(_args: Args, device: Subscription, _scope: Scope) -> str:
        value = known(device) if known else str(getattr(device, key))
        return shown(value) if value else ""

    return Field(key, label, DEVICE, kinds.CHOICE_OPS, asks, says, knows, **more)


def in_language(values: Iterable[str]) -> Q:
    """Exact, or a regional form of it: "en" also means "en-GB" (RFC 4647 section 3.3.1)."""
    # The language alone is read once for all of them: a million devices, a dozen values.
    plain = {value.lower() for value in values if "-" not in value}
    primary: Func = Func(
        *(F("language"), Value("-"), Value(1)), function="split_part", output_field=TextField()
    )
    asked = Q(In(Lower(primary), sorted(plain))) if plain else Q()
    for value in values:
        if "-" in value:
            asked |= Q(language__iexact=value) | Q(language__istartswith=f"{value}-")
    return asked


def in_country(values: Iterable[str]) -> Q:
    """The time zone of the device is one of that country."""
    return Q(time_zone__in=[zone for value in values for zone in countries.zones_of(value)])


def channel_label(value: str) -> str:
    known = dict(Channel.choices)
    return str(known.get(value, value))


FIELDS = (
    of_device(
        "language",
        gettext_lazy("Language"),
        gettext_lazy("whose browser is set to {values}"),
        gettext_lazy("whose browser is {not_} set to {values}"),
        matches=in_language,
        shown=languages.label,
        help=gettext_lazy("“en” also means “en-GB”."),
    ),
    of_device(
        "country",
        gettext_lazy("Country"),
        gettext_lazy("who are in {values}"),
        gettext_lazy("who are {not_} in {values}"),
        matches=in_country,
        shown=countries.label,
        known=lambda device: countries.country_of(device.time_zone),
        help=gettext_lazy("By the time zone of the device; no address is looked up."),
    ),
    of_device(
        "time_zone",
        gettext_lazy("Time zone"),
        gettext_lazy("whose time zone is {values}"),
        gettext_lazy("whose time zone is {not_} {values}"),
    ),
    of_device(
        "channel",
        gettext_lazy("Channel"),
        gettext_lazy("who are reached by {values}"),
        gettext_lazy("who are {not_} reached by {values}"),
        shown=channel_label,
    ),
    of_device(
        "browser",
        gettext_lazy("Browser"),
        gettext_lazy("who use {values}"),
        gettext_lazy("who do {not_} use {values}"),
    ),
    of_device(
        "platform",
        gettext_lazy("System"),
        gettext_lazy("whose device runs {values}"),
        gettext_lazy("whose device does {not_} run {values}"),
    ),
    APP_VERSION,
    of_moment(
        "subscribed_at",
        gettext_lazy("Subscribed"),
        DEVICE,
        "created_at",
        gettext_lazy("who subscribed"),
    ),
)
