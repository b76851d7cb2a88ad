"""Two at once: everybody locks in the order campaign, run, batch, delivery, subscription."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from campaigns import (
    claiming,
    finishing,
    jobs,
    leases,
    ledger,
    planning,
    sending,
    starting,
    tokens,
    tracking,
)
from campaigns.leases import Lease
from campaigns.models import Batch, Campaign, Delivery, Run
from subscribers.models import Subscription
from tests.campaigns.engine import check_books
from tests.campaigns.locks import Meanwhile
from tests.campaigns.senders import FakeService
from tests.factories import make_campaign, make_site, make_subscription

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def meanwhile() -> Iterator[Meanwhile]:
    other = Meanwhile()
    yield other
    other.pool.shutdown()


def planned(devices: int = 1) -> Run:
    site = make_site()
    for _ in range(devices):
        make_subscription(site)
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    return run


def taken() -> Lease:
    lease = leases.take(Batch.objects.get().pk)
    assert lease is not None
    return lease


def test_a_receipt_and_the_record_of_its_window(meanwhile: Meanwhile) -> None:
    run = planned()
    lease = taken()
    window = claiming.claim(lease, 100)
    assert window is not None
    device = window.flights[0].row.subscription_id
    token = tokens.make(tokens.DeliveryKey(run.month, run.pk, device))
    with transaction.atomic():
        batch = leases.hold(lease)
        receipt = meanwhile.start(lambda: tracking.receive(token, tracking.Receipt.CLICKED))
        states = ledger.record(lease, [ledger.Result(device, Delivery.State.ACCEPTED)])
        claiming.count(batch, states)
    assert receipt.result()
    check_books(run)


def test_pausing_and_the_end_of_a_run(meanwhile: Meanwhile) -> None:
    run = planned()
    sending.deliver(Batch.objects.get().pk, FakeService())
    Run.objects.update(state=Run.State.RUNNING, finished_at=None)
    Campaign.objects.update(state=Campaign.State.RUNNING)
    campaign = Campaign.objects.get()
    with transaction.atomic():
        Campaign.objects.select_for_update().get()
        end = meanwhile.start(lambda: finishing.finish_if_settled(run.pk))
        starting.pause(campaign)
    assert end.result() is False
    run.refresh_from_db()
    assert run.state == Run.State.PAUSED


def test_cancelling_and_planning_nobody(meanwhile: Meanwhile) -> None:
    campaign = make_campaign(make_site())
    run = starting.start(campaign)
    with transaction.atomic():
        Campaign.objects.select_for_update().get()
        plan = meanwhile.start(lambda: planning.plan(run.pk))
        starting.cancel(campaign)
    plan.result()
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED


def test_the_ticker_and_whoever_changes_all_batches(meanwhile: Meanwhile) -> None:
    run = planned()
    first = Batch.objects.get()
    second = Batch.objects.create(
        run=run, first=2**40, last=2**40, audience=0, pending=0, due_at=timezone.now()
    )
    with transaction.atomic():
        Batch.objects.select_for_update().get(pk=second.pk)
        tick = meanwhile.start(lambda: jobs.enqueue_due(timezone.now()))
        Batch.objects.select_for_update().get(pk=first.pk)
    assert tick.result() == 2
    noted = Batch.objects.filter(enqueued_at__isnull=False).values_list("pk", flat=True)
    assert list(noted) == [first.pk], "whoever was being changed is noted the next time"


@pytest.mark.parametrize("how", ["erased", "no_consent"])
def test_a_device_that_leaves_while_its_window_is_claimed(meanwhile: Meanwhile, how: str) -> None:
    run = planned()
    lease = taken()
    with transaction.atomic():
        if how == "erased":
            Subscription.objects.all().delete()
        else:
            Subscription.objects.update(state=Subscription.State.UNSUBSCRIBED)
        claim = meanwhile.start(lambda: claiming.claim(lease, 100))
    window = claim.result()
    assert window is not None
    assert window.flights == []
    row = Delivery.objects.get()
    assert (row.state, row.reason) == (Delivery.State.SKIPPED, how)
    check_books(run)


def test_two_runs_claim_the_same_devices(meanwhile: Meanwhile) -> None:
    run = planned(devices=3)
    other = starting.start(make_campaign(run.campaign.site))
    planning.plan(other.pk)
    with transaction.atomic():
        one = leases.take(Batch.objects.get(run=run).pk)
        assert one is not None
        assert claiming.claim(one, 100) is not None
        service = FakeService()
        second = meanwhile.start(lambda: sending.deliver(Batch.objects.get(run=other).pk, service))
    second.result()
    assert len(service.log) == 3


def test_unscheduling_and_the_moment_of_the_start(meanwhile: Meanwhile) -> None:
    campaign = make_campaign(make_site())
    starting.schedule(campaign, datetime(2099, 1, 1), "UTC")
    due = datetime(2099, 1, 1, 0, 0, 1, tzinfo=UTC)
    with time_machine.travel(due, tick=False), transaction.atomic():
        starting.unschedule(campaign)
        start = meanwhile.start(lambda: starting.start_due(due))
    assert start.result() == 0
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.DRAFT
    assert not Run.objects.exists()
