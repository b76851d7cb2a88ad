"""The life of a campaign in any order: people, tickers, senders and clocks act as they please.

After every act the books balance and nobody was accepted more often than a person asked for; at the
end everything that may go on does, and ends.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from hypothesis import Phase
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pytest_django import Settings

from accounts.models import Site
from campaigns import drafting, finishing, leases, ledger, planning, resending, sending, starting
from campaigns.models import Campaign, Delivery, Run
from campaigns.refusals import Refused
from subscribers.models import Subscription
from subscribers.transports.messages import DeliveryRequest, Outcome
from tests.campaigns import senders
from tests.campaigns.engine import check_books
from tests.factories import PUSH_ORIGIN, make_campaign, make_site, make_subscription

State = Delivery.State
DEVICES = 7
# (what the sender hears, whether the push service has accepted)
ANSWERS = (
    *[(senders.ACCEPTED, True)] * 6,
    (senders.GONE, False),
    (senders.REFUSED, False),
    (senders.CONFIG, False),
    (senders.UNKNOWN, True),
    (senders.UNKNOWN, False),
    (senders.BUSY, False),
    (senders.LATER, False),
)
GOOD = ((senders.ACCEPTED, True),)
JUMPS = (-300, 1, 15, 70, 3_700, 2 * 86_400)
ROUNDS = 40


class Died(BaseException):
    """The process of a sender was killed."""


class Service:
    """Answers one request at a time as chance has it.

    Before and after each acceptance it lets something happen: `amid` gets the number of that point.
    """

    def __init__(self, log: Counter[int], answers: tuple[tuple[Outcome, bool], ...], seed: int):
        self.log = log
        self.answers = answers
        self.rng = Random(seed)  # noqa: S311 - to be repeated
        self.waiting: list[tuple[int, int]] = []
        self.points = itertools.count()
        self.amid: Callable[[int], None] = lambda _point: None

    def start(self, ticket: int, request: DeliveryRequest, leave_at: float = 0.0) -> None:
        self.waiting.append((ticket, int(senders.address_of(request).rpartition("/")[2])))

    def step(self, seconds: float) -> list[tuple[int, Outcome]]:
        if not self.waiting:
            return []
        self.amid(next(self.points))
        ticket, device = self.waiting.pop(self.rng.randrange(len(self.waiting)))
        outcome, accepted = self.rng.choice(self.answers)
        self.log[device] += accepted
        self.amid(next(self.points))
        return [(ticket, outcome)]

    def withdraw(self) -> list[int]:
        tickets = [ticket for ticket, _device in self.waiting]
        self.waiting.clear()
        return tickets


class Lifecycle(RuleBasedStateMachine):
    site: Site

    def __init__(self) -> None:
        super().__init__()
        self.clock = time_machine.travel(timezone.now(), tick=True)
        self.now = self.clock.start()
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.log: Counter[int] = Counter()
        self.allowed: Counter[int] = Counter()
        self.campaign = make_campaign(self.site)
        self.versions = 1

    def teardown(self) -> None:
        try:
            self.see_it_through()
        finally:
            transaction.set_rollback(True)
            self.undo.__exit__(None, None, None)
            self.clock.stop()

    def run_of(self) -> Run | None:
        return Run.objects.filter(campaign=self.campaign).first()

    def ask(self, act: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """What a person asks for; the campaign's state may forbid it."""
        self.campaign.refresh_from_db()
        try:
            return act(self.campaign, *arguments, **named)
        except Refused:
            return None

    # People

    @initialize(scheduled=st.booleans())
    def begin(self, scheduled: bool) -> None:
        if scheduled:
            self.schedule(1)
        else:
            self.start()

    @rule()
    def start(self) -> None:
        self.ask(starting.start)

    @rule(minutes=st.sampled_from([1, 60, 1_500]))
    def schedule(self, minutes: int) -> None:
        wall = (timezone.now() + timedelta(minutes=minutes)).replace(tzinfo=None)
        self.ask(starting.schedule, wall, "UTC")

    @rule()
    def unschedule(self) -> None:
        self.ask(starting.unschedule)

    @rule()
    def pause(self) -> None:
        self.ask(starting.pause)

    @rule()
    def resume(self) -> None:
        self.ask(starting.resume)

    @rule(sure=st.integers(0, 4))
    def cancel(self, sure: int) -> None:
        """Seldom: nothing much can happen after it."""
        if not sure:
            self.ask(starting.cancel)

    @rule()
    def unpark(self) -> None:
        self.ask(starting.unpark)

    @rule()
    def edit(self) -> None:
        self.versions += 1
        self.ask(drafting.revise, {"title": f"Version {self.versions}"})

    @rule(device=st.integers(0, DEVICES - 1))
    def unsubscribe(self, device: int) -> None:
        Subscription.objects.filter(endpoint=endpoint(device)).update(
            state=Subscription.State.UNSUBSCRIBED
        )

    @rule()
    def resend(self) -> None:
        unknown = self.in_state(State.UNKNOWN)
        preview = resending.preview(self.run_of())
        if self.ask(resending.resend, expected=preview.again):
            self.allowed.update(unknown & self.in_state(State.PLANNED))

    # Machines

    @rule()
    def tick(self) -> None:
        starting.start_due(timezone.now())
        finishing.finish_settled()

    @rule()
    def plan(self) -> None:
        if run := self.run_of():
            planning.plan_chunk(run.pk)

    @rule(seconds=st.sampled_from(JUMPS))
    def jump(self, seconds: int) -> None:
        """The clock is set, or nothing happens for a while."""
        self.now.shift(seconds)

    @precondition(lambda self: self.run_of() is not None)
    @rule(seed=st.integers(0, 2**16), good=st.booleans(), dies=st.sampled_from([None, 0, 1, 4, 5]))
    def send(self, seed: int, good: bool, dies: int | None) -> None:
        """A turn of a sender, which may die in the middle."""
        service = Service(self.log, GOOD if good else ANSWERS, seed)

        def amid(point: int) -> None:
            if point == dies:
                raise Died

        service.amid = amid
        self.turn(service)

    @precondition(lambda self: self.run_of() is not None)
    @rule(
        seed=st.integers(0, 2**16),
        when=st.integers(0, 5),
        what=st.sampled_from(["pause", "edit", "fence", "tick"]),
    )
    def send_disturbed(self, seed: int, when: int, what: str) -> None:
        """Somebody acts while a window is on its way."""
        service = Service(self.log, ANSWERS, seed)

        def amid(point: int) -> None:
            if point == when:
                getattr(self, what)()

        service.amid = amid
        self.turn(service)

    def turn(self, service: Service) -> None:
        batch = leases.next_due()
        if batch is None:
            return
        try:
            sending.Turn(service, onward=leases.next_due).run(batch)
        except Died:
            return

    def fence(self) -> None:
        """All leases end, and another sender takes a batch and dies with it."""
        self.now.shift(70)
        if (batch := leases.next_due()) is not None:
            leases.take(batch)

    # What holds

    def in_state(self, state: Delivery.State) -> set[int]:
        """The devices that are in a state of the ledger."""
        return {device for device, found, _resends in self.rows() if found == state}

    def rows(self) -> list[tuple[int, int, int]]:
        run = self.run_of()
        names = dict(Subscription.objects.values_list("pk", "endpoint"))
        rows = Delivery.objects.filter(run_id=run.pk if run else 0)
        return [
            (int(names[pk].rpartition("/")[2]), state, resends)
            for pk, state, resends in rows.values_list("subscription_id", "state", "resends")
        ]

    @invariant()
    def books_balance(self) -> None:
        if run := self.run_of():
            check_books(run)

    @invariant()
    def nobody_was_accepted_too_often(self) -> None:
        for device, times in self.log.items():
            assert times <= 1 + self.allowed[device], f"{device} was accepted {times} times"

    @invariant()
    def the_ledger_tells_the_truth(self) -> None:
        maybe = (State.ACCEPTED, State.UNKNOWN, State.SENDING)
        for device, state, resends in self.rows():
            assert state != State.ACCEPTED or self.log[device], f"{device} was never accepted"
            hidden = self.log[device] and not resends and state not in maybe
            assert not hidden, f"{device} was accepted, and is {State(state).name}"
            assert resends == self.allowed[device]

    @invariant()
    def finished_means_settled(self) -> None:
        run = self.run_of()
        if run and run.state == Run.State.FINISHED:
            assert not run.batches.filter(pending__gt=0).exists()
            assert Campaign.objects.get(pk=self.campaign.pk).state == Campaign.State.FINISHED

    def see_it_through(self) -> None:
        """Whatever happened: what was started ends, when it is let."""
        for _round in range(ROUNDS):
            run = self.run_of()
            if run is None or run.state == Run.State.FINISHED:
                break
            if not run.batches.filter(pending__gt=0).exists() and run.state == Run.State.CANCELLED:
                break
            self.resume()
            self.unpark()
            self.tick()
            planning.plan(run.pk)
            self.now.shift(700)
            self.turn(Service(self.log, GOOD, 0))
        else:
            raise AssertionError("it never ends")
        self.books_balance()
        self.nobody_was_accepted_too_often()
        self.the_ledger_tells_the_truth()


def endpoint(device: int) -> str:
    return f"{PUSH_ORIGIN}/wpush/v2/{device}"


EXAMPLES = examples(
    max_examples=30,
    stateful_step_count=20,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.generate,),
)


@pytest.fixture
def site(db: None, settings: Settings) -> Site:
    settings.SEND_BATCH, settings.SEND_WINDOW, settings.SEND_IN_FLIGHT = 3, 2, 4
    site = make_site()
    for device in range(DEVICES):
        make_subscription(site, endpoint=endpoint(device))
    return site


def test_a_campaign_lives_through_anything(site: Site) -> None:
    Lifecycle.site = site
    run_state_machine_as_test(Lifecycle, settings=EXAMPLES)


def test_a_ledger_that_sends_orphans_again_is_caught(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same acts find a design that is wrong."""

    def plan_again(lease: leases.Lease) -> int:
        ledger.rows(lease, State.SENDING).update(state=State.PLANNED)
        return 0

    monkeypatch.setattr(ledger, "orphans_to_unknown", plan_again)
    Lifecycle.site = site
    with pytest.raises(AssertionError, match=r"was accepted 2 times|was accepted, and is"):
        run_state_machine_as_test(Lifecycle, settings=EXAMPLES)
