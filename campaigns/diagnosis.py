"""A file to send to whoever helps: figures and settings, but no secret, address, name or person."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

import django
import rq
from django.conf import settings
from django.db import connection
from django.db.models import Count

from campaigns import epochs, tallies
from campaigns.checkups import Checkup, own_version
from campaigns.models import Batch, Campaign, Delivery, Gate, Run, ServiceMinute
from campaigns.verdict import Verdict
from campaigns.vitals import TOTALS, Standing, Vitals
from subscribers.models import Subscription

NUMBERS = (
    "WORKERS",
    "WEB_WORKERS",
    "TRUSTED_PROXIES",
    "SEND_BATCH",
    "SEND_WINDOW",
    "SEND_IN_FLIGHT",
    "SEND_LEASE_SECONDS",
    "LATENESS_LIMIT_SECONDS",
    "PAYLOAD_LIMIT",
    "INGEST_PER_SITE",
    "INGEST_PER_ADDRESS",
)
FLAGS = ("DEBUG", "DEMO", "SECURE", "DATABASE_IS_EMBEDDED")


def diagnosis(
    vitals: Vitals, copy: epochs.Standing, checks: Sequence[Checkup], said: Verdict
) -> dict[str, Any]:
    """Everything as plain JSON. Machines are numbered, push services are named by their hosts."""
    machines = numbered(vitals)
    return {
        "at": vitals.now.isoformat(),
        "verdict": {"kind": said.kind, "sentence": f"{said.lead} {said.rest}"},
        "versions": versions(),
        "settings": {name: getattr(settings, name) for name in (*NUMBERS, *FLAGS)},
        "checks": [
            # The words of others may name machines and addresses.
            {"key": one.key, "state": one.state, "line": one.line if one.state == "done" else ""}
            for one in checks
        ],
        "workers": vitals.workers
        and [{"machine": machines[one.machine], "state": one.words} for one in vitals.workers],
        "ticker": vitals.beat
        and {
            "machine": machines[vitals.beat.machine],
            "at": vitals.beat.at.isoformat(),
            "swept_at": vitals.beat.swept_at and vitals.beat.swept_at.isoformat(),
            "clock": vitals.beat.clock,
            "epoch_file": not vitals.beat.file,
        },
        "epoch": {
            "vouched_seconds_ago": copy.age,
            "stopped_at": copy.stopped_at and copy.stopped_at.isoformat(),
            "stopped": copy.stopped,
        },
        "queues": vars(vitals.queues),
        "stalls": [{"case": one.case, "count": one.count} for one in vitals.stalls],
        "services": [service(one) for one in vitals.services],
        "gates": list(Gate.objects.order_by("origin").values("origin", "rate", "closed_until")),
        "minutes": [minute(row) for row in vitals.minutes],
        "rows": rows(),
    }


def numbered(vitals: Vitals) -> dict[str, int]:
    """A number for each machine, in place of its name."""
    names = [one.machine for one in vitals.workers or []]
    if vitals.beat:
        names.append(vitals.beat.machine)
    return {name: number for number, name in enumerate(dict.fromkeys(names), 1)}


def versions() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version')")
        server = str(cursor.fetchone()[0])
        cursor.execute(
            "SELECT name FROM django_migrations WHERE app = 'campaigns' ORDER BY id DESC LIMIT 1"
        )
        migration = str(cursor.fetchone()[0])
    return {
        "beckon": own_version(),
        "python": platform.python_version(),
        "django": django.get_version(),
        "rq": rq.__version__,
        "postgresql": server,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "migration": migration,
    }


def service(one: Standing) -> dict[str, Any]:
    counts = {name: getattr(one.service, name) for name in TOTALS}
    p95 = tallies.quantile(one.service.bins, 0.95)
    return counts | {
        "name": one.service.name,
        "state": one.state,
        "usual_ms": one.usual,
        "median_ms": one.median,
        "p95_ms": p95,
    }


def minute(row: ServiceMinute) -> dict[str, Any]:
    counts = {name: getattr(row, name) for name in TOTALS}
    return counts | {"minute": row.minute.isoformat(), "origin": row.origin, "ms": row.ms}


def rows() -> dict[str, Any]:
    """How many of what there are. The ledger's own number is the database's estimate."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_class"
            " WHERE relkind = 'r' AND relname LIKE %s",
            [f"{Delivery._meta.db_table}%"],
        )
        ledger = cursor.fetchone()[0]
    return {
        "campaigns": by_state(Campaign),
        "runs": by_state(Run),
        "batches": Batch.objects.count(),
        "devices": by_state(Subscription),
        "deliveries_about": ledger,
    }


def by_state(model: type[Campaign] | type[Run] | type[Subscription]) -> dict[str, int]:
    counted = model.objects.order_by().values("state").annotate(count=Count("pk"))
    return dict(counted.values_list("state", "count"))
