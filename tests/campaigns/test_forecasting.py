"""The dry run says what the planner and the claim then do."""

import random
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.models import Site
from campaigns import forecasting, jobs, planning, sending, starting
from campaigns.models import Batch, Campaign, Cap, Delivery, DryRun, Policy, Run
from campaigns.refusals import Refused
from tests.campaigns.engine import check_books, drive
from tests.campaigns.senders import FakeService
from tests.factories import make_campaign, make_site, make_subscriber, make_subscription

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
ZONES = ["Europe/Oslo", "Asia/Tokyo", "America/New_York", "Pacific/Apia", "Asia/Kathmandu", ""]
STATE = Delivery.State


def foretell(campaign: Campaign) -> DryRun:
    dry_run = forecasting.start(campaign, None)
    forecasting.run(dry_run.pk)
    dry_run.refresh_from_db()
    assert dry_run.state == DryRun.State.DONE
    return dry_run


def outcome(row: Delivery) -> str:
    """What the ledger says, as a dry run says it."""
    if row.state == STATE.ACCEPTED:
        return "send"
    assert row.state in (STATE.SKIPPED, STATE.HOLDOUT, STATE.EXPIRED)
    return row.reason


def populate(site: Site, rng: random.Random) -> None:
    for _ in range(rng.randint(8, 25)):
        attributes = {"first_name": "Ada"} if rng.random() < 0.6 else {}
        tags = ["vip"] if rng.random() < 0.7 else []
        person = make_subscriber(site, tags=tags, attributes=attributes)
        for _device in range(rng.choice([1, 1, 2])):
            make_subscription(site, subscriber=person, time_zone=rng.choice(ZONES))


def restrain(site: Site, rng: random.Random) -> None:
    """Policies and messages that people have had."""
    if rng.random() < 0.5:
        action = rng.choice(Policy.QuietAction.values)
        hours = {"quiet_start": time(rng.randint(12, 23)), "quiet_end": time(rng.randint(0, 11))}
        Policy.objects.create(site=site, quiet_action=action, **hours)
    if rng.random() < 0.5:
        Policy.objects.update_or_create(site=site, defaults={"gap_minutes": 60 * 24})
    for _ in range(rng.randint(0, 2)):
        fields = {"counted": rng.random() < 0.8, "once_key": rng.choice(["", "once"])}
        tag = {"field": "tag", "op": "any_of", "values": ["vip"]}
        rule = {"version": 1, "all": [tag]} if rng.random() < 0.5 else None
        drive(starting.start(make_campaign(site, rule=rule, **fields)), FakeService())
        Delivery.objects.filter(state=STATE.PLANNED).update(state=STATE.CANCELLED)
        Batch.objects.update(due_at=None)
    if rng.random() < 0.6:
        Cap.objects.create(site=site, most=rng.randint(1, 2), days=rng.randint(1, 3))


def anything(site: Site, rng: random.Random) -> Campaign:
    """A campaign with settings at random."""
    message: dict[str, Any] = {}
    if rng.random() < 0.5:
        stop = '{% if subscriber.first_name == blank %}{% abort "no name" %}{% endif %}'
        message["body"] = stop + "Hello {{ subscriber.first_name }}"
    if rng.random() < 0.3:
        message["title"] = "{{ subscriber.first_name }}"
    if rng.random() < 0.4:
        other = {"title": "B", "body": "", "url": "https://shop.example/b", "weight": 30}
        message["variants"] = [other]
    campaign = make_campaign(
        site,
        message=message,
        timing=rng.choice(Campaign.Timing.values),
        scheduled_wall=datetime(2026, 11, 26, rng.randint(0, 23), 0, tzinfo=UTC),
        scheduled_zone="UTC",
        late=rng.choice(Campaign.Late.values),
        no_zone=rng.choice(Campaign.NoZone.values),
        expiry_minutes=rng.choice([None, None, 60, 600]),
        holdout=rng.choice([0, 0, 20, 50]),
        once_key=rng.choice(["", "", "once"]),
        transactional=rng.random() < 0.1,
        quiet=rng.choice(["site", "site", "off", "skip", "hold"]),
    )
    return campaign


