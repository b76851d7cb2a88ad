"""What the plan says of each device before anything is sent."""

from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.models import Site
from audiences.catalogue.profile import bucket_of
from campaigns import planning, starting
from campaigns.models import Batch, Campaign, Delivery, Policy, Run
from subscribers.models import Subscription
from tests.campaigns.engine import check_books, drive
from tests.campaigns.senders import FakeService
from tests.factories import make_campaign, make_site, make_subscription

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
ZONES = {"oslo": "Europe/Oslo", "tokyo": "Asia/Tokyo", "york": "America/New_York"}


def devices(site: Site, **zones: str) -> dict[str, Subscription]:
    return {name: make_subscription(site, time_zone=zone) for name, zone in zones.items()}


def local(site: Site, hour: int = 18, **fields: object) -> Campaign:
    return make_campaign(
        site,
        timing=Campaign.Timing.LOCAL,
        scheduled_wall=datetime(2026, 11, 26, hour, 0, tzinfo=UTC),
        **fields,
    )


def planned(campaign: Campaign, **fields: object) -> Run:
    Campaign.objects.filter(pk=campaign.pk).update(
        state=Campaign.State.SCHEDULED, scheduled_for=timezone.now()
    )
    assert starting.start_due(timezone.now()) == 1
    run = Run.objects.get(campaign=campaign)
    Run.objects.filter(pk=run.pk).update(**fields)
    planning.plan(run.pk)
    run.refresh_from_db()
    check_books(run)
    return run


def row_of(device: Subscription) -> tuple[int, str, datetime | None]:
    row = Delivery.objects.get(subscription=device)
    return row.state, row.reason, row.not_before


@pytest.mark.django_db
@time_machine.travel(NOON, tick=False)
def test_each_zone_has_its_own_moment() -> None:
    site = make_site(time_zone="Europe/Oslo")
    there = devices(site, **ZONES, nowhere="", strange="Mars/Olympus")
    run = planned(local(site, late=Campaign.Late.SKIP))
    state = Delivery.State
    assert row_of(there["oslo"]) == (state.PLANNED, "", datetime(2026, 11, 26, 17, tzinfo=UTC))
    assert row_of(there["york"]) == (state.PLANNED, "", datetime(2026, 11, 26, 23, tzinfo=UTC))
    assert row_of(there["tokyo"]) == (state.SKIPPED, "zone_past", None)
    # Who has no zone, or one that nobody knows, has the site's.
    assert row_of(there["nowhere"]) == row_of(there["strange"]) == row_of(there["oslo"])
    batch = Batch.objects.get(run=run)
    assert batch.due_at == datetime(2026, 11, 26, 17, tzinfo=UTC)
    assert batch.skipped_by_reason == {"zone_past": 1}


@pytest.mark.django_db
@time_machine.travel(NOON, tick=False)
@pytest.mark.parametrize(
    ("late", "at"),
    [(Campaign.Late.SEND, None), (Campaign.Late.NEXT_DAY, datetime(2026, 11, 27, 9, tzinfo=UTC))],
)
def test_a_moment_that_has_passed_is_dealt_with_as_was_said(late: str, at: datetime | None) -> None:
    site = make_site()
    there = devices(site, tokyo="Asia/Tokyo")
    planned(local(site, late=late))
    assert row_of(there["tokyo"]) == (Delivery.State.PLANNED, "", at)


@pytest.mark.django_db
@time_machine.travel(NOON, tick=False)
def test_who_has_no_zone_can_be_left_out() -> None:
    site = make_site()
    there = devices(site, nowhere="", york="America/New_York")
    planned(local(site, no_zone=Campaign.NoZone.SKIP))
    assert row_of(there["nowhere"]) == (Delivery.State.SKIPPED, "no_zone", None)
    assert row_of(there["york"])[0] == Delivery.State.PLANNED


def quiet(site: Site, action: str = Policy.QuietAction.HOLD) -> None:
    hours = {"quiet_start": time(21), "quiet_end": time(8)}
    Policy.objects.update_or_create(site=site, defaults=hours | {"quiet_action": action})


