from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Site
from campaigns import claiming, leases, planning, recording, reports, sending, starting
from campaigns.models import Batch, Campaign, Delivery, Run
from campaigns.refusals import Refused
from subscribers.models import ConsentRecord, Subscription
from tests.campaigns import senders
from tests.campaigns.engine import check_books, drive
from tests.campaigns.senders import FakeService
from tests.factories import PUSH_ORIGIN, make_campaign, make_site, make_subscription

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return make_site()


def device(site: Site, name: str) -> Subscription:
    return make_subscription(site, endpoint=f"{PUSH_ORIGIN}/wpush/v2/{name}")


def row(subscription: Subscription) -> Delivery:
    return Delivery.objects.get(subscription_id=subscription.pk)


def test_everybody_gets_it_once_and_the_run_finishes(site: Site, settings: Settings) -> None:
    settings.SEND_BATCH, settings.SEND_WINDOW = 4, 3
    for number in range(10):
        device(site, f"d{number}")
    campaign, service = make_campaign(site), FakeService()
    run = starting.start(campaign)
    drive(run, service)
    assert sorted(service.log) == sorted(set(service.log))
    assert len(service.log) == 10
    assert max(service.windows) <= 3
    assert run.state == Run.State.FINISHED
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.FINISHED
    assert reports.counts(campaign)["accepted"] == 10
    assert all(len(topic) == 32 for topic in service.topics)


def test_each_outcome_has_its_state(site: Site) -> None:
    devices = {
        name: device(site, name) for name in ("ok", "left", "big", "lost", "busy", "unreachable")
    }
    service = FakeService(
        left=senders.GONE,
        big=senders.REFUSED,
        lost=senders.UNKNOWN,
        busy=senders.BUSY,
        unreachable=senders.LATER,
    )
    run = starting.start(make_campaign(site))
    drive(run, service)
    assert {name: row(of).state for name, of in devices.items()} == {
        "ok": Delivery.State.ACCEPTED,
        "left": Delivery.State.GONE,
        "big": Delivery.State.REFUSED,
        "lost": Delivery.State.UNKNOWN,
        "busy": Delivery.State.PLANNED,
        "unreachable": Delivery.State.PLANNED,
    }
    assert row(devices["ok"]).status_code == 201
    assert row(devices["ok"]).message_location == "https://push.example/m/1"
    assert row(devices["ok"]).version == 1
    assert run.state == Run.State.RUNNING


def test_gone_is_soft_and_recorded(site: Site) -> None:
    left = device(site, "left")
    run = starting.start(make_campaign(site))
    drive(run, FakeService(left=senders.GONE))
    left.refresh_from_db()
    assert left.state == Subscription.State.GONE
    assert ConsentRecord.objects.filter(subscription=left, action="gone").count() == 1


def test_a_retry_waits_as_long_as_the_push_service_asked_and_then_is_sent(site: Site) -> None:
    busy = device(site, "busy")
    run = starting.start(make_campaign(site))
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        service = FakeService(busy=senders.BUSY)
        drive(run, service)
        batch = Batch.objects.get(run=run)
        assert batch.due_at == now + timedelta(seconds=60)
        sending.deliver(batch.pk, service)
        assert len(service.log) == 1
    with time_machine.travel(now + timedelta(seconds=61), tick=False):
        sending.deliver(batch.pk, FakeService())
    check_books(run)
    assert row(busy).state == Delivery.State.ACCEPTED
    assert row(busy).attempts == 2
    run.refresh_from_db()
    assert run.state == Run.State.FINISHED


@pytest.mark.parametrize(("ttl", "hour"), [(86_400, 1.0), (600, 1 / 6)])
def test_what_is_never_taken_expires_with_its_ttl_or_after_an_hour(
    site: Site, ttl: int, hour: float
) -> None:
    busy = device(site, "busy")
    run = starting.start(make_campaign(site, message={"ttl": ttl}))
    service = FakeService(busy=senders.LATER)
    began = timezone.now()
    with time_machine.travel(began, tick=False) as clock:
        drive(run, service)
        while due := Batch.objects.get(run=run).due_at:
            clock.move_to(due)
            sending.deliver(Batch.objects.get(run=run).pk, service)
        lasted = timezone.now() - began
    check_books(run)
    assert row(busy).state == Delivery.State.EXPIRED
    assert row(busy).reason == "retries_exhausted"
    assert row(busy).attempts == len(service.log) > 2
    assert lasted <= timedelta(hours=hour)
    assert lasted + timedelta(seconds=recording.LONGEST_DELAY_SECONDS) > timedelta(hours=hour)


