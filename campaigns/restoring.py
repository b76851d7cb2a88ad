"""Taking back what push services said of a run's devices: "gone" is soft, for 30 days.

A push service that answers 404 or 410 for a while has cost others whole audiences. The ledger goes
on to say "gone", because that was the answer; only the devices can be reached again.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import Count, F, Func, QuerySet, TextField, Value
from django.utils import timezone

from accounts.models import User
from campaigns.models import Delivery, Run
from subscribers import consent
from subscribers.models import Subscription

CHUNK = 1_000
# The row of the ledger and the device are written in one transaction, with their own clocks' times.
TOGETHER = timedelta(minutes=1)


def lost(run: Run, origin: str = "") -> QuerySet[Delivery]:
    """The rows whose device this run, and nothing since, has marked gone; of one push service.

    `origin`: such as "https://fcm.googleapis.com", "" for all. A device that came back, moved to
    another address or left is not among them.
    """
    rows = Delivery.objects.filter(
        month=run.month,
        run=run,
        state=Delivery.State.GONE,
        subscription__state=Subscription.State.GONE,
        subscription__state_at__gte=_since(run),
        subscription__state_at__range=(F("settled_at") - TOGETHER, F("settled_at") + TOGETHER),
    )
    return rows.filter(subscription__endpoint__startswith=f"{origin}/") if origin else rows


def services(run: Run) -> list[tuple[str, int]]:
    """How many devices could be restored, by the origin of their push service, most first.

    Reads the run's part of the ledger: not for a page that asks every second.
    """
    origin = Func(
        F("subscription__endpoint"),
        Value("^[a-z]+://[^/]+"),
        function="substring",
        output_field=TextField(),
    )
    found = lost(run).order_by().values(origin=origin).annotate(devices=Count("subscription_id"))
    return [(row["origin"], row["devices"]) for row in found.order_by("-devices", "origin")]


def restore(
    run: Run, by: User | None, origin: str = "", *, after: int = 0, stop: Callable[[], bool]
) -> tuple[int, int | None]:
    """Restore those of `lost` beyond the subscription id `after`, a chunk to a transaction.

    Returns how many, and where to go on; None when it is done. Safe to repeat: nobody is restored
    twice.
    """
    rows = lost(run, origin).order_by("subscription_id")
    restored = 0
    while not stop():
        ids = list(
            rows.filter(subscription_id__gt=after).values_list("subscription_id", flat=True)[:CHUNK]
        )
        restored += consent.restore_many(ids, by, _since(run))
        if len(ids) < CHUNK:
            return restored, None
        after = ids[-1]
    return restored, after


def _since(run: Run) -> datetime:
    return max(run.started_at, timezone.now() - consent.RESTORABLE)
