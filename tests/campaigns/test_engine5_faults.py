"""Faults that a review of caps, winners, approvals and throttles together has found."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.models import Role, Site
from campaigns import (
    approvals,
    claiming,
    drafting,
    experiments,
    leases,
    planning,
    reports,
    rescheduling,
    resending,
    sending,
    starting,
)
from campaigns.models import Batch, Campaign, Cap, Delivery, Policy, Run
from campaigns.refusals import Refused
from tests.campaigns.engine import check_books, drive
from tests.campaigns.planned import at, planned
from tests.campaigns.senders import BUSY, UNKNOWN, FakeService
from tests.factories import (
    make_campaign,
    make_member,
    make_site,
    make_subscriber,
    make_subscription,
)

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
B = {"weight": 50, "title": "B", "body": "", "url": "https://shop.example/b"}
State = Delivery.State


@pytest.fixture
def noon() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def again(run: Run, service: FakeService) -> None:
    """Send what of a run is due now."""
    for batch in Batch.objects.filter(run=run).order_by("pk"):
        sending.deliver(batch.pk, service)
    check_books(run)


def sent(site: Site, **fields: object) -> dict[str, int]:
    run = starting.start(make_campaign(site, **fields))
    drive(run, FakeService())
    counts = reports.run_counts(run)
    skipped: dict[str, int] = counts["skipped_by_reason"]
    return {"accepted": counts["accepted"]} | skipped


@pytest.mark.django_db
def test_the_gap_counts_from_the_attempt_that_was_accepted(noon: time_machine.Traveller) -> None:
    site = make_site()
    device = make_subscription(site)
    Policy.objects.create(site=site, gap_minutes=30)
    run = starting.start(make_campaign(site))
    drive(run, FakeService(**{device.endpoint.rsplit("/", 1)[-1]: BUSY}))
    noon.shift(40 * MINUTE)
    again(run, FakeService())
    assert Delivery.objects.get(run_id=run.pk).state == State.ACCEPTED
    noon.shift(MINUTE)
    assert sent(site) == {"accepted": 0, "min_gap": 1}
    noon.shift(30 * MINUTE)
    assert sent(site) == {"accepted": 1}


@pytest.mark.django_db
def test_the_gap_counts_from_a_persons_last_device(noon: time_machine.Traveller) -> None:
    """By people's own clocks their devices may get it hours after each other."""
    site = make_site()
    person = make_subscriber(site)
    for _ in range(2):
        make_subscription(site, subscriber=person)
    Policy.objects.create(site=site, gap_minutes=60)
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    later = Delivery.objects.filter(run_id=run.pk).latest("subscription_id")
    Delivery.objects.filter(pk=later.pk).update(not_before=NOON + 5 * HOUR)
    again(run, FakeService())
    noon.shift(5 * HOUR)
    again(run, FakeService())
    noon.shift(MINUTE)
    assert sent(site) == {"accepted": 0, "min_gap": 2}


@pytest.mark.django_db
@pytest.mark.parametrize("by", ["cap", "key"])
def test_what_may_have_arrived_keeps_its_place_while_it_is_to_be_sent_again(
    noon: time_machine.Traveller, by: str
) -> None:
    site = make_site()
    device = make_subscription(site)
    fields = {"once_key": "welcome"} if by == "key" else {}
    if by == "cap":
        Cap.objects.create(site=site, most=1, days=7)
    run = starting.start(make_campaign(site, **fields))
    drive(run, FakeService(**{device.endpoint.rsplit("/", 1)[-1]: UNKNOWN}))
    resending.resend(run.campaign, expected=1)
    reason = "sent_once" if by == "key" else "capped"
    assert sent(site, **fields) == {"accepted": 0, reason: 1}
    again(run, FakeService())
    assert Delivery.objects.get(run_id=run.pk).state == State.ACCEPTED


@pytest.mark.django_db
def test_no_place_is_held_for_a_run_that_needs_none(noon: time_machine.Traveller) -> None:
    site = make_site()
    make_subscription(site)
    Cap.objects.create(site=site, most=1, days=7)
    recall = {"priority": 90, "caps": Campaign.Caps.OFF, "override_reason": "A recall"}
    planning.plan(starting.start(make_campaign(site, **recall)).pk)
    assert sent(site) == {"accepted": 1}


@pytest.mark.django_db
def test_a_winner_that_is_chosen_early_is_sent_at_once(noon: time_machine.Traveller) -> None:
    site = make_site()
    for _ in range(30):
        make_subscription(site)
    message = {"weight": 50, "variants": [B]}
    experiment = {"winner_by": Campaign.WinnerBy.HAND, "sample": 50, "decide_minutes": 60}
    run = starting.start(make_campaign(site, message=message, **experiment))
    drive(run, FakeService())
    waiting = Delivery.objects.filter(run_id=run.pk, state=State.PLANNED)
    assert waiting.count() > 5
    noon.shift(20 * MINUTE)
    experiments.choose(run.campaign, 1)
    again(run, FakeService())
    assert not waiting.exists()
    run.refresh_from_db()
    assert run.state == Run.State.FINISHED


