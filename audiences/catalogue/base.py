"""What a field of the catalogue is: its operators, how it is asked, said and shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.models import Site
from audiences.shapes import Param
from subscribers.models import Subscription

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Args = Mapping[str, Any]
Rows = TypeVar("Rows", bound=QuerySet[Any, Any])


@dataclass(frozen=True)
class Scope:
    """Of whom a rule is asked, and as of when.

    `only` narrows every sub-query to some people: a sub-query that gives one column of their ids,
    or the ids themselves. It changes no answer for them, only what is read to find it.
    """

    site: Site
    now: datetime
    only: QuerySet[Any, Any] | tuple[UUID, ...] | None = None
    # The same for those whose ids are from the first to before the second: a sample.
    ids: tuple[UUID, UUID | None] | None = None

    @cached_property
    def today(self) -> date:
        """The day that it is at the site."""
        return self.now.astimezone(self.site.zone).date()

    def midnight(self, day: date) -> datetime:
        """When a day begins at the site. (Where clocks skip midnight: at the first moment.)"""
        return datetime.combine(day, time(), self.site.zone)

    def ago(self, days: int) -> datetime:
        """Midnight so many days before today."""
        return self.midnight(self.today - timedelta(days=days))

    def among(self, rows: Rows) -> Rows:
        """Rows with a `subscriber_id`, of these people only."""
        if self.ids is not None:
            first, end = self.ids
            rows = rows.filter(subscriber_id__gte=first)
            rows = rows if end is None else rows.filter(subscriber_id__lt=end)
        return rows if self.only is None else rows.filter(subscriber_id__in=self.only)


@dataclass(frozen=True)
class Clause:
    """A piece of a sentence after "People": "{name}" in `text` is replaced by a part.

    Parts are values, several of them joined by "or"; `{not_}` is the word "not".
    """

    text: str
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Op:
    """An operator: what forms call it, and its parameters."""

    label: _StrPromise
    params: Mapping[str, Param] = field(default_factory=dict)


# What a rule's ids are called: audiences, lists, campaigns.
Names = Mapping[str, str]


@dataclass(frozen=True)
class Field:
    """One thing that is known of a person or a device.

    `asks` gives the Q over Subscription, which is never NULL; `says` the clause; `knows` what is
    known of one device's person, as a text to show ("" for nothing).
    """

    key: str
    label: _StrPromise
    group: _StrPromise
    ops: Mapping[str, Op]
    asks: Callable[[str, Args, Scope], Q]
    says: Callable[[str, Args, Names], Clause]
    knows: Callable[[Args, Subscription, Scope], str]
    # Parameters that every operator has, such as the name of an attribute.
    params: Mapping[str, Param] = field(default_factory=dict)
    help: _StrPromise | str = ""
    # Names for the ids among the values, of one site.
    names: Callable[[Site, Iterable[str]], Names] | None = None

    def params_of(self, op: str) -> Mapping[str, Param]:
        """Every parameter of a condition with this operator."""
        return {**self.params, **self.ops[op].params}
