"""The ticker: finds in the database what is due and hands it to the queue. Time lives nowhere else.

Any number may run; the one that leads works, the others stand by and take over. Each of them looks
first whether this is still the database that was sent from (campaigns.epochs).
"""

import json
import logging
import signal
import socket
import threading
from collections.abc import Callable
from datetime import datetime
from functools import partial
from types import FrameType
from typing import Final

import django_rq
from django.conf import settings
from django.core.cache import cache
from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone
from redis.exceptions import RedisError
from rq.registry import clean_registries

from accounts.session_store import SessionStore
from audiences import lists, sizes
from audiences.jobs import enqueue_sizes
from campaigns import (
    checkups,
    epochs,
    finishing,
    inbox,
    jobs,
    leading,
    moments,
    overview,
    starting,
    watching,
)
from subscribers import carts, partitions

TICK_SECONDS: Final = 1.0
SWEEP_EVERY: Final = 15  # ticks
CLOCKS_EVERY: Final = 3600  # ticks
# A ticker that is silent for so long is taken over from.
NAME, LEAD_SECONDS = "ticker", 10.0
PURGED_KEY, PURGE_EVERY = "ticker:purged", 24 * 3600  # seconds
# The whole process waits for what these are about; what else a part of a tick raises is its own.
OUTAGES = (DatabaseError, RedisError, OSError)
log = logging.getLogger("beckon.ticker")


class Ticker:
    """One process that stands by or leads, and what it remembers meanwhile."""

    def __init__(self) -> None:
        self.me = leading.myself()
        self.number = 0
        self.swept_at: datetime | None = None
        self.minute: datetime | None = None
        self.told: set[tuple[int, watching.Case]] = set()

    def beat(self) -> bool:
        """What every ticker does each second; whether this one leads."""
        epochs.look()
        if not leading.lead(NAME, self.me, LEAD_SECONDS):
            return False
        self.tick()
        return True

    def tick(self) -> None:
        """One second's work of the one that leads."""
        now = timezone.now()
        if self.number % CLOCKS_EVERY == 0:
            attempt(lambda: moments.follow_clocks(now))
        attempt(lambda: starting.start_due(now))
        attempt(finishing.finish_settled)
        attempt(lambda: jobs.enqueue_due(now))
        if self.number % SWEEP_EVERY == 0:
            attempt(sweep)
            attempt(lambda: watching.watch(now, self.told))
            attempt(enqueue_sizes)
            attempt(lambda: jobs.enqueue_decisions(now))
            self.swept_at = now
        if self.minute != (minute := now.replace(second=0, microsecond=0)):
            attempt(lambda: watching.keep_minutes(now))
            self.minute = minute
        self.number += 1
        # The overview and the health page say so when this stops.
        cache.set(overview.TICKER_KEY, self.heartbeat(now), overview.TICKER_SECONDS)

    def heartbeat(self, now: datetime) -> str:
        """What the pages are told, as JSON. See vitals.Beat."""
        said = {
            "at": now.isoformat(),
            "machine": socket.gethostname(),
            "swept_at": self.swept_at and self.swept_at.isoformat(),
            "file": epochs.trouble(),
            "clock": checkups.difference(),
        }
        return json.dumps(said)


def attempt(part: Callable[[], object]) -> None:
    """Do one part of a tick: a fault in it holds up no other."""
    try:
        part()
    except OUTAGES:
        raise
    except Exception:
        log.exception("A part of a tick failed")


def sweep() -> None:
    """Let the queue notice jobs whose worker died, so that their ids are free again; and once a
    day, let sessions go that ended, months of events that are no longer kept, and old reports."""
    for name in settings.RQ_QUEUES:
        clean_registries(django_rq.get_queue(name))
    # A restart or an emptied Redis makes it more than once a day, which does no harm.
    if cache.add(PURGED_KEY, value=True, timeout=PURGE_EVERY):
        now = timezone.now()
        attempt(SessionStore.clear_expired)
        for forget in (partitions.keep, carts.keep, sizes.drop_old, lists.forget_problems):
            attempt(partial(forget, now))
        attempt(partial(inbox.forget, now))


def run() -> None:
    """Tick until SIGTERM or SIGINT. No fault ends it: without it nothing would be due any more."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, on_signal)
    ticker = Ticker()
    while not stop.wait(TICK_SECONDS):
        live(ticker.beat)
    live(lambda: leading.resign(NAME, ticker.me))
    connection.close()


def live(part: Callable[[], object]) -> None:
    """Outlive whatever goes wrong in it: the next second may be better."""
    try:
        part()
    except OUTAGES as error:
        log.warning("The ticker waits: %s", error)
        connection.close()
    except Exception:
        log.exception("A tick failed")
        connection.close()
