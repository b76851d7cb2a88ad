"""Monthly partitions: made when their first row comes, dropped whole when they are old."""

import logging
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db import OperationalError, connection, transaction
from psycopg import sql

log = logging.getLogger("beckon.partitions")
EVENTS = "subscribers_event"
# Vacuum soon after insertions, which otherwise wait for a fifth of the month: only pages known to
# be visible to all are counted from the index alone.
INSERT_ONLY = "autovacuum_vacuum_insert_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.02"
LOCK_TIMEOUT = "2s"


def ensure(*months: date) -> None:
    """Make the partitions of events of these months (their first days). Safe to race."""
    make(EVENTS, months, INSERT_ONLY)


def make(table: str, months: tuple[date, ...], storage: str) -> None:
    """Make those monthly partitions of a table that are not there, with storage parameters.

    The bounds are in UTC where the table is partitioned by a moment. Attached instead of created in
    place, so that neither readers nor writers of the table wait.
    """
    names = {f"{table}_{month:%Y%m}": month for month in months}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM unnest(%s::text[]) name WHERE to_regclass(name) IS NULL ORDER BY 1",
            [list(names)],
        )
        missing = [name for (name,) in cursor.fetchall()]
    for name in missing:
        _make(table, name, names[name], storage)


@transaction.atomic
def _make(table: str, name: str, month: date, storage: str) -> None:
    parts = {
        "table": sql.Identifier(table),
        "name": sql.Identifier(name),
        "first": sql.Literal(f"{month} 00:00+00"),
        "end": sql.Literal(f"{following(month)} 00:00+00"),
        "storage": sql.SQL(storage),
    }
    with connection.cursor() as cursor:
        # Two at once in the first second of a month: the second waits, then finds it made.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [name])
        # Not to_regclass, which may remember from before the wait that there was none.
        cursor.execute(
            "SELECT FROM pg_tables WHERE schemaname = current_schema() AND tablename = %s", [name]
        )
        if cursor.fetchone() is not None:
            return
        cursor.execute(
            sql.SQL("CREATE TABLE {name} (LIKE {table} INCLUDING ALL) WITH ({storage})").format(
                **parts
            )
        )
        cursor.execute(
            sql.SQL(
                "ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({end})"
            ).format(**parts)
        )


def following(month: date) -> date:
    """The first day of the month after the one that begins on this day."""
    return (month + timedelta(days=32)).replace(day=1)


def month_of(at: datetime) -> date:
    """The first day of the month, in UTC, that a moment is in."""
    return at.astimezone(UTC).date().replace(day=1)


def oldest_kept(now: datetime) -> datetime:
    """What happened before is no longer kept, and not taken in."""
    return now - timedelta(days=settings.EVENT_RETENTION_DAYS)


def keep(now: datetime) -> list[str]:
    """What is done once a day: the next month is made before it begins, and months that lie wholly
    before `oldest_kept` are dropped. Returns the names of the dropped.
    """
    ensure(month_of(now), following(month_of(now)))
    first_kept = f"{EVENTS}_{month_of(oldest_kept(now)):%Y%m}"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid"
            ' WHERE inhparent = %s::regclass AND relname < %s COLLATE "C" ORDER BY 1',
            [EVENTS, first_kept],
        )
        old = [name for (name,) in cursor.fetchall()]
    return [name for name in old if _drop(name)]


def _drop(name: str) -> bool:
    """Drop a partition, unless somebody reads the table all the time: then tomorrow."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
            cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
    except OperationalError as error:
        log.warning("%s is dropped another time: %s", name, error)
        return False
    log.info("Dropped %s: its events are no longer kept", name)
    return True
