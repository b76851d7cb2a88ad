"""The dry run says what the planner and the claim then do."""

import random
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.models import Site
from campaigns import forecasting, starting
from campaigns.foretelling import Foretold, is_read
from campaigns.headcount import Group, Headcount
from campaigns.models import Batch, Campaign, Cap, Delivery, DryRun, Policy
from campaigns.totals import Totals
from tests.campaigns.engine import drive
from tests.campaigns.foreseeing import NOON, STATE, ZONES, foretell, outcome, play
from tests.campaigns.senders import FakeService
from tests.factories import (
    make_app,
    make_campaign,
    make_credential,
    make_inbox,
    make_site,
    make_subscriber,
    make_subscription,
)


def check_groups(dry_run: DryRun, rows: list[Foretold], groups: Counter[Group] | None) -> None:
    """The database counts what is said of each, but for texts, which it does not read."""
    if groups is None:
        return
    totals = Totals(DryRun())
    totals.add(groups)
    if forecasting.forecast_of(dry_run).renderer.plain:
        assert totals.counts == Counter(row.code for row in rows)
    unread = {code: n for code, n in totals.counts.items() if not is_read(code)}
    assert unread == Counter(row.code for row in rows if not is_read(row.code))


def populate(site: Site, rng: random.Random) -> None:
    make_credential(site, token_until=NOON + timedelta(days=30))
    for _ in range(rng.randint(8, 25)):
        attributes = {"first_name": "Ada"} if rng.random() < 0.6 else {}
        tags = ["vip"] if rng.random() < 0.7 else []
        person = make_subscriber(site, tags=tags, attributes=attributes)
        for _device in range(rng.choice([1, 1, 2, 3])):
            make = rng.choice([make_subscription, make_subscription, make_app, make_inbox])
            ago = timedelta(minutes=rng.randint(0, 99))
            seen = {"last_seen_at": timezone.now() - ago, "time_zone": rng.choice(ZONES)}
            make(site, subscriber=person, **seen)


def restrain(site: Site, rng: random.Random) -> None:
    """Policies and messages that people have had."""
    if rng.random() < 0.5:
        action = rng.choice(Policy.QuietAction.values)
        hours = {"quiet_start": time(rng.randint(12, 23)), "quiet_end": time(rng.randint(0, 11))}
        Policy.objects.create(site=site, quiet_action=action, **hours)
    if rng.random() < 0.5:
        Policy.objects.update_or_create(site=site, defaults={"gap_minutes": 60 * 24})
    for _ in range(rng.randint(0, 2)):
        fields = {
            "counted": rng.random() < 0.8,
            "once_key": rng.choice(["", "once"]),
            "topic": rng.choice(["", "Offers"]),
        }
        tag = {"field": "tag", "op": "any_of", "values": ["vip"]}
        rule = {"version": 1, "all": [tag]} if rng.random() < 0.5 else None
        drive(starting.start(make_campaign(site, rule=rule, **fields)), FakeService())
        Delivery.objects.filter(state=STATE.PLANNED).update(state=STATE.CANCELLED)
        Batch.objects.update(due_at=None)
    if rng.random() < 0.6:
        Cap.objects.create(site=site, most=rng.randint(1, 2), days=rng.randint(1, 3))
    if rng.random() < 0.4:
        Cap.objects.create(site=site, most=1, days=rng.randint(1, 3), topic="Offers")


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
        topic=rng.choice(["", "Offers", "News"]),
        quiet=rng.choice(["site", "site", "off", "skip", "hold"]),
        devices=rng.choice(Campaign.Devices.values),
        inbox=rng.random() < 0.4,
    )
    return campaign


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
        forecast = forecasting.forecast_of(dry_run)
        one_by_one, _missing = forecast.of(0, dry_run.last_subscription)
        count = Headcount(forecast)
        groups = count.of(0, dry_run.last_subscription) if count.possible else None
        # It starts when the dry run says.
        clock.move_to(dry_run.starts_at)
        run = play(campaign, clock)
        became = {row.subscription_id: outcome(row) for row in run.deliveries.all()}
    said = {row.subscription_id: row.code.replace("later", "send") for row in one_by_one}
    assert said == became
    check_groups(dry_run, one_by_one, groups)
    assert sum(foretold.values()) == len(became)
    merged = Counter(foretold)
    merged["send"] += merged.pop("later", 0)
    assert +merged == Counter(became.values())
    variants = {row.subscription_id: row.variant for row in one_by_one if row.code == "send"}
    sent = run.deliveries.filter(subscription__in=variants)
    assert variants == dict(sent.values_list("subscription_id", "variant"))
