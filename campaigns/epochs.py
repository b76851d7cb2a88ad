"""Is this still the database that we sent from? If it was restored or copied, nothing goes out.

A database that was set back has forgotten what was sent since, and a copy sends beside its
original (design section 5.9). So one row remembers which database it is in (identity), and a count
that only grows; each machine with a ticker keeps the count in a file too. When they disagree,
everything that runs is paused, everything scheduled is a draft again, and a person is asked.

Tickers call `look` every second and so vouch for the database; senders ask `guard` first, which is
true only while somebody has vouched. All times here are the database's own.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import TextChoices
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import audit
from accounts.models import AuditEvent
from campaigns import starting
from campaigns.models import Campaign, Epoch, Run
from campaigns.refusals import Refused

# What a restored database can have forgotten unnoticed: the time between two counts.
COUNT_SECONDS: Final = 10
# A sender believes what a ticker found for so long.
VOUCHED_SECONDS: Final = 60
ACTION: Final = "database.copied"
log = logging.getLogger("beckon.epochs")

# Each may be forbidden or missing at a hosted database; what can't be read is left out.
IDENTITY = (
    # Made once by initdb: another server, also after a major upgrade.
    "SELECT system_identifier::text FROM pg_control_system()",
    # Grows when a standby takes over, and when a server was recovered to a point in time.
    "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)",
    # Another database of the same server.
    "SELECT oid::text FROM pg_database WHERE datname = current_database()",
)
UNREADABLE = "-"
UNREADABLE_STATES = {"42501", "42883", "0A000"}  # not allowed, no such function, not supported

ROW = """
SELECT identity, counter, extract(epoch FROM clock_timestamp() - updated_at)::float8
FROM campaigns_epoch WHERE id = 1
"""
# The count is in seconds, so that it is beyond what any machine has written down before.
COUNT = """
UPDATE campaigns_epoch SET updated_at = clock_timestamp(),
    counter = greatest(counter + 1, extract(epoch FROM clock_timestamp())::bigint)
WHERE id = 1 AND identity = %s AND counter >= %s
    -- The latter: the server's clock was set back.
    AND (updated_at < clock_timestamp() - %s * interval '1 second'
         OR updated_at > clock_timestamp())
RETURNING counter
"""
ADOPT = """
INSERT INTO campaigns_epoch (id, identity, counter, updated_at)
VALUES (1, %s, greatest(%s, extract(epoch FROM clock_timestamp())::bigint), clock_timestamp())
ON CONFLICT (id) DO UPDATE SET identity = EXCLUDED.identity, updated_at = EXCLUDED.updated_at,
    counter = greatest(EXCLUDED.counter, campaigns_epoch.counter + 1)
