"""Kill, or fail, a sender at its K-th step; then let another finish (push-reference section 3.5).

A step is the moment before and after each commit of the engine, and before a request leaves, before
and after the push service writes its acceptance down, and before the answer is handed over. The
push service's log is a file that only grows: nobody can take back what stands in it.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection
from django.utils import timezone

from campaigns.models import Batch, Delivery, Policy, Run
from campaigns.sending import Sender
from subscribers.models import Channel, Subscription
from subscribers.transports import addresses
from subscribers.transports.messages import DeliveryRequest, Endpoint, Outcome
from tests.campaigns import senders
from tests.chaos.checker import Evidence
from tests.factories import PUSH_ORIGIN

NEVER = 10**9
# How a life can end beside 0 and SIGKILL: its step failed, and it died of it or went on.
RAISED, SURVIVED = 3, 4
ROUNDS = 6
WRITES = ("UPDATE", "INSERT", "DELETE", "WITH")
# What the push service can have under way; what was started beyond that has not left.
CONNECTIONS = 3
# No token of an app is shorter.
LONG = 20

Design = Callable[[Run, Sender], None]


class Point:
    """Counts the steps that a process passes, and kills it at one of them."""

    def __init__(self, fatal: int) -> None:
        self.fatal = fatal
        self.passed = 0
        self.struck = False

    def __call__(self) -> None:
        self.passed += 1
        if self.passed == self.fatal:
            self.struck = True
            self.strike()

    def strike(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def in_service(self) -> None:
        """A step of the push service or on the way to it."""
        self()


class FailingPoint(Point):
    """As when the database goes away: the commit fails, or its answer is lost. Nobody dies."""

    def strike(self) -> None:
        raise OperationalError("the server closed the connection unexpectedly")

    def in_service(self) -> None:
        return


class Service:
    """The push service. What it does with a device is in the device's name:

    `gone` is gone; the answer about `lost` is lost; `busy` is limited once (429), then accepted;
    everybody else is accepted. Answers come one by one, in another order than the requests.
    """

    def __init__(self, log: Path, point: Point) -> None:
        self.log = log
        self.point = point
        self.waiting: list[tuple[int, str]] = []
        self.under_way: list[tuple[int, str]] = []

    def start(self, ticket: int, request: DeliveryRequest, leave_at: float = 0.0) -> None:
        endpoint = request[0]
        url = endpoint.url if isinstance(endpoint, Endpoint) else str(endpoint.address)
        self.waiting.append((ticket, name_of(url)))

    def step(self, seconds: float) -> list[tuple[int, Outcome]]:
        while self.waiting and len(self.under_way) < CONNECTIONS:
            self.point.in_service()
            self.under_way.append(self.waiting.pop(0))
        if not self.under_way:
            return []
        ticket, device = self.under_way.pop()
        outcome = self.answer(device)
        self.point.in_service()
        return [(ticket, outcome)]

    def withdraw(self) -> list[int]:
        tickets = [ticket for ticket, _device in self.waiting]
        self.waiting.clear()
        return tickets

    def answer(self, device: str) -> Outcome:
        if device.startswith("gone"):
            return senders.GONE
        if device.startswith("busy") and f"limited {device}" not in self.log.read_text():
            self.write(f"limited {device}")
            return senders.BUSY
        self.point.in_service()
        self.write(f"accepted {device}")
        self.point.in_service()
        return senders.UNKNOWN if device.startswith("lost") else senders.ACCEPTED

    def write(self, line: str) -> None:
        with self.log.open("a") as log:
            log.write(f"{line}\n")


def address(channel: Channel, name: str) -> str:
    """Of a device on a channel; each has its own letters and lengths."""
    padded = name.ljust(LONG, "-")
    if channel == Channel.FCM:
        return addresses.fcm("shop-app", padded)
    if channel == Channel.APNS:
        return addresses.apns("com.example.shop", padded.encode().hex())
    return f"{PUSH_ORIGIN}/wpush/v2/{name}"


def name_of(endpoint: str) -> str:
    """What `address` was made of."""
    padded = endpoint.rpartition("/")[2]
    if endpoint.startswith(f"{addresses.APNS}:"):
        padded = bytes.fromhex(padded).decode()
    return padded.rstrip("-")


@dataclass(frozen=True)
class Life:
    """How one life of a sender ended: was it struck, and did it do all that there was to do?"""

    struck: bool
    finished: bool


def live(run: Run, design: Design, log: Path, point: Point) -> Life:
    """One life of a process that does everything there is to do, in a process of its own."""
    child = os.fork()
    if child == 0:
        in_child(run, design, log, point)
    _pid, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return Life(struck=True, finished=False)
    code = os.WEXITSTATUS(status)
    assert code in (0, RAISED, SURVIVED), "the sender raised something else, see above"
    return Life(struck=code != 0, finished=code != RAISED)


def in_child(run: Run, design: Design, log: Path, point: Point) -> None:
    """Never returns."""
    status = 1
    try:
        # Our parent's session: not to be closed by us, nor used.
        connection.connection = None
        random.seed(point.fatal)
        watch_commits(point)
        work(run, design, log, point)
        status = SURVIVED if point.struck else 0
    except OperationalError:
        status = RAISED
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def work(run: Run, design: Design, log: Path, point: Point) -> None:
    """Do what there is to do, and wait for what is not due yet, until the run has ended.

    What has not ended by then never will: the checker says so.
    """
    for _round in range(ROUNDS):
        if ended(run):
            return
        design(run, Service(log, point))
        let_time_pass(run)


def watch_commits(point: Point) -> None:
    """Pass a point before and after whatever the database commits for us."""
    commit = connection.commit

    def committing() -> None:
        point()
        commit()
        point()

    def executing(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        alone = not connection.in_atomic_block and sql.lstrip().startswith(WRITES)
        if alone:
            point()
        result = execute(sql, *rest)
        if alone:
            point()
        return result

    setattr(connection, "commit", committing)  # noqa: B010
    connection.execute_wrappers.append(executing)


def ended(run: Run) -> bool:
    return Run.objects.filter(pk=run.pk, state=Run.State.FINISHED).exists()


def let_time_pass(run: Run) -> None:
    """Until whatever waits is due. No step of a sender: the points don't count it."""
    wrappers, connection.execute_wrappers[:] = connection.execute_wrappers[:], []
    now = timezone.now()
    waiting = Delivery.objects.filter(run_id=run.pk, state=Delivery.State.PLANNED)
    waiting.exclude(not_before=None).update(not_before=now)
    Batch.objects.filter(run=run, due_at__gt=now).update(due_at=now)
    # Whoever was held may be disturbed again.
    Policy.objects.filter(site=run.campaign.site_id).update(quiet_start=None, quiet_end=None)
    connection.execute_wrappers[:] = wrappers