@pytest.mark.django_db
def test_a_winner_that_is_chosen_early_brings_nobodys_hour_forward(
    noon: time_machine.Traveller,
) -> None:
    site = make_site()
    for _ in range(30):
        make_subscription(site, time_zone="Europe/London")
    message = {"weight": 50, "variants": [B]}
    experiment = {"winner_by": Campaign.WinnerBy.HAND, "sample": 50, "decide_minutes": 60}
    campaign = make_campaign(site, message=message, timing=Campaign.Timing.LOCAL, **experiment)
    starting.schedule(campaign, datetime(2026, 11, 26, 12, 40), "UTC")
    starting.start_due(timezone.now())
    run = Run.objects.get()
    drive(run, FakeService())
    noon.shift(20 * MINUTE)
    experiments.choose(campaign, 1)
    again(run, FakeService())
    assert set(run.deliveries.values_list("state", flat=True)) == {State.PLANNED}
    noon.shift(40 * MINUTE)
    again(run, FakeService())
    assert set(run.deliveries.values_list("state", flat=True)) == {State.ACCEPTED}


@pytest.mark.django_db
def test_a_throttle_gives_no_slots_to_those_who_are_left_out(
    noon: time_machine.Traveller,
) -> None:
    site = make_site()
    for _ in range(60):
        make_subscription(site)
    Cap.objects.create(site=site, most=1, days=7)
    sent(site)
    run = starting.start(make_campaign(site, throttle=60))
    planning.plan(run.pk)
    lease = leases.take(Batch.objects.get(run=run).pk)
    assert lease is not None
    claiming.claim(lease, 250)
    claiming.claim(lease, 250)
    assert not Delivery.objects.filter(run_id=run.pk, state=State.PLANNED).exists()


@pytest.fixture
def strict() -> Site:
    """A site on which every campaign needs a second person, who is there."""
    site = make_site()
    make_member(site, Role.MARKETER)
    return site


@pytest.mark.django_db
def test_a_series_yes_is_no_yes_to_another_time_of_one_occurrence(
    noon: time_machine.Traveller, strict: Site
) -> None:
    parent = planned(strict, "2026-11-27 09:00", recurrence="FREQ=DAILY")
    moved = rescheduling.move(
        strict,
        parent.pk,
        rescheduling.Target(wall=at("2026-11-28 10:00")),
        seen=None,
        occurrence=at("2026-11-28 09:00"),
    ).campaign
    Policy.objects.create(site=strict, approval=Policy.Approval.ALWAYS)
    parent.refresh_from_db()
    bob = make_member(strict, Role.MARKETER)
    asked = approvals.ask(parent, by=make_member(strict, Role.MARKETER))
    approvals.decide(asked, bob, approvals.Verdict.APPROVED)
    approvals.require(parent)
    moved.refresh_from_db()
    with pytest.raises(Refused):
        starting.schedule(moved, at("2026-11-28 03:00"), "UTC")


@pytest.mark.django_db
def test_what_was_approved_says_nothing_else_while_it_goes_out(strict: Site) -> None:
    make_subscription(strict)
    campaign = make_campaign(strict)
    Policy.objects.create(site=strict, approval=Policy.Approval.ALWAYS)
    asked = approvals.ask(campaign, by=make_member(strict, Role.MARKETER))
    approvals.decide(asked, make_member(strict, Role.MARKETER), approvals.Verdict.APPROVED)
    run = starting.start(campaign)
    with pytest.raises(Refused, match="second person"):
        drafting.revise(campaign, {"title": "What nobody has seen"})
    run.refresh_from_db()
    assert run.message.title == "Winter layers"


@pytest.mark.django_db
def test_a_series_stays_while_one_of_it_goes_out(noon: time_machine.Traveller) -> None:
    """Who is kept back, and gets which variant, follows from the series."""
    site = make_site()
    make_subscription(site)
    parent = planned(site, "2026-11-26 12:00", recurrence="FREQ=DAILY", holdout=50)
    noon.move_to(parent.scheduled_for or NOON)
    starting.start_due(timezone.now())
    parent.refresh_from_db()
    starting.unschedule(parent)
    with pytest.raises(Refused, match="still going out"):
        drafting.delete(parent)
    drive(Run.objects.get(), FakeService())
    drafting.delete(parent)


@pytest.mark.django_db
def test_leaving_one_out_of_an_approved_series_does_not_stop_it_later(
    noon: time_machine.Traveller, strict: Site
) -> None:
    """It is refused there and then, and not found out when the next one should go out."""
    parent = planned(strict, "2026-11-27 09:00", recurrence="FREQ=DAILY")
    Policy.objects.create(site=strict, approval=Policy.Approval.ALWAYS)
    bob = make_member(strict, Role.MARKETER)
    asked = approvals.ask(parent, by=make_member(strict, Role.MARKETER))
    approvals.decide(asked, bob, approvals.Verdict.APPROVED)
    with pytest.raises(Refused):
        rescheduling.skip(strict, parent.pk, at("2026-11-28 09:00"))
    parent.refresh_from_db()
    assert parent.exceptions == []
    approvals.require(parent)