def test_retry_delays_grow_have_jitter_and_a_floor() -> None:
    delays = [[recording.retry_delay(n, senders.LATER) for _ in range(50)] for n in range(1, 9)]
    assert all(10 <= delay <= 600 for row in delays for delay in row)
    assert max(delays[0]) <= 20 < max(delays[5])
    assert len(set(delays[3])) > 1


def test_who_left_after_planning_is_skipped_with_the_reason(site: Site) -> None:
    stays, leaves, erased, gone = (device(site, name) for name in ("a", "b", "c", "d"))
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    Subscription.objects.filter(pk=leaves.pk).update(state=Subscription.State.UNSUBSCRIBED)
    Subscription.objects.filter(pk=gone.pk).update(state=Subscription.State.GONE)
    erased.delete()
    service = FakeService()
    sending.deliver(Batch.objects.get(run=run).pk, service)
    check_books(run)
    assert service.log == [stays.endpoint]
    assert reports.run_counts(run)["skipped_by_reason"] == {
        "no_consent": 1,
        "gone_before": 1,
        "erased": 1,
    }


def test_what_a_dead_sender_had_claimed_is_unknown_and_never_sent_again(
    site: Site, settings: Settings
) -> None:
    settings.SEND_WINDOW = 2
    for number in range(5):
        device(site, f"d{number}")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    batch = Batch.objects.get(run=run)
    service = FakeService()
    lease = leases.take(batch.pk)
    assert lease is not None
    assert claiming.claim(lease, settings.SEND_WINDOW) is not None  # and dies here
    sending.deliver(batch.pk, service)
    assert service.log == [], "the lease is still held"
    later = timezone.now() + timedelta(seconds=settings.SEND_LEASE_SECONDS + 1)
    with time_machine.travel(later, tick=False):
        sending.deliver(batch.pk, service)
    check_books(run)
    counts = reports.run_counts(run)
    assert (counts["unknown"], counts["accepted"]) == (2, 3)
    assert len(service.log) == 3
    batch.refresh_from_db()
    assert batch.recoveries == 1
    run.refresh_from_db()
    assert run.state == Run.State.FINISHED


def accepted(window: claiming.Window) -> list[recording.Landed]:
    return [recording.Landed(flight, senders.ACCEPTED) for flight in window.flights]


def test_a_sender_that_was_fenced_off_neither_claims_nor_records(
    site: Site, settings: Settings
) -> None:
    device(site, "a")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    batch = Batch.objects.get(run=run)
    lease = leases.take(batch.pk)
    assert lease is not None
    window = claiming.claim(lease, settings.SEND_WINDOW)
    assert window is not None
    Batch.objects.filter(pk=batch.pk).update(token=lease.token + 1)
    with pytest.raises(leases.Lost):
        claiming.claim(lease, settings.SEND_WINDOW)
    with pytest.raises(leases.Lost):
        recording.record(lease, window.run, accepted(window))
    with pytest.raises(leases.Lost):
        sending.settle(lease)
    check_books(run)


def test_a_record_touches_the_rows_of_its_own_batch_only(site: Site, settings: Settings) -> None:
    settings.SEND_BATCH = 1
    first, second = device(site, "a"), device(site, "b")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    one, two = (leases.take(batch.pk) for batch in Batch.objects.order_by("pk"))
    assert one is not None
    assert two is not None
    mine, other = claiming.claim(one, 1), claiming.claim(two, 1)
    assert mine is not None
    assert other is not None
    recording.record(one, run, accepted(mine))
    recording.record(one, run, accepted(other))
    assert row(first).state == Delivery.State.ACCEPTED
    assert row(second).state == Delivery.State.SENDING
    check_books(run)


def test_a_zombie_that_wakes_up_after_its_window_was_given_up_stops(site: Site) -> None:
    device(site, "a")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    batch = Batch.objects.get(run=run)
    later = timezone.now() + timedelta(seconds=121)
    rescue = FakeService()

    def taken_over() -> None:
        with time_machine.travel(later, tick=False):
            sending.deliver(batch.pk, rescue)

    zombie = FakeService()
    zombie.before = taken_over
    sending.deliver(batch.pk, zombie)
    check_books(run)
    assert (len(zombie.log), rescue.log) == (1, [])
    assert reports.run_counts(run)["unknown"] == 1


