"""Pausing, resuming, cancelling and ending at awkward moments: nothing gets stuck."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Site
from campaigns import finishing, leases, planning, recording, reports, sending, starting
from campaigns.models import Batch, Campaign, Delivery, Run
from campaigns.refusals import Refused
from config import ticker
from subscribers import vapid
from subscribers.models import Credential, Subscription, TestDevice
from subscribers.transports.messages import Outcome, OutcomeKind
from tests.campaigns import senders
from tests.campaigns.engine import check_books, drive
from tests.campaigns.locks import backend
from tests.campaigns.senders import FakeService
from tests.factories import PUSH_ORIGIN, make_campaign, make_site, make_subscription, make_user

pytestmark = pytest.mark.django_db

MISMATCH = Outcome(OutcomeKind.CONFIG, 403, "vapid_mismatch", detail="not the same key")


@pytest.fixture
def site() -> Site:
    return make_site()


def device(site: Site, name: str, **fields: object) -> Subscription:
    return make_subscription(site, endpoint=f"{PUSH_ORIGIN}/wpush/v2/{name}", **fields)


def states(run: Run) -> tuple[str, str]:
    run.refresh_from_db()
    run.campaign.refresh_from_db()
    return run.state, run.campaign.state


def test_resuming_after_the_last_window_finishes(site: Site) -> None:
    device(site, "a")
    campaign = make_campaign(site)
    run = starting.start(campaign)
    service = FakeService()
    service.before = lambda: starting.pause(campaign)
    drive(run, service)
    assert run.state == Run.State.PAUSED
    assert Batch.objects.get().due_at is None
    starting.resume(campaign)
    assert campaign.state == Campaign.State.FINISHED
    assert states(run) == ("finished", "finished")


def test_a_run_whose_last_sender_died_before_it_could_say_so_is_finished(site: Site) -> None:
    device(site, "a")
    run = starting.start(make_campaign(site))
    drive(run, FakeService())
    Run.objects.update(state=Run.State.RUNNING, finished_at=None)
    Campaign.objects.update(state=Campaign.State.RUNNING)
    ticker.Ticker().tick()
    assert states(run) == ("finished", "finished")
    assert finishing.finish_settled() == 0


def test_what_is_put_off_is_cancelled_at_once_too(site: Site) -> None:
    device(site, "busy")
    campaign = make_campaign(site)
    run = starting.start(campaign)
    service = FakeService(busy=senders.BUSY)
    service.before = lambda: starting.cancel(campaign)
    drive(run, service)
    assert reports.run_counts(run)["cancelled"] == 1
    assert Batch.objects.get().due_at is None


def test_cancelling_leaves_a_test_alone(site: Site) -> None:
    user = make_user()
    TestDevice.objects.create(user=user, subscription=device(site, "busy"))
    campaign = make_campaign(site)
    test = starting.send_test(campaign, user)
    drive(test, FakeService(busy=senders.BUSY))
    due = Batch.objects.get().due_at
    starting.start(campaign)
    starting.cancel(campaign)
    assert Batch.objects.get().due_at == due


def test_a_test_of_somebody_who_is_no_longer_there_goes_to_nobody(site: Site) -> None:
    user = make_user()
    TestDevice.objects.create(user=user, subscription=device(site, "mine"))
    device(site, "other")
    run = starting.send_test(make_campaign(site), user)
    user.delete()
    planning.plan(run.pk)
    assert not Delivery.objects.exists()
    run.refresh_from_db()
    assert run.state == Run.State.FINISHED


def test_an_audience_that_is_not_understood_is_not_started(site: Site) -> None:
    campaign = make_campaign(site, rule={"version": 99})
    with pytest.raises(Refused, match="can't be understood"):
        starting.start(campaign)
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.DRAFT


def test_a_sender_that_is_told_to_stop_ends_after_its_window(
    site: Site, settings: Settings
) -> None:
    settings.SEND_WINDOW = 2
    for number in range(5):
        device(site, f"d{number}")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    batch, service = Batch.objects.get(), FakeService()
    sending.deliver(batch.pk, service, stop=lambda: bool(service.log))
    check_books(run)
    batch.refresh_from_db()
    assert len(service.log) == 2
    assert batch.leased_until is None
    assert batch.due_at is not None
    assert batch.due_at <= timezone.now()
    sending.deliver(batch.pk, service)
    assert len(service.log) == len(set(service.log)) == 5


def test_a_planner_that_is_told_to_stop_ends_after_its_chunk(
    site: Site, settings: Settings
) -> None:
    settings.SEND_BATCH = 1
    for number in range(planning.BATCHES_PER_CHUNK + 1):
        device(site, f"d{number}")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk, stop=lambda: True)
    assert Batch.objects.count() == planning.BATCHES_PER_CHUNK
    planning.plan(run.pk)
    assert Batch.objects.count() == planning.BATCHES_PER_CHUNK + 1
    assert states(run) == ("running", "running")


def test_a_device_with_an_old_key_that_is_not_its_own_stops_nobody_else(site: Site) -> None:
    Credential.objects.update(retired_at=timezone.now())
    old = Credential.objects.get()
    vapid.create(site)
    alone = device(site, "old", credential=old)
    run = starting.start(make_campaign(site))
    drive(run, FakeService(old=MISMATCH))
    assert states(run) == ("finished", "finished")
    row = Delivery.objects.get()
    assert (row.state, row.reason) == (Delivery.State.REFUSED, "vapid_mismatch")
    alone.refresh_from_db()
    assert alone.state == Subscription.State.ACTIVE


def test_a_key_that_works_for_others_is_not_at_fault(site: Site) -> None:
    device(site, "foreign")
    device(site, "good")
    run = starting.start(make_campaign(site))
    drive(run, FakeService(foreign=MISMATCH))
    assert states(run) == ("finished", "finished")
    counts = reports.run_counts(run)
    assert (counts["accepted"], counts["refused"]) == (1, 1)


def test_a_key_that_works_for_nobody_pauses_and_keeps_everybody(site: Site) -> None:
    device(site, "a")
    device(site, "b")
    run = starting.start(make_campaign(site))
    drive(run, FakeService(a=MISMATCH, b=MISMATCH))
    assert states(run) == ("paused", "paused")
    assert reports.run_counts(run)["pending"] == 2


def test_who_moved_to_another_address_meanwhile_is_not_gone(site: Site) -> None:
    moving = device(site, "old")
    run = starting.start(make_campaign(site))
    service = FakeService(old=senders.GONE)

    def move() -> None:
        Subscription.objects.update(endpoint=f"{PUSH_ORIGIN}/wpush/v2/new")

    service.before = move
    drive(run, service)
    moving.refresh_from_db()
    assert moving.state == Subscription.State.ACTIVE
    assert reports.run_counts(run)["gone"] == 1


@pytest.mark.django_db(transaction=True)
def test_outcomes_outlive_a_database_that_goes_away(site: Site) -> None:
    device(site, "a")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    batch, service = Batch.objects.get(), FakeService()

    def end(session: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [session])
        connection.close()

    with ThreadPoolExecutor(1) as another:
        service.before = lambda: another.submit(end, backend()).result()
        sending.deliver(batch.pk, service)
    check_books(run)
    assert reports.run_counts(run)["accepted"] == 1


def test_a_lost_lease_is_not_waited_for(site: Site) -> None:
    device(site, "a")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    lease = leases.take(Batch.objects.get().pk)
    assert lease is not None
    Batch.objects.update(token=lease.token + 1)
    with pytest.raises(leases.Lost):
        recording.surely(lambda: recording.record(lease, run, []))


def test_a_tick_that_fails_is_not_the_last(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ticks: list[ticker.Ticker] = []

    def beat(self: ticker.Ticker) -> None:
        ticks.append(self)
        if len(ticks) == 1:
            raise ValueError("a fault of ours")
        os.kill(os.getpid(), signal.SIGTERM)

    before = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT)}
    monkeypatch.setattr(ticker.Ticker, "beat", beat)
    monkeypatch.setattr(ticker, "TICK_SECONDS", 0.01)
    # Their connection is the test's own.
    monkeypatch.setattr(connection, "close", lambda: None)
    try:
        ticker.run()
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
    assert len(ticks) == 2
    assert "a fault of ours" in caplog.text
