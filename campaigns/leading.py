"""One of several processes works, the others stand by and take over when it falls silent.

A row with an end, not a lock of the database session: it holds also through a pooler, and a machine
that vanished with its connection open keeps nobody waiting.
"""

import os
import secrets
import socket

from django.db import connection
from django.db.models.functions import Now

from campaigns.models import Leader

LEAD = """
INSERT INTO campaigns_leader (name, holder, until)
VALUES (%s, %s, clock_timestamp() + %s * interval '1 second')
ON CONFLICT (name) DO UPDATE SET holder = EXCLUDED.holder, until = EXCLUDED.until
    WHERE campaigns_leader.holder = EXCLUDED.holder OR campaigns_leader.until < clock_timestamp()
RETURNING true
"""


def myself() -> str:
    """A name for this process: machine, process id, and something that no other has."""
    return f"{socket.gethostname()[:100]} {os.getpid()} {secrets.token_hex(4)}"


def lead(name: str, holder: str, seconds: float) -> bool:
    """Whether `holder` leads for the next seconds, taking over where nobody does."""
    with connection.cursor() as cursor:
        cursor.execute(LEAD, [name, holder, seconds])
        return cursor.fetchone() is not None


def resign(name: str, holder: str) -> None:
    """Let another take over at once."""
    Leader.objects.filter(name=name, holder=holder).update(until=Now())
