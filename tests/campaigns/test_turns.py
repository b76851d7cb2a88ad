"""A turn: what it holds, what is on its way, and what it goes on with."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Site
from campaigns import (
    claiming,
    leases,
    planning,
    reports,
    resending,
    sending,
    starting,
    tokens,
    tracking,
)
from campaigns.models import Batch, Delivery, Gate, Message, Run, ServiceMinute
from campaigns.sending import Turn
from subscribers.models import Subscription, TestDevice
from subscribers.transports.messages import DeliveryRequest, Outcome, OutcomeKind
from tests.campaigns import senders
from tests.campaigns.engine import check_books, drive
from tests.campaigns.senders import FakeService, address_of
from tests.factories import (
    PUSH_ORIGIN,
    make_campaign,
    make_site,
    make_subscription,
    make_user,
)

pytestmark = pytest.mark.django_db

State = Delivery.State


@pytest.fixture
def site() -> Site:
    return make_site()


def planned(site: Site, devices: int = 0) -> Run:
    for number in range(devices):
        make_subscription(site, endpoint=f"{PUSH_ORIGIN}/wpush/v2/d{number}")
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    return run


def state(run: Run) -> str:
    run.refresh_from_db()
    return run.state


def turn(service: FakeService) -> None:
    """A turn that begins with whatever is due, and goes on."""
    batch = leases.next_due()
    assert batch is not None
    Turn(service, onward=leases.next_due).run(batch)


def test_a_turn_goes_on_with_what_else_is_due(site: Site, settings: Settings) -> None:
    settings.SEND_BATCH = 2
    run, other = planned(site, 5), planned(site)
    turn(service := FakeService())
    assert len(service.log) == 10
    assert (state(run), state(other)) == ("finished", "finished")
    assert leases.next_due() is None


def test_a_test_goes_first(site: Site) -> None:
    planned(site, 3)
    user = make_user()
    mine = make_subscription(site, endpoint=f"{PUSH_ORIGIN}/wpush/v2/mine")
    TestDevice.objects.create(user=user, subscription=mine)
    planning.plan(starting.send_test(make_campaign(site), user).pk)
    turn(service := FakeService())
    assert service.log[0] == mine.endpoint
    assert len(service.log) == 4


class Slow(FakeService):
    """Answers nothing for some looks; `most` is how many waited for an answer at once."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks
        self.most = 0
        self.claimed = 0

    def step(self, seconds: float) -> list[tuple[int, Outcome]]:
        self.most = max(self.most, len(self.started))
        self.claimed = max(self.claimed, Delivery.objects.filter(state=State.SENDING).count())
        if self.looks and len(self.started) < 4:
            self.looks -= 1
            return []
        return super().step(seconds)


