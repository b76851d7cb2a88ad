"""Half a minute between "Send now" and the first message."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, Site
from campaigns import starting
from campaigns.models import Campaign, Run
from campaigns.refusals import Refused
from tests.campaigns.locks import Meanwhile
from tests.factories import make_campaign, make_member, make_site, make_subscription

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LEAVES = NOON + timedelta(seconds=starting.UNDO_SECONDS)
WALL = datetime(2026, 11, 26, 18, 0)  # noqa: DTZ001 - a wall time


@pytest.fixture
def site(db: None) -> Site:
    site = make_site()
    make_subscription(site)
    return site


@time_machine.travel(NOON, tick=False)
def test_it_leaves_after_half_a_minute(site: Site) -> None:
    campaign = make_campaign(site)
    for _again in range(2):
        starting.send_soon(campaign)
    assert (campaign.state, campaign.scheduled_for) == (Campaign.State.SCHEDULED, LEAVES)
    assert starting.start_due(LEAVES - timedelta(seconds=1)) == 0
    assert starting.start_due(LEAVES) == 1
    starting.send_soon(campaign)
    assert Run.objects.count() == 1


@time_machine.travel(NOON, tick=False)
def test_undone_it_is_a_draft_without_a_time(site: Site) -> None:
    campaign = make_campaign(site)
    starting.schedule(campaign, WALL, "UTC")
    starting.send_soon(campaign)
    starting.undo(campaign)
    assert (campaign.state, campaign.scheduled_for) == (Campaign.State.DRAFT, None)
    assert starting.start_due(LEAVES) == 0
    with pytest.raises(Refused, match="can't be undone"):
        starting.undo(campaign)


def test_what_is_scheduled_is_not_undone_but_unscheduled(site: Site) -> None:
    campaign = make_campaign(site)
    starting.schedule(campaign, WALL.replace(year=2099), "UTC")
    with pytest.raises(Refused):
        starting.undo(campaign)
    assert campaign.state == Campaign.State.SCHEDULED


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"state": "cancelled"}, "Duplicate it"),
        ({"message": {"title": ""}}, "no title"),
        ({"timing": "local"}, "own time"),
    ],
)
def test_what_cannot_start_does_not_wait_either(
    site: Site, fields: dict[str, object], why: str
) -> None:
    campaign = make_campaign(site, **fields)
    before = campaign.state
    with pytest.raises(Refused, match=why):
        starting.send_soon(campaign)
    campaign.refresh_from_db()
    assert campaign.state == before


def test_pages_offer_the_undo(site: Site, client: Client) -> None:
    client.force_login(make_member(site, Role.MARKETER))
    campaign = make_campaign(site)
    arguments = [site.pk, campaign.pk]
    undo = reverse("campaigns:undo", args=arguments)
    client.post(reverse("campaigns:start", args=arguments))
    for name in ("report", "review"):
        page = client.get(reverse(f"campaigns:{name}", args=arguments)).content.decode()
        assert undo in page and "data-leaves" in page, name
    answer = client.post(undo, follow=True)
    assert b"it is a draft again" in answer.content
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.DRAFT
    starting.start(campaign)
    assert b"can&#x27;t be undone" in client.post(undo, follow=True).content


def test_a_viewer_sees_no_undo(site: Site, client: Client) -> None:
    client.force_login(make_member(site, Role.VIEWER))
    campaign = make_campaign(site)
    starting.send_soon(campaign)
    page = client.get(reverse("campaigns:report", args=[site.pk, campaign.pk])).content.decode()
    assert "data-leaves" in page and "/undo/" not in page


@pytest.fixture
def meanwhile() -> Iterator[Meanwhile]:
    other = Meanwhile()
    yield other
    other.pool.shutdown()


@pytest.mark.django_db(transaction=True)
def test_undo_and_the_start_at_once(meanwhile: Meanwhile) -> None:
    campaign = make_campaign(make_site())
    starting.send_soon(campaign)
    now = timezone.now() + timedelta(minutes=1)
    with transaction.atomic():
        starting.undo(campaign)
        start = meanwhile.start(lambda: starting.start_due(now))
    assert start.result() == 0
    assert not Run.objects.exists()
