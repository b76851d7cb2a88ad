"""Two at once, in a chosen order: one is seen to wait for the other's lock before that goes on."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

T = TypeVar("T")
PATIENCE_SECONDS = 10.0


class Meanwhile:
    """Another sender, ticker or visitor, in a thread with a connection of its own."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(1)

    def start(self, action: Callable[[], T]) -> Future[T]:
        """Returns once the action has ended or waits for a lock of ours."""
        session = self.pool.submit(backend).result()

        def act() -> T:
            try:
                return action()
            finally:
                connection.close()

        future = self.pool.submit(act)
        end = time.monotonic() + PATIENCE_SECONDS
        while not future.done() and not waits_for_us(session):
            assert time.monotonic() < end, "it neither ended nor waited"
        return future


def backend() -> int:
    """The number of this thread's session at the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def waits_for_us(session: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid() = ANY(pg_blocking_pids(%s))", [session])
        return bool(cursor.fetchone()[0])