def test_a_refused_key_pauses_keeps_everybody_and_says_what_to_fix(site: Site) -> None:
    devices = [device(site, "a"), device(site, "b")]
    campaign = make_campaign(site)
    run = starting.start(campaign)
    drive(run, FakeService(a=senders.CONFIG, b=senders.CONFIG))
    campaign.refresh_from_db()
    assert (run.state, campaign.state) == (Run.State.PAUSED, Campaign.State.PAUSED)
    assert "refuses our key (403: wrong key)" in campaign.attention
    assert all(row(of).state == Delivery.State.PLANNED for of in devices)
    assert Subscription.objects.active().count() == 2
    starting.resume(campaign)
    sending.deliver(Batch.objects.get(run=run).pk, service := FakeService())
    assert len(service.log) == 2
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.FINISHED


def test_pause_takes_effect_within_one_window(site: Site, settings: Settings) -> None:
    settings.SEND_WINDOW = 2
    for number in range(6):
        device(site, f"d{number}")
    campaign = make_campaign(site)
    run = starting.start(campaign)
    service = FakeService()
    service.before = lambda: (
        starting.pause(campaign) if campaign.state != Campaign.State.PAUSED else None
    )
    drive(run, service)
    assert len(service.log) == 2
    service.before = None
    starting.resume(campaign)
    sending.deliver(Batch.objects.get(run=run).pk, service)
    assert len(service.log) == len(set(service.log)) == 6


def test_cancel_takes_effect_within_one_window_and_settles_the_rest(
    site: Site, settings: Settings
) -> None:
    settings.SEND_WINDOW = 2
    for number in range(6):
        device(site, f"d{number}")
    campaign = make_campaign(site)
    run = starting.start(campaign)
    service = FakeService()
    service.before = lambda: starting.cancel(campaign)
    drive(run, service)
    assert len(service.log) == 2
    sending.deliver(Batch.objects.get(run=run).pk, service)
    check_books(run)
    counts = reports.counts(campaign)
    assert (counts["accepted"], counts["cancelled"], counts["pending"]) == (2, 4, 0)
    assert counts["state"] == "cancelled"
    assert Batch.objects.get(run=run).due_at is None


def test_a_key_that_cannot_be_opened_pauses_and_leaves_everybody_planned(
    site: Site, settings: Settings
) -> None:
    from cryptography.fernet import Fernet

    from subscribers import vapid

    device(site, "a")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    vapid._identity.cache_clear()
    sending.deliver(Batch.objects.get(run=run).pk, FakeService())
    check_books(run)
    assert reports.run_counts(run)["pending"] == 1
    run.campaign.refresh_from_db()
    assert run.campaign.state == Campaign.State.PAUSED
    assert "ENCRYPTION_KEYS" in run.campaign.attention


def test_a_test_goes_to_my_devices_only_and_leaves_the_campaign_a_draft(site: Site) -> None:
    from subscribers.models import TestDevice
    from tests.factories import make_user

    mine, _other, user = device(site, "mine"), device(site, "other"), make_user()
    campaign = make_campaign(site)
    with pytest.raises(Refused):
        starting.send_test(campaign, user)
    TestDevice.objects.create(user=user, subscription=mine)
    service = FakeService()
    run = starting.send_test(campaign, user)
    drive(run, service)
    assert service.log == [mine.endpoint]
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.DRAFT
    assert reports.counts(campaign)["audience"] == 0
    assert starting.start(campaign).kind == Run.Kind.CAMPAIGN


def test_a_test_of_a_key_that_is_refused_ends_with_that_answer(site: Site) -> None:
    from subscribers.models import TestDevice
    from tests.factories import make_user

    user = make_user()
    TestDevice.objects.create(user=user, subscription=device(site, "mine"))
    campaign = make_campaign(site)
    run = starting.send_test(campaign, user)
    drive(run, FakeService(mine=senders.CONFIG))
    campaign.refresh_from_db()
    assert (run.state, campaign.state) == (Run.State.FINISHED, Campaign.State.DRAFT)
    row = Delivery.objects.get()
    assert (row.state, row.reason) == (Delivery.State.REFUSED, "vapid_rejected")
    assert Subscription.objects.active().count() == 1


def test_a_test_with_a_key_that_cannot_be_opened_ends(site: Site, settings: Settings) -> None:
    from cryptography.fernet import Fernet

    from subscribers import vapid
    from subscribers.models import TestDevice
    from tests.factories import make_user

    user = make_user()
    TestDevice.objects.create(user=user, subscription=device(site, "mine"))
    run = starting.send_test(make_campaign(site), user)
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    vapid._identity.cache_clear()
    drive(run, FakeService())
    assert run.state == Run.State.CANCELLED
    assert reports.run_counts(run)["cancelled"] == 1
