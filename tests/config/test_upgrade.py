"""A database of the version before audiences had trees of rules, brought to this one."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from campaigns import planning, starting
from campaigns.models import Campaign, Delivery, Run
from subscribers import emails
from subscribers.models import Subscriber
from tests.factories import make_campaign, make_site, make_subscriber, make_subscription

BEFORE = [
    ("campaigns", "0004_leader_queueminute"),
    ("audiences", "0001_initial"),
    ("subscribers", "0003_erased_mark"),
]
VIP = {"version": 1, "all": [{"field": "tag", "op": "any_of", "values": ["vip"]}]}
ATTRIBUTES: tuple[dict[str, Any], ...] = (
    {"email": " Kari@Example.com\n"},
    {"email": "kari"},
    {"email": 7},
    {"email": "kari@example.com", "email_sha256": "AB" * 32},
    {"email_sha256": "ab"},
    {"email": "å" * 250 + "@example.com"},
    {},
)


@pytest.fixture
def latest() -> Iterator[None]:
    """Whatever happens, the other tests find the schema that they know."""
    yield
    call_command("migrate", verbosity=0)


@pytest.mark.django_db(transaction=True)
def test_what_was_there_goes_on(latest: None) -> None:
    site = make_site()
    people = [make_subscriber(site, attributes=given, tags=["vip"]) for given in ATTRIBUTES]
    vips = [make_subscription(site, subscriber=person).pk for person in people]
    make_subscription(site)
    planned = starting.start(make_campaign(site, rule=VIP))
    planning.plan(planned.pk)
    half, paused = (starting.start(make_campaign(site, rule=VIP)) for _ in range(2))
    starting.pause(paused.campaign)
    scheduled = make_campaign(
        site, rule=VIP, state=Campaign.State.SCHEDULED, scheduled_for=timezone.now()
    )
    MigrationExecutor(connection).migrate(BEFORE)
    call_command("migrate", verbosity=0)
    hashes = {one.pk: one.email_hash for one in Subscriber.objects.filter(tags=["vip"])}
    assert hashes == {one.pk: emails.hash_of(one.attributes) for one in people}
    assert Run.objects.get(pk=planned.pk).rule is None
    starting.resume(Campaign.objects.get(pk=paused.campaign_id))
    for run in (half, paused):
        planning.plan(run.pk)
        assert sorted(_planned(run)) == vips
    assert starting.start_due(timezone.now()) == 1
    due = Run.objects.get(campaign=scheduled)
    planning.plan(due.pk)
    assert sorted(_planned(due)) == vips


def _planned(run: Run) -> list[int]:
    return list(Delivery.objects.filter(run_id=run.pk).values_list("subscription_id", flat=True))
