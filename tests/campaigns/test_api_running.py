"""What a server can do to a campaign that is going out: the same as a person on its report."""

from typing import Any

import pytest
from django.utils import timezone

from accounts.models import AuditEvent, Site
from campaigns import planning, starting
from campaigns.models import Batch, Campaign, Delivery, Message, Run, Trial
from subscribers.models import Credential
from tests.campaigns import senders
from tests.campaigns.calling import Call, caller
from tests.campaigns.engine import drive
from tests.campaigns.senders import FakeService
from tests.factories import PUSH_ORIGIN, make_campaign, make_site, make_subscription

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def call(site: Site) -> Call:
    return caller(site)


def running(site: Site) -> Campaign:
    make_subscription(site)
    campaign = make_campaign(site)
    planning.plan(starting.start(campaign).pk)
    return campaign


def by_key(action: str) -> AuditEvent:
    event = AuditEvent.objects.get(action=action)
    assert event.actor_name.startswith("API key")
    return event


def test_patch_of_a_running_campaign_is_for_the_rest(site: Site, call: Call) -> None:
    path = f"{running(site).pk}/"
    answer = call("patch", path, {"title": "New", "throttle": 600})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["title"], body["version"], body["throttle"]) == ("New", 2, 600)
    assert (body["state"], body["body"]) == ("running", "20 % off down")
    assert Run.objects.get().message.version == 2
    assert by_key("campaign.revised").detail == {"version": 2}
    assert by_key("campaign.throttled").detail == {"messages_a_minute": 600}
    assert call("patch", path, {"throttle": None}).json()["throttle"] is None
    assert Message.objects.count() == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "Other"}, 409),
        ({"audience": None}, 409),
        ({"title": "New", "name": "Other"}, 409),
        ({"title": "New", "throttle": 5}, 400),
        ({"title": ""}, 400),
        ({"throttle": 600, "url": "nowhere"}, 400),
        ({"tite": "New"}, 400),
    ],
)
def test_all_of_a_patch_or_nothing(
    site: Site, call: Call, body: dict[str, Any], status: int
) -> None:
    campaign = running(site)
    assert call("patch", f"{campaign.pk}/", body).status_code == status
    campaign.refresh_from_db()
    assert campaign.throttle is None
    assert Message.objects.get().title == "Winter layers"


def test_pause_and_resume(site: Site, call: Call) -> None:
    campaign = running(site)
    trial = Trial.objects.create(
        run=Run.objects.get(), credential=Credential.objects.get(), origin="https://push.example"
    )
    paused = call("post", f"{campaign.pk}/pause/").json()
    assert (paused["state"], paused["attention"][:17]) == ("paused", "Paused by API key")
    assert call("post", f"{campaign.pk}/pause/").status_code == 409
    Trial.objects.update(state=Trial.State.TRIPPED)
    resumed = call("post", f"{campaign.pk}/resume/").json()
    assert (resumed["state"], resumed["attention"]) == ("running", "")
    assert call("post", f"{campaign.pk}/resume/").status_code == 409
    trial.refresh_from_db()
    assert trial.state == Trial.State.CONFIRMED
    by_key("campaign.paused")
    by_key("campaign.resumed")


def test_unpark(site: Site, call: Call) -> None:
    campaign = running(site)
    assert call("post", f"{campaign.pk}/unpark/").status_code == 409
    Batch.objects.update(parked_at=timezone.now(), recoveries=3, error="KeyError", due_at=None)
    assert call("post", f"{campaign.pk}/unpark/").status_code == 200
    batch = Batch.objects.get()
    assert (batch.parked_at, batch.recoveries, batch.error) == (None, 0, "")
    assert batch.due_at is not None
    assert by_key("campaign.unparked").detail == {"batches": 1}


def test_resend_unknown_after_a_look(site: Site, call: Call) -> None:
    make_subscription(site, endpoint=f"{PUSH_ORIGIN}/wpush/v2/a")
    campaign = make_campaign(site)
    path = f"{campaign.pk}/resend-unknown/"
    assert call("get", path).json()["unknown"] == 0
    assert call("post", path, {"expected": 1}).status_code == 409
    drive(starting.start(campaign), FakeService(a=senders.UNKNOWN))
    assert call("get", path).json() == {
        "unknown": 1,
        "again": 1,
        "proven": 0,
        "left": 0,
        "apple": 0,
        "before": 0,
        "reasons": {"timeout_after_request": 1},
    }
    bodies: list[Any] = [{}, {"expected": 0}, {"expected": "all"}, {"expected": 1, "dry": True}, []]
    for body in bodies:
        assert call("post", path, body).status_code == 400, body
    assert call("post", path, {"expected": 2}).status_code == 409
    assert Delivery.objects.get().state == Delivery.State.UNKNOWN
    assert call("post", path, {"expected": 1}).json()["state"] == "running"
    assert call("post", path, {"expected": 1}).status_code == 409
    assert Delivery.objects.get().resends == 1
    assert by_key("campaign.resent").detail == {"deliveries": 1}


def test_each_act_needs_the_right_to_send(site: Site) -> None:
    campaign = running(site)
    writer = caller(site, "campaigns:write", "campaigns:read")
    for act in ("pause", "resume", "unpark", "resend-unknown"):
        answer = writer("post", f"{campaign.pk}/{act}/", {"expected": 1})
        assert answer.status_code == 403, act
    assert writer("get", f"{campaign.pk}/resend-unknown/").status_code == 200
