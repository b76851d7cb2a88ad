"""Statements for pages that may take only so long: a page says "too much", it does not hang."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled


class TooLong(Exception):
    """The database was not done in time."""


@contextmanager
def at_most(milliseconds: int) -> Iterator[None]:
    """Each statement within has so long, else TooLong is raised and nothing is left behind."""
    try:
        with transaction.atomic():
            before = _limit(str(milliseconds))
            yield
            _limit(before)
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise TooLong from error
        raise


def _limit(value: str) -> str:
    """Set the time limit of this transaction's statements; what it was."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('statement_timeout'),"
            " set_config('statement_timeout', %s, true)",
            [value],
        )
        return str(cursor.fetchone()[0])
