"""Caps, the minimum gap and what is sent once, in the claim: exactly, whoever sends at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from accounts.models import Site
from campaigns import planning, reports, sending, starting
from campaigns.models import Batch, Campaign, Cap, Delivery, Policy, Run
from tests.campaigns.engine import drive
from tests.campaigns.senders import GONE, REFUSED, UNKNOWN, FakeService
from tests.factories import make_campaign, make_site, make_subscriber, make_subscription

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def cap(site: Site, most: int, days: int = 7, topic: str = "") -> None:
    Cap.objects.create(site=site, most=most, days=days, topic=topic)


def send(site: Site, service: FakeService | None = None, **fields: object) -> dict[str, int]:
    """Start a campaign, drive it once through, and say how many it sent and skipped."""
    run = starting.start(make_campaign(site, **fields))
    drive(run, service or FakeService())
    counts = reports.run_counts(run)
    skipped: dict[str, int] = counts["skipped_by_reason"]
    return {"accepted": counts["accepted"]} | skipped


@pytest.mark.django_db
def test_a_cap_is_of_any_days_together_not_of_calendar_days() -> None:
    site = make_site()
    make_subscription(site)
    cap(site, 2, days=1)
    with time_machine.travel(NOON, tick=False) as clock:
        assert send(site) == send(site) == {"accepted": 1}
        clock.move_to(NOON + timedelta(hours=23))  # the next day by the calendar
        assert send(site) == {"accepted": 0, "capped": 1}
        clock.move_to(NOON + DAY)
        assert send(site) == {"accepted": 1}


@pytest.mark.django_db
def test_a_person_counts_once_however_many_devices_they_have() -> None:
    site = make_site()
    person = make_subscriber(site)
    for _ in range(2):
        make_subscription(site, subscriber=person)
    cap(site, 2)
    assert send(site) == send(site) == {"accepted": 2}
    assert send(site) == {"accepted": 0, "capped": 2}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("answer", "next_one"),
    [(REFUSED, {"accepted": 1}), (UNKNOWN, {"accepted": 0, "capped": 1})],
    ids=["refused", "unknown"],
)
def test_what_may_have_arrived_takes_a_place_and_what_was_refused_does_not(
    answer: object, next_one: dict[str, int]
) -> None:
    site = make_site()
    device = make_subscription(site)
    cap(site, 1)
    name = device.endpoint.rsplit("/", 1)[-1]
    send(site, FakeService(**{name: answer}))  # type: ignore[arg-type]
    assert send(site) == next_one


@pytest.mark.django_db
def test_a_device_that_left_since_still_had_its_message() -> None:
    site = make_site()
    person = make_subscriber(site)
    old = make_subscription(site, subscriber=person)
    cap(site, 1)
    send(site)
    name = old.endpoint.rsplit("/", 1)[-1]
    make_subscription(site, subscriber=person)
    Cap.objects.all().delete()
    send(site, FakeService(**{name: GONE}))
    cap(site, 2)
    assert send(site) == {"accepted": 0, "capped": 1}


@pytest.mark.django_db
def test_a_topic_has_a_cap_of_its_own() -> None:
    site = make_site()
    make_subscription(site)
    cap(site, 1, topic="Offers")
    assert send(site, topic="Offers") == {"accepted": 1}
    assert send(site, topic="News") == send(site) == {"accepted": 1}
    assert send(site, topic="Offers") == {"accepted": 0, "capped": 1}


@pytest.mark.django_db
def test_some_campaigns_are_not_capped_and_some_take_no_place() -> None:
    site = make_site()
    make_subscription(site)
    cap(site, 1)
    assert send(site, counted=False) == {"accepted": 1}
    assert send(site) == {"accepted": 1}
    assert send(site) == {"accepted": 0, "capped": 1}
    assert send(site, transactional=True) == {"accepted": 1}
    assert send(site, caps=Campaign.Caps.OFF, override_reason="A recall") == {"accepted": 1}


@pytest.mark.django_db
def test_between_two_messages_there_is_a_gap() -> None:
    site = make_site()
    make_subscription(site)
    Policy.objects.create(site=site, gap_minutes=60)
    with time_machine.travel(NOON, tick=False) as clock:
        assert send(site) == {"accepted": 1}
        clock.shift(timedelta(minutes=59))
        assert send(site) == {"accepted": 0, "min_gap": 1}
        clock.shift(timedelta(minutes=1))
        assert send(site) == {"accepted": 1}


@pytest.mark.django_db
def test_what_has_the_same_key_is_sent_once() -> None:
    site, other = make_site(), make_site(name="Other")
    make_subscription(site)
    make_subscription(other)
    assert send(other, once_key="welcome") == {"accepted": 1}
    assert send(site, once_key="welcome") == {"accepted": 1}
    make_subscription(site)
    assert send(site, once_key="welcome") == {"accepted": 1, "sent_once": 1}
    assert send(site, once_key="hello") == {"accepted": 2}


def coming(site: Site, at: datetime, **fields: object) -> Campaign:
    state = {"state": Campaign.State.SCHEDULED, "scheduled_for": at}
    return make_campaign(site, **({"name": "Black week", "priority": 80} | state | fields))


@pytest.mark.django_db
def test_the_last_place_is_held_for_a_more_important_campaign() -> None:
    site = make_site()
    make_subscription(site, subscriber=make_subscriber(site, tags=["vip"]))
    make_subscription(site)
    cap(site, 2, days=7)
    with time_machine.travel(NOON, tick=False) as clock:
        assert send(site) == {"accepted": 2}
        tag = {"field": "tag", "op": "any_of", "values": ["vip"]}
        black_week = coming(site, NOON + 2 * DAY, rule={"version": 1, "all": [tag]})
        assert send(site) == {"accepted": 1, "place_held": 1}
        clock.shift(2 * DAY)
        drive(starting.start(black_week), FakeService())
        counted = Delivery.objects.filter(run__campaign=black_week)
        assert counted.get().state == Delivery.State.ACCEPTED


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"priority": 50}, NOON + DAY),
        ({"counted": False}, NOON + DAY),
        ({"topic": "Offers"}, NOON + 8 * DAY),
        ({"caps": "off", "override_reason": "A recall"}, NOON + DAY),
    ],
    ids=["as important", "not counted", "too far away", "not capped"],
)
def test_no_place_is_held_where_none_is_needed(fields: dict[str, object], at: datetime) -> None:
    site = make_site()
    make_subscription(site)
    cap(site, 1, days=7)
    with time_machine.travel(NOON, tick=False):
        coming(site, at, **fields)
        assert send(site) == {"accepted": 1}


@pytest.mark.django_db
def test_a_place_is_held_for_what_is_planned_for_later() -> None:
    site = make_site()
    make_subscription(site, time_zone="America/New_York")
    cap(site, 1)
    with time_machine.travel(NOON, tick=False):
        run = starting.start(make_campaign(site, priority=90))
        planning.plan(run.pk)
        later = timezone.now() + timedelta(hours=5)
        Delivery.objects.update(not_before=later)
        Batch.objects.update(due_at=later)
        assert send(site) == {"accepted": 0, "place_held": 1}
        assert send(site, priority=95) == {"accepted": 1}


@pytest.mark.django_db(transaction=True)
def test_two_senders_at_once_never_pass_the_cap_together() -> None:
    site = make_site()
    people = [make_subscriber(site) for _ in range(12)]
    for person in people:
        make_subscription(site, subscriber=person)
    cap(site, 1)
    runs = [starting.start(make_campaign(site)) for _ in range(3)]
    for run in runs:
        planning.plan(run.pk)

    def deliver(run: Run) -> None:
        try:
            for batch in Batch.objects.filter(run=run):
                sending.deliver(batch.pk, FakeService())
        finally:
            connection.close()

    with ThreadPoolExecutor(len(runs)) as pool:
        list(pool.map(deliver, runs))
    states = Delivery.objects.values_list("state", flat=True)
    assert sorted(states) == [Delivery.State.ACCEPTED] * 12 + [Delivery.State.SKIPPED] * 24
    sent = Delivery.objects.filter(state=Delivery.State.ACCEPTED)
    assert sent.values("subscription__subscriber").distinct().count() == len(people)