RETURNING counter
"""
FIRST = """
INSERT INTO campaigns_epoch (id, identity, counter, updated_at)
VALUES (1, %s, extract(epoch FROM clock_timestamp())::bigint, clock_timestamp())
ON CONFLICT DO NOTHING
"""


class Sign(TextChoices):
    """What shows that the database is not the one that we sent from."""

    SERVER = "server", gettext_lazy("It is in another database server now.")
    TIMELINE = (
        "timeline",
        gettext_lazy("The server took over from another, or was recovered to an earlier time."),
    )
    DATABASE = "database", gettext_lazy("It is another database of the same server now.")
    BACK = "back", gettext_lazy("It is older than what was sent from this machine.")
    MOVED = "moved", gettext_lazy("VAR_DIR, with the database in it, was copied or restored.")
    MARKED = "marked", gettext_lazy("VAR_DIR/epoch was marked, or can’t be understood.")
    SILENT = "silent", gettext_lazy("It lay idle, and this machine does not know it.")


@dataclass(frozen=True)
class Mark:
    """What the file says."""

    counter: int = 0
    moved: bool = False  # it is a copy of the file that was written
    understood: bool = True


@dataclass(frozen=True)
class Row:
    identity: str
    counter: int
    age: float  # seconds since somebody vouched


@dataclass(frozen=True)
class Reading:
    """File, server and row, read in this order: so a file is never ahead of its own database."""

    mark: Mark | None
    identity: str
    row: Row | None


def look() -> bool:
    """What every ticker does before anything else: False if all had to be stopped just now."""
    found = read()
    if sign := sign_of(found, vouching=True):
        stop_everything(sign)
        return False
    row = found.row or begin(found)
    least = found.mark.counter if found.mark else 0
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [found.identity, least, COUNT_SECONDS])
        counted = cursor.fetchone()
    counter = counted[0] if counted else row.counter
    if counter > least:
        note(counter)
    return True


def guard() -> bool:
    """Whether a sender may claim anything now; to be asked as each turn starts, in no transaction.

    Two short queries. False stops nobody for long: tickers vouch every ten seconds.
    """
    found = read()
    if sign := sign_of(found, vouching=False):
        stop_everything(sign)
        return False
    row = found.row or begin(found)
    return row.age <= VOUCHED_SECONDS


def begin(found: Reading) -> Row:
    """The first look at a new installation."""
    with connection.cursor() as cursor:
        cursor.execute(FIRST, [found.identity])
        cursor.execute(ROW)
        return Row(*cursor.fetchone())


def read() -> Reading:
    mark = read_mark()
    identity = identity_now()
    with connection.cursor() as cursor:
        cursor.execute(ROW)
        row = cursor.fetchone()
    return Reading(mark, identity, Row(*row) if row else None)


def sign_of(found: Reading, *, vouching: bool) -> Sign | None:
    """What is wrong with a reading; None if all is as it was, or if this is the first start."""
    mark, row = found.mark, found.row
    if mark and not mark.understood:
        return Sign.MARKED
    if mark and mark.moved and settings.DATABASE_IS_EMBEDDED:
        return Sign.MOVED
    if row and row.identity != found.identity:
        pairs = zip(row.identity.split("/"), found.identity.split("/"), strict=False)
        differs = [before != after for before, after in pairs]
        return Sign.SERVER if differs[0] else Sign.TIMELINE if differs[1] else Sign.DATABASE
    if mark and mark.counter > (row.counter if row else 0):
        return Sign.BACK
    # Whoever comes new takes over from others. If there were none for long, it may be a copy.
    if vouching and row and not mark and row.age > settings.LATENESS_LIMIT_SECONDS:
        return Sign.SILENT
    return None


def stop_everything(sign: Sign) -> int:
    """Pause what runs, take what is scheduled off, and go on from this database; how many it were.

    Any number of processes may notice at once: one does it, and the others wait for it.
    """
    with transaction.atomic():
        Epoch.objects.get_or_create(pk=1)
        Epoch.objects.select_for_update().get(pk=1)
        found = read()
        if sign_of(found, vouching=sign == Sign.SILENT) is None:
            return 0
        stopped = pause_runs() + unschedule()
        audit.record(ACTION, target=sign.label, stopped=stopped)
        beyond = found.mark.counter + 1 if found.mark else 0
        with connection.cursor() as cursor:
            cursor.execute(ADOPT, [found.identity, beyond])
            note(cursor.fetchone()[0])
    log.error("The database was restored or copied: %s %d campaigns stopped.", sign.label, stopped)
    return stopped


def pause_runs() -> int:
    """Every campaign that runs is paused, every test ends."""
    reason = _(
        "The database was restored or copied, so some of these may have been sent already. "
        "Check before you resume."
    )
    stopped = 0
    running = Campaign.objects.filter(state=Campaign.State.RUNNING).select_related("site")
    for campaign in running.order_by("pk"):
        # Refused: somebody paused, cancelled or finished it in the meantime.
        with contextlib.suppress(Refused):
            starting.pause(campaign, reason=reason)
            stopped += 1
    open_runs = Run.objects.filter(state__in=(Run.State.PLANNING, Run.State.RUNNING))
    open_runs.filter(kind=Run.Kind.TEST).update(
        state=Run.State.CANCELLED, pause_reason=reason, finished_at=timezone.now()
    )
    open_runs.update(state=Run.State.PAUSED, pause_reason=reason)
    return stopped


def unschedule() -> int:
    """Every campaign that waits for its time is a draft again and says why."""
    reason = _(
        "The database was restored or copied, so this may have been sent already. "
        "Check before you schedule it again."
    )
    now, stopped = timezone.now(), 0
    scheduled = Campaign.objects.filter(state=Campaign.State.SCHEDULED).select_related("site")
    for campaign in scheduled.order_by("pk"):
        stopped += scheduled.filter(pk=campaign.pk).update(
            state=Campaign.State.DRAFT, state_at=now, updated_at=now, attention=reason
        )
        audit.record(
            "campaign.unscheduled", site=campaign.site, target=campaign.name, reason=reason
        )
    return stopped


def identity_now() -> str:
    """Who the database server says that it is: system/timeline/database, "-" for the unreadable."""
    together = " || '/' || ".join(f"({query})" for query in IDENTITY)
    if (whole := scalar(f"SELECT {together}")) != UNREADABLE:
        return whole
    return "/".join(scalar(query) for query in IDENTITY)


def scalar(query: str) -> str:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(query)
            return str(cursor.fetchone()[0])
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", None) in UNREADABLE_STATES:
            return UNREADABLE
        raise


def place() -> Path:
    """The file that keeps the count outside the database."""
    return Path(settings.VAR_DIR, "epoch")


def read_mark() -> Mark | None:
    """What the file says; None if there is none that we may read."""
    try:
        with place().open("rb") as file:
            text, inode = file.read(1_000), os.fstat(file.fileno()).st_ino
    except OSError:
        return None
    try:
        said = json.loads(text)
        return Mark(int(said["counter"]), moved=said["inode"] != inode)
    except (ValueError, TypeError, KeyError, OverflowError):
        return Mark(understood=False)


def note(counter: int) -> None:
    """Write the count down: whole or not at all, and on the disk when this returns."""
    # Two machines that share the folder may have the same process numbers.
    draft = place().with_name(f".epoch.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with draft.open("x") as file:
            # A copy of the file is another file: its number is not the one that it holds.
            inode = os.fstat(file.fileno()).st_ino
            json.dump({"counter": counter, "inode": inode}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(place())
    except OSError as error:
        log.warning("VAR_DIR/epoch can't be written: %s", error)
        draft.unlink(missing_ok=True)


def trouble() -> str:
    """Why the file is of no use on this machine; "" if all is well. For the ticker's heartbeat."""
    try:
        place().read_bytes()
    except OSError as error:
        return str(error.strerror)
    return "" if os.access(place().parent, os.W_OK) else _("VAR_DIR can’t be written.")


@dataclass(frozen=True)
class Standing:
    """What the health page says: when somebody vouched last, and when all was stopped last."""

    age: float | None
    stopped_at: datetime | None
    stopped: int
    sign: str


def standing() -> Standing:
    found = read()
    last = AuditEvent.objects.filter(action=ACTION).order_by("-at").first()
    return Standing(
        age=found.row.age if found.row else None,
        stopped_at=last.at if last else None,
        stopped=last.detail.get("stopped", 0) if last else 0,
        sign=last.target if last else "",
    )
