import json
import os
import signal
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
import time_machine
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import call_command
from django.db import OperationalError
from django.utils import timezone

from audiences import lists
from audiences.models import ListProblem, ListUpload
from campaigns import epochs, leading, overview, starting
from campaigns.models import Campaign, Epoch, Leader, QueueMinute, Run, ServiceMinute
from config import ticker
from config.ticker import Ticker
from subscribers import partitions
from subscribers.models import Cart
from tests.factories import make_campaign, make_site, make_subscriber

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_tick_starts_what_is_due_and_queues_it() -> None:
    campaign = make_campaign(make_site())
    starting.schedule(campaign, datetime(2099, 1, 1), "UTC")
    with time_machine.travel(datetime(2099, 1, 1, 0, 0, 1, tzinfo=UTC), tick=False):
        assert Ticker().beat()
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.RUNNING
    assert Run.objects.get().enqueued_at is not None


def test_one_ticker_leads_and_another_takes_over() -> None:
    first, second = Ticker(), Ticker()
    assert first.beat() and not second.beat() and first.beat()
    # It was killed, or its machine vanished: its time ends.
    Leader.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert second.beat() and not first.beat()


def test_one_that_is_stopped_hands_over_at_once() -> None:
    first, second = Ticker(), Ticker()
    assert first.beat()
    leading.resign(ticker.NAME, second.me)
    assert not second.beat()
    leading.resign(ticker.NAME, first.me)
    assert second.beat()


def test_who_stands_by_vouches_for_the_database_too() -> None:
    assert Ticker().beat()
    before = timezone.now() - timedelta(minutes=5)
    Epoch.objects.update(updated_at=before)
    assert not epochs.guard()
    assert not Ticker().beat()
    assert epochs.guard()


def test_nothing_starts_after_a_restore() -> None:
    campaign = make_campaign(make_site())
    starting.schedule(campaign, datetime(2099, 1, 1), "UTC")
    assert epochs.look()
    Epoch.objects.update(counter=1)
    with time_machine.travel(datetime(2099, 1, 1, 0, 0, 1, tzinfo=UTC), tick=False):
        assert Ticker().beat()
    campaign.refresh_from_db()
    assert (campaign.state, Run.objects.count()) == (Campaign.State.DRAFT, 0)


def test_a_fault_in_one_part_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(now: datetime) -> int:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(starting, "start_due", broken)
    run = starting.start(make_campaign(make_site()))
    Ticker().tick()
    run.refresh_from_db()
    assert run.enqueued_at is not None
    assert "a fault of ours" in caplog.text


def test_what_all_wait_for_ends_the_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(now: datetime) -> int:
        raise OperationalError("gone away")

    monkeypatch.setattr(starting, "start_due", away)
    with pytest.raises(OperationalError):
        Ticker().tick()
    assert cache.get(overview.TICKER_KEY) is None


def test_it_runs_until_it_is_told_to_stop_and_waits_out_a_fault(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ticks = []
    tick = Ticker.tick

    def counted(self: Ticker) -> None:
        ticks.append(self)
        if len(ticks) == 1:
            raise OperationalError("gone away")
        tick(self)
        os.kill(os.getpid(), signal.SIGTERM)

    before = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT)}
    monkeypatch.setattr(Ticker, "tick", counted)
    monkeypatch.setattr(ticker, "TICK_SECONDS", 0.01)
    try:
        call_command("ticker")
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
    assert len(ticks) == 2
    assert "gone away" in caplog.text
    assert Leader.objects.get().until <= timezone.now(), "it hands over at once"


def test_it_says_that_it_lives_where_and_when_it_swept() -> None:
    one = Ticker()
    one.tick()
    said = json.loads(cache.get(overview.TICKER_KEY))
    assert said["machine"] and said["swept_at"] == one.swept_at.isoformat()  # type: ignore[union-attr]
    assert said["file"] == "No such file or directory"
    assert one.beat()
    one.tick()
    assert json.loads(cache.get(overview.TICKER_KEY))["file"] == ""


@time_machine.travel("2026-11-22T12:00:30Z", tick=False)
def test_it_keeps_two_days_of_minutes() -> None:
    now = timezone.now().replace(second=0, microsecond=0)
    for days in (1, 3):
        at = now - timedelta(days=days)
        ServiceMinute.objects.create(minute=at, origin="https://push.example", ms=[])
        QueueMinute.objects.create(minute=at, waiting=days)
    one = Ticker()
    one.tick()
    one.tick()
    assert ServiceMinute.objects.count() == 1
    assert list(QueueMinute.objects.order_by("minute").values_list("waiting", flat=True)) == [1, 0]


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


def test_a_part_of_the_day_that_fails_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_now: datetime) -> None:
        raise RuntimeError("no month today")

    monkeypatch.setattr(partitions, "keep", broken)
    old = Cart.objects.create(
        subscriber=make_subscriber(site := make_site()),
        site=site,
        updated_at=timezone.now() - timedelta(days=3_000),
    )
    ticker.sweep()
    assert "no month today" in caplog.text
    assert not Cart.objects.filter(pk=old.pk).exists()


def test_the_sweeper_drops_reports_of_lists_once_a_day() -> None:
    buyers = lists.create(make_site(), "Buyers", by=lists.Actor())
    for days in (1, 31):
        done = lists.upload(
            buyers, BytesIO(b"nobody"), mode="add", names="external_id", by=lists.Actor()
        )
        ListUpload.objects.filter(pk=done.pk).update(at=timezone.now() - timedelta(days=days))
    ticker.sweep()
    assert ListProblem.objects.count() == 1
