"""Faults that one batch, device or message brings about: they cost nobody else anything."""

import time
from datetime import UTC, datetime, timedelta

import django_rq
import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Site
from campaigns import (
    claiming,
    finishing,
    jobs,
    leases,
    planning,
    recording,
    reports,
    resending,
    sending,
    starting,
    tokens,
    tracking,
    trials,
)
from campaigns.ledger import Shut
from campaigns.models import Batch, Delivery, Message, Run, Trial
from campaigns.sending import Turn
from subscribers.models import Credential, Subscription
from subscribers.transports.messages import Outcome, OutcomeKind
from tests.campaigns import senders
from tests.campaigns.engine import check_books, drive
from tests.campaigns.locks import Meanwhile
from tests.campaigns.senders import FakeService, address_of
from tests.factories import PUSH_ORIGIN, make_campaign, make_site, make_subscription

pytestmark = pytest.mark.django_db

MISMATCH = Outcome(OutcomeKind.CONFIG, 403, "vapid_mismatch", detail="not the same key")
State = Delivery.State


@pytest.fixture
def site() -> Site:
    return make_site()


def planned(site: Site, *names: str) -> Run:
    for name in names:
        make_subscription(site, endpoint=f"{PUSH_ORIGIN}/wpush/v2/{name}")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    return run


def state(run: Run) -> str:
    run.refresh_from_db()
    return run.state


def end_leases() -> None:
    Batch.objects.exclude(leased_until=None).update(
        leased_until=timezone.now() - timedelta(seconds=1)
    )


def test_a_key_that_works_in_other_batches_is_not_at_fault(site: Site, settings: Settings) -> None:
    settings.SEND_BATCH = 2
    run = planned(site, "a", "b", "foreign")
    drive(run, FakeService(foreign=MISMATCH))
    assert state(run) == Run.State.FINISHED
    counts = reports.run_counts(run)
    assert (counts["accepted"], counts["refused"]) == (2, 1)


def test_a_host_that_is_longer_than_any_spoils_nothing(site: Site) -> None:
    run = planned(site, "a", "b")
    host = ".".join(["a" * 60] * 5) + ".push.services.mozilla.com"
    make_subscription(site, endpoint=f"https://{host}/wpush/v2/x")
    run = planned(site)
    drive(run, FakeService(x=senders.REFUSED))
    counts = reports.run_counts(run)
    assert (counts["accepted"], counts["refused"]) == (2, 1)


