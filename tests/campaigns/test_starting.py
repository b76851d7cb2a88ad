from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import override_settings
from django.utils import timezone

from accounts.models import AuditEvent, Site
from campaigns import drafting, planning, sending, starting
from campaigns.models import Batch, Campaign, Run, Trial
from campaigns.refusals import Refused
from subscribers.models import Credential
from tests.campaigns.senders import FakeService
from tests.factories import make_campaign, make_site, make_subscription

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


def test_starting_without_a_message_is_refused_and_changes_nothing(site: Site) -> None:
    campaign = make_campaign(site, message={"title": ""})
    with pytest.raises(Refused, match="no title"):
        starting.start(campaign)
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.DRAFT
    campaign.messages.all().delete()
    with pytest.raises(Refused):
        starting.start(campaign)


def test_what_has_become_too_large_is_not_started(site: Site) -> None:
    campaign = make_campaign(site, message={"body": "a" * 1000})
    site.icon_url = "https://shop.example/" + "i" * 400
    site.save()
    campaign.refresh_from_db()
    with (
        override_settings(PAYLOAD_LIMIT=1500),
        pytest.raises(Refused, match="1500 is the most"),
    ):
        starting.start(campaign)
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.DRAFT
    assert not Run.objects.exists()


def test_a_cancelled_campaign_is_not_started(site: Site) -> None:
    campaign = make_campaign(site, state=Campaign.State.CANCELLED)
    with pytest.raises(Refused, match="Duplicate it"):
        starting.start(campaign)


def test_nobody_is_sent_to_because_a_campaign_is_gone(site: Site) -> None:
    before = make_campaign(site, name="Teaser")
    condition = {"field": "received", "op": "did_not", "campaigns": [str(before.pk)]}
    campaign = make_campaign(site, rule={"version": 2, "all": [condition]})
    drafting.delete(before)
    with pytest.raises(Refused, match="not there any more"):
        starting.start(campaign)
    with pytest.raises(Refused, match="not there any more"):
        starting.schedule(campaign, datetime(2099, 6, 1, 18, 0), "Europe/Oslo")
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.DRAFT


def test_a_scheduled_campaign_starts_at_its_instant_and_not_before(site: Site) -> None:
    campaign = make_campaign(site)
    with time_machine.travel(NOON, tick=False):
        starting.schedule(campaign, datetime(2026, 11, 24, 18, 0), "Europe/Oslo")
        due = NOON + timedelta(hours=5)
        assert campaign.scheduled_for == due
        assert starting.start_due(due - timedelta(seconds=1)) == 0
        assert starting.start_due(due) == 1
        assert starting.start_due(due) == 0
    assert Run.objects.get().started_by_name == "schedule"


def test_the_past_is_no_time_to_schedule_for(site: Site) -> None:
    with (
        time_machine.travel(NOON, tick=False),
        pytest.raises(Refused, match="has passed"),
    ):
        starting.schedule(make_campaign(site), datetime(2026, 11, 24, 12, 0), "Europe/Oslo")


def test_a_started_campaign_is_not_scheduled(site: Site) -> None:
    campaign = make_campaign(site)
    starting.start(campaign)
    with pytest.raises(Refused, match="started already"):
        starting.schedule(campaign, datetime(2099, 1, 1), "UTC")


def test_later_than_the_limit_asks_instead_of_sending(site: Site) -> None:
    campaign = make_campaign(site)
    with time_machine.travel(NOON, tick=False):
        starting.schedule(campaign, datetime(2026, 11, 24, 12, 30), "UTC")
    late = NOON + timedelta(hours=1, minutes=31)
    with time_machine.travel(late, tick=False):
        assert starting.start_due(late) == 0
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.DRAFT
    assert "nothing was sent" in campaign.attention
    assert Run.objects.count() == 0


def test_a_schedule_that_cannot_start_says_why_and_stops_nobody_else(site: Site) -> None:
    broken, good = make_campaign(site), make_campaign(site)
    for campaign in (broken, good):
        starting.schedule(campaign, datetime(2099, 1, 1), "UTC")
    broken.messages.update(title="")
    due = datetime(2099, 1, 1, 0, 1, tzinfo=UTC)
    with time_machine.travel(due, tick=False):
        assert starting.start_due(due) == 1
    broken.refresh_from_db()
    assert broken.state == Campaign.State.DRAFT
    assert "no title" in broken.attention


