"""Two people turn out to be one: the lists that the anonymous one stood on are the other's too."""

from typing import Any

from audiences.models import ListMember
from subscribers.models import Subscriber


def follow(source: Subscriber, target: Subscriber, **_signal: Any) -> None:
    """Before `source` is deleted. Where both stand on a list, the row of `target` stays."""
    there = ListMember.objects.filter(subscriber=target, removed=None).values("list")
    mine = ListMember.objects.filter(subscriber=source)
    mine.exclude(removed=None, list__in=there).update(subscriber=target)
