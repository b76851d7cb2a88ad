from typing import Any

import pytest
from django.test import Client

from accounts import api_keys
from accounts.models import AuditEvent, Site
from campaigns import starting
from campaigns.models import Campaign, Delivery, Run
from tests.campaigns import senders
from tests.campaigns.calling import URL, Call, caller
from tests.campaigns.engine import drive
from tests.campaigns.senders import FakeService
from tests.factories import PUSH_ORIGIN, make_campaign, make_site, make_subscription

pytestmark = pytest.mark.django_db
DRAFT = {"name": "Winter", "title": "Winter layers", "url": "https://shop.example/down"}


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def call(site: Site) -> Call:
    return caller(site)


def test_the_whole_road_by_api(site: Site, call: Call) -> None:
    device = make_subscription(site, endpoint=f"{PUSH_ORIGIN}/wpush/v2/a")
    make_subscription(site, endpoint=f"{PUSH_ORIGIN}/wpush/v2/b")
    made = call("post", "", DRAFT | {"ttl": 60, "urgency": "high"})
    assert made.status_code == 201
    draft = made.json()
    assert (draft["state"], draft["ttl"], draft["version"]) == ("draft", 60, 1)
    path = f"{draft['id']}/"
    assert call("get", path + "report/").json()["audience"] == 0
    for _ in range(2):
        started = call("post", path + "start/")
        assert (started.status_code, started.json()["state"]) == (200, "running")
    drive(Run.objects.get(), FakeService(b=senders.GONE))
    report = call("get", path + "report/").json()
    assert {
        name: report[name] for name in ("audience", "accepted", "gone", "pending", "state")
    } == {
        "audience": 2,
        "accepted": 1,
        "gone": 1,
        "pending": 0,
        "state": "finished",
    }
    rows = call("get", path + "deliveries/").json()["results"]
    assert [row["state"] for row in rows] == ["accepted", "gone"]
    assert rows[0]["subscription"] == str(device.public_id)
    assert rows[0]["message_location"] == "https://push.example/m/1"
    assert rows[0]["sent_at"] and rows[0]["settled_at"]
    assert (
        AuditEvent.objects.filter(action="campaign.started").get().actor_name.startswith("API key")
    )


def test_deliveries_page_by_cursor_and_filter_by_state(site: Site, call: Call) -> None:
    for name in "abcde":
        make_subscription(site, endpoint=f"{PUSH_ORIGIN}/wpush/v2/{name}")
    campaign = make_campaign(site)
    drive(starting.start(campaign), FakeService(c=senders.GONE))
    path, seen = f"{campaign.pk}/deliveries/?limit=2", []
    while path:
        page = call("get", path).json()
        seen += [row["subscription"] for row in page["results"]]
        path = page["next"].split(URL)[1] if page["next"] else ""
    assert len(seen) == len(set(seen)) == 5
    gone = call("get", f"{campaign.pk}/deliveries/?state=gone").json()["results"]
    assert len(gone) == 1
    assert call("get", f"{campaign.pk}/deliveries/?state=lost").json()["results"] == []


def test_an_erased_person_stays_on_the_ledger_without_a_name(site: Site, call: Call) -> None:
    device = make_subscription(site)
    campaign = make_campaign(site)
    drive(starting.start(campaign), FakeService())
    device.delete()
    assert Delivery.objects.count() == 1
    rows = call("get", f"{campaign.pk}/deliveries/").json()["results"]
    assert rows[0]["subscription"] is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "javascript:alert(1)"}, "url"),
        ({"title": "\u202eevil"}, "title"),
        ({"titel": "Winter"}, "titel"),
        ({"ttl": -1}, "ttl"),
        ({"urgency": "asap"}, "urgency"),
        ({"actions": [{"title": "x"}]}, "actions"),
        ({"actions": [{"title": "x", "url": "https://a.example/"}] * 3}, "actions"),
        ({"audience": {"version": 2, "all": [{"field": "shoe size"}]}}, "audience"),
        ({"audience": {"version": 3, "all": []}}, "audience"),
        ({"name": ""}, "name"),
        ({"throttle": 5}, "throttle"),
        ({"throttle": 6_000_001}, "throttle"),
        ({"throttle": "fast"}, "throttle"),
        ({"throttle": 60.5}, "throttle"),
        ({"throttle": 10**40}, "throttle"),
    ],
)
def test_bad_input_names_its_field_and_makes_nothing(
    call: Call, change: dict[str, Any], field: str
) -> None:
    answer = call("post", "", DRAFT | change)
    assert answer.status_code == 400, answer.content
    assert field in answer.json()
    assert not Campaign.objects.exists()


def test_patch_changes_what_is_named_until_it_starts(site: Site, call: Call) -> None:
    path = f"{call('post', '', DRAFT).json()['id']}/"
    rule = {"version": 2, "all": [{"field": "tag", "op": "any_of", "values": ["vip"]}]}
    answer = call("patch", path, {"title": "Spring", "audience": rule, "name": "S"}).json()
    assert (answer["title"], answer["name"], answer["audience"]) == ("Spring", "S", rule)
    assert answer["url"] == DRAFT["url"]
    everyone = call("patch", path, {"audience": None}).json()["audience"]
    assert everyone == {"version": 2, "all": []}
    call("post", path + "start/")
    call("post", path + "cancel/")
    assert call("patch", path, {"title": "Summer"}).status_code == 409
    assert call("patch", path, {"throttle": 60}).status_code == 409
    assert call("delete", path).status_code == 409


