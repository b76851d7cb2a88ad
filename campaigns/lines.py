"""A batch in the hands of one process: what of it is on its way, and what it knows of its run."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from campaigns import trials
from campaigns.claiming import Flight, Requests
from campaigns.leases import Lease
from campaigns.models import Run
from campaigns.recording import Landed
from campaigns.trials import Pair


@dataclass
class Line:
    """A batch that this process holds, and what of it is on its way."""

    lease: Lease
    site_id: UUID
    # Pairs that the run's trials know enough of; None for a test, which has no trials.
    decided: set[Pair] | None
    # Answers that the run's trials had counted when it was taken, and since.
    tried: int = 0
    run: Run | None = None
    requests: Requests | None = None
    waiting: deque[Flight] = field(default_factory=deque)
    flying: int = 0
    landed: list[Landed] = field(default_factory=list)
    landed_at: float = 0.0
    # Nothing more is claimed: it is done, paused, or a key of ours was refused.
    ended: bool = False
    throttled: bool = False
    # A key of ours was refused. Whose fault that is, is decided when all answers are here.
    doubted: bool = False
    more_at: datetime | None = None
    error: str = ""

    @property
    def out(self) -> int:
        """Claimed and not recorded."""
        return len(self.waiting) + self.flying + len(self.landed)

    def rests(self, now: datetime) -> bool:
        """Whether its throttle has no slot for it yet."""
        return self.more_at is not None and self.more_at > now

    def room(self) -> int:
        """How many may be claimed. The first answers of a run are waited for."""
        if self.ended or self.rests(timezone.now()):
            return 0
        trying = self.decided is not None and self.tried < trials.FIRST
        return 0 if trying and self.out else settings.SEND_WINDOW
