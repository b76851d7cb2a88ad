"""The fields that a rule may speak of: an allow-list, each with how to say it and how to ask it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audiences import languages

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Op(StrEnum):
    ANY_OF = "any_of"
    NONE_OF = "none_of"


def tagged(values: tuple[str, ...]) -> Q:
    return Q(subscriber__tags__overlap=list(values))


def in_language(values: tuple[str, ...]) -> Q:
    """Exact, or a regional form of it: "en" also means "en-GB" (RFC 4647 section 3.3.1)."""
    asked = Q()
    for value in values:
        asked |= Q(language__iexact=value) | Q(language__istartswith=f"{value}-")
    return asked


def with_browser(values: tuple[str, ...]) -> Q:
    return Q(browser__in=values)


def same(value: str) -> str:
    return value


@dataclass(frozen=True)
class Field:
    """One thing that is known of a person or a device.

    `matches` gives the Q over Subscription for "any of these values"; `says` the clause for each
    operator, with `{values}` and `{not_}`, after the word "People"; `shown` how a value reads.
    """

    key: str
    label: _StrPromise
    longest: int
    matches: Callable[[tuple[str, ...]], Q]
    says: Mapping[Op, _StrPromise]
    shown: Callable[[str], str] = same


FIELDS: Mapping[str, Field] = {
    field.key: field
    for field in (
        Field(
            key="tag",
            label=_("Tag"),
            longest=64,
            matches=tagged,
            says={
                Op.ANY_OF: _("who have the tag {values}"),
                Op.NONE_OF: _("who do {not_} have the tag {values}"),
            },
        ),
        Field(
            key="language",
            label=_("Language"),
            longest=35,
            matches=in_language,
            says={
                Op.ANY_OF: _("whose browser is set to {values}"),
                Op.NONE_OF: _("whose browser is {not_} set to {values}"),
            },
            shown=languages.label,
        ),
        Field(
            key="browser",
            label=_("Browser"),
            longest=40,
            matches=with_browser,
            says={
                Op.ANY_OF: _("who use {values}"),
                Op.NONE_OF: _("who do {not_} use {values}"),
            },
        ),
    )
}

OP_LABELS: Mapping[Op, _StrPromise] = {Op.ANY_OF: _("is any of"), Op.NONE_OF: _("is none of")}
