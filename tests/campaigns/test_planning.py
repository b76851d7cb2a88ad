from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from django.db import connection
from pytest_django import Settings

from audiences.models import Audience
from campaigns import partitions, planning, reports, starting
from campaigns.models import Batch, Delivery, Run
from subscribers import events
from subscribers.models import Subscription, TestDevice
from tests.campaigns.engine import check_books
from tests.factories import (
    make_campaign,
    make_site,
    make_subscriber,
    make_subscription,
    make_user,
)


@pytest.mark.django_db
def test_the_frozen_audience_is_who_was_there_at_the_start() -> None:
    site, other = make_site(), make_site(name="Other")
    there = [make_subscription(site) for _ in range(3)]
    make_subscription(other)
    make_subscription(site, state=Subscription.State.UNSUBSCRIBED)
    run = starting.start(make_campaign(site))
    make_subscription(site)  # came later
    planning.plan(run.pk)
    check_books(run)
    assert sorted(Delivery.objects.values_list("subscription_id", flat=True)) == [
        subscription.pk for subscription in there
    ]


@pytest.mark.django_db
def test_the_rule_chooses() -> None:
    site = make_site()
    vip = make_subscription(site, subscriber=make_subscriber(site, tags=["vip"]))
    make_subscription(site)
    rule = {"version": 1, "all": [{"field": "tag", "op": "any_of", "values": ["vip"]}]}
    run = starting.start(make_campaign(site, rule=rule))
    planning.plan(run.pk)
    assert Delivery.objects.get().subscription_id == vip.pk


@pytest.mark.django_db
def test_the_rule_is_that_of_the_start_also_where_it_names_audiences(settings: Settings) -> None:
    settings.SEND_BATCH = 1
    site = make_site()
    tag = {"field": "tag", "op": "any_of", "values": ["vip"]}
    named = Audience.objects.create(site=site, name="Friends", rule={"version": 2, "all": [tag]})
    vips = [
        make_subscription(site, subscriber=make_subscriber(site, tags=["vip"])).pk
        for _ in range(planning.BATCHES_PER_CHUNK + 1)
    ]
    rule = {"version": 2, "all": [{"audience": str(named.pk)}]}
    run = starting.start(make_campaign(site, rule=rule))
    planning.plan_chunk(run.pk)
    Audience.objects.filter(pk=named.pk).update(rule={"version": 2, "none": [tag]})
    planning.plan(run.pk)
    assert sorted(Delivery.objects.values_list("subscription_id", flat=True)) == vips


@pytest.mark.django_db
def test_what_happens_after_the_start_changes_nobodys_place(settings: Settings) -> None:
    settings.SEND_BATCH = 1
    site = make_site()
    devices = [make_subscription(site) for _ in range(planning.BATCHES_PER_CHUNK + 2)]
    bought = {"field": "event", "name": "purchase", "op": "at_least", "count": 1}
    run = starting.start(make_campaign(site, rule={"version": 2, "none": [bought]}))
    planning.plan_chunk(run.pk)
    late = {"name": "purchase", "subscriber": str(devices[-1].subscriber_id)}
    (result,) = events.take_in(site, [late])
    assert result.status is events.Status.STORED
    planning.plan(run.pk)
    assert Delivery.objects.count() == len(devices)


@pytest.mark.django_db
def test_a_chunk_asks_few_devices_whatever_the_rule(settings: Settings) -> None:
    settings.SEND_BATCH = 1
    site = make_site()
    for _ in range(3 * planning.BATCHES_PER_CHUNK):
        make_subscription(site)
    vip = make_subscription(site, subscriber=make_subscriber(site, tags=["vip"]))
    rule = {"version": 2, "all": [{"field": "tag", "op": "any_of", "values": ["vip"]}]}
    run = starting.start(make_campaign(site, rule=rule))
    assert [planning.plan_chunk(run.pk) for _ in range(4)] == [True, True, True, False]
    assert Delivery.objects.get().subscription_id == vip.pk
    assert Batch.objects.get().audience == 1


@pytest.mark.django_db
def test_a_test_does_not_go_through_everybody(settings: Settings) -> None:
    settings.SEND_BATCH = 1
    site, tester = make_site(), make_user()
    devices = [make_subscription(site) for _ in range(planning.BATCHES_PER_CHUNK + 2)]
    for device in (devices[0], devices[-1]):
        TestDevice.objects.create(user=tester, subscription=device)
    run = starting.send_test(make_campaign(site), tester)
    assert planning.plan_chunk(run.pk) is False
    planned = Delivery.objects.order_by("subscription_id")
    assert [one.subscription_id for one in planned] == [devices[0].pk, devices[-1].pk]


@pytest.mark.django_db
def test_nobody_is_a_finished_run() -> None:
    campaign = make_campaign(make_site())
    run = starting.start(campaign)
    planning.plan(run.pk)
    run.refresh_from_db()
    campaign.refresh_from_db()
    assert run.state == Run.State.FINISHED
    assert reports.counts(campaign)["audience"] == 0
    assert campaign.state == "finished"


@pytest.mark.django_db(transaction=True)
def test_many_planners_at_once_plan_everybody_once(settings: Settings) -> None:
    settings.SEND_BATCH = 2
    site = make_site()
    for _ in range(45):
        make_subscription(site)
    run = starting.start(make_campaign(site))

    def plan(_number: int) -> None:
        try:
            planning.plan(run.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(plan, range(8)))
    check_books(run)
    run.refresh_from_db()
    assert run.state == Run.State.RUNNING
    assert Delivery.objects.count() == 45
    ranges = list(Batch.objects.order_by("first").values_list("first", "last"))
    assert len(ranges) == 23
    assert all(a[1] < b[0] for a, b in zip(ranges, ranges[1:], strict=False))


@pytest.mark.django_db
def test_partitions_are_made_once_and_hold_their_month() -> None:
    for _ in range(2):
        partitions.ensure(date(2031, 12, 1))
    Delivery.objects.bulk_create([Delivery(month=date(2031, 12, 1), run_id=1, subscription_id=1)])
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM campaigns_delivery")
        assert cursor.fetchone() == ("campaigns_delivery_203112",)