def struck_at(run: Run, design: Design, log: Path, point: Point) -> Life:
    """A run whose first sender is struck at a point; then another works until it is done."""
    log.write_text("")
    life = live(run, design, log, point)
    # Nobody but the dead holds anything; the time that its lease had is over.
    past = timezone.now() - timedelta(seconds=1)
    Batch.objects.filter(run=run).exclude(leased_until=None).update(leased_until=past)
    let_time_pass(run)
    work(run, design, log, Point(NEVER))
    return life


def evidence(run: Run, log: Path, *, struck: bool) -> Evidence:
    """What the ledger, the batches and the push service say of the run."""
    devices = Subscription.objects.filter(site=run.campaign.site_id)
    names = {pk: name_of(url) for pk, url in devices.values_list("pk", "endpoint")}
    rows = Delivery.objects.filter(run_id=run.pk).values_list("subscription_id", "state")
    batches = Batch.objects.filter(run=run).values("audience", "pending", *COUNTED.values())
    accepted = [line.split()[1] for line in log.read_text().splitlines() if line[0] == "a"]
    sums: Counter[str] = sum((Counter(batch) for batch in batches), Counter())
    return Evidence(
        audience=frozenset(names.values()),
        ledger=tuple((names[pk], Delivery.State(state).name.lower()) for pk, state in rows),
        counts=dict(sums),
        log=tuple(accepted),
        bound=settings.SEND_IN_FLIGHT if struck else 0,
        lost=sum(name.startswith("lost") for name in accepted),
    )


COUNTED = {
    state: state.name.lower()
    for state in Delivery.State
    if state not in (Delivery.State.PLANNED, Delivery.State.SENDING)
}
