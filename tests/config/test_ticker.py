import os
import signal
import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import time_machine
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone

from campaigns import starting
from campaigns.models import Campaign, Run
from config import ticker
from tests.factories import make_campaign, make_site

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_tick_starts_what_is_due_and_queues_it() -> None:
    campaign = make_campaign(make_site())
    starting.schedule(campaign, datetime(2099, 1, 1), "UTC")
    with time_machine.travel(datetime(2099, 1, 1, 0, 0, 1, tzinfo=UTC), tick=False):
        ticker.tick(0)
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.RUNNING
    assert Run.objects.get().enqueued_at is not None


def test_one_ticker_leads_and_another_takes_over() -> None:
    database = connection.get_connection_params()
    keys = ("host", "port", "user", "password", "dbname")
    other = psycopg.connect(**{key: database[key] for key in keys if database.get(key)})
    other.execute("SELECT pg_advisory_lock(%s)", [ticker.LOCK])
    assert not ticker.leading()
    other.close()
    wait_until(ticker.leading)
    connection.close()


def test_it_runs_until_it_is_told_to_stop_and_waits_out_a_fault(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ticks = []

    def tick(number: int) -> None:
        ticks.append(number)
        if len(ticks) == 1:
            raise OperationalError("gone away")
        os.kill(os.getpid(), signal.SIGTERM)

    before = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT)}
    monkeypatch.setattr(ticker, "tick", tick)
    monkeypatch.setattr(ticker, "TICK_SECONDS", 0.01)
    try:
        call_command("ticker")
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
    assert len(ticks) == 2
    assert "gone away" in caplog.text


def test_the_sweeper_visits_every_queue() -> None:
    ticker.sweep()
    assert set(settings.RQ_QUEUES) == {"plan", "send", "default"}


def test_the_sweeper_lets_ended_sessions_go_once_a_day() -> None:
    cache.delete(ticker.PURGED_KEY)
    now = timezone.now()
    for key, end in (("ended", now - timedelta(days=1)), ("open", now + timedelta(days=1))):
        Session.objects.create(session_key=key, session_data="", expire_date=end)
    ticker.sweep()
    assert [row.session_key for row in Session.objects.all()] == ["open"]
    Session.objects.update(expire_date=now - timedelta(days=1))
    ticker.sweep()
    assert Session.objects.count() == 1


def wait_until(condition: object, seconds: float = 5.0) -> None:
    """Until a condition holds; fails the test when it does not in time."""
    assert callable(condition)
    pause, end = threading.Event(), threading.Timer(seconds, lambda: None)
    end.start()
    while not condition():
        assert end.is_alive(), "it did not come true in time"
        pause.wait(0.02)
    end.cancel()