def test_a_speed_is_set_before_it_starts(call: Call) -> None:
    made = call("post", "", DRAFT | {"throttle": 6}).json()
    assert made["throttle"] == 6
    path = f"{made['id']}/"
    assert call("patch", path, {"throttle": 6_000_000}).json()["throttle"] == 6_000_000
    call("post", path + "start/", {"at": "2099-01-01T09:00"})
    assert call("patch", path, {"throttle": None}).json()["throttle"] is None
    assert call("get", path).json()["state"] == "scheduled"


def test_scheduling_by_api(site: Site, call: Call) -> None:
    path = f"{call('post', '', DRAFT).json()['id']}/start/"
    for bad in (
        {"at": "soon"},
        {"at": "2099-01-01T09:00+01:00"},
        {"at": "2099-01-01T09:00", "time_zone": "Moon"},
    ):
        answer = call("post", path, bad)
        assert answer.status_code == 400
        assert "at" in answer.json()
    assert call("post", path, {"at": "2020-01-01T09:00"}).status_code == 409
    answer = call("post", path, {"at": "2099-01-01T09:00", "time_zone": "Europe/Oslo"}).json()
    assert answer["state"] == "scheduled"
    assert answer["scheduled_for"] == "2099-01-01T08:00:00Z"


def test_cancel_and_delete(site: Site, call: Call) -> None:
    path = f"{call('post', '', DRAFT).json()['id']}/"
    assert call("post", path + "cancel/").status_code == 409
    call("post", path + "start/", {"at": "2099-01-01T09:00"})
    for _ in range(2):
        assert call("post", path + "cancel/").json()["state"] == "cancelled"
    assert call("post", path + "start/").status_code == 409
    draft = call("post", "", DRAFT).json()["id"]
    assert call("delete", f"{draft}/").status_code == 204
    assert call("get", f"{draft}/").status_code == 404
    acts = AuditEvent.objects.filter(action__startswith="campaign.")
    assert {act.action for act in acts} == {
        "campaign.scheduled",
        "campaign.cancelled",
        "campaign.deleted",
    }
    assert all(act.actor_name.startswith("API key") for act in acts)


def test_starting_without_a_title_is_a_409_with_the_reason(call: Call) -> None:
    path = f"{call('post', '', {'name': 'Empty'}).json()['id']}/"
    answer = call("post", path + "start/")
    assert answer.status_code == 409
    assert "no title" in answer.json()["detail"]


def test_another_sites_key_sees_nothing(site: Site) -> None:
    campaign = make_campaign(site)
    foreign = caller(make_site(name="Other"))
    assert foreign("get", "").json()["results"] == []
    for method, path in (
        ("get", ""),
        ("patch", ""),
        ("delete", ""),
        ("post", "start/"),
        ("post", "cancel/"),
        ("post", "pause/"),
        ("post", "resume/"),
        ("post", "unpark/"),
        ("get", "resend-unknown/"),
        ("post", "resend-unknown/"),
        ("get", "report/"),
        ("get", "deliveries/"),
    ):
        assert foreign(method, f"{campaign.pk}/{path}", {}).status_code == 404, (method, path)


def test_each_act_needs_its_scope(site: Site) -> None:
    campaign = make_campaign(site)
    reader = caller(site, "campaigns:read")
    assert reader("get", f"{campaign.pk}/").status_code == 200
    assert reader("patch", f"{campaign.pk}/", {"title": "x"}).status_code == 403
    assert reader("post", f"{campaign.pk}/start/").status_code == 403
    writer = caller(site, "campaigns:write")
    assert writer("patch", f"{campaign.pk}/", {"title": "x"}).status_code == 200
    assert writer("post", f"{campaign.pk}/start/").status_code == 403
    assert Client().get(URL).status_code == 401


def test_a_misspelt_time_does_not_send_at_once(site: Site, call: Call) -> None:
    path = f"{call('post', '', DRAFT).json()['id']}/start/"
    bodies: list[Any] = [{"At": "2099-01-01T09:00"}, {"when": "tomorrow"}, []]
    for body in bodies:
        assert call("post", path, body).status_code == 400
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("[" * 200_000, 400),
        ('{"title": "' + "x" * 300_000 + '"}', 413),
        ("9" * 5_000, 400),
        (b"\xff\xfe", 400),
        ('{"title": NaN}', 400),
        ('{"title": "\\u0000"}', 400),
        ('{"title": "\\ud800"}', 400),
        ('{"name": {"a": 1}, "actions": [[]], "ttl": 1e999}', 400),
        (f'{{"ttl": {"9" * 40}}}', 400),
        ('{"actions": [{"title": "x", "url": "javascript:alert(1)"}]}', 400),
        ('{"url": "javascript:alert(1)", "title": "x"}', 400),
        ('{"site": "x", "id": "y", "state": "running"}', 400),
    ],
)
def test_a_hostile_body_is_refused(site: Site, body: str | bytes, status: int) -> None:
    _key, text = api_keys.create(site, "test", ["all"], None, None)
    client = Client(headers={"authorization": f"Bearer {text}"}, raise_request_exception=False)
    assert client.post(URL, body, content_type="application/json").status_code == status
    path = f"{URL}{make_campaign(site).pk}/"
    assert client.patch(path, body, content_type="application/json").status_code == status
