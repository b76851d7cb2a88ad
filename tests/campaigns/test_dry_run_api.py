"""Dry runs by API."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.models import Site
from campaigns import forecasting, starting
from campaigns.api import dry_runs
from campaigns.models import Campaign, Cap, DryRun
from tests.campaigns.calling import Call, caller
from tests.campaigns.engine import drive
from tests.campaigns.senders import FakeService
from tests.factories import make_campaign, make_site, make_subscriber, make_subscription

pytestmark = pytest.mark.django_db
WALL = datetime(2099, 11, 26, 18, 0, tzinfo=UTC)


@pytest.fixture
def site() -> Site:
    return make_site(time_zone="Europe/Oslo")


@pytest.fixture
def call(site: Site) -> Call:
    return caller(site)


def path(campaign: Campaign, more: str = "") -> str:
    return f"{campaign.pk}/dry-run/{more}"


def finish(campaign: Campaign) -> None:
    forecasting.run(campaign.dry_runs.get(state=DryRun.State.RUNNING).pk)


def test_it_is_asked_for_and_watched_until_it_is_done(site: Site, call: Call) -> None:
    make_subscription(site, time_zone="Asia/Tokyo")
    make_subscription(site, time_zone="")
    own: dict[str, Any] = {"timing": "local", "scheduled_wall": WALL, "no_zone": "skip"}
    campaign = make_campaign(site, **own)
    assert call("get", path(campaign)).status_code == 409
    for _ in range(2):
        answer = call("post", path(campaign))
        assert answer.status_code == 202
        assert (answer.json()["state"], answer.json()["progress"]) == ("running", 0)
    assert campaign.dry_runs.count() == 1
    finish(campaign)
    found = call("get", path(campaign)).json()
    assert (found["state"], found["progress"], found["current"]) == ("done", 1, True)
    assert {one["code"]: one["devices"] for one in found["outcomes"]} == {"send": 1, "no_zone": 1}
    assert found["devices"] == 2
    zone = {"zone": "Asia/Tokyo", "at": "2099-11-26T09:00:00Z", "devices": 1}
    assert found["zones"] == [zone]
    campaign.messages.update(title="Another")
    assert call("get", path(campaign)).json()["current"] is False


def test_what_cannot_go_out_is_refused(site: Site, call: Call) -> None:
    campaign = make_campaign(site, message={"title": ""})
    answer = call("post", path(campaign))
    assert answer.status_code == 409 and "no title" in answer.json()["detail"]
    make_subscription(site)
    started = make_campaign(site)
    starting.start(started)
    assert call("post", path(started)).status_code == 409
    person = make_subscriber(site)
    assert call("get", path(started, f"people/{person.pk}/")).status_code == 409
    assert call("get", path(started, "people/?outcome=send")).status_code == 409


def test_the_people_of_an_outcome_come_by_cursor(site: Site, call: Call) -> None:
    devices = [make_subscription(site) for _ in range(3)]
    campaign = make_campaign(site)
    assert call("get", path(campaign, "people/?outcome=send")).status_code == 409
    forecasting.start(campaign, None)
    finish(campaign)
    first = call("get", path(campaign, "people/?outcome=send&limit=2")).json()
    assert [one["subscription"] for one in first["people"]] == [
        str(device.public_id) for device in devices[:2]
    ]
    rest = call("get", path(campaign, f"people/?outcome=send&cursor={first['next']}")).json()
    assert [one["subscriber"] for one in rest["people"]] == [str(devices[2].subscriber_id)]
    assert (rest["next"], rest["looked_at"], rest["devices"]) == (None, 3, 3)


def test_a_page_that_takes_long_may_be_empty_and_goes_on(
    site: Site, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_runs, "PATIENCE", -1)
    monkeypatch.setattr(forecasting, "LOOK", 1)
    for _ in range(3):
        make_subscription(site)
    campaign = make_campaign(site)
    forecasting.start(campaign, None)
    finish(campaign)
    page = call("get", path(campaign, "people/?outcome=capped")).json()
    assert page["people"] == [] and page["next"] and (page["looked_at"], page["devices"]) == (1, 3)


@pytest.mark.parametrize(
    "query", ["", "outcome=", "outcome=send&cursor=x", "outcome=send&limit=-1", "cursor=1"]
)
def test_a_query_that_is_amiss_is_refused(site: Site, call: Call, query: str) -> None:
    make_subscription(site)
    campaign = make_campaign(site)
    forecasting.start(campaign, None)
    finish(campaign)
    assert call("get", path(campaign, f"people/?{query}")).status_code == 400


def test_one_person_is_told_what_they_get_or_why_not(site: Site, call: Call) -> None:
    person = make_subscriber(site, attributes={"first_name": "Ada"})
    make_subscription(site, subscriber=person)
    text = {"body": "Hello {{ subscriber.first_name }}"}
    campaign = make_campaign(site, message=text)
    found = call("get", path(campaign, f"people/{person.pk}/")).json()
    assert found["gets_it"] and found["text"]["body"] == "Hello Ada"
    assert found["devices"][0]["outcome"] == "send"
    Cap.objects.create(site=site, most=1, days=7)
    earlier = make_campaign(site, name="Back in stock")
    drive(starting.start(earlier), FakeService())
    found = call("get", path(campaign, f"people/{person.pk}/")).json()
    assert not found["gets_it"] and found["text"] is None
    assert found["sentence"].startswith("The cap of 1 in 7 days is full: Back in stock (")
    (capped,) = found["devices"]
    assert capped["places"][0]["campaign"] == str(earlier.pk)
    assert capped["next_place_at"] and capped["places"][0]["held"] is False


def test_who_is_not_in_the_audience_or_not_of_the_site(site: Site, call: Call) -> None:
    rule = {"version": 1, "all": [{"field": "tag", "op": "any_of", "values": ["gold"]}]}
    campaign = make_campaign(site, rule=rule)
    person = make_subscription(site).subscriber
    found = call("get", path(campaign, f"people/{person.pk}/")).json()
    assert (found["outcome"], found["devices"]) == ("not_in_audience", [])
    nobody = make_subscriber(site)
    assert call("get", path(campaign, f"people/{nobody.pk}/")).json()["outcome"] == "no_device"
    stranger = make_subscriber(make_site(origins=["https://other.example"]))
    for key in (stranger.pk, uuid.uuid4()):
        assert call("get", path(campaign, f"people/{key}/")).status_code == 404


def test_a_report_has_what_was_foretold(site: Site, call: Call) -> None:
    make_subscription(site)
    campaign = make_campaign(site)
    forecasting.start(campaign, None)
    finish(campaign)
    make_subscription(site)
    drive(starting.start(campaign), FakeService())
    plan = call("get", f"{campaign.pk}/report/").json()["plan"]
    (line,) = plan["lines"]
    assert (line["code"], line["foretold"], line["became"]) == ("send", 1, 2)
    assert plan["total"]["words"] == "came after the dry run"
    other = make_campaign(site)
    drive(starting.start(other), FakeService())
    assert call("get", f"{other.pk}/report/").json()["plan"] is None