@pytest.mark.django_db
@time_machine.travel(NOON, tick=False)
def test_quiet_hours_hold_until_they_end_where_the_person_is() -> None:
    site = make_site()
    quiet(site)
    there = devices(site, **ZONES)  # 13:00, 21:00 and 07:00
    planned(make_campaign(site))
    state, eight = Delivery.State.PLANNED, datetime(2026, 11, 26, 23, tzinfo=UTC)
    assert row_of(there["oslo"]) == (state, "", None)
    assert row_of(there["tokyo"]) == (state, "quiet_hours", eight)
    assert row_of(there["york"]) == (state, "quiet_hours", NOON + timedelta(hours=1))


@pytest.mark.django_db
@time_machine.travel(NOON, tick=False)
def test_quiet_hours_skip_where_that_is_the_policy_or_nothing_comes_after_them() -> None:
    site = make_site()
    quiet(site, Policy.QuietAction.SKIP)
    there = devices(site, **ZONES)
    planned(make_campaign(site))
    assert row_of(there["tokyo"]) == (Delivery.State.SKIPPED, "quiet_hours", None)
    Delivery.objects.all().delete()
    quiet(site)
    planned(make_campaign(site), expires_at=NOON + timedelta(hours=2))
    assert row_of(there["tokyo"]) == (Delivery.State.SKIPPED, "quiet_hours", None)
    assert row_of(there["york"])[0] == Delivery.State.PLANNED


@pytest.mark.django_db
@time_machine.travel(NOON, tick=False)
def test_a_campaign_may_send_in_quiet_hours_where_it_says_why() -> None:
    site = make_site()
    quiet(site)
    there = devices(site, **ZONES)
    why = {"quiet": Campaign.Quiet.OFF, "override_reason": "A recall"}
    planned(make_campaign(site, **why))
    assert {row_of(device)[2] for device in there.values()} == {None}


@pytest.mark.django_db
def test_quiet_hours_that_begin_while_it_is_sent_hold_the_rest() -> None:
    site = make_site()
    quiet(site)
    make_subscription(site, time_zone="Europe/Oslo")
    service = FakeService()
    with time_machine.travel(NOON, tick=False) as clock:
        run = planned(make_campaign(site))
        clock.move_to(datetime(2026, 11, 26, 20, 30, tzinfo=UTC))  # 21:30 in Oslo
        drive(run, service)
        row = Delivery.objects.get()
        assert (row.state, row.reason) == (Delivery.State.PLANNED, "quiet_hours")
        assert row.not_before == datetime(2026, 11, 27, 7, tzinfo=UTC)
        assert Batch.objects.get().due_at == row.not_before
        assert service.log == []
        clock.move_to(datetime(2026, 11, 27, 7, 0, 1, tzinfo=UTC))
        drive(run, service)
        assert len(service.log) == 1


VARIANTS = [{"weight": 30, "title": "B", "body": "", "url": "https://shop.example/b"}]


@pytest.mark.django_db
def test_people_are_shared_out_by_weight_and_stay_where_they_are() -> None:
    site = make_site()
    crowd = [make_subscription(site) for _ in range(40)]
    campaign = make_campaign(site, message={"weight": 70, "variants": VARIANTS})
    planned(campaign)
    for device in crowd:
        share = bucket_of(device.subscriber_id, f"{campaign.pk}:variant")
        assert Delivery.objects.get(subscription=device).variant == (0 if share < 7_000 else 1)


