"""Variants, the winner and the holdout: what they came to, and which one the rest gets."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, Role, Site
from campaigns import experiments, jobs, planning, starting
from campaigns.experiments import Group, Rate
from campaigns.models import Batch, Campaign, Delivery, Run
from campaigns.refusals import Refused
from subscribers import events
from tests.campaigns.calling import caller
from tests.campaigns.engine import drive
from tests.campaigns.senders import FakeService
from tests.factories import (
    make_campaign,
    make_member,
    make_site,
    make_subscriber,
    make_subscription,
)

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
B = {"weight": 50, "title": "B", "body": "", "url": "https://shop.example/b"}


@pytest.fixture
def noon() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def sampled(site: Site, **fields: Any) -> Run:
    """A run to forty people, half of them in the sample, whose first messages are sent."""
    for _ in range(40):
        make_subscription(site)
    fields.setdefault("winner_by", Campaign.WinnerBy.CLICK)
    message = {"weight": 50, "variants": [B]}
    campaign = make_campaign(site, message=message, sample=50, decide_minutes=60, **fields)
    run = starting.start(campaign)
    drive(run, FakeService())
    return run


def click(run: Run, variant: int, most: int) -> None:
    chosen = run.deliveries.filter(variant=variant, state=Delivery.State.ACCEPTED)
    for row in chosen.order_by("subscription_id")[:most]:
        Delivery.objects.filter(pk=row.pk).update(clicked_at=timezone.now())


@pytest.mark.django_db
def test_the_one_with_more_clicks_wins_at_its_time_and_goes_to_the_rest(
    noon: time_machine.Traveller,
) -> None:
    run = sampled(make_site())
    sent = run.deliveries.filter(state=Delivery.State.ACCEPTED).count()
    assert 0 < sent < 40
    click(run, 1, 3)
    click(run, 0, 1)
    jobs.decide_winners()
    assert Run.objects.get().winner is None  # not yet
    noon.shift(timedelta(hours=1))
    jobs.decide_winners()
    decided = Run.objects.get()
    assert (decided.winner, decided.winner_at) == (1, timezone.now())
    assert Batch.objects.filter(due_at__lte=timezone.now()).exists()
    service = FakeService()
    drive(run, service)
    assert len(service.log) == 40 - sent
    assert all(b'"title":"B"' in payload for payload in service.payloads)
    assert run.state == Run.State.FINISHED


@pytest.mark.django_db
def test_without_any_click_the_first_one_is_sent(noon: time_machine.Traveller) -> None:
    run = sampled(make_site())
    noon.shift(timedelta(hours=1))
    assert experiments.decide_due(timezone.now()) == 1
    assert experiments.decide_due(timezone.now()) == 0
    run.refresh_from_db()
    assert run.winner == 0


@pytest.mark.django_db
def test_conversions_count_within_three_days_once_for_a_person(
    noon: time_machine.Traveller,
) -> None:
    site = make_site()
    run = sampled(site, winner_by=Campaign.WinnerBy.CONVERSION, conversion="order")
    rows = run.deliveries.filter(variant=1, state=Delivery.State.ACCEPTED)
    rows = rows.select_related("subscription")
    early, twice, late = (row.subscription.subscriber_id for row in rows[:3])

    def order(person: object, days: float) -> None:
        at = (NOON + timedelta(days=days)).isoformat()
        item = {"name": "order", "subscriber": str(person), "at": at, "properties": {"value": 99.5}}
        noon.move_to(NOON + timedelta(days=5))
        (result,) = events.take_in(site, [item])
        assert result.status is events.Status.STORED, result

    order(early, -0.1)
    order(twice, 1)
    order(twice, 2)
    order(late, 3.01)
    a, b = experiments.results(run)
    assert (a.converted, b.converted, b.worth) == (0, 1, Decimal("199"))
    assert (a.letter, b.letter, a.people + b.people) == ("A", "B", rows.count() + a.people)
    experiments.decide_due(timezone.now())
    run.refresh_from_db()
    assert run.winner == 1


@pytest.mark.django_db
def test_a_person_with_two_devices_is_one(noon: time_machine.Traveller) -> None:
    site = make_site()
    person = make_subscriber(site)
    for _ in range(2):
        make_subscription(site, subscriber=person)
    run = starting.start(make_campaign(site))
    drive(run, FakeService())
    (group,) = experiments.results(run)
    assert (group.people, group.variant, group.letter) == (1, None, "")


@pytest.mark.django_db
def test_those_kept_back_are_compared(noon: time_machine.Traveller) -> None:
    site = make_site()
    for _ in range(40):
        make_subscription(site)
    campaign = make_campaign(site, holdout=50, message={"weight": 50, "variants": [B]})
    run = starting.start(campaign)
    drive(run, FakeService())
    *variants, kept = experiments.results(run)
    assert kept.kept and kept.variant is None
    assert sum(group.people for group in [*variants, kept]) == 40
    lift = experiments.lift([*variants, kept])
    assert lift is not None and lift[1].share == 0
    assert experiments.lift(variants) is None


@pytest.mark.django_db
def test_a_person_chooses_once(noon: time_machine.Traveller) -> None:
    site = make_site()
    run = sampled(site, winner_by=Campaign.WinnerBy.HAND)
    campaign = run.campaign
    noon.shift(timedelta(hours=2))
    assert experiments.decide_due(timezone.now()) == 0
    campaign.refresh_from_db()
    assert "Choose the variant" in campaign.attention
    marketer = make_member(site, Role.MARKETER)
    with pytest.raises(Refused, match="no such variant"):
        experiments.choose(campaign, 2, by=marketer)
    experiments.choose(campaign, 1, by=marketer)
    campaign.refresh_from_db()
    assert campaign.attention == ""
    with pytest.raises(Refused, match="chosen already"):
        experiments.choose(campaign, 0, by=marketer)
    event = AuditEvent.objects.get(action="campaign.winner")
    assert (event.actor, event.detail["variant"]) == (marketer, "B")


@pytest.mark.django_db
def test_where_nobody_waits_there_is_nothing_to_choose() -> None:
    site = make_site()
    campaign = make_campaign(site)
    with pytest.raises(Refused, match="Nobody waits"):
        experiments.choose(campaign, 0)
    starting.start(campaign)
    with pytest.raises(Refused, match="Nobody waits"):
        experiments.choose(campaign, 0)


@pytest.mark.django_db(transaction=True)
def test_of_two_choices_at_once_one_holds() -> None:
    site = make_site()
    make_subscription(site)
    message = {"weight": 50, "variants": [B]}
    campaign = make_campaign(site, message=message, winner_by=Campaign.WinnerBy.HAND)
    run = starting.start(campaign)
    planning.plan(run.pk)

    def choose(variant: int) -> bool:
        try:
            experiments.choose(Campaign.objects.get(pk=campaign.pk), variant)
        except Refused:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(choose, [0, 1])) == [False, True]


def group(variant: int, people: int, clicked: int) -> Group:
    return Group(variant, False, people, people, clicked, 0, Decimal())


def test_an_interval_of_wilson() -> None:
    # Wilson 1927, computed by hand for 10 of 100.
    rate = Rate.of(10, 100)
    assert (round(rate.low, 4), round(rate.high, 4)) == (0.0552, 0.1744)
    assert Rate.of(0, 0) == Rate(0.0, 0.0, 1.0)
    assert Rate.of(5, 5).high == 1.0


@pytest.mark.parametrize(
    ("groups", "clear"),
    [
        ([group(0, 10_000, 300), group(1, 10_000, 400)], True),
        ([group(0, 1_000, 30), group(1, 1_000, 34)], False),
        ([group(0, 90, 0), group(1, 90, 60)], False),
        ([group(0, 90, 0), group(1, 900, 600)], False),
        ([group(0, 900, 600)], False),
        ([], False),
    ],
    ids=["apart", "overlapping", "too few", "too few of the other", "alone", "none"],
)
def test_a_lead_is_named_only_when_it_is_clear(groups: list[Group], clear: bool) -> None:
    assert experiments.is_clear(groups, "click") == clear


@pytest.mark.django_db
def test_the_panel_of_the_report(client: Client, noon: time_machine.Traveller) -> None:
    site = make_site()
    run = sampled(site, winner_by=Campaign.WinnerBy.HAND, holdout=10)
    client.force_login(make_member(site, Role.MARKETER))
    base = f"/sites/{site.pk}/campaigns/{run.campaign_id}/"
    assert 'id="variants"' in client.get(base).content.decode()
    page = client.get(f"{base}variants/").content.decode()
    assert "Not enough data yet" in page and "Send B to the others" in page and "<svg" in page
    answer = client.post(f"{base}winner/", {"variant": "Z"}, follow=True)
    assert "Choose one of its variants." in answer.content.decode()
    answer = client.post(f"{base}winner/", {"variant": "B"}, follow=True)
    assert "Variant B goes to all who waited." in answer.content.decode()
    page = client.get(f"{base}variants/").content.decode()
    assert "B won and goes to the rest" in page and "Send A" not in page


@pytest.mark.django_db
def test_a_plain_campaign_has_no_such_panel(client: Client) -> None:
    site = make_site()
    make_subscription(site)
    run = starting.start(make_campaign(site))
    client.force_login(make_member(site, Role.VIEWER))
    base = f"/sites/{site.pk}/campaigns/{run.campaign_id}/"
    assert 'id="variants"' not in client.get(base).content.decode()


@pytest.mark.django_db
def test_variants_by_api(noon: time_machine.Traveller) -> None:
    site = make_site()
    run = sampled(site, winner_by=Campaign.WinnerBy.HAND)
    call = caller(site)
    path = f"{run.campaign_id}/"
    body = call("get", f"{path}variants/").json()
    assert [one["variant"] for one in body["groups"]] == ["A", "B"]
    assert (body["winner"], body["groups"][0]["worth"]) == (None, "0.00")
    assert call("post", f"{path}winner/", {"variant": "E"}).status_code == 400
    assert call("post", f"{path}winner/", {"variant": "D"}).status_code == 409
    assert call("post", f"{path}winner/", {"varian": "A"}).status_code == 400
    assert call("post", f"{path}winner/", {"variant": "A"}).json()["winner"] == "A"
    assert call("post", f"{path}winner/", {"variant": "A"}).status_code == 409
