"""A real ticker and a real worker, as the health page sees them, and a whole run through both."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.utils import timezone

from campaigns import epochs, starting, vitals
from campaigns.models import Delivery, Epoch, Leader, Run
from config.embedded import processes
from tests.campaigns.engine import check_books
from tests.factories import make_campaign, make_site, make_subscription

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60


@pytest.fixture
def both(transactional_db: None) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Ticker and worker on the database of this test."""
    address = urlsplit(os.environ["DATABASE_URL"])
    database = address._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    env = {**os.environ, "DATABASE_URL": database}
    started = [
        subprocess.Popen([sys.executable, "manage.py", name], cwd=ROOT, env=env)
        for name in ("ticker", "worker")
    ]
    yield started
    for process in started:
        process.kill()
        process.wait()


def test_they_are_seen_and_carry_a_run_to_its_end(both: list[subprocess.Popen[bytes]]) -> None:
    assert processes.wait_for(lambda: bool(vitals.beat()), PATIENCE)
    assert processes.wait_for(lambda: bool(vitals.workers(timezone.now())), PATIENCE)
    found = vitals.look(timezone.now())
    assert found.beat and found.workers
    assert (found.beat.machine, found.beat.file) == (socket.gethostname(), "")
    assert abs(found.beat.clock) < 30
    assert [one.machine for one in found.workers] == [socket.gethostname()]
    assert epochs.guard()
    site = make_site()
    make_subscription(site)  # at a push service that nobody allowed: refused without a connection
    run = starting.start(make_campaign(site))

    def finished() -> bool:
        run.refresh_from_db()
        return run.state == Run.State.FINISHED

    assert processes.wait_for(finished, PATIENCE)
    check_books(run)
    for process in both:
        process.send_signal(signal.SIGTERM)
    assert [process.wait(30) for process in both] == [0, 0]
    assert Leader.objects.get().until <= timezone.now()


def test_after_a_restore_they_send_nothing(both: list[subprocess.Popen[bytes]]) -> None:
    assert processes.wait_for(Epoch.objects.exists, PATIENCE)
    assert processes.wait_for(epochs.place().exists, PATIENCE)
    for process in both:
        process.send_signal(signal.SIGSTOP)
    site = make_site()
    make_subscription(site)
    run = starting.start(make_campaign(site))
    # As if an older database had been put in its place while they stood still.
    Epoch.objects.update(counter=1)
    for process in both:
        process.send_signal(signal.SIGCONT)

    def paused() -> bool:
        run.refresh_from_db()
        return run.state == Run.State.PAUSED

    assert processes.wait_for(paused, PATIENCE)
    # The tick that was interrupted may have planned it; nobody was claimed.
    assert not run.deliveries.exclude(state=Delivery.State.PLANNED).exists()
