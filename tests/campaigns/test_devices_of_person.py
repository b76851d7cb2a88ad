"""On which of a person's devices a campaign is shown, and who has it only in the inbox."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Site
from campaigns import planning, starting
from campaigns.models import Campaign, Delivery, Run
from subscribers.models import Channel, Subscriber, Subscription
from tests.campaigns.engine import check_books, drive
from tests.campaigns.senders import FakeService
from tests.factories import (
    make_app,
    make_campaign,
    make_inbox,
    make_site,
    make_subscriber,
    make_subscription,
)

EVERY, RECENT, MOBILE = Campaign.Devices.EVERY, Campaign.Devices.RECENT, Campaign.Devices.MOBILE
CHROME = {"version": 1, "all": [{"field": "browser", "op": "any_of", "values": ["Chrome"]}]}

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return make_site()


def seen(ago: int) -> dict[str, Any]:
    return {"last_seen_at": timezone.now() - timedelta(minutes=ago)}


def shown(campaign: Campaign) -> dict[int, str]:
    """Of each device of the ledger: "planned", or why it is skipped."""
    run = starting.start(campaign)
    planning.plan(run.pk)
    run.refresh_from_db()
    check_books(run)
    rows = Delivery.objects.filter(run=run).values_list("subscription_id", "state", "reason")
    return {device: reason if state else "planned" for device, state, reason in rows}


def test_the_device_that_was_used_last(site: Site) -> None:
    ada, ben = make_subscriber(site), make_subscriber(site)
    old = make_subscription(site, subscriber=ada, **seen(60))
    new = make_app(site, subscriber=ada, **seen(5))
    alone = make_subscription(site, subscriber=ben, **seen(600))
    rows = shown(make_campaign(site, devices=RECENT))
    assert rows == {old.pk: "other_device", new.pk: "planned", alone.pk: "planned"}


def test_apps_before_browsers(site: Site) -> None:
    ada, ben = make_subscriber(site), make_subscriber(site)
    browser = make_subscription(site, subscriber=ada, **seen(1))
    phone = make_app(site, subscriber=ada, **seen(60))
    tablet = make_app(site, Channel.APNS, subscriber=ada, **seen(90))
    both = [make_subscription(site, subscriber=ben) for _ in range(2)]
    rows = shown(make_campaign(site, devices=MOBILE))
    assert rows[browser.pk] == "other_device"
    assert {rows[one.pk] for one in (phone, tablet, *both)} == {"planned"}


def test_only_devices_of_the_audience_count(site: Site) -> None:
    """Who is chosen by browser is not passed over for a device that the rule leaves out."""
    ada = make_subscriber(site)
    chrome = make_subscription(site, subscriber=ada, browser="Chrome", **seen(60))
    make_subscription(site, subscriber=ada, **seen(1))
    assert shown(make_campaign(site, devices=RECENT, rule=CHROME)) == {chrome.pk: "planned"}


def test_a_device_that_is_gone_is_nobodys_last(site: Site) -> None:
    ada = make_subscriber(site)
    here = make_subscription(site, subscriber=ada, **seen(60))
    make_subscription(site, subscriber=ada, state=Subscription.State.GONE, **seen(1))
    assert shown(make_campaign(site, devices=RECENT)) == {here.pk: "planned"}


def chunked(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One device a chunk."""
    monkeypatch.setattr(planning, "BATCHES_PER_CHUNK", 1)
    settings.SEND_BATCH = 1


@pytest.mark.parametrize("policy", [RECENT, MOBILE])
def test_chunks_agree(
    site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    chunked(settings, monkeypatch)
    for minutes in ((1, 2, 3), (3, 2, 1), (2, 1, 3)):
        ada = make_subscriber(site)
        make_subscription(site, subscriber=ada, **seen(minutes[0]))
        make_app(site, subscriber=ada, **seen(minutes[1]))
        make_subscription(site, subscriber=ada, **seen(minutes[2]))
    rows = shown(make_campaign(site, devices=policy))
    planned = Subscription.objects.filter(pk__in=[pk for pk in rows if rows[pk] == "planned"])
    assert planned.values("subscriber").distinct().count() == planned.count() == 3
    if policy == MOBILE:
        assert set(planned.values_list("channel", flat=True)) == {"fcm"}


def last_used(device: Subscription) -> Callable[[], object]:
    now = timezone.now()
    return lambda: Subscription.objects.filter(pk=device.pk).update(last_seen_at=now)


@pytest.mark.parametrize("which", [0, 1], ids=["the first", "the second"])
def test_who_changes_devices_meanwhile_gets_it_once(
    site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    chunked(settings, monkeypatch)
    ada: Subscriber = make_subscriber(site)
    ages = [(60, 30), (30, 60)][which]
    first, second = (make_subscription(site, subscriber=ada, **seen(age)) for age in ages)
    changes = last_used((first, second)[which])
    run = starting.start(make_campaign(site, devices=RECENT))
    assert planning.plan_chunk(run.pk)
    changes()
    planning.plan(run.pk)
    rows = Delivery.objects.filter(run=run)
    assert sorted(rows.values_list("reason", flat=True)) == ["", "other_device"]


def test_an_inbox_is_no_push_and_gets_what_the_campaign_says(site: Site) -> None:
    ada = make_subscriber(site)
    inbox = make_inbox(site)
    beside = make_inbox(site, subscriber=ada)
    push = make_subscription(site, subscriber=ada)
    without, within = make_campaign(site), make_campaign(site, inbox=True, devices=RECENT)
    service = FakeService()
    runs = [starting.start(one) for one in (without, within)]
    for run in runs:
        drive(run, service)
    rows = [{row.subscription_id: row for row in Delivery.objects.filter(run=run)} for run in runs]
    assert set(rows[0]) == {push.pk}
    reasons = {device: row.reason for device, row in rows[1].items()}
    assert reasons == {inbox.pk: "inbox_only", beside.pk: "other_device", push.pk: "201"}
    assert rows[1][inbox.pk].state == Delivery.State.SKIPPED
    assert rows[1][inbox.pk].settled_at is not None
    assert len(service.log) == 2
    assert {run.state for run in runs} == {Run.State.FINISHED}


def test_who_is_kept_back_is_kept_from_the_inbox_too(site: Site) -> None:
    for _ in range(30):
        make_inbox(site)
    run = starting.start(make_campaign(site, inbox=True, holdout=50))
    drive(run, FakeService())
    reasons = set(Delivery.objects.filter(run=run).values_list("reason", flat=True))
    assert reasons == {"inbox_only", "holdout"}


def test_who_takes_push_back_meanwhile_is_not_sent_to(site: Site) -> None:
    device = make_app(site)
    run = starting.start(make_campaign(site))
    planning.plan(run.pk)
    Subscription.objects.filter(pk=device.pk).update(state="inbox")
    service = FakeService()
    drive(run, service)
    row = Delivery.objects.get(run=run)
    assert (row.state, row.reason, service.log) == (Delivery.State.SKIPPED, "no_consent", [])
