"""The checks of the health page: each a line that says what was found, and at most one act."""

from __future__ import annotations

import shutil
import sys
import time
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import django_rq
from django.conf import settings
from django.core.checks import Tags, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from redis.exceptions import RedisError

from accounts import crypto
from accounts.templatetags.beckon import in_percent, number
from campaigns import epochs, pace
from campaigns.vitals import Vitals
from subscribers.models import Credential

CLOCK_SECONDS: Final = 30.0
SLOW_DATABASE_MS: Final = 250.0
LEAST_FREE, LEAST_SHARE = 2_000_000_000, 0.1
DEFAULT_SUBJECT: Final = "mailto:push@beckon.example"
UNITS = ("KB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Checkup:
    """`state`: done, warn or bad (components/check_icon.html). `act`: what to do, or ""."""

    key: str
    title: str
    state: str
    line: str
    act: str = ""


def checkups(vitals: Vitals, copy: epochs.Standing) -> list[Checkup]:
    """All of them, in the order of the page."""
    return [
        database(),
        queue(),
        clocks(vitals),
        copy_check(vitals, copy),
        disk(),
        secrets(),
        subject(),
        version(),
    ]


def database() -> Checkup:
    started = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        took = (time.monotonic() - started) * 1000
        cursor.execute(
            "SELECT current_setting('server_version'), pg_database_size(current_database())"
        )
        server, size = cursor.fetchone()
    slow = took > SLOW_DATABASE_MS
    speed = pace.milliseconds(took) if took >= 1 else _("under 1 ms")
    line = f"PostgreSQL {server.split()[0]}, {in_units(size)}, {speed}"
    act = _("Every step of sending waits for it: look for what keeps it busy.") if slow else ""
    return Checkup("database", _("Database"), "warn" if slow else "done", line, act)


def queue() -> Checkup:
    title = _("Queue")
    try:
        found: Any = django_rq.get_connection("send").info()
    except (RedisError, OSError):
        line = _("Doesn’t answer. The ledger keeps everything.")
        return Checkup("queue", title, "bad", line, _("Start Redis, or mend REDIS_URL."))
    valkey = found.get("server_name") == "valkey"
    name = "Valkey" if valkey else "Redis"
    server = found.get("valkey_version" if valkey else "redis_version", "")
    policy = str(found.get("maxmemory_policy", "noeviction"))
    line = _("%(server)s, may vanish without loss") % {"server": f"{name} {server}"}
    if policy != "noeviction":
        act = _("Set maxmemory-policy to noeviction: jobs are dropped as it is.")
        return Checkup("queue", title, "warn", line, act)
    return Checkup("queue", title, "done", line)


def clocks(vitals: Vitals) -> Checkup:
    """The database, this web process and the ticker. Their clocks decide what is due."""
    web = abs(difference())
    ticker = abs(vitals.beat.clock) if vitals.beat else 0.0
    worst = max(web, ticker)
    if worst <= CLOCK_SECONDS:
        line = _("All within %(time)s") % {"time": pace.milliseconds(worst * 1000)}
        return Checkup("clocks", _("Clocks"), "done", line)
    where = vitals.beat.machine if vitals.beat and ticker > web else _("this web machine")
    line = _("Database and %(where)s are %(time)s apart") % {
        "where": where,
        "time": pace.took(worst),
    }
    act = _("Let the system keep the time on both, by NTP.")
    return Checkup("clocks", _("Clocks"), "warn", line, act)


def difference() -> float:
    """Seconds that this process is ahead of the database, give or take half the way there."""
    before = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        there = cursor.fetchone()[0]
    after = timezone.now()
    return float((before + (after - before) / 2 - there).total_seconds())


def copy_check(vitals: Vitals, copy: epochs.Standing) -> Checkup:
    title = _("Copy check")
    if copy.age is None or copy.age > epochs.VOUCHED_SECONDS:
        line = _("No ticker has looked for a minute, so no sender may send.")
        return Checkup("copy", title, "bad", line, _("Start a ticker."))
    if vitals.beat and vitals.beat.file:
        line = _("VAR_DIR/epoch on %(machine)s is of no use: %(why)s") % {
            "machine": vitals.beat.machine,
            "why": vitals.beat.file,
        }
        act = _("Make VAR_DIR writable: a restore may go unnoticed as it is.")
        return Checkup("copy", title, "warn", line, act)
    return Checkup("copy", title, "done", _("This is the database that was sent from"))


def disk() -> Checkup:
    """Where VAR_DIR is, on the machine of this web process."""
    use = shutil.disk_usage(settings.VAR_DIR)
    line = _("%(free)s free, %(share)s, where VAR_DIR is") % {
        "free": in_units(use.free),
        "share": in_percent(use.free / use.total, 0),
    }
    short = use.free < LEAST_FREE or use.free / use.total < LEAST_SHARE
    act = _("Make room: a full disk stops the database.") if short else ""
    return Checkup("disk", _("Disk"), "warn" if short else "done", line, act)


def secrets() -> Checkup:
    """Whether ENCRYPTION_KEYS open the private keys of the sites."""
    closed = 0
    keys = Credential.objects.values_list("private_key", flat=True)
    for key in keys:
        try:
            crypto.decrypt(key)
        except ImproperlyConfigured:
            closed += 1
    title = _("Push keys")
    if not closed:
        line = ngettext("%(count)d key, and it opens", "%(count)d keys, and all open", len(keys))
        return Checkup("secrets", title, "done", line % {"count": len(keys)})
    line = ngettext(
        "%(count)d key can’t be opened with ENCRYPTION_KEYS",
        "%(count)d keys can’t be opened with ENCRYPTION_KEYS",
        closed,
    )
    act = _("Put the old key back behind the new one.")
    return Checkup("secrets", title, "bad", line % {"count": closed}, act)


def subject() -> Checkup:
    """Whether push services can reach somebody, and what else the settings should not be."""
    title = _("Settings")
    found = run_checks(tags=[Tags.security])
    warnings = [one for one in found if str(one.id).startswith("beckon.") and not one.is_silenced()]
    # Where `up` runs the demo, it adds the sandbox's own origins.
    ours = [one for one in warnings if one.id != "beckon.W001" or not settings.DEMO]
    if settings.VAPID_SUBJECT == DEFAULT_SUBJECT and not settings.DEMO:
        line = _("Push services can’t reach you when something is wrong")
        act = _("Set VAPID_SUBJECT to an address of yours, such as mailto:push@example.com.")
        return Checkup("settings", title, "warn", line, act)
    if ours:
        return Checkup("settings", title, "warn", str(ours[0].msg), str(ours[0].hint or ""))
    return Checkup("settings", title, "done", _("As they should be"))


def version() -> Checkup:
    python = ".".join(map(str, sys.version_info[:3]))
    line = _("Beckon %(version)s on Python %(python)s")
    line %= {"version": own_version(), "python": python}
    return Checkup("version", _("Version"), "done", line)


@cache
def own_version() -> str:
    project = tomllib.loads(Path(settings.BASE_DIR, "pyproject.toml").read_text())["project"]
    return str(project["version"])


def in_units(size: float) -> str:
    """ "412 MB", "1.9 GB": as disks are sold."""
    power = next((at for at in range(1, len(UNITS)) if size < 1000 ** (at + 1)), len(UNITS))
    size /= 1000**power
    return f"{number(round(size) if size >= 10 else round(size, 1))} {UNITS[power - 1]}"