def test_unscheduling_keeps_the_time_as_a_suggestion(site: Site) -> None:
    campaign = make_campaign(site)
    starting.schedule(campaign, datetime(2099, 1, 1, 9, 0), "Europe/Oslo")
    starting.unschedule(campaign)
    assert campaign.state == Campaign.State.DRAFT
    assert campaign.scheduled_wall == datetime(2099, 1, 1, 9, 0, tzinfo=UTC)
    assert AuditEvent.objects.filter(action="campaign.unscheduled").exists()
    with pytest.raises(Refused):
        starting.unschedule(campaign)


def test_cancelling_is_final_and_can_be_repeated(site: Site) -> None:
    campaign = make_campaign(site)
    starting.schedule(campaign, datetime(2099, 1, 1), "UTC")
    starting.cancel(campaign)
    starting.cancel(campaign)
    assert campaign.state == Campaign.State.CANCELLED
    assert starting.start_due(datetime(2099, 1, 2, tzinfo=UTC)) == 0
    with pytest.raises(Refused, match="Only a scheduled or running"):
        starting.cancel(make_campaign(site))


def test_cancelled_while_planning_plans_nobody_more(site: Site) -> None:
    make_subscription(site)
    campaign = make_campaign(site)
    run = starting.start(campaign)
    starting.cancel(campaign)
    planning.plan(run.pk)
    assert not Batch.objects.exists()


def test_pausing_and_resuming_ask_for_the_right_state(site: Site) -> None:
    campaign = make_campaign(site)
    for act in (starting.pause, starting.resume):
        with pytest.raises(Refused):
            act(campaign)
    run = starting.start(campaign)
    starting.pause(campaign, reason="why")
    run.refresh_from_db()
    assert (run.state, campaign.attention) == (Run.State.PAUSED, "why")
    planning.plan(run.pk)
    run.refresh_from_db()
    assert run.planned_at is None
    starting.resume(campaign)
    run.refresh_from_db()
    assert run.state == Run.State.PLANNING
    assert timezone.now() - campaign.state_at < timedelta(minutes=1)


def test_resuming_says_go_on_to_what_the_first_answers_had_stopped(site: Site) -> None:
    campaign, other = make_campaign(site), make_campaign(site)
    key = Credential.objects.get(site=site)
    runs = [starting.start(one) for one in (campaign, other)]
    states = Trial.State
    for run, origin, state in (
        (runs[0], "https://a.example", states.TRIPPED),
        (runs[0], "https://b.example", states.OPEN),
        (runs[0], "https://c.example", states.PASSED),
        (runs[1], "https://a.example", states.TRIPPED),
    ):
        Trial.objects.create(run=run, credential=key, origin=origin, state=state)
    starting.pause(campaign, reason="half of them are gone")
    starting.resume(campaign)
    found = Trial.objects.order_by("pk").values_list("state", flat=True)
    assert list(found) == ["confirmed", "open", "passed", "tripped"]


def test_trying_stuck_batches_again(site: Site) -> None:
    make_subscription(site)
    campaign = make_campaign(site)
    with pytest.raises(Refused, match="No batch waits"):
        starting.unpark(campaign)
    planning.plan(starting.start(campaign).pk)
    Batch.objects.update(parked_at=timezone.now(), recoveries=3, error="KeyError: 'x'", due_at=None)
    assert starting.unpark(campaign) == 1
    batch = Batch.objects.get()
    assert (batch.parked_at, batch.recoveries, batch.error) == (None, 0, "")
    assert batch.due_at is not None and batch.due_at <= timezone.now()
    event = AuditEvent.objects.get(action="campaign.unparked")
    assert event.detail == {"batches": 1}


def test_what_is_stuck_is_cancelled_with_the_rest(site: Site) -> None:
    make_subscription(site)
    campaign = make_campaign(site)
    run = starting.start(campaign)
    planning.plan(run.pk)
    Batch.objects.update(parked_at=timezone.now(), recoveries=3)
    starting.cancel(campaign)
    sending.deliver(Batch.objects.get().pk, FakeService())
    batch = Batch.objects.get()
    assert (batch.pending, batch.cancelled, batch.due_at) == (0, 1, None)