@pytest.mark.django_db
@time_machine.travel(NOON, tick=False)
def test_the_others_wait_for_the_winner_and_get_it() -> None:
    site = make_site()
    crowd = [make_subscription(site) for _ in range(40)]
    campaign = make_campaign(
        site, message={"weight": 50, "variants": VARIANTS}, sample=50, winner_by="hand"
    )
    decide_at = NOON - timedelta(seconds=1)
    run = planned(campaign, decide_at=decide_at)
    drawn = [
        device
        for device in crowd
        if bucket_of(device.subscriber_id, f"{campaign.pk}:sample") < 5_000
    ]
    service = FakeService()
    drive(run, service)
    assert 0 < len(service.log) == len(drawn) < len(crowd)
    batch = Batch.objects.get()
    assert batch.due_at is not None and batch.due_at > NOON  # it is looked at again
    Run.objects.update(winner=1, winner_at=NOON)
    Batch.objects.update(due_at=NOON)
    drive(run, service)
    assert len(service.log) == len(crowd)
    late = Delivery.objects.exclude(subscription__in=drawn)
    assert set(late.values_list("variant", flat=True)) == {1}
    assert run.state == Run.State.FINISHED


@pytest.mark.django_db
@time_machine.travel(NOON, tick=False)
def test_what_is_planned_once_a_winner_is_chosen_waits_for_nobody() -> None:
    site = make_site()
    for _ in range(20):
        make_subscription(site)
    message = {"weight": 50, "variants": VARIANTS}
    campaign = make_campaign(site, message=message, sample=50, winner_by="hand")
    hour = timedelta(hours=1)
    planned(campaign, decide_at=NOON + hour, winner=1, expires_at=NOON + hour / 2)
    assert set(Delivery.objects.values_list("not_before", flat=True)) == {None}


@pytest.mark.django_db
@time_machine.travel(NOON, tick=False)
def test_a_batch_is_due_at_the_latest_when_its_campaign_is_over() -> None:
    site = make_site()
    devices(site, york="America/New_York")
    run = planned(local(site), expires_at=NOON + timedelta(hours=1))
    assert Batch.objects.get().due_at == run.expires_at


@pytest.mark.django_db
@time_machine.travel(NOON, tick=False)
def test_a_site_in_a_zone_that_this_machine_does_not_know_is_in_utc() -> None:
    site = make_site()
    Site.objects.update(time_zone="Mars/Olympus")
    there = devices(site, nowhere="")
    planned(local(Site.objects.get()))
    at = datetime(2026, 11, 26, 18, tzinfo=UTC)
    assert row_of(there["nowhere"]) == (Delivery.State.PLANNED, "", at)


@pytest.mark.django_db
def test_the_holdout_is_kept_back_at_its_turn_and_counted() -> None:
    site = make_site()
    crowd = [make_subscription(site) for _ in range(30)]
    campaign = make_campaign(site, holdout=50)
    run = planned(campaign)
    assert set(Delivery.objects.values_list("state", flat=True)) == {Delivery.State.PLANNED}
    drive(run, FakeService())
    for device in crowd:
        kept = bucket_of(device.subscriber_id, f"{campaign.pk}:holdout") < 5_000
        state = Delivery.State.HOLDOUT if kept else Delivery.State.ACCEPTED
        assert Delivery.objects.get(subscription=device).state == state
    batch = Batch.objects.get()
    assert 0 < batch.holdout < 30 and batch.holdout + batch.accepted == 30
    assert run.state == Run.State.FINISHED


@pytest.mark.django_db
def test_what_is_left_when_the_campaigns_time_is_over_expires() -> None:
    site = make_site()
    devices(site, **ZONES)
    service = FakeService()
    with time_machine.travel(NOON, tick=False) as clock:
        run = planned(local(site), expires_at=NOON + timedelta(hours=6))
        clock.move_to(NOON + timedelta(hours=5, seconds=1))
        drive(run, service)  # Oslo's
        assert len(service.log) == 1
        assert Batch.objects.get().due_at == run.expires_at
        clock.move_to(NOON + timedelta(hours=6))
        drive(run, service)
    expired = Delivery.objects.filter(state=Delivery.State.EXPIRED)
    assert set(expired.values_list("reason", flat=True)) == {"run_expired"}
    assert (expired.count(), len(service.log), run.state) == (2, 1, Run.State.FINISHED)
