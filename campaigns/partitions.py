"""The ledger's monthly partitions, so that an old month can be dropped instead of deleted."""

from datetime import date

from django.db import connection
from psycopg import sql


def ensure(month: date) -> None:
    """Make the partition of a month (its first day) if it is not there. Safe to race."""
    name = f"campaigns_delivery_{month:%Y%m}"
    end = (month.replace(day=28) + (date(2000, 1, 5) - date(2000, 1, 1))).replace(day=1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
        if cursor.fetchone()[0]:
            return
        # Two starters in the first second of a month: the second waits, then finds it made.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [name])
        cursor.execute(
            sql.SQL(
                "CREATE TABLE IF NOT EXISTS {} PARTITION OF campaigns_delivery "
                "FOR VALUES FROM ({}) TO ({}) WITH (fillfactor = 80)"
            ).format(sql.Identifier(name), sql.Literal(month), sql.Literal(end))
        )
