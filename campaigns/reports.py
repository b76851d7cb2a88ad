"""What became of a campaign: sums over its batches, exact and cheap at any size."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.utils.translation import gettext as _

from accounts.bars import Part
from campaigns import reasons
from campaigns.models import PUBLIC_COUNTS, Batch, Campaign, Delivery, Run, no_counts
from campaigns.starting import run_of
from subscribers.models import PUSH_SERVICES, Subscription

OUTCOMES = ("accepted", "skipped", "gone", "refused", "unknown", "expired", "cancelled", "pending")

# The chart covers the first day; what comes later is in the sums.
CHART_MINUTES = 1_440
MOST_POINTS = 120
STEPS = (1, 2, 5, 10, 15, 30, 60)

MINUTES = """
SELECT (extract(epoch FROM happened.at - %(start)s) / 60)::int AS minute, happened.kind, count(*)
FROM campaigns_delivery AS d CROSS JOIN LATERAL (VALUES
    ('accepted', CASE WHEN d.state = 2 THEN d.settled_at END),
    ('displayed', d.displayed_at), ('clicked', d.clicked_at)) AS happened (kind, at)
WHERE d.month = %(month)s AND d.run_id = %(run)s
    AND happened.at >= %(start)s AND happened.at < %(start)s + interval '1 day'
GROUP BY 1, 2
"""

# An erased device has no address any more; what became of its message stays.
SERVICES = """
SELECT coalesce(substring(s.endpoint FROM '^[a-z]+://([^/:?#]+)'), ''), d.state, count(*)
FROM campaigns_delivery AS d LEFT JOIN subscribers_subscription AS s ON s.id = d.subscription_id
WHERE d.month = %(month)s AND d.run_id = %(run)s AND d.state IN (2, 3, 4, 8)
GROUP BY 1, 2
"""


def run_counts(run: Run | None) -> dict[str, Any]:
    """PUBLIC_COUNTS of a run and `skipped_by_reason`; the outcomes add up to the audience."""
    if run is None:
        return no_counts() | {"skipped_by_reason": {}}
    batches = Batch.objects.filter(run=run)
    sums = batches.aggregate(**{f"sum_{name}": Sum(name, default=0) for name in PUBLIC_COUNTS})
    reasons: Counter[str] = Counter()
    for part in batches.filter(skipped__gt=0).values_list("skipped_by_reason", flat=True):
        reasons.update(part)
    return {name: sums[f"sum_{name}"] for name in PUBLIC_COUNTS} | {
        "skipped_by_reason": dict(reasons.most_common())
    }


def counts(campaign: Campaign) -> dict[str, Any]:
    """What the report of a campaign says, also by API."""
    return run_counts(run_of(campaign)) | {"state": campaign.state}


def deliveries(run: Run | None, state: str = "") -> QuerySet[Delivery]:
    """The ledger of a run with each device's public id; of one state if it is named.

    A state that does not exist has no rows.
    """
    if run is None or (state and state.upper() not in Delivery.State.names):
        return Delivery.objects.none()
    public_id = Subscription.objects.filter(pk=OuterRef("subscription_id")).values("public_id")
    rows = Delivery.objects.filter(month=run.month, run_id=run.pk).annotate(
        public_id=Subquery(public_id)
    )
    return rows.filter(state=Delivery.State[state.upper()]) if state else rows


def parts(counts: dict[str, Any], links: dict[str, str] | None = None) -> list[Part]:
    """Counts as the parts of a bar, with a link for each that is not zero."""
    hrefs = links or {}
    return [
        Part(name, count=counts[name], href=hrefs.get(name, "") if counts[name] else "")
        for name in OUTCOMES
    ]


@dataclass(frozen=True)
class Timeline:
    """How many there were in each step of `step` minutes from `start` on, by kind."""

    start: datetime
    step: int
    accepted: Sequence[int]
    displayed: Sequence[int]
    clicked: Sequence[int]


def timeline(run: Run, until: datetime) -> Timeline:
    """The first day of a run, at most; in steps that make at most MOST_POINTS points.

    It ends with the last event, or `until` if that is less than an hour after it.
    """
    start = run.started_at.replace(second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(MINUTES, {"start": start, "month": run.month, "run": run.pk})
        found = cursor.fetchall()
    now = int((until - start).total_seconds() // 60)
    last = max((minute for minute, _kind, _count in found), default=0)
    last = min(last if now - last >= 60 else max(now, last), CHART_MINUTES - 1)
    step = next((one for one in STEPS if last // one < MOST_POINTS), STEPS[-1])
    series = {name: [0] * (last // step + 1) for name in ("accepted", "displayed", "clicked")}
    for minute, kind, count in found:
        if minute <= last:
            series[kind][minute // step] += count
    return Timeline(start, step, **series)


@dataclass
class Service:
    """What became of a run's requests to one push service."""

    name: str
    accepted: int = 0
    refused: int = 0
    gone: int = 0
    unknown: int = 0


