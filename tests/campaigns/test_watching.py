"""No progress for two minutes is found and said, and only that."""

import logging
from datetime import datetime, timedelta

import pytest
import redis
from django.core.cache import cache
from django.utils import timezone

from campaigns import leases, planning, sending, starting, watching
from campaigns.models import Batch, Run
from campaigns.watching import Case
from tests.campaigns.senders import FakeService
from tests.factories import make_campaign, make_site, make_subscription

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> Run:
    site = make_site()
    make_subscription(site)
    return starting.start(make_campaign(site))


def pass_time(run: Run, seconds: int, step: int = 15) -> datetime:
    """The ticker looks every so often; returns when it looked last."""
    told: set[tuple[int, Case]] = set()
    now = timezone.now()
    for past in range(0, seconds + 1, step):
        watching.watch(now + timedelta(seconds=past), told)
    run.refresh_from_db()
    return now + timedelta(seconds=seconds)


def test_batches_that_nobody_takes(run: Run) -> None:
    planning.plan(run.pk)
    now = pass_time(run, 105)
    assert watching.stalled(run, now) == ""
    now = pass_time(run, 135)
    said = watching.stalled(run, now)
    assert said == "Nobody has taken 1 batch for 2 minutes. Are workers running?"
    starting.pause(run.campaign)
    run.refresh_from_db()
    assert watching.stalled(run, now) == ""


def test_planning_that_does_not_move(run: Run) -> None:
    now = pass_time(run, 180)
    assert watching.stalled(run, now).startswith("Writing down who gets it has not moved for 3")


def test_whoever_moves_is_left_in_peace(run: Run) -> None:
    planning.plan(run.pk)
    now, told = timezone.now(), set[tuple[int, Case]]()
    for past in range(0, 300, 15):
        Batch.objects.update(token=past)  # somebody takes a lease
        assert watching.watch(now + timedelta(seconds=past), told) == {}


def test_whoever_has_nothing_to_do_is_left_in_peace(run: Run) -> None:
    planning.plan(run.pk)
    Batch.objects.update(due_at=timezone.now() + timedelta(hours=1))
    now = pass_time(run, 300)
    assert watching.stalled(run, now) == ""


def test_a_finished_run_is_asked_nothing(run: Run) -> None:
    planning.plan(run.pk)
    sending.deliver(Batch.objects.get().pk, FakeService())
    run.refresh_from_db()
    assert watching.stalls([run], timezone.now()) == {}


def test_a_parked_batch_is_said_at_once(run: Run) -> None:
    planning.plan(run.pk)
    Batch.objects.update(parked_at=timezone.now())
    run.refresh_from_db()
    assert watching.stalled(run, timezone.now()).startswith("1 batch is parked")


def test_it_is_logged_once_and_when_it_is_over(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "beckon.watchdog")
    planning.plan(run.pk)
    told = set[tuple[int, Case]]()
    now = timezone.now()
    for past in range(0, 301, 15):
        watching.watch(now + timedelta(seconds=past), told)
    assert caplog.text.count("does not move: Nobody has taken 1 batch for 2 minutes") == 1
    assert leases.take(Batch.objects.get().pk)
    assert watching.watch(now + timedelta(seconds=315), told) == {}
    assert "is not held up any more" in caplog.text
    assert told == set()


def test_an_emptied_cache_begins_anew(run: Run) -> None:
    planning.plan(run.pk)
    now = pass_time(run, 150)
    cache.clear()
    assert watching.stalled(run, now) == ""


def test_nothing_is_raised_because_redis_is_down(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(key: str) -> str:
        raise redis.ConnectionError

    monkeypatch.setattr(cache, "get", down)
    assert watching.stalled(run, timezone.now()) == ""
