"""One run of a campaign on a stack, while faults strike it: what they need to see and to do."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

from campaigns.models import Batch, Delivery, Run
from config.embedded import processes
from tests.chaos.checker import FINAL, Evidence
from tests.chaos.population import Population
from tests.chaos.stack import Stack

T = TypeVar("T")
PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 0.01
TEND_SECONDS = 0.5


@dataclass
class Scene:
    """A run that has begun. `outage`: seconds for which a server is away; `deploys`: how many.

    `bound`: how many deliveries the faults so far may leave unknown, as the documentation says;
    `faults`: their names; `trouble`: what went wrong beside the invariants.
    """

    stack: Stack
    population: Population
    run: Run
    audience: frozenset[str]
    rng: Random
    outage: float
    deploys: int
    logged_before: tuple[int, int]
    lost_before: int
    bound: int = 0
    faults: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    tended_at: float = 0.0

    def accepted(self) -> int:
        """How many the push services have accepted in this run."""
        return sum(self.stack.push.marks()) - sum(self.logged_before)

    def until(self, share: float) -> bool:
        """Wait until this share of the audience was accepted; False if the run ends before."""
        wanted = share * len(self.audience)
        over = False

        def come() -> bool:
            nonlocal over
            self.tend()
            if self.accepted() >= wanted:
                return True
            over = self.state() in (Run.State.FINISHED, Run.State.PAUSED, Run.State.CANCELLED)
            return over

        if not processes.wait_for(come, PATIENCE_SECONDS, pause=PAUSE_SECONDS):
            self.trouble.append(f"it stood still at {self.accepted()} accepted")
        return not over

    def wait(self, condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> bool:
        """Wait for a condition while the dead are replaced."""

        def holds() -> bool:
            self.tend()
            return condition()

        return processes.wait_for(holds, seconds, pause=PAUSE_SECONDS)

    def endure(self, seconds: float) -> None:
        """An outage goes on."""
        self.wait(lambda: False, seconds)

    def tend(self) -> None:
        """Not at every look: it reads all of /proc."""
        if time.monotonic() - self.tended_at > TEND_SECONDS:
            self.stack.tend()
            self.tended_at = time.monotonic()

    def state(self) -> str:
        """The run's state; "" while the database is away."""
        try:
            return Run.objects.values_list("state", flat=True).get(pk=self.run.pk)
        except (OperationalError, InterfaceError):
            connection.close()
            return ""

    def may_lose(self, senders: int) -> None:
        """So many senders may have been killed with deliveries in their hands."""
        self.bound += senders * self.stack.sizes.in_flight

    def evidence(self) -> Evidence:
        """What the ledger, the batches and the push service say of the run now."""
        tokens = {device.id: device.token for device in self.population.devices}
        rows = Delivery.objects.filter(run_id=self.run.pk).values_list(
            "subscription_id", "state", "resends"
        )
        sums: Counter[str] = Counter()
        for batch in Batch.objects.filter(run=self.run).values("audience", "pending", *FINAL):
            sums.update(batch)
        return Evidence(
            audience=self.audience,
            ledger=tuple((tokens[pk], Delivery.State(state).name.lower()) for pk, state, _ in rows),
            counts=dict(sums),
            log=tuple(self.stack.push.log(self.logged_before)),
            bound=self.bound,
            lost=self.stack.push.answers_lost() - self.lost_before,
            resends={tokens[pk]: resends for pk, _state, resends in rows if resends},
        )


def persistently(question: Callable[[], T]) -> T:
    """Ask the database until it is there to answer."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return question()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > end:
                raise
            time.sleep(PAUSE_SECONDS)
