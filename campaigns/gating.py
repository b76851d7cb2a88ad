"""What the senders learn of the push services, shared through the database.

How fast a service lets us go (`Gate`), and what it answered minute by minute (`ServiceMinute`).
Both are a help, not part of the guarantee: they are written about once a second, apart from the
ledger, and a sender that is killed takes its last second with it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from campaigns import tallies
from campaigns.ledger import Shut
from campaigns.models import Gate, ServiceMinute
from campaigns.recording import counted_as, milliseconds
from campaigns.tallies import COUNTS, Tally
from subscribers.transports import addresses
from subscribers.transports.gates import Gates, Learned
from subscribers.transports.messages import Outcome

SHARE_SECONDS = 1.0
# Of Google's quota: senders hear of each other's messages a second or two later.
QUOTA_SHARE = 0.9
# What was learned long ago says nothing of today.
FORGET = timedelta(minutes=15)

MINUTE = f"""
INSERT INTO campaigns_serviceminute AS m (minute, origin, {", ".join(COUNTS)}, ms)
VALUES (%s, %s, {", ".join(["%s"] * len(COUNTS))}, %s)
ON CONFLICT (minute, origin) DO UPDATE SET
    {", ".join(f"{name} = m.{name} + excluded.{name}" for name in COUNTS)},
    ms = ARRAY(SELECT a + b FROM unnest(m.ms, excluded.ms)
               WITH ORDINALITY AS bins (a, b, number) ORDER BY number)
"""  # noqa: S608 - names of our own columns


class Services:
    """The gates of one process, and its answers since they were last shared."""

    def __init__(self, most_in_flight: int) -> None:
        self.gates = Gates(most_in_flight=most_in_flight)
        self._minutes: dict[tuple[datetime, str], Tally] = {}
        self._shared_at = 0.0
        self._full: dict[str, Shut] = {}

    def begin(self, origin: str) -> float:
        """One more in flight; when it may leave (`time.monotonic()`), 0 for at once."""
        wait = self.gates.begin(origin) - time.time()
        return time.monotonic() + wait if wait > 0 else 0.0

    def note(self, origin: str, outcome: Outcome) -> None:
        """An answer has come, or can't come any more."""
        self.gates.note(origin, outcome)
        if name := counted_as(outcome):
            minute = timezone.now().replace(second=0, microsecond=0)
            tally = self._minutes.setdefault((minute, origin), tallies.empty())
            tallies.note(tally, name, milliseconds(outcome))

    def shut(self) -> dict[str, Shut]:
        """The push services whose further rows have to wait."""
        return self._full | {
            origin: Shut(datetime.fromtimestamp(one.until, UTC), one.interval)
            for origin, one in self.gates.shut().items()
        }

    def deferred(self, counts: Mapping[str, int]) -> None:
        """So many rows were given later times."""
        for origin, number in counts.items():
            self.gates.deferred(origin, number)

    def share(self) -> None:
        """About once a second: tell the others, and hear what they have learned."""
        if time.monotonic() - self._shared_at < SHARE_SECONDS:
            return
        self._shared_at = time.monotonic()
        self.tell()
        fresh = Gate.objects.filter(updated_at__gt=timezone.now() - FORGET)
        for gate in fresh:
            until = gate.closed_until.timestamp() if gate.closed_until else None
            self.gates.learn(gate.origin, Learned(gate.rate, until))
        self._full = full(timezone.now())

    @transaction.atomic
    def tell(self, *, last: bool = False) -> None:
        """Write down what was learned since the last time; `last`: down to the smallest."""
        now = timezone.now()
        found = self.gates.changes(least=0.0) if last else self.gates.changes()
        # In one order, so that two processes never wait for each other.
        for origin, learned in sorted(found.items()):
            until = learned.closed_until
            closed = datetime.fromtimestamp(until, UTC) if until is not None else None
            Gate.objects.update_or_create(
                origin=origin,
                defaults={"rate": learned.rate, "closed_until": closed, "updated_at": now},
            )
        minutes, self._minutes = self._minutes, {}
        with connection.cursor() as cursor:
            for (minute, origin), tally in sorted(minutes.items()):
                counts = [tally[name] for name in COUNTS]
                cursor.execute(MINUTE, [minute, origin, *counts, tally["ms"]])


def full(now: datetime) -> dict[str, Shut]:
    """The Firebase projects that have had nearly as much as Google's quota allows in a minute.

    All senders' messages of the last 60 seconds, refused ones too; of the minute before this one,
    the share that lies within them (the quota's minutes are nobody's clock's).
    """
    minute = now.replace(second=0, microsecond=0)
    share = 1 - (now - minute).total_seconds() / 60
    spent: Counter[str] = Counter()
    firebase = ServiceMinute.objects.filter(
        minute__gte=minute - timedelta(minutes=1), origin__startswith=f"{addresses.FCM}://"
    )
    for one in firebase:
        count = sum(getattr(one, name) for name in COUNTS)
        spent[one.origin] += count if one.minute == minute else round(count * share)
    until, step = now + timedelta(seconds=SHARE_SECONDS), 60 / settings.FCM_PER_MINUTE
    most = QUOTA_SHARE * settings.FCM_PER_MINUTE
    return {origin: Shut(until, step) for origin, count in spent.items() if count >= most}
