"""How often strangers may write: counted by site and by address in Redis, in windows of a minute.

Redis may vanish (design section 4): then nothing is limited, and nothing fails.
"""

import hashlib
import ipaddress
import time
from functools import cache

import redis
from django.conf import settings

WINDOW = 60  # seconds
# Requests of one person to their inbox, from all their devices.
PER_PERSON = 120
# A Redis that hangs may cost each request this much, in seconds, and only once in REST.
PATIENCE = 0.25
REST = 5.0
_resting_until = 0.0


def wait(site_key: str, address: str) -> int:
    """Count one request. 0: go on; else the seconds until the next window (RFC 9110, 10.2.3)."""
    now = time.time()
    window, passed = divmod(int(now), WINDOW)
    by_site = f"beckon:ingest:{window}:site:{site_key}"
    by_address = f"beckon:ingest:{window}:address:{_network(address)}"
    # What an address is refused does not count for the site: one alone can't use up its share.
    over = (
        _count(by_address, now) > settings.INGEST_PER_ADDRESS
        or _count(by_site, now) > settings.INGEST_PER_SITE
    )
    return WINDOW - passed if over else 0


def wait_person(site_key: str, external_id: str) -> int:
    """Count one request of a person to their inbox. As `wait`, besides it."""
    now = time.time()
    window, passed = divmod(int(now), WINDOW)
    digest = hashlib.sha256(external_id.encode()).hexdigest()
    over = _count(f"beckon:inbox:{window}:{site_key}:{digest}", now) > PER_PERSON
    return WINDOW - passed if over else 0


def _count(name: str, now: float) -> int:
    global _resting_until
    if now < _resting_until:
        return 0
    try:
        with _client(settings.REDIS_URL).pipeline(transaction=False) as pipe:
            pipe.incr(name)
            pipe.expire(name, 2 * WINDOW)
            count: int = pipe.execute()[0]
    except (redis.RedisError, OSError):
        _resting_until = now + REST
        return 0
    return count


@cache
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=None
    )


def _network(address: str) -> str:
    """An IPv6 customer has a whole /64; an address that is none counts as it is."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))
