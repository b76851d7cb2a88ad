"""/api/v1/audiences/: made, read, changed, counted and explained by servers; hostile bodies."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts import api_keys
from accounts.models import AuditEvent, Site
from audiences import counting, saving
from audiences.models import Audience, AudienceSize
from campaigns import drafting
from subscribers.models import Subscription
from tests.factories import make_campaign, make_site, make_subscriber, make_subscription

pytestmark = pytest.mark.django_db

URL = "/api/v1/audiences/"
Call = Callable[..., Any]
VIP: dict[str, Any] = {
    "version": 2,
    "all": [{"field": "tag", "op": "any_of", "values": ["vip"]}],
}
EVERYONE: dict[str, Any] = {"version": 2, "all": []}


def caller(site: Site, *scopes: str) -> Call:
    """A client with a key of the site: call(method, path after URL, body)."""
    _key, text = api_keys.create(site, "till", list(scopes or ("all",)), None, None)
    client = Client(headers={"authorization": f"Bearer {text}"})

    def call(method: str, path: str = "", body: Any = None) -> Any:
        return getattr(client, method)(URL + path, body, content_type="application/json")

    return call


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def call(site: Site) -> Call:
    return caller(site)


def vip(site: Site, **fields: Any) -> Subscription:
    return make_subscription(site, subscriber=make_subscriber(site, tags=["vip"], **fields))


def naming(audience: Any) -> dict[str, Any]:
    return {"version": 2, "any": [{"audience": str(audience)}]}


def test_an_audience_is_made_read_changed_and_deleted(site: Site, call: Call) -> None:
    made = call("post", "", {"name": " VIPs ", "rule": VIP})
    assert made.status_code == 201
    body = made.json()
    assert (body["name"], body["rule"], body["revision"]) == ("VIPs", VIP, 1)
    assert body["sentence"] == "People who have the tag vip."
    assert (body["size"], body["used_by"]) == (None, [])
    assert body["changed_by"].startswith("API key till")
    one = f"{body['id']}/"
    assert call("get", one).json() == body
    changed = call("patch", one, {"rule": EVERYONE, "revision": 1}).json()
    assert (changed["rule"], changed["revision"], changed["name"]) == (EVERYONE, 2, "VIPs")
    assert call("delete", one).status_code == 204
    assert call("get", one).status_code == 404
    actions = AuditEvent.objects.filter(site=site, action__startswith="audience.")
    assert [event.actor_name[:12] for event in actions] == ["API key till"] * 3


def test_a_change_of_an_older_revision_is_a_conflict(site: Site, call: Call) -> None:
    audience = saving.create(site, "VIPs", VIP, by=None)
    one = f"{audience.pk}/"
    assert call("patch", one, {"name": "Best", "revision": 1}).status_code == 200
    late = call("patch", one, {"name": "Loyal", "revision": 1})
    assert late.status_code == 409
    assert late.json()["detail"].startswith("API key till (bk_")
    assert " changed this audience on " in late.json()["detail"]
    assert call("patch", one, {"name": "Loyal"}).json()["name"] == "Loyal"
    assert set(call("patch", one, {"rule": None}).json()) == {"rule"}


def test_a_change_of_what_is_deleted_meanwhile_is_a_conflict(
    site: Site, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    audience = saving.create(site, "VIPs", VIP, by=None)
    hold = saving.hold

    def late(held: Site) -> None:
        """Somebody deletes it after the request has read it and before it holds it."""
        hold(held)
        Audience.objects.filter(pk=audience.pk).delete()

    monkeypatch.setattr(saving, "hold", late)
    answer = call("patch", f"{audience.pk}/", {"name": "Best"})
    assert (answer.status_code, "deleted" in answer.json()["detail"]) == (409, True)


def test_what_is_in_use_stays_and_says_where(site: Site, call: Call) -> None:
    audience = saving.create(site, "VIPs", VIP, by=None)
    outer = saving.create(site, "Outer", naming(audience.pk), by=None)
    campaign = make_campaign(site, name="Black week")
    drafting.set_audience(campaign, naming(outer.pk))
    refused = call("delete", f"{audience.pk}/")
    assert refused.status_code == 409
    assert refused.json() == {
        "detail": "“VIPs” is used by the draft “Black week” and the audience “Outer”. "
        "Take it out there first.",
        "used_by": [
            {"kind": "campaign", "id": str(campaign.pk), "name": "Black week", "state": "draft"},
            {"kind": "audience", "id": str(outer.pk), "name": "Outer", "state": ""},
        ],
    }
    assert call("get", f"{audience.pk}/").json()["used_by"] == refused.json()["used_by"]


def test_pages_go_by_cursor_and_show_named_audiences_of_the_site_alone(
    site: Site, call: Call, django_assert_max_num_queries: Any
) -> None:
    make_campaign(site)
    saving.create(make_site(), "Foreign", VIP, by=None)
    for n in range(5):
        audience = saving.create(site, f"Audience {n}", VIP, by=None)
    AudienceSize.objects.create(audience=audience, day=timezone.now().date(), people=7, devices=9)
    first = call("get", "?page_size=3").json()
    assert [one["name"] for one in first["results"]] == ["Audience 4", "Audience 3", "Audience 2"]
    assert first["results"][0]["size"]["people"] == 7
    with django_assert_max_num_queries(7):
        second = call("get", first["next"].partition(URL)[2]).json()
    assert [one["name"] for one in second["results"]] == ["Audience 1", "Audience 0"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"name", "rule"}),
        ({"name": "VIPs"}, {"rule"}),
        ({"name": "", "rule": VIP}, {"name"}),
        ({"name": "x" * 121, "rule": VIP}, {"name"}),
        ({"name": "a\x00b", "rule": VIP}, {"name"}),
        ({"name": "taken", "rule": VIP}, {"name"}),
        ({"name": "VIPs", "rule": None}, {"rule"}),
        ({"name": "VIPs", "rule": VIP, "colour": "red"}, {"colour"}),
        ({"name": "VIPs", "rule": VIP, "id": str(uuid4())}, {"id"}),
        ({"name": "VIPs", "rule": VIP, "revision": 0}, {"revision"}),
    ],
)
def test_what_is_wrong_is_named(site: Site, call: Call, body: Any, fields: set[str]) -> None:
    saving.create(site, "Taken", VIP, by=None)
    answer = call("post", "", body)
    assert answer.status_code == 400
    assert set(answer.json()) == fields
    assert Audience.objects.count() == 1


def deep(levels: int) -> Any:
    rule: Any = {"field": "tag", "op": "any_of", "values": ["x"]}
    for _ in range(levels):
        rule = {"all": [rule]}
    return {"version": 2, **rule}


HOSTILE = [
    ([], ""),
    ("everybody", ""),
    ({}, "version"),
    ({"version": 2}, ""),
    ({"version": True, "all": []}, "version"),
    ({"version": 2, "any": []}, "any"),
    ({"version": 2, "all": [], "any": []}, ""),
    ({"version": 2, "all": {"field": "tag"}}, "all"),
    ({"version": 2, "all": [VIP]}, "all.0.field"),
    ({"version": 2, "all": [{"field": "password"}]}, "all.0.field"),
    ({"version": 2, "all": [{"field": "tag", "op": "= 1; DROP TABLE"}]}, "all.0.op"),
    ({"version": 2, "all": [{"field": "tag", "op": "any_of", "values": [1]}]}, "all.0.values.0"),
    (
        {"version": 2, "any": [{"all": [{"field": "tag", "op": "any_of", "values": ["\x00"]}]}]},
        "any.0.all.0.values.0",
    ),
    (
        {"version": 2, "all": [{"field": "first_seen", "op": "on", "date": "9999-01-01"}]},
        "all.0.date",
    ),
    (
        {"version": 2, "all": [{"field": "cart_value", "op": "equals", "value": 1e300}]},
        "all.0.value",
    ),
    ({"version": 2, "all": [{"audience": "1' OR '1'='1"}]}, "all.0.audience"),
    (naming(uuid4()), "any.0"),
    (deep(20), "all.0.all.0.all.0.all.0.all.0.all.0.all.0.all.0.all"),
    ({"version": 2, "all": [VIP["all"][0]] * 101}, "all"),
]


@pytest.mark.parametrize(("rule", "path"), HOSTILE)
def test_a_hostile_rule_is_refused_with_its_place_in_no_time(
    site: Site, call: Call, rule: Any, path: str
) -> None:
    call("get", "fields/")  # what the first request alone does is no part of it
    for where, body in (
        ("preview/", {"rule": rule}),
        ("", {"name": "VIPs", "rule": rule}),
        ("explain/", {"rule": rule, "subscriber": str(make_subscriber(site).pk)}),
    ):
        began = time.process_time()
        answer = call("post", where, body)
        took = time.process_time() - began
        assert answer.status_code == 400
        (place,) = answer.json()["rule"]
        assert place["path"] == path
        assert place["message"]
        assert took < 0.1
    assert not Audience.objects.exists()


@pytest.mark.parametrize("depth", [900, 1_000, 10_000])
def test_what_is_nested_a_thousand_deep_is_refused(call: Call, depth: int) -> None:
    body = '{"rule": ' + '{"all": [' * depth + "]}" * depth + "}"
    assert call("post", "preview/", body).status_code == (413 if len(body) > 65_536 else 400)


@pytest.mark.parametrize(
    "body",
    [
        '{"rule": {"version": 2, "all": [NaN]}}',
        '{"rule": {"version": 2, "all": [Infinity]}}',
        '{"rule": ' + "9" * 6_000 + "}",
        '{"rule": ',
        "[]",
        "null",
        '"\\ud800"',
    ],
)
def test_bodies_that_are_no_json_object_are_refused(call: Call, body: str) -> None:
    assert call("post", "preview/", body).status_code == 400


@pytest.mark.parametrize("path", ["", "preview/", "explain/"])
def test_a_body_that_is_too_large_is_refused(call: Call, path: str) -> None:
    values = ["x" * 150] * 500
    rule = {"version": 2, "all": [{"field": "tag", "op": "any_of", "values": values}]}
    assert call("post", path, {"name": "VIPs", "rule": rule}).status_code == 413


def test_a_preview_counts_people_devices_and_those_without_consent(site: Site, call: Call) -> None:
    person = vip(site, external_id="7").subscriber
    make_subscription(site, subscriber=person, platform="Android")
    gone = vip(site)
    Subscription.objects.filter(pk=gone.pk).update(state=Subscription.State.UNSUBSCRIBED)
    make_subscription(site)
    vip(make_site())
    body = call("post", "preview/", {"rule": VIP}).json()
    assert (body["people"], body["devices"], body["without_consent"]) == (1, 2, 1)
    assert body["platforms"]["android"] == 1
    assert sum(body["platforms"].values()) == sum(body["channels"].values()) == 2
    assert (body["estimated"], body["sentence"]) == (False, "People who have the tag vip.")


def test_a_preview_that_takes_too_long_says_so(
    site: Site, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_args: Any, **_more: Any) -> None:
        raise counting.TooLong

    monkeypatch.setattr(counting, "count", never)
    answer = call("post", "preview/", {"rule": VIP})
    assert answer.status_code == 503
    assert "too long" in answer.json()["detail"]


def test_an_explanation_has_each_condition_with_what_is_known(site: Site, call: Call) -> None:
    rule = {"version": 2, "all": [*VIP["all"], {"none": VIP["all"]}]}
    device = vip(site, external_id="customer-7")
    body = call("post", "explain/", {"rule": rule, "external_id": "customer-7"}).json()
    assert body["subscriber"] == str(device.subscriber_id)
    assert body["subscription"] == str(device.public_id)
    assert (body["matches"], body["reachable"]) == (False, False)
    first, second = body["root"]["steps"]
    assert (first["path"], first["holds"], first["field"]) == ("all.0", True, "tag")
    assert (first["clause"], first["value"]) == ("who have the tag vip", "vip")
    assert (second["match"], second["holds"]) == ("none", False)
    assert second["steps"][0]["holds"] is True
    audience = saving.create(site, "VIPs", VIP, by=None)
    asked = {"audience": str(audience.pk), "subscriber": str(device.subscriber_id)}
    assert call("post", "explain/", asked).json()["matches"] is True
    without = {"rule": VIP, "subscriber": str(make_subscriber(site).pk)}
    assert call("post", "explain/", without).json()["subscription"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"rule": VIP}, "subscriber"),
        ({"subscriber": str(uuid4())}, "rule"),
        ({"rule": VIP, "audience": str(uuid4()), "external_id": "7"}, "rule"),
        ({"rule": VIP, "subscriber": str(uuid4()), "external_id": "7"}, "subscriber"),
        ({"rule": VIP, "subscriber": str(uuid4())}, "subscriber"),
        ({"rule": VIP, "subscriber": "1' OR '1'='1"}, "subscriber"),
        ({"rule": VIP, "external_id": "nobody"}, "external_id"),
        ({"rule": VIP, "external_id": "a\x00"}, "external_id"),
        ({"audience": str(uuid4()), "external_id": "7"}, "audience"),
        ({"rule": VIP, "external_id": "7", "colour": 1}, "colour"),
    ],
)
def test_an_explanation_needs_one_rule_and_one_person(
    site: Site, call: Call, body: Any, field: str
) -> None:
    make_subscriber(site, external_id="7")
    answer = call("post", "explain/", body)
    assert answer.status_code == 400
    assert set(answer.json()) == {field}


def test_people_and_audiences_of_another_site_explain_nothing(site: Site, call: Call) -> None:
    foreign = make_site()
    person = vip(foreign, external_id="theirs").subscriber
    audience = saving.create(foreign, "Theirs", VIP, by=None)
    for body in (
        {"rule": VIP, "subscriber": str(person.pk)},
        {"rule": VIP, "external_id": "theirs"},
        {"audience": str(audience.pk), "subscriber": str(vip(site).subscriber_id)},
        {"rule": naming(audience.pk), "subscriber": str(vip(site).subscriber_id)},
    ):
        assert call("post", "explain/", body).status_code == 400
    for path in (f"{audience.pk}/", f"{audience.pk}/members/"):
        assert call("get", path).status_code == 404
    assert call("delete", f"{audience.pk}/").status_code == 404


def test_members_come_by_cursor_each_once(site: Site, call: Call) -> None:
    audience = saving.create(site, "VIPs", VIP, by=None)
    people = {str(vip(site).subscriber_id) for _ in range(5)}
    make_subscription(site)
    gone = vip(site)
    Subscription.objects.filter(pk=gone.pk).update(state=Subscription.State.GONE)
    found: list[str] = []
    path: str | None = f"{audience.pk}/members/?page_size=2"
    while path:
        page = call("get", path).json()
        found += [one["id"] for one in page["results"]]
        # Who comes later is not on a page of an earlier question.
        path = page["next"] and page["next"].partition(URL)[2]
    assert len(found) == 5
    assert set(found) == people
    assert page["results"][0]["subscriptions"]


SOMEBODY = "5e3f2b1a-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    "cursor",
    ["x", "-", "1-2", f"99999999999999999999-{SOMEBODY}", f"0-{SOMEBODY}", f"²-{SOMEBODY}", "\x00"],
)
def test_a_cursor_that_is_none_is_not_found(site: Site, call: Call, cursor: str) -> None:
    audience = saving.create(site, "VIPs", VIP, by=None)
    assert call("get", f"{audience.pk}/members/", {"cursor": cursor}).status_code == 404


@pytest.mark.parametrize(
    ("asked", "size"), [("", 100), ("0", 100), ("-1", 100), ("²", 100), ("7", 7), ("9" * 9, 1_000)]
)
def test_a_page_of_members_has_bounds(
    site: Site, call: Call, monkeypatch: pytest.MonkeyPatch, asked: str, size: int
) -> None:
    from audiences import sampling

    limits: list[int] = []
    members = sampling.members

    def noted(*args: Any) -> Any:
        limits.append(args[3])
        return members(*args)

    monkeypatch.setattr(sampling, "members", noted)
    audience = saving.create(site, "VIPs", VIP, by=None)
    assert call("get", f"{audience.pk}/members/", {"page_size": asked}).status_code == 200
    assert limits == [size + 1]


def test_a_rule_that_is_not_understood_any_more_can_be_read_and_deleted(
    site: Site, call: Call
) -> None:
    old = Audience.objects.create(site=site, name="Old", rule={"version": 9})
    assert call("get", f"{old.pk}/").json()["sentence"] == ""
    answer = call("get", f"{old.pk}/members/")
    assert answer.status_code == 400
    assert answer.json()["rule"][0]["path"] == "version"
    assert call("delete", f"{old.pk}/").status_code == 204


def test_the_catalogue_says_what_a_rule_may_ask(call: Call) -> None:
    body = call("get", "fields/").json()
    assert body["version"] == 2
    fields = {one["field"]: one for one in body["fields"]}
    assert [op["op"] for op in fields["tag"]["ops"]][:3] == ["any_of", "all_of", "none_of"]
    assert {"event", "cart_open", "clicked", "list", "bucket"} <= set(fields)


def test_scopes_part_reading_writing_and_people(site: Site) -> None:
    audience = saving.create(site, "VIPs", VIP, by=None)
    reader = caller(site, "audiences:read")
    one = f"{audience.pk}/"
    assert reader("get", one).status_code == 200
    assert reader("post", "preview/", {"rule": VIP}).status_code == 200
    for method, path in (("post", ""), ("patch", one), ("delete", one)):
        assert reader(method, path, {}).status_code == 403
    for answer in (reader("get", f"{one}members/"), reader("post", "explain/", {})):
        assert answer.status_code == 403
        assert "subscribers:read" in answer.json()["detail"]
    both = caller(site, "audiences:read", "subscribers:read")
    assert both("get", f"{one}members/").status_code == 200
    writer = caller(site, "audiences:write")
    assert writer("get", one).status_code == 403
    assert writer("patch", one, {"name": "Best"}).status_code == 200
