"""The ticker: finds in the database what is due and hands it to the queue. Time lives nowhere else.

Any number may run; the one that holds an advisory lock works, the others wait to take over.
"""

import logging
import signal
import threading
from types import FrameType

import django_rq
from django.conf import settings
from django.core.cache import cache
from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone
from redis.exceptions import RedisError
from rq.registry import clean_registries

from accounts.session_store import SessionStore
from campaigns import finishing, jobs, overview, starting

LOCK = 0x426B_7469  # any number that nothing else here locks
TICK_SECONDS = 1.0
SWEEP_EVERY = 15  # ticks
PURGED_KEY, PURGE_EVERY = "ticker:purged", 24 * 3600  # seconds
log = logging.getLogger("beckon.ticker")


def tick(number: int) -> None:
    """One second's work."""
    now = timezone.now()
    starting.start_due(now)
    finishing.finish_settled()
    jobs.enqueue_due(now)
    # The overview says so when this stops.
    cache.set(overview.TICKER_KEY, now.isoformat(), overview.TICKER_SECONDS)
    if number % SWEEP_EVERY == 0:
        sweep()


def sweep() -> None:
    """Let the queue notice jobs whose worker died, so that their ids are free again; and once a
    day, let sessions go that ended."""
    for name in settings.RQ_QUEUES:
        clean_registries(django_rq.get_queue(name))
    # A restart or an emptied Redis makes it more than once a day, which does no harm.
    if cache.add(PURGED_KEY, value=True, timeout=PURGE_EVERY):
        SessionStore.clear_expired()


def leading() -> bool:
    """Whether this ticker holds the lock, taking it if it is free.

    The lock belongs to the database session: it is gone when the connection is.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def run() -> None:
    """Tick until SIGTERM or SIGINT. No fault ends it: without it nothing would be due any more."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, on_signal)
    number = 0
    while not stop.wait(TICK_SECONDS):
        try:
            if leading():
                tick(number)
                number += 1
        except (DatabaseError, RedisError, OSError) as error:
            log.warning("The ticker waits: %s", error)
            connection.close()
        except Exception:
            log.exception("A tick failed")
            connection.close()
    connection.close()
