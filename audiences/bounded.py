"""Statements for pages that may take only so long: a page says "too much", it does not hang."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled


class TooLong(Exception):
    """The database was not done in time."""


class Ended(Exception):
    """A statement with a name was ended before its time was up: `end`."""


@contextmanager
def at_most(milliseconds: int, **settings: str) -> Iterator[None]:
    """Each statement within has so long, else TooLong is raised and nothing is left behind. 0: no
    limit.

    `settings`: of PostgreSQL, for these statements alone. With an `application_name` others can
    end them; Ended then.
    """
    began = monotonic()
    try:
        with transaction.atomic():
            before = _set({"statement_timeout": str(milliseconds), **settings})
            yield
            _set(before)
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        # PostgreSQL has one code for both.
        early = "application_name" in settings and monotonic() - began < milliseconds / 1000
        raise (Ended if early else TooLong) from error


def end(name: str) -> int:
    """End the statements that run under an application name; how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = %s AND state = 'active' AND pid <> pg_backend_pid()"
            # A process that helps with a statement ends with it.
            " AND backend_type = 'client backend'",
            [name],
        )
        return len(cursor.fetchall())


def _set(settings: dict[str, str]) -> dict[str, str]:
    """Set them for the rest of the transaction; what they were."""
    columns = ", ".join("current_setting(%s), set_config(%s, %s, true)" for _name in settings)
    values = [part for name, value in settings.items() for part in (name, name, value)]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns}", values)  # noqa: S608 - placeholders alone
        return dict(zip(settings, map(str, cursor.fetchone()[::2]), strict=True))
