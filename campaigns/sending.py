"""Sending: turns of claim, render, encrypt, POST and record (design section 5).

The order is the guarantee. A claim is committed before a byte leaves, so a sender that dies leaves
what it had claimed `unknown`, never sent twice; a row goes back to `planned` only after a proven
refusal. At most SEND_IN_FLIGHT deliveries of a process are claimed and not recorded.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import transaction
from django.utils import timezone

from campaigns import claiming, finishing, leases, ledger, recording, starting, trials
from campaigns.authorizing import Authority
from campaigns.claiming import Flight, NotReady
from campaigns.gating import Services
from campaigns.leases import Lease, Lost
from campaigns.lines import Line
from campaigns.models import Delivery, Run
from campaigns.recording import Landed
from campaigns.refusals import Refused
from subscribers.transports.messages import DeliveryRequest, Outcome, OutcomeKind

# So many requests are made between two looks at the network.
AT_ONCE = 32
STEP_SECONDS = 0.2
# Answers wait so long for others to be recorded with.
GATHER_SECONDS = 0.1
# Where nothing else is due, so long until it is asked again.
ASK_SECONDS = 0.5
# Batches that one process holds: more than one only while one is ending or waits for its throttle.
MOST_LINES = 8
# A throttle that gives no slot for so long frees its batch.
LONG_WAIT = timedelta(seconds=2)
INTERNAL = Outcome(OutcomeKind.REFUSED, None, "internal_error")

log = logging.getLogger("beckon.sending")
# Of the process: an answer to a turn that was interrupted is nobody else's.
tickets = itertools.count(1)
T = TypeVar("T")


class Sender(Protocol):
    """What sends: one outcome for each ticket, and never an exception for a single row."""

    def start(self, ticket: int, request: DeliveryRequest, leave_at: float = 0.0) -> None:
        """Begin; not before `leave_at` (`time.monotonic()`)."""

    def step(self, seconds: float) -> list[tuple[int, Outcome]]:
        """Go on for at most so long, and return as soon as something has ended."""
        ...

    def withdraw(self) -> list[int]:
        """Take back what has not begun: tickets of which no byte has left."""
        ...


def deliver(batch_id: int, sender: Sender, stop: Callable[[], bool] = lambda: False) -> None:
    """Send what is due of a batch, unless somebody else holds it. Safe to call at any time.

    `stop` is asked before each window; what it leaves is due at once, for whoever comes next.
    """
    Turn(sender, stop).run(batch_id)


class Turn:
    """One process's turn at sending: a batch and, with `onward`, others that are due."""

    def __init__(
        self,
        sender: Sender,
        stop: Callable[[], bool] = lambda: False,
        onward: Callable[[Sequence[int]], int | None] = lambda _but: None,
    ) -> None:
        self.sender = sender
        self.stop = stop
        self.onward = onward
        self.services = Services(settings.SEND_IN_FLIGHT)
        self.authority = Authority()
        self.lines: list[Line] = []
        self.flights: dict[int, tuple[Line, Flight]] = {}
        self.stopping = self.holding = False
        self.ask_at = 0.0

    def run(self, batch_id: int) -> None:
        """Until nothing is due any more, or `stop`. Whatever was claimed is recorded."""
        self.share()
        if not self.open(batch_id):
            self.another()
        while self.lines or self.flights:
            self.stopping = self.stopping or self.stop()
            self.claim()
            self.start()
            self.step()
            for line in list(self.lines):
                self.gather(line)
            self.share()
        with contextlib.suppress(DatabaseError):
            self.services.tell(last=True)

    def share(self) -> None:
        with contextlib.suppress(DatabaseError):
            self.services.share()

    def surely(self, act: Callable[[], T]) -> T:
        """Do it, though the database be away for a while; the network goes on meanwhile."""
        return recording.surely(act, self.wait)

    def wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not self.flights:
                time.sleep(left)
            for ticket, outcome in self.sender.step(left):
                self.land(ticket, outcome)

    def open(self, batch_id: int | None) -> bool:
        """Take a batch; whether it is ours now. One that can't be taken is left to the watchdog."""
        if batch_id is None:
            return False
        try:
            lease = self.surely(lambda: leases.take(batch_id))
            if lease is not None:
                self.lines.append(self.surely(lambda: self.line(lease)))
        except Exception:
            log.exception("Batch %s could not be taken", batch_id)
            return False
        return lease is not None

    def line(self, lease: Lease) -> Line:
        """A batch that was just taken, with what its run's trials know."""
        run = Run.objects.select_related("campaign").get(pk=lease.run_id)
        site_id = run.campaign.site_id
        if run.kind == Run.Kind.TEST:
            return Line(lease, site_id, decided=None)
        if run.state in Run.SENDING and (why := trials.tripped(run.pk)):
            # Whoever tripped it died before it could pause the run.
            pause(run, why)
        decided, tried = trials.settled(run.pk), trials.answered(run.pk)
        return Line(lease, site_id, decided, tried)

    # Claiming

    def claim(self) -> None:
        """Claim while there is room, of the batches that we hold and then of others."""
        if self.stopping:
            for line in self.lines:
                line.ended = True
            self.take_back()
            return
        if self.must_wait_for_tokens():
            return
        for line in list(self.lines):
            if not line.waiting and self.fits(line):
                self.claim_of(line)
        # A throttled run leaves time for others.
        free = all(line.ended or line.throttled for line in self.lines)
        if free and len(self.lines) < MOST_LINES and self.another():
            self.claim()

    def must_wait_for_tokens(self) -> bool:
        """Whether a token is to be renewed as soon as nothing is on its way any more."""
        self.holding = False
        try:
            self.holding = self.surely(self.renewing)
        except Exception:
            log.exception("Tokens could not be looked at")
        return self.holding

    def renewing(self) -> bool:
        """Renew what batches need and is about to end; True if that has to wait."""
        held = [(line.site_id, line.lease) for line in self.lines if not line.ended]
        ending = [one for one in held if self.authority.must_renew(*one)]
        if ending and (self.flights or any(line.out for line in self.lines)):
            return True
        for one in ending:
            self.authority.renew(*one)
        return False

    def another(self) -> bool:
        """Take one more batch that is due. Others may be quicker, so it asks some times."""
        if time.monotonic() < self.ask_at:
            return False
        held = [line.lease.run_id for line in self.lines if line.throttled]
        found = any(self.open(self.onward(held)) for _attempt in range(3))
        self.ask_at = 0.0 if found else time.monotonic() + ASK_SECONDS
        return found

    def fits(self, line: Line) -> bool:
        out = sum(one.out for one in self.lines)
        return 0 < line.room() <= settings.SEND_IN_FLIGHT - out

    def claim_of(self, line: Line) -> None:
        """Claim a window of a batch; what goes wrong ends this batch only."""
        try:
            if why := self.surely(lambda: self.authority.refusal(line.site_id, line.lease)):
                raise ImproperlyConfigured(why)
            shut = self.services.shut() | self.surely(lambda: self.authority.shut(line.site_id))
            window = self.surely(lambda: claiming.claim(line.lease, line.room(), shut))
        except Lost:
            self.forget(line)
        except NotReady:
            line.ended = True  # it is due at once
            self.authority.look_again(line.site_id)
        except ImproperlyConfigured as error:
            # A key of ours that can't be opened stops the run, instead of trying for ever.
            line.ended = True
            run = Run.objects.select_related("campaign__site").get(pk=line.lease.run_id)
            pause(run, str(error))
        except Exception as error:
            log.exception("Batch %s could not be claimed from", line.lease.batch_id)
            line.ended, line.error = True, f"{type(error).__name__}: {error}"
        else:
            if window is None:
                line.ended = True
                return
            line.run, line.more_at = window.run, window.more_at
            line.throttled = window.throttled
            line.requests = window.requests or line.requests
            line.waiting.extend(window.flights)
            self.services.deferred(window.deferred)
            if line.doubted:
                # Our key was refused while the database was waited for.
                self.take_back(line)

    # The network

    def start(self) -> None:
        """Make some requests and let them begin."""
        for line in self.lines:
            for _ in range(min(AT_ONCE, len(line.waiting))):
                self.begin(line, line.waiting.popleft())

    def begin(self, line: Line, flight: Flight) -> None:
        leave_at = max(flight.leave_at, self.services.begin(flight.origin))
        ticket = next(tickets)
        self.flights[ticket] = (line, flight)
        line.flying += 1
        if leave_at > time.monotonic() + LONG_WAIT.total_seconds():
            # Its push service limits us by now. The next claim gives it a later time.
            self.give_back(ticket)
            return
        assert line.requests is not None  # noqa: S101 - it came with the window
        try:
            self.sender.start(ticket, line.requests.of(flight.row), leave_at)
        except Exception:
            log.exception("A request could not be made")
            self.land(ticket, INTERNAL)

    def step(self) -> None:
        """Let the network go on, and note what has ended."""
        if not self.flights:
            self.rest()
            return
        busy = any(line.waiting or (not self.holding and self.fits(line)) for line in self.lines)
        for ticket, outcome in self.sender.step(0.0 if busy else STEP_SECONDS):
            self.land(ticket, outcome)

    def rest(self) -> None:
        """Wait for the next slot of a throttle, if that is all that there is to do."""
        if any(line.landed or line.waiting for line in self.lines) or self.stopping:
            return
        slots = [line.more_at for line in self.lines if line.more_at and not line.ended]
        if slots and len(slots) == len(self.lines):
            wait = (min(slots) - timezone.now()).total_seconds()
            time.sleep(min(max(wait, 0.0), STEP_SECONDS))

    def land(self, ticket: int, outcome: Outcome) -> None:
        if ticket not in self.flights:
            return  # of a turn of this process that was interrupted
        line, flight = self.flights.pop(ticket)
        self.services.note(flight.origin, outcome)
        self.put_down(line, Landed(flight, outcome))
        if outcome.kind == OutcomeKind.CONFIG and not line.doubted:
            line.ended = line.doubted = True
            self.take_back(line)

    def put_down(self, line: Line, landed: Landed) -> None:
        line.flying -= 1
        line.landed.append(landed)
        line.landed_at = line.landed_at or time.monotonic()

    def take_back(self, of: Line | None = None) -> None:
        """Give back what was claimed and has not begun: of one batch, or of all.

        What of other batches has not begun goes back with it, and is claimed again.
        """
        for line in self.lines if of is None else [of]:
            line.landed += [Landed(flight, None) for flight in line.waiting]
            line.landed_at = line.landed_at or time.monotonic()
            line.waiting.clear()
        for ticket in set(self.sender.withdraw()) & set(self.flights):
            self.give_back(ticket)

    def give_back(self, ticket: int) -> None:
        """No byte of it has left."""
        line, flight = self.flights.pop(ticket)
        self.services.gates.back(flight.origin)
        self.put_down(line, Landed(flight, None))

    # Recording

    def gather(self, line: Line) -> None:
        """Record what has come in, when it is enough or nothing else will come; then maybe end.

        What goes wrong costs this batch only.
        """
        quiet = not line.waiting and not line.flying
        try:
            if line.landed and (quiet or (not line.doubted and self.is_enough(line))):
                self.record(line)
            now = timezone.now()
            long = line.more_at is not None and line.more_at > now + LONG_WAIT
            if quiet and not line.landed and (line.ended or long):
                self.close(line)
        except Lost:
            self.forget(line)
        except Exception as error:
            log.exception("Batch %s could not be recorded", line.lease.batch_id)
            if line.error or line not in self.lines:
                self.forget(line)  # its lease ends by itself
            line.ended, line.error = True, f"{type(error).__name__}: {error}"

    def is_enough(self, line: Line) -> bool:
        gathered = len(line.landed) >= settings.SEND_WINDOW
        return gathered or time.monotonic() - line.landed_at >= GATHER_SECONDS

    def record(self, line: Line) -> None:
        landed, line.landed, line.landed_at = line.landed, [], 0.0
        run, lease = line.run, line.lease
        assert run is not None  # noqa: S101 - it came with the window
        landed = self.surely(lambda: recording.blame(run, landed))
        decided = self.surely(lambda: recording.record(lease, run, landed, line.decided))
        if line.decided is None:
            return
        line.decided |= decided
        line.tried += sum(one.outcome is not None for one in landed)
        refused = any(recording.is_kind(one, OutcomeKind.CONFIG) for one in landed)
        if decided or refused:
            self.surely(lambda: self.ask(line, run))

    def ask(self, line: Line, run: Run) -> None:
        """Pause, if the first answers of a push service speak against going on."""
        if why := trials.tripped(run.pk):
            line.ended = True
            self.take_back(line)
            pause(run, why)

    def close(self, line: Line) -> None:
        """Give the batch back, and finish its run if that was the last."""
        self.surely(lambda: settle(line.lease, line.more_at, line.error))
        self.lines.remove(line)
        self.surely(lambda: finishing.finish_if_settled(line.lease.run_id))

    def forget(self, line: Line) -> None:
        """Somebody else holds the batch: what we had of it is theirs, and unknown. What is on its
        way still ends, and is not recorded."""
        if line in self.lines:
            self.lines.remove(line)
        self.take_back(line)


