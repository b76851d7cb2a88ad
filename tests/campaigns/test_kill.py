"""Kill a sender at every point, start another, and look at the books (push-reference section 3.5).

A point is the moment before and after each commit of the engine, and before, amid and after what it
sends to the push service. The push service writes down in a file whom it accepted something for;
nobody can take that back.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Site
from campaigns import finishing, ledger, planning, sending, starting
from campaigns.models import Batch, Delivery, Run
from subscribers.models import Subscription
from subscribers.transports.messages import DeliveryRequest, Outcome
from tests.campaigns import senders
from tests.campaigns.engine import check_books
from tests.factories import PUSH_ORIGIN, make_campaign, make_site, make_subscription

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # A child of a process with threads: it uses none of them.
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

DEVICES = ("a", "gone", "lost", "d")
WINDOW = 2
NEVER = 10**9
FAR_TOO_MANY = 500
State = Delivery.State


class Point:
    """Counts the points that a process passes, and kills it at one of them."""

    def __init__(self, fatal: int) -> None:
        self.fatal = fatal
        self.passed = 0

    def __call__(self) -> None:
        self.passed += 1
        if self.passed == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, commit: Callable[[], None]) -> Callable[[], None]:
        def committing() -> None:
            self()
            commit()
            self()

        return committing


class Service:
    """Accepts for everybody but `gone`; its answer about `lost` is lost."""

    def __init__(self, log: Path, point: Point) -> None:
        self.log = log
        self.point = point

    def send(self, requests: Sequence[DeliveryRequest]) -> list[Outcome]:
        self.point()
        outcomes = [self.answer(endpoint.url.rsplit("/", 1)[-1]) for endpoint, _m in requests]
        self.point()
        return outcomes

    def answer(self, device: str) -> Outcome:
        if device == "gone":
            return senders.GONE
        with self.log.open("a") as log:
            log.write(f"{device}\n")
        self.point()
        return senders.UNKNOWN if device == "lost" else senders.ACCEPTED


def work(run: Run, log: Path, fatal: int) -> bool:
    """One life of a process that does everything there is to do; whether it lived to the end."""
    child = os.fork()
    if child == 0:
        live(run, log, fatal)
    _pid, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0, "the engine raised, see above"
    return True


def live(run: Run, log: Path, fatal: int) -> None:
    """In the child: never returns."""
    status = 1
    try:
        # Our parent's session: not to be closed by us, nor used.
        connection.connection = None
        point = Point(fatal)
        setattr(connection, "commit", point.around(connection.commit))  # noqa: B010
        planning.plan(run.pk)
        for batch in Batch.objects.filter(run=run, due_at__isnull=False).order_by("pk"):
            sending.deliver(batch.pk, Service(log, point))
        finishing.finish_settled()
        status = 0
    finally:
        os._exit(status)


def killed_at(site: Site, fatal: int, log: Path) -> tuple[Run, bool]:
    """A run whose first process is killed at a point (False: it never came there)."""
    Subscription.objects.update(state=Subscription.State.ACTIVE)
    run = starting.start(make_campaign(site))
    log.write_text("")
    killed = not work(run, log, fatal)
    if killed:
        # Nobody but the dead one holds anything; the time that its lease had is over.
        Batch.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
        assert work(run, log, NEVER)
    run.refresh_from_db()
    return run, killed


def site_with_devices(settings: Settings) -> Site:
    settings.SEND_WINDOW = WINDOW
    site = make_site()
    for name in DEVICES:
        make_subscription(site, endpoint=f"{PUSH_ORIGIN}/wpush/v2/{name}")
    return site


def rows(run: Run) -> dict[str, State]:
    """The ledger of a run by the names of its devices."""
    devices = Subscription.objects.values_list("pk", "endpoint")
    names = {pk: url.rsplit("/", 1)[-1] for pk, url in devices}
    found = Delivery.objects.filter(run_id=run.pk).values_list("subscription_id", "state")
    return {names[pk]: State(state) for pk, state in found}


def check(run: Run, log: Path) -> None:
    """What must hold wherever the kill was (I1 to I5)."""
    accepted = Counter(log.read_text().split())
    ended = rows(run)
    assert max(accepted.values(), default=0) <= 1, "I1: nobody was sent to twice"
    check_books(run)
    assert set(ended) == set(DEVICES)
    assert set(ended.values()) <= {State.ACCEPTED, State.GONE, State.UNKNOWN}, "I2: one end each"
    said = {name for name, state in ended.items() if state == State.ACCEPTED}
    assert said <= set(accepted), "I3: accepted is what the push service accepted"
    assert all(ended[name] == State.UNKNOWN for name in set(accepted) - said), "I4"
    lost = sum(state == State.UNKNOWN for name, state in ended.items() if name != "lost")
    assert lost <= WINDOW, "I5: a kill leaves at most a window unknown"
    assert run.state == Run.State.FINISHED


def test_whenever_a_sender_is_killed(settings: Settings, tmp_path: Path) -> None:
    site, log = site_with_devices(settings), tmp_path / "accepted"
    for fatal in range(1, FAR_TOO_MANY):
        run, killed = killed_at(site, fatal, log)
        check(run, log)
        if not killed:
            break
    assert not killed
    assert fatal > 20, "these were not all points"
    assert rows(run)["d"] == State.ACCEPTED


def test_the_harness_notices_a_sender_that_tries_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plan_again(lease: Any) -> int:
        ledger.rows(lease, State.SENDING).update(state=State.PLANNED)
        return 0

    monkeypatch.setattr(ledger, "orphans_to_unknown", plan_again)
    site, log = site_with_devices(settings), tmp_path / "accepted"
    twice = 0
    for fatal in range(7, 13):
        run, _killed = killed_at(site, fatal, log)
        twice += max(Counter(log.read_text().split()).values(), default=0) > 1
    assert twice
