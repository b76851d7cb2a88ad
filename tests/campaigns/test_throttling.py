"""Throttles: never more than asked over any ten seconds, whoever sends."""

import time
from datetime import timedelta

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Site
from campaigns import leases, planning, reports, sending, starting, throttling
from campaigns.models import Batch, Delivery, Run, Throttle
from campaigns.pushing import PushSender
from campaigns.sending import Turn
from subscribers.models import Subscription
from subscribers.transports.client import PushClient
from subscribers.transports.keys import VapidSigner
from subscribers.transports.messages import DeliveryRequest
from tests.campaigns.engine import check_books
from tests.campaigns.senders import FakeService
from tests.factories import make_campaign, make_site, make_subscription
from tests.transports.servers import CREATED, Server, Visit

pytestmark = pytest.mark.django_db


def planned(devices: int, throttle: int | None, site_throttle: int | None = None) -> Run:
    site = make_site()
    Site.objects.filter(pk=site.pk).update(throttle=site_throttle)
    for _number in range(devices):
        make_subscription(site)
    run = starting.start(make_campaign(site, throttle=throttle))
    planning.plan(run.pk)
    return run


@transaction.atomic
def take(run: Run, most: int) -> list[float]:
    """Slots in seconds from now, taken."""
    now = timezone.now()
    slots = throttling.slots(run, most)
    assert slots is not None
    slots.use(slots.count)
    return [(slots.at(n) - now).total_seconds() for n in range(slots.count)]


def test_slots_are_evenly_spaced_and_little_ahead() -> None:
    run = planned(0, throttle=600)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        assert take(run, 100) == pytest.approx([n / 10 for n in range(11)])
        assert take(run, 100) == []
        clock.shift(timedelta(seconds=0.5))
        assert take(run, 3) == pytest.approx([0.6, 0.7, 0.8])
        clock.shift(timedelta(minutes=5))
        assert take(run, 2) == pytest.approx([0.0, 0.1]), "what was not used is not saved up"


def test_of_two_throttles_both_are_kept() -> None:
    run = planned(0, throttle=6_000, site_throttle=60)
    other = starting.start(make_campaign(run.campaign.site, throttle=60_000))
    with time_machine.travel(timezone.now(), tick=False) as clock:
        assert take(run, 100) == pytest.approx([0.0, 1.0])
        assert take(other, 100) == [], "the site's are taken"
        clock.shift(timedelta(seconds=1))
        assert take(other, 100) == pytest.approx([1.0])


def test_a_clock_that_was_ahead_stops_nobody() -> None:
    run = planned(0, throttle=600)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        take(run, 5)
        clock.shift(timedelta(hours=-1))
        assert take(run, 5) == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
        assert take(run, 5) == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9])


def test_without_a_throttle_there_are_no_slots() -> None:
    run = planned(0, throttle=None)
    with transaction.atomic():
        assert throttling.slots(run, 10) is None
    assert not Throttle.objects.exists()


class Recorder(FakeService):
    """Notes when each was allowed to leave."""

    def __init__(self) -> None:
        super().__init__()
        self.leaves: list[float] = []

    def start(self, ticket: int, request: DeliveryRequest, leave_at: float = 0.0) -> None:
        self.leaves.append(leave_at)
        super().start(ticket, request, leave_at)


def test_each_message_has_its_moment() -> None:
    run = planned(45, throttle=1_200)
    service = Recorder()
    sending.deliver(Batch.objects.get().pk, service)
    check_books(run)
    assert reports.run_counts(run)["accepted"] == 45
    gaps = [b - a for a, b in zip(service.leaves, service.leaves[1:], strict=False)]
    assert min(gaps) >= 0.05 - 0.005
    assert service.leaves[-1] - service.leaves[0] == pytest.approx(44 * 0.05, abs=1.0)


def test_a_slow_throttle_frees_its_batch_until_the_next_slot() -> None:
    run = planned(3, throttle=6)
    service = FakeService()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        sending.deliver(Batch.objects.get().pk, service)
        assert len(service.log) == 1
        batch = Batch.objects.get()
        assert batch.leased_until is None
        assert batch.due_at == timezone.now() + timedelta(seconds=9.5), "in time for the slot"
        clock.shift(timedelta(seconds=9.4))
        sending.deliver(batch.pk, service)
        assert len(service.log) == 1
        for _slot in range(2):
            clock.shift(timedelta(seconds=10))
            sending.deliver(batch.pk, service)
    check_books(run)
    assert len(service.log) == 3
    run.refresh_from_db()
    assert run.state == Run.State.FINISHED


def test_a_throttled_run_is_sent_by_one_sender_and_holds_up_nobody() -> None:
    run = planned(40, throttle=1_200)
    Batch.objects.filter(run=run).update(due_at=timezone.now() - timedelta(hours=1))
    free = starting.start(make_campaign(make_site()))
    make_subscription(free.campaign.site)
    Run.objects.filter(pk=free.pk).update(last_subscription=2**40)
    planning.plan(free.pk)
    service = FakeService()
    Turn(service, onward=leases.next_due).run(Batch.objects.get(run=run).pk)
    device = Delivery.objects.get(run_id=free.pk).subscription
    assert device.endpoint in service.log[:25], "it went out while the other waited for its slots"
    assert len(service.log) == 41


def test_a_second_batch_of_a_throttled_run_waits_for_the_first(settings: Settings) -> None:
    settings.SEND_BATCH = 1
    planned(2, throttle=60)
    first, second = Batch.objects.order_by("pk")
    assert leases.take(first.pk) is not None
    assert leases.take(second.pk) is None
    assert leases.next_due() is None


def test_on_the_wire_too_they_are_evenly_spaced(settings: Settings) -> None:
    step, devices, slack = 0.02, 100, 0.3
    arrived: list[float] = []

    def noting(visit: Visit) -> None:
        while visit.read_request():
            arrived.append(time.monotonic())
            visit.answer(CREATED)

    with Server(noting) as server:
        settings.EXTRA_PUSH_ORIGINS = server.extra
        run = planned(devices, throttle=round(60 / step))
        for device in Subscription.objects.all():
            device.endpoint = f"{server.origin}/d/{device.pk}"
            device.save(update_fields=["endpoint"])
        client = PushClient()
        sending.deliver(Batch.objects.get().pk, PushSender(client, VapidSigner()))
        client.close()
    assert reports.run_counts(run)["accepted"] == len(arrived) == devices
    arrived.sort()
    for number in range(10, devices, 10):
        spans = [b - a for a, b in zip(arrived, arrived[number:], strict=False)]
        assert min(spans) >= number * step - slack, "never more in a time than allowed"