def play(campaign: Campaign, clock: time_machine.Traveller) -> Run:
    """Start a campaign and turn the clock on to whatever is due until all is settled."""
    Campaign.objects.filter(pk=campaign.pk).update(
        state=Campaign.State.SCHEDULED, scheduled_for=timezone.now()
    )
    assert starting.start_due(timezone.now()) == 1
    run = Run.objects.get(campaign=campaign)
    planning.plan(run.pk)
    while due := Batch.objects.filter(run=run, due_at__isnull=False).order_by("due_at").first():
        assert due.due_at is not None
        clock.move_to(max(due.due_at, timezone.now()))
        sending.deliver(due.pk, FakeService())
        check_books(run)
    run.refresh_from_db()
    assert run.state == Run.State.FINISHED
    return run


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(30))
def test_what_was_foretold_is_what_becomes_of_everybody(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    site = make_site(time_zone="Europe/Oslo")
    with time_machine.travel(NOON, tick=False) as clock:
        populate(site, rng)
        restrain(site, rng)
        clock.shift(timedelta(hours=rng.choice([1, 30])))
        campaign = anything(site, rng)
        dry_run = foretell(campaign)
        foretold = dry_run.counts
        one_by_one, _missing = forecasting.forecast_of(dry_run).of(0, dry_run.last_subscription)
        # It starts when the dry run says.
        clock.move_to(dry_run.starts_at)
        run = play(campaign, clock)
        became = {row.subscription_id: outcome(row) for row in run.deliveries.all()}
    said = {row.subscription_id: row.code.replace("later", "send") for row in one_by_one}
    assert said == became
    assert sum(foretold.values()) == len(became)
    merged = Counter(foretold)
    merged["send"] += merged.pop("later", 0)
    assert +merged == Counter(became.values())
    variants = {row.subscription_id: row.variant for row in one_by_one if row.code == "send"}
    sent = run.deliveries.filter(subscription__in=variants)
    assert variants == dict(sent.values_list("subscription_id", "variant"))


@pytest.mark.django_db
def test_a_dry_run_changes_nothing_and_one_is_enough() -> None:
    site = make_site()
    make_subscription(site)
    campaign = make_campaign(site)
    first = forecasting.start(campaign, None)
    assert forecasting.start(campaign, None) == first
    forecasting.run(first.pk)
    forecasting.run(first.pk)
    assert forecasting.latest(campaign) == first
    first.refresh_from_db()
    assert first.counts == {"send": 1}
    assert not Delivery.objects.exists() and not Run.objects.exists()


@pytest.mark.django_db
def test_an_edit_ends_a_dry_run() -> None:
    site = make_site()
    make_subscription(site)
    campaign = make_campaign(site)
    old = forecasting.start(campaign, None)
    campaign.messages.update(title="Another")
    forecasting.run(old.pk)
    old.refresh_from_db()
    assert old.state == DryRun.State.CANCELLED
    new = forecasting.start(campaign, None)
    campaign.messages.update(title="And another")
    assert forecasting.start(campaign, None) != new
    new.refresh_from_db()
    assert new.state == DryRun.State.CANCELLED


@pytest.mark.django_db
def test_it_goes_on_where_it_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasting, "CHUNK", 2)
    site = make_site()
    for _ in range(5):
        make_subscription(site)
    dry_run = forecasting.start(make_campaign(site), None)
    for steps in range(3):
        left = iter([False, True])
        forecasting.run(dry_run.pk, lambda left=left: next(left))  # type: ignore[misc]
        dry_run.refresh_from_db()
        assert dry_run.counts == {"send": min(2 * (steps + 1), 5)}
    assert dry_run.state == DryRun.State.DONE


@pytest.mark.django_db
def test_the_people_of_an_outcome_come_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasting, "LOOK", 2)
    site = make_site()
    devices = [make_subscription(site, time_zone=zone) for zone in ["", "Asia/Tokyo", "", "", ""]]
    wall = {"scheduled_wall": NOON, "timing": "local", "no_zone": "skip"}
    dry_run = foretell(make_campaign(site, **wall))
    first, after = forecasting.people(dry_run, "no_zone", most=2)
    assert [row.subscription_id for row in first] == [devices[0].pk, devices[2].pk]
    assert after is not None
    rest, end = forecasting.people(dry_run, "no_zone", after, most=2)
    assert [row.subscription_id for row in rest] == [devices[3].pk, devices[4].pk]
    assert end is None
    (row,) = forecasting.of_person(dry_run, devices[1].subscriber_id)
    assert row.code == "send"


@pytest.mark.django_db
def test_what_cannot_go_out_has_no_dry_run() -> None:
    site = make_site()
    with pytest.raises(Refused, match="no title"):
        forecasting.start(make_campaign(site, message={"title": ""}), None)


@pytest.mark.django_db
def test_a_fault_ends_it_and_is_told() -> None:
    site = make_site()
    make_subscription(site)
    dry_run = forecasting.start(make_campaign(site), None)
    DryRun.objects.update(rule={"version": 2, "all": [{"field": "no such"}]})
    jobs.dry_run(dry_run.pk)
    dry_run.refresh_from_db()
    assert dry_run.state == DryRun.State.FAILED
    assert "Unknown field" in dry_run.error
    assert forecasting.latest(dry_run.campaign) is None


@pytest.mark.django_db
def test_of_many_the_texts_are_read_for_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasting, "MOST_READ", 10)
    site = make_site()
    for number in range(40):
        named = {"first_name": "Ada"} if number % 2 else {}
        make_subscription(site, subscriber=make_subscriber(site, attributes=named))
    text = "{% if subscriber.first_name == blank %}{% abort 'no name' %}{% endif %}Hello"
    dry_run = foretell(make_campaign(site, message={"body": text}))
    assert dry_run.sampled is not None and 5 <= dry_run.sampled <= 15
    assert sum(dry_run.counts.values()) == 40
    assert 8 <= dry_run.counts["aborted:no name"] <= 32
