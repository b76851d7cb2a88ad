"""Two at once on one unique key: whoever comes second looks again."""

from collections.abc import Callable
from typing import TypeVar

from django.db import IntegrityError

ATTEMPTS = 5
T = TypeVar("T")


def look_again(action: Callable[[], T]) -> T:
    """Run `action` until no unique key stops it, at most five times. It opens savepoints."""
    for _ in range(ATTEMPTS - 1):
        try:
            return action()
        except IntegrityError:
            continue
    return action()