def service_name(host: str) -> str:
    """What people call the service behind a host."""
    for suffix, name in PUSH_SERVICES:
        if host == suffix or host.endswith(f".{suffix}"):
            return name
    if host in {"127.0.0.1", "localhost", "[", "::1"}:
        return _("Sandbox on this machine")
    return host or _("Devices that were erased since")


def services(run: Run) -> list[Service]:
    """Requests by push service, the largest first."""
    with connection.cursor() as cursor:
        cursor.execute(SERVICES, {"month": run.month, "run": run.pk})
        found = cursor.fetchall()
    named: dict[str, Service] = {}
    for host, state, count in found:
        service = named.setdefault(service_name(host), Service(service_name(host)))
        name = Delivery.State(state).name.lower()
        setattr(service, name, getattr(service, name) + count)
    return sorted(named.values(), key=lambda one: (-one.accepted, one.name))


def together(found: Iterable[Service]) -> Service:
    """The sum of services."""
    whole = Service("")
    for one in found:
        whole.accepted += one.accepted
        whole.refused += one.refused
        whole.gone += one.gone
        whole.unknown += one.unknown
    return whole


# What the ledger can be filtered by: states as the report names them, and what devices reported.
FILTERS: dict[str, Q] = {
    name: Q(state=Delivery.State[name.upper()]) for name in OUTCOMES if name != "pending"
} | {
    "pending": Q(state__in=(Delivery.State.PLANNED, Delivery.State.SENDING)),
    "displayed": Q(displayed_at__isnull=False),
    "clicked": Q(clicked_at__isnull=False),
    "dismissed": Q(dismissed_at__isnull=False),
}


@dataclass(frozen=True)
class Entry:
    """One row of the ledger with its device; None where that was erased since."""

    delivery: Delivery
    device: Subscription | None

    @property
    def key(self) -> str:
        """The state as bars and tables name it."""
        state = Delivery.State(self.delivery.state)
        return state.name.lower() if state.value > Delivery.State.SENDING else "pending"

    @property
    def at(self) -> datetime | None:
        return self.delivery.settled_at or self.delivery.sent_at

    @property
    def words(self) -> str:
        return reasons.words(self.delivery.state, self.delivery.reason, self.delivery.status_code)

    @property
    def said(self) -> list[tuple[str, datetime]]:
        """What the device has reported, in the order of its life."""
        row = self.delivery
        reported = (
            (_("displayed"), row.displayed_at),
            (_("clicked"), row.clicked_at),
            (_("dismissed"), row.dismissed_at),
        )
        return [(word, at) for word, at in reported if at]


@dataclass(frozen=True)
class LedgerPage:
    """Rows, oldest devices first, and where the pages beside begin (0 for none)."""

    entries: list[Entry] = field(default_factory=list)
    previous: int = 0
    next: int = 0


def ledger(run: Run, chosen: str = "") -> QuerySet[Delivery]:
    """The rows of a run; of one FILTERS key if it is named, none for an unknown one."""
    rows = Delivery.objects.filter(month=run.month, run_id=run.pk)
    if not chosen:
        return rows
    return rows.filter(FILTERS[chosen]) if chosen in FILTERS else rows.none()


def ledger_page(
    run: Run, chosen: str = "", *, after: int = 0, before: int = 0, size: int = 25
) -> LedgerPage:
    """A page by keyset on the subscription: what comes `after` that id, or just `before` it."""
    rows = ledger(run, chosen)
    if before:
        descending = rows.filter(subscription_id__lt=before).order_by("-subscription_id")
        found = list(descending[: size + 1])
        more_before, more_after = len(found) > size, True
        found = found[:size][::-1]
    else:
        found = list(rows.filter(subscription_id__gt=after).order_by("subscription_id")[: size + 1])
        more_before, more_after = bool(after), len(found) > size
        found = found[:size]
    if not found:
        return LedgerPage()
    return LedgerPage(
        entries(found),
        previous=found[0].subscription_id if more_before else 0,
        next=found[-1].subscription_id if more_after else 0,
    )


def entries(rows: Iterable[Delivery]) -> list[Entry]:
    """Rows with their devices and people, in one more query."""
    listed = list(rows)
    devices = Subscription.objects.select_related("subscriber").defer("endpoint", "p256dh", "auth")
    found = devices.in_bulk([row.subscription_id for row in listed])
    return [Entry(row, found.get(row.subscription_id)) for row in listed]


def of_devices(
    devices: Sequence[int], *, before: tuple[int, int] | None = None, size: int = 10
) -> list[Delivery]:
    """What was sent to some devices, newest runs first; one more than `size` if there are more.

    `before` is (run, subscription) of the last row of the page before.
    """
    rows = Delivery.objects.filter(subscription_id__in=devices)
    if before:
        run, device = before
        rows = rows.filter(Q(run_id__lt=run) | Q(run_id=run, subscription_id__gt=device))
    return list(rows.order_by("-run_id", "subscription_id")[: size + 1])
