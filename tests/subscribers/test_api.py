"""/api/v1/subscribers/"""

import uuid
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts import api_keys
from accounts.models import AuditEvent, Site
from subscribers.models import ConsentRecord, Subscriber, Subscription
from tests.factories import make_site, make_subscriber, make_subscription
from tests.subscribers.browsers import Browser

URL = "/api/v1/subscribers/"


def api(site: Site, *scopes: str) -> Client:
    _, text = api_keys.create(site, "test", list(scopes) or ["all"], None, None)
    return Client(headers={"Authorization": f"Bearer {text}"})


def patch(client: Client, person: Subscriber, body: Any) -> tuple[int, Any]:
    response = client.patch(f"{URL}{person.pk}/", body, content_type="application/json")
    return response.status_code, response.json()


def test_get(site: Site) -> None:
    person = make_subscriber(site, external_id="FF-7", tags=["vip"], attributes={"orders": 3})
    device = make_subscription(site, subscriber=person)
    response = api(site, "subscribers:read").get(f"{URL}{person.pk}/")
    assert response.status_code == 200
    said = response.json()
    assert (said["id"], said["external_id"]) == (str(person.pk), "FF-7")
    assert (said["tags"], said["attributes"]) == (["vip"], {"orders": 3})
    shown = said["subscriptions"][0]
    assert (shown["id"], shown["state"]) == (str(device.public_id), "active")
    assert shown["service"] == "127.0.0.1"
    assert device.endpoint not in response.content.decode()
    assert not {"endpoint", "auth", "p256dh"} & set(shown)


def test_list_pages_by_cursor(
    site: Site, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(7):
        make_subscription(site)
    client = api(site)
    client.get(URL)
    # The key, the people, their devices.
    with django_assert_num_queries(3):
        first = client.get(URL, {"page_size": 3}).json()
    seen = [one["id"] for one in first["results"]]
    page = first
    while page["next"]:
        page = client.get(page["next"]).json()
        seen += [one["id"] for one in page["results"]]
    assert len(seen) == len(set(seen)) == 7


def test_list_filters(site: Site) -> None:
    ann = make_subscriber(site, external_id="ann", tags=["vip"])
    make_subscription(site, subscriber=ann)
    make_subscriber(site, external_id="ben", tags=["vip", "new"])
    client = api(site)

    def found(**query: str) -> set[str]:
        return {one["external_id"] for one in client.get(URL, query).json()["results"]}

    assert found() == {"ann", "ben"}
    assert found(external_id="ann") == {"ann"}
    assert found(external_id="an") == set()
    assert found(tag="vip") == {"ann", "ben"}
    assert found(tag="new") == {"ben"}
    assert found(state="active", tag="vip") == {"ann"}
    assert client.get(URL, {"state": "dead"}).json().keys() == {"state"}
    assert client.get(URL, {"tag": "\x00"}).status_code == 400


def test_patch(site: Site) -> None:
    person = make_subscriber(site, tags=["old"], attributes={"a": 1, "b": 2})
    status, said = patch(
        api(site, "subscribers:write"),
        person,
        {"external_id": "FF-7", "tags": ["vip", " vip"], "attributes": {"b": None, "c": "x"}},
    )
    assert status == 200
    assert (said["external_id"], said["tags"]) == ("FF-7", ["vip"])
    person.refresh_from_db()
    assert (person.external_id, person.attributes) == ("FF-7", {"a": 1, "c": "x"})
    assert patch(api(site), person, {})[0] == 200
    assert patch(api(site), person, {"external_id": ""})[1]["external_id"] == ""


def test_patch_topics_and_lists(site: Site) -> None:
    person = make_subscriber(site, tags=["vip"], topics=["news"], attributes={"a": 1})
    client = api(site, "subscribers:write")
    body = {"topics": ["sale", " sale", "new skis"], "attributes": {"sizes": ["M", "L"]}}
    status, said = patch(client, person, body)
    assert status == 200
    assert (said["topics"], said["tags"]) == (["sale", "new skis"], ["vip"])
    assert said["attributes"] == {"a": 1, "sizes": ["M", "L"]}
    assert patch(client, person, {"tags": []})[1]["topics"] == ["sale", "new skis"]
    assert patch(client, person, {"topics": []})[1]["topics"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"extrenal_id": "x"}, "extrenal_id"),
        ({"created_at": "2026-01-01"}, "created_at"),
        ({"subscriptions": []}, "subscriptions"),
        ({"external_id": "x" * 129}, "external_id"),
        ({"external_id": "a\tb"}, "external_id"),
        ({"external_id": "taken"}, "external_id"),
        ({"external_id": None}, "external_id"),
        ({"tags": "vip"}, "tags"),
        ({"tags": ["x" * 65]}, "tags"),
        ({"tags": ["a\u0007b"]}, "tags"),
        ({"tags": [f"t{n}" for n in range(51)]}, "tags"),
        ({"topics": "sale"}, "topics"),
        ({"topics": ["x" * 65]}, "topics"),
        ({"topics": ["a\u0007b"]}, "topics"),
        ({"topics": [f"t{n}" for n in range(51)]}, "topics"),
        ({"email_hash": "0" * 64}, "email_hash"),
        ({"attributes": ["a"]}, "attributes"),
        ({"attributes": {"a": ["x" * 201]}}, "attributes"),
        ({"attributes": {"a": [1]}}, "attributes"),
        ({"attributes": {"a": {"b": 1}}}, "attributes"),
        ({"attributes": {"a": "x" * 5000}}, "attributes"),
        ({"attributes": {"a": "\u0000"}}, "attributes"),
        ([1], "non_field_errors"),
    ],
)
def test_patch_rejects(body: Any, field: str, site: Site) -> None:
    make_subscriber(site, external_id="taken")
    person = make_subscriber(site, external_id="mine", tags=["old"])
    status, said = patch(api(site), person, body)
    assert (status, list(said)) == (400, [field])
    person.refresh_from_db()
    assert (person.external_id, person.tags, person.attributes) == ("mine", ["old"], {})


def test_attributes_have_one_limit_together(site: Site) -> None:
    person = make_subscriber(site, attributes={"a": "x" * 3000})
    assert patch(api(site), person, {"attributes": {"b": "x" * 3000}})[0] == 400


def test_delete_erases(site: Site) -> None:
    Browser(site).subscribe()
    person = Subscriber.objects.get()
    response = api(site, "subscribers:write").delete(f"{URL}{person.pk}/")
    assert (response.status_code, response.content) == (204, b"")
    for model in (Subscriber, Subscription, ConsentRecord):
        assert not model.objects.exists()
    assert AuditEvent.objects.get(action="person.erased").target == str(person.pk)


def test_it_requires_access(site: Site) -> None:
    person = make_subscriber(site)
    one = f"{URL}{person.pk}/"
    assert Client().get(URL).status_code == 401
    assert Client(headers={"Authorization": "Bearer bk_wrong"}).get(one).status_code == 401
    assert api(site, "campaigns:read").get(URL).status_code == 403
    reader = api(site, "subscribers:read")
    assert patch(reader, person, {"tags": []})[0] == 403
    assert reader.delete(one).status_code == 403
    stranger = api(make_site(name="Other"))
    assert stranger.get(URL).json()["results"] == []
    assert stranger.get(one).status_code == 404
    assert patch(stranger, person, {"tags": ["x"]})[0] == 404
    assert stranger.delete(one).status_code == 404
    assert reader.get(f"{URL}{uuid.uuid4()}/").status_code == 404
    assert Subscriber.objects.get(pk=person.pk).tags == []