def test_no_more_is_on_the_way_than_a_kill_may_leave_unknown(
    site: Site, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.trials.FIRST", 0)
    settings.SEND_WINDOW, settings.SEND_IN_FLIGHT = 2, 5
    run = planned(site, 12)
    service = Slow(looks=6)
    sending.deliver(Batch.objects.get().pk, service)
    check_books(run)
    assert service.most == 4, "a second window was claimed while the first was on its way"
    assert service.claimed <= 5
    assert state(run) == Run.State.FINISHED


def test_batches_are_sent_while_others_are_planned(site: Site, settings: Settings) -> None:
    settings.SEND_BATCH = 1
    for number in range(planning.BATCHES_PER_CHUNK + 2):
        make_subscription(site, endpoint=f"{PUSH_ORIGIN}/wpush/v2/d{number}")
    run = starting.start(make_campaign(site))
    planning.plan_chunk(run.pk)
    assert state(run) == Run.State.PLANNING
    turn(service := FakeService())
    check_books(run)
    assert len(service.log) == planning.BATCHES_PER_CHUNK
    assert state(run) == Run.State.PLANNING, "not finished before everybody is planned"
    planning.plan(run.pk)
    turn(service)
    assert len(service.log) == len(set(service.log)) == planning.BATCHES_PER_CHUNK + 2
    assert state(run) == Run.State.FINISHED


def test_an_edit_takes_effect_with_the_next_window(site: Site, settings: Settings) -> None:
    settings.SEND_WINDOW = 2
    run = planned(site, 6)
    service = FakeService()

    def edit() -> None:
        if len(service.log) == 0:
            newer = Message.objects.create(
                campaign=run.campaign, version=2, title="Changed", url="https://shop.example/"
            )
            Run.objects.filter(pk=run.pk).update(message=newer)

    service.before = edit
    sending.deliver(Batch.objects.get().pk, service)
    versions = Delivery.objects.order_by("subscription_id").values_list("version", flat=True)
    assert list(versions) == [1, 1, 2, 2, 2, 2]
    assert [b"Changed" in payload for payload in service.payloads] == [False] * 2 + [True] * 4


def test_answers_are_summed_up_by_service_with_their_latency(site: Site) -> None:
    run = planned(site, 3)
    took = Outcome(OutcomeKind.ACCEPTED, 201, "201", latency=0.096)
    slow = Outcome(OutcomeKind.ACCEPTED, 201, "201", latency=99.0)
    sending.deliver(Batch.objects.get().pk, FakeService(d0=took, d1=slow, d2=senders.BUSY))
    rows = Delivery.objects.order_by("subscription_id").values_list("took_ms", flat=True)
    assert list(rows) == [96, 32_767, None]
    tally = Batch.objects.get().tallies[PUSH_ORIGIN]
    assert (tally["accepted"], tally["waits"], sum(tally["ms"])) == (2, 1, 2)
    minute = ServiceMinute.objects.get()
    assert (minute.origin, minute.accepted, minute.waits) == (PUSH_ORIGIN, 2, 1)
    assert minute.ms == tally["ms"]
    assert reports.run_counts(run)["accepted"] == 2


def test_a_service_that_asks_all_of_us_to_wait_is_not_asked_meanwhile(site: Site) -> None:
    run = planned(site, 4)
    healthy = make_subscription(site, endpoint="https://fcm.googleapis.com/fcm/send/x")
    other = starting.start(make_campaign(site))
    planning.plan(other.pk)
    now = timezone.now()
    Gate.objects.create(origin=PUSH_ORIGIN, closed_until=now + timedelta(seconds=90))
    service = FakeService()
    for one in (run, other):
        sending.deliver(Batch.objects.get(run=one).pk, service)
        check_books(one)
    assert service.log == [healthy.endpoint]
    waiting = Delivery.objects.filter(state=State.PLANNED)
    assert set(waiting.values_list("attempts", "reason")) == {(0, "service_waits")}
    closed_until = now + timedelta(seconds=90)
    assert all(row.not_before and row.not_before >= closed_until for row in waiting)
    due = Batch.objects.get(run=run).due_at
    assert due is not None
    assert due >= now + timedelta(seconds=90)
    with time_machine.travel(now + timedelta(seconds=700), tick=True):
        Gate.objects.all().delete()
        for one in (run, other):
            sending.deliver(Batch.objects.get(run=one).pk, service)
    assert len(service.log) == len(set(service.log)) + 4 == 9
    assert state(other) == Run.State.FINISHED


class Stubborn(FakeService):
    """A fault of ours for one device, wherever its request is made."""

    def start(self, ticket: int, request: DeliveryRequest, leave_at: float = 0.0) -> None:
        if address_of(request).endswith("/d1"):
            raise RuntimeError("a fault of ours")
        super().start(ticket, request, leave_at)


def test_a_request_that_cannot_be_made_refuses_only_itself(site: Site) -> None:
    run = planned(site, 3)
    drive(run, Stubborn())
    rows = Delivery.objects.order_by("subscription_id").values_list("state", "reason")
    assert list(rows)[1] == (State.REFUSED, "internal_error")
    assert reports.run_counts(run)["accepted"] == 2


def test_a_batch_that_fails_again_and_again_is_parked_with_its_error(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = planned(site, 2)

    def broken(*_arguments: object, **_named: object) -> Sequence[object]:
        raise RuntimeError("no such thing")

    with monkeypatch.context() as patch:
        patch.setattr("campaigns.ledger.claim", broken)
        for attempt in range(leases.MOST_RECOVERIES + 1):
            later = timezone.now() + timedelta(seconds=20 * attempt)
            with time_machine.travel(later, tick=False):
                sending.deliver(Batch.objects.get().pk, FakeService())
    batch = Batch.objects.get()
    assert batch.parked_at is not None
    assert batch.error == "RuntimeError: no such thing"
    assert batch.recoveries == leases.MOST_RECOVERIES
    check_books(run)
    sending.deliver(batch.pk, service := FakeService())
    assert service.log == [], "nobody takes a parked batch"
    assert starting.unpark(run.campaign) == 1
    sending.deliver(batch.pk, service)
    assert len(service.log) == 2
    assert state(run) == Run.State.FINISHED


def test_a_batch_whose_senders_keep_dying_is_parked(site: Site, settings: Settings) -> None:
    settings.SEND_WINDOW = 1
    run = planned(site, 6)
    batch = Batch.objects.get()
    moment = timezone.now()
    for _death in range(leases.MOST_RECOVERIES + 1):
        with time_machine.travel(moment, tick=False):
            lease = leases.take(batch.pk)
            assert lease is not None
            assert claiming.claim(lease, 1) is not None
        moment += timedelta(seconds=settings.SEND_LEASE_SECONDS + 1)
    with time_machine.travel(moment, tick=False):
        assert leases.take(batch.pk) is None
        assert leases.next_due() is None
    batch.refresh_from_db()
    check_books(run)
    assert batch.parked_at == moment
    assert batch.leased_until is None
    counts = reports.run_counts(run)
    assert (counts["unknown"], counts["pending"]) == (4, 2)


def test_a_turn_that_is_told_to_stop_gives_back_what_has_not_begun(
    site: Site, settings: Settings
) -> None:
    run = planned(site, 6)

    class Deaf(FakeService):
        """Begins nothing."""

        def step(self, seconds: float) -> list[tuple[int, Outcome]]:
            return []

    looks = iter([False, True])
    sending.deliver(Batch.objects.get().pk, Deaf(), stop=lambda: next(looks, True))
    check_books(run)
    rows = set(Delivery.objects.values_list("state", "attempts", "sent_at", "reason"))
    assert rows == {(State.PLANNED, 0, None, "")}
    drive(run, service := FakeService())
    assert len(service.log) == 6


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("query", ["WITH due AS", "FROM unnest(%s::bigint[]"])
def test_a_database_that_cuts_us_off_costs_nobody(site: Site, query: str) -> None:
    """Its session ends in the middle of a claim, or of a record."""
    run = planned(site, 3)
    cut: list[str] = []

    def cutting(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if query in sql and not cut:
            cut.append(sql)
            execute("SELECT pg_terminate_backend(pg_backend_pid())", [], many, context)
        return execute(sql, params, many, context)

    service = FakeService()
    with connection.execute_wrapper(cutting):
        sending.deliver(Batch.objects.get().pk, service)
    check_books(run)
    assert cut
    assert len(service.log) == 3
    assert reports.run_counts(run)["accepted"] == 3
    assert state(run) == Run.State.FINISHED


@pytest.mark.parametrize("answer", [senders.GONE, senders.REFUSED, "left"])
def test_what_was_sent_again_in_vain_stays_unknown(site: Site, answer: Outcome | str) -> None:
    run = planned(site, 1)
    sending.deliver(Batch.objects.get().pk, FakeService(d0=senders.UNKNOWN))
    assert resending.resend(run.campaign, expected=1) == 1
    if isinstance(answer, str):
        Subscription.objects.update(state=Subscription.State.UNSUBSCRIBED)
        drive(run, service := FakeService())
        assert service.log == []
    else:
        drive(run, FakeService(d0=answer))
    check_books(run)
    assert state(run) == Run.State.FINISHED
    row = Delivery.objects.get()
    assert (row.state, row.resends) == (State.UNKNOWN, 1), "the first request may have arrived"
    assert row.reason in {"410", "payload_too_large", "no_consent"}


def test_who_reports_while_it_is_being_sent_again_is_not_asked_a_third_time(site: Site) -> None:
    run = planned(site, 1)
    sending.deliver(Batch.objects.get().pk, FakeService(d0=senders.UNKNOWN))
    resending.resend(run.campaign, expected=1)
    device = Delivery.objects.get().subscription_id
    token = tokens.make(tokens.DeliveryKey(run.month, run.pk, device))
    service = FakeService(d0=senders.BUSY)

    def report() -> None:
        assert tracking.receive(token, tracking.Receipt.DISPLAYED)

    service.before = report
    drive(run, service)
    check_books(run)
    row = Delivery.objects.get()
    assert (row.state, row.reason) == (State.ACCEPTED, "receipt")
    assert state(run) == Run.State.FINISHED
