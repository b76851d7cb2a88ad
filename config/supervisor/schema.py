"""Bring the database up to date, also when several machines start at once."""

import time
from typing import Final

from django.core.management import call_command
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.migrations.executor import MigrationExecutor

# Any fixed number will do, as long as nothing else in this database locks it.
LOCK: Final = 0x6265636B6F6E
ASK_EVERY: Final = 0.5  # seconds


def migrate() -> None:
    """Apply what is missing. The others wait here, and then find nothing left to do."""
    with connection.cursor() as cursor:
        # Asked again and again: an index that is made concurrently waits for every statement that
        # runs, so one that waited for the lock would wait in a circle with it.
        while not _locked(cursor):
            time.sleep(ASK_EVERY)
        try:
            executor = MigrationExecutor(connection)
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                call_command("migrate", verbosity=0, interactive=False)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _locked(cursor: CursorWrapper) -> bool:
    cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
    return bool(cursor.fetchone()[0])
