"""What can be chosen by name where the rule keeps an id: audiences, lists, campaigns."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from accounts.models import Site
from audiences.models import Audience, StaticList

Choice = tuple[str, str]
Find = Callable[[Site], Iterable[Choice]]
MOST_CHOICES = 200


def of(kind: str, site: Site) -> tuple[Choice, ...]:
    """(id, name) of each choice for a kind of parameter; none for a kind that nobody offered."""
    return tuple(_found[kind](site)) if kind in _found else ()


def offer(kind: str, find: Find) -> None:
    """Let ids of an app above this one be chosen (AppConfig.ready)."""
    _found[kind] = find


def _audiences(site: Site) -> Iterable[Choice]:
    found = Audience.objects.filter(site=site).exclude(name="").order_by("name")
    return [(str(pk), name) for pk, name in found.values_list("pk", "name")[:MOST_CHOICES]]


def _lists(site: Site) -> Iterable[Choice]:
    found = StaticList.objects.filter(site=site).order_by("name")
    return [(str(pk), name) for pk, name in found.values_list("pk", "name")[:MOST_CHOICES]]


_found: dict[str, Find] = {"audience": _audiences, "ids": _lists}