def test_a_batch_that_cannot_be_recorded_costs_no_other(
    site: Site, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SEND_BATCH = 2
    run = planned(site, "a", "b", "c", "d")
    first, second = Batch.objects.order_by("pk")
    real = recording.record

    def record(lease: leases.Lease, *others: object) -> object:
        if lease.batch_id == first.pk:
            raise ValueError("a poisoned batch")
        return real(lease, *others)  # type: ignore[arg-type]

    monkeypatch.setattr("campaigns.recording.record", record)
    Turn(FakeService(), onward=leases.next_due).run(first.pk)
    check_books(run)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (second.accepted, second.pending) == (2, 0)
    assert (first.unknown, first.pending) == (2, 0), "nobody can know any more"
    assert first.error == "ValueError: a poisoned batch"
    assert first.leased_until is None


def test_a_batch_that_cannot_be_taken_costs_no_other(
    site: Site, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SEND_BATCH = 1
    planned(site, "a", "b")
    first, second = Batch.objects.order_by("pk")
    real = leases.take

    def take(batch_id: int) -> leases.Lease | None:
        if batch_id == first.pk:
            raise ValueError("a poisoned batch")
        return real(batch_id)

    monkeypatch.setattr("campaigns.leases.take", take)
    ahead = iter([second.pk])
    Turn(service := FakeService(), onward=lambda _but: next(ahead, None)).run(first.pk)
    assert len(service.log) == 1
    second.refresh_from_db()
    assert second.pending == 0


def test_a_message_that_cannot_be_rendered_leaves_everybody_planned(site: Site) -> None:
    run = planned(site, "a", "b")
    Message.objects.update(actions=[{"title": "without an address"}])
    sending.deliver(Batch.objects.get().pk, FakeService())
    check_books(run)
    assert reports.run_counts(run)["pending"] == 2
    assert Batch.objects.get().error.startswith("KeyError")


def test_what_was_to_be_sent_again_and_is_cancelled_on_its_way_stays_unknown(site: Site) -> None:
    run = planned(site, "lost")
    drive(run, FakeService(lost=senders.UNKNOWN))
    assert resending.resend(run.campaign, expected=1) == 1
    service = FakeService(lost=senders.BUSY)
    service.before = lambda: starting.cancel(run.campaign)
    drive(run, service)
    check_books(run)
    row = Delivery.objects.get()
    assert (row.state, row.reason, row.resends) == (State.UNKNOWN, "not_sent_again", 1)


def test_what_was_cancelled_is_settled_however_often_its_senders_died(site: Site) -> None:
    run = planned(site, "a", "b")
    assert leases.take(Batch.objects.get().pk) is not None
    Batch.objects.update(recoveries=leases.MOST_RECOVERIES)
    end_leases()
    starting.cancel(run.campaign)
    sending.deliver(Batch.objects.get().pk, FakeService())
    check_books(run)
    assert reports.run_counts(run)["cancelled"] == 2


def test_what_made_a_batch_park_can_be_sent_again(site: Site) -> None:
    run = planned(site, "a", "b")
    lease = leases.take(Batch.objects.get().pk)
    assert lease is not None
    assert claiming.claim(lease, 10) is not None
    Batch.objects.update(recoveries=leases.MOST_RECOVERIES)
    end_leases()
    assert leases.take(Batch.objects.get().pk) is None
    finishing.finish_settled()
    assert state(run) == Run.State.FINISHED
    resending.resend(run.campaign, expected=2)
    drive(run, service := FakeService())
    assert len(service.log) == 2
    assert state(run) == Run.State.FINISHED


class Crowded(FakeService):
    """One answers at once; the others still wait for room."""

    def step(self, seconds: float) -> list[tuple[int, Outcome]]:
        for ticket, request in self.started.items():
            if address_of(request).endswith("/refused"):
                del self.started[ticket]
                return [(ticket, self.answer(request))]
        return super().step(seconds)


def test_after_a_refused_key_nothing_more_leaves(site: Site) -> None:
    run = planned(site, "a", "b", "refused", "c")
    drive(run, service := Crowded(refused=senders.CONFIG))
    assert len(service.log) == 1
    assert state(run) == Run.State.PAUSED
    assert reports.run_counts(run)["pending"] == 4


class Interrupted(FakeService):
    """Interrupted once, as by a time limit; what it had in hand is answered later."""

    interrupted = False

    def step(self, seconds: float) -> list[tuple[int, Outcome]]:
        if not self.interrupted:
            self.interrupted = True
            raise KeyboardInterrupt
        return super().step(seconds)


def test_answers_to_an_interrupted_turn_are_taken_for_nobody_elses(
    site: Site, settings: Settings
) -> None:
    settings.SEND_BATCH = 1
    planned(site, "gone", "b")
    first, second = Batch.objects.order_by("pk")
    service = Interrupted(gone=senders.GONE)
    with pytest.raises(KeyboardInterrupt):
        sending.deliver(first.pk, service)
    sending.deliver(second.pk, service)
    rows = Delivery.objects.order_by("subscription_id").values_list("state", flat=True)
    assert list(rows) == [State.SENDING, State.ACCEPTED]


@pytest.mark.django_db(transaction=True)
def test_a_batch_waits_in_the_queue_once(site: Site) -> None:
    planned(site, "a")
    batch = Batch.objects.get()
    for _take in range(5):
        jobs.enqueue_due(timezone.now())
        lease = leases.take(batch.pk)
        assert lease is not None
        sending.settle(lease)
    assert django_rq.get_queue("send").count == 1


@pytest.mark.django_db(transaction=True)
def test_sending_again_and_the_first_answers_of_a_run_get_out_of_each_others_way(
    site: Site,
) -> None:
    run = planned(site, "lost", "busy")
    drive(run, FakeService(lost=senders.UNKNOWN, busy=senders.BUSY))
    Trial.objects.all().delete()
    key = Credential.objects.get().pk
    Batch.objects.update(due_at=timezone.now())
    lease = leases.take(Batch.objects.get().pk)
    assert lease is not None
    other = Meanwhile()
    with transaction.atomic():
        leases.hold(lease)
        again = other.start(lambda: resending.resend(run.campaign, expected=1))
        # Refers to the run, which the other holds while it waits for our batch.
        trials.note(run, {(key, PUSH_ORIGIN): trials.Answers(answered=1)})
    assert again.result() == 1
    other.pool.shutdown()


def test_whoever_waits_uses_no_slot_of_a_throttle(site: Site) -> None:
    planned(site, *(f"d{number}" for number in range(30)))
    good = make_subscription(site, endpoint="https://fcm.googleapis.com/fcm/send/good")
    run = starting.start(make_campaign(site, throttle=6))
    planning.plan(run.pk)
    batch = Batch.objects.get(run=run)
    lease = leases.take(batch.pk)
    assert lease is not None
    waits = {PUSH_ORIGIN: Shut(timezone.now() + timedelta(minutes=1), 0.1)}
    window = claiming.claim(lease, 250, waits)
    assert window is not None
    assert [flight.row.endpoint for flight in window.flights] == [good.endpoint]
    assert window.deferred == {PUSH_ORIGIN: 30}, "all in the same claim"


def test_a_throttle_bounds_what_is_sent_and_not_what_is_looked_at(site: Site) -> None:
    planned(site, *(f"d{number}" for number in range(5)))
    run = starting.start(make_campaign(site, throttle=120))
    planning.plan(run.pk)
    Subscription.objects.filter(endpoint__endswith="d4").update(state="unsubscribed")
    lease = leases.take(Batch.objects.get(run=run).pk)
    assert lease is not None
    with time_machine.travel(timezone.now(), tick=False):
        window = claiming.claim(lease, 250)
    assert window is not None
    assert len(window.flights) == 3
    rows = Delivery.objects.filter(run_id=run.pk).order_by("subscription_id")
    states = list(rows.values_list("state", flat=True))
    assert states == [*[State.SENDING] * 3, State.PLANNED, State.SKIPPED]
    check_books(run)


REJECTED = Outcome(OutcomeKind.CONFIG, 401, "vapid_rejected", detail="no token")


def test_an_address_that_refuses_everybodys_key_is_alone(site: Site, settings: Settings) -> None:
    settings.SEND_BATCH = 5
    run = planned(site, "a", "b", "c", "d", "e", "hostile")
    drive(run, FakeService(hostile=REJECTED))
    assert state(run) == Run.State.FINISHED
    counts = reports.run_counts(run)
    assert (counts["accepted"], counts["refused"]) == (5, 1)


def test_a_key_that_is_refused_in_the_middle_pauses(site: Site, settings: Settings) -> None:
    settings.SEND_BATCH, settings.SEND_WINDOW = 10, 5
    run = planned(site, *(f"d{number}" for number in range(10)))
    drive(run, FakeService(**{f"d{number}": REJECTED for number in range(5, 10)}))
    assert state(run) == Run.State.PAUSED
    counts = reports.run_counts(run)
    assert (counts["accepted"], counts["refused"], counts["pending"]) == (5, 0, 5)


def test_many_single_refusals_are_our_keys_after_all(site: Site, settings: Settings) -> None:
    settings.SEND_BATCH = 1
    names = [f"d{number}" for number in range(recording.MOST_ALONE + 3)]
    run = planned(site, "good", *names)
    drive(run, FakeService(**dict.fromkeys(names, REJECTED)))
    assert state(run) == Run.State.PAUSED
    assert reports.run_counts(run)["refused"] == recording.MOST_ALONE


def test_a_fenced_sender_takes_back_what_has_not_begun(site: Site) -> None:
    planned(site, *(f"d{number}" for number in range(6)))

    class Fenced(FakeService):
        """Answers one; then somebody else takes the batch, while the others wait for room."""

        def step(self, seconds: float) -> list[tuple[int, Outcome]]:
            if self.log:
                time.sleep(0.02)
                return []
            ticket, request = self.started.popitem()
            Batch.objects.update(token=77)
            return [(ticket, self.answer(request))]

    sending.deliver(Batch.objects.get().pk, service := Fenced())
    assert len(service.log) == 1
    assert service.started == {}


def test_a_receipt_between_two_attempts_is_proof(site: Site) -> None:
    run = planned(site, "busy")
    drive(run, FakeService(busy=senders.BUSY))
    device = Delivery.objects.get().subscription_id
    token = tokens.make(tokens.DeliveryKey(run.month, run.pk, device))
    assert tracking.receive(token, tracking.Receipt.DISPLAYED)
    check_books(run)
    assert Delivery.objects.get().state == State.ACCEPTED
    with time_machine.travel(timezone.now() + timedelta(minutes=5), tick=False):
        sending.deliver(Batch.objects.get().pk, service := FakeService())
    assert service.log == []
    assert state(run) == Run.State.FINISHED


def test_one_scheduled_campaign_that_fails_keeps_no_other_from_starting(site: Site) -> None:
    make_subscription(site)
    broken, sound = make_campaign(site), make_campaign(site)
    for campaign in (broken, sound):
        starting.schedule(campaign, datetime(2099, 1, 1), "UTC")
    broken.messages.update(actions=[{"title": "without an address"}])
    due = datetime(2099, 1, 1, 0, 0, 1, tzinfo=UTC)
    with time_machine.travel(due, tick=False):
        assert starting.start_due(due) == 1
    broken.refresh_from_db()
    assert broken.state == "draft"
    assert "could not be started" in broken.attention
