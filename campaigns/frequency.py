"""How often somebody may ask for what costs something, counted in Redis; without it: no limit."""

from __future__ import annotations

import time

from django.core.cache import cache
from redis.exceptions import RedisError

WINDOW = 60  # seconds


def within(what: str, who: object, most: int) -> bool:
    """Count one; whether it is among the first `most` of this minute."""
    counter = f"{what}:{who}:{int(time.time() // WINDOW)}"
    try:
        cache.add(counter, 0, timeout=2 * WINDOW)
        return cache.incr(counter) <= most
    except (RedisError, ValueError):
        return True