@transaction.atomic
def settle(lease: Lease, not_before: datetime | None = None, error: str = "") -> None:
    """Give the lease back, with nothing of it on its way.

    What a cancelled run had not claimed becomes cancelled first. What is still claimed comes from a
    claim whose answer was lost: nobody can tell it from what was sent.
    """
    batch = leases.hold(lease)
    claiming.count(batch, [Delivery.State.UNKNOWN] * ledger.orphans_to_unknown(lease))
    if Run.objects.filter(pk=lease.run_id, state=Run.State.CANCELLED).exists():
        claiming.count(batch, [Delivery.State.UNKNOWN] * ledger.keep_unknown(lease))
        cancelled = ledger.cancel_planned(lease)
        claiming.count(batch, [Delivery.State.CANCELLED] * cancelled)
    leases.release(lease, batch, not_before, error)


def pause(run: Run, sentence: str) -> None:
    """Pause the campaign; a test just ends."""
    if run.kind == Run.Kind.TEST:
        Run.objects.filter(pk=run.pk, state__in=Run.SENDING).update(
            state=Run.State.CANCELLED, pause_reason=sentence[:400], finished_at=timezone.now()
        )
        return
    # Refused: somebody paused or cancelled it in the meantime.
    with contextlib.suppress(Refused):
        starting.pause(run.campaign, reason=sentence[:400])
