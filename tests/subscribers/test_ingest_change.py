"""PATCH /push/{site_key}/subscriptions/{id}/: identify, tags, attributes."""

import json
import threading
import uuid

import pytest
from django.db import connection
from django.test import Client

from subscribers import identity
from subscribers.incoming import MAX_TAGS, Change, Refused
from subscribers.models import ConsentRecord, Subscriber, Subscription
from subscribers.transports.keys import encode_base64url
from tests.factories import make_site, make_subscriber
from tests.subscribers.browsers import ORIGIN, Browser, answer

pytestmark = pytest.mark.django_db


def subscribed() -> Browser:
    visitor = Browser(make_site())
    visitor.subscribe()
    return visitor


def test_identify_names_an_anonymous_person() -> None:
    visitor = subscribed()
    before = Subscriber.objects.get()
    response = visitor.change(external_id=" FF-330204 ")
    assert (response.status_code, answer(response)) == (200, {"id": visitor.id})
    after = Subscriber.objects.get()
    assert (after.pk, after.external_id) == (before.pk, "FF-330204")
    assert visitor.change(external_id="FF-330204").status_code == 200


def test_identify_merges_into_the_person_with_that_id() -> None:
    visitor = subscribed()
    visitor.change(tags={"add": ["hiking", "vip"]}, attributes={"name": "I.", "size": "M"})
    person = make_subscriber(
        visitor.site, external_id="7", tags=["vip"], attributes={"name": "Ingrid S."}
    )
    visitor.change(external_id="7")
    merged = Subscriber.objects.get()
    assert merged.pk == person.pk
    assert merged.tags == ["vip", "hiking"]
    assert merged.attributes == {"name": "Ingrid S.", "size": "M"}
    assert Subscription.objects.get().subscriber == merged
    assert ConsentRecord.objects.get().subscriber == merged


def test_merge_keeps_to_the_limits() -> None:
    visitor = subscribed()
    visitor.change(tags={"add": ["a", "b"]}, attributes={"mine": "x" * 3000})
    make_subscriber(
        visitor.site,
        external_id="7",
        tags=[f"t{n}" for n in range(MAX_TAGS - 1)],
        attributes={"theirs": "y" * 3000},
    )
    assert visitor.change(external_id="7").status_code == 200
    merged = Subscriber.objects.get()
    assert len(merged.tags) == MAX_TAGS
    assert list(merged.attributes) == ["theirs"]


def test_an_anonymous_person_with_other_devices_stays() -> None:
    visitor = subscribed()
    other = Browser(visitor.site)
    other.subscribe()
    anonymous = Subscription.objects.get(public_id=visitor.id).subscriber
    Subscription.objects.filter(public_id=other.id).update(subscriber=anonymous)
    person = make_subscriber(visitor.site, external_id="7")
    visitor.change(external_id="7")
    assert Subscription.objects.get(public_id=visitor.id).subscriber == person
    assert Subscription.objects.get(public_id=other.id).subscriber == anonymous


def test_somebody_else_signs_in_on_the_device() -> None:
    visitor = subscribed()
    visitor.change(external_id="first", tags={"add": ["private"]})
    visitor.change(external_id="second")
    first, second = (Subscriber.objects.get(external_id=one) for one in ("first", "second"))
    assert Subscription.objects.get().subscriber == second
    assert (first.tags, second.tags) == (["private"], [])


def test_external_ids_belong_to_a_site() -> None:
    visitor = subscribed()
    foreign = make_subscriber(make_site(name="Other"), external_id="7", tags=["theirs"])
    visitor.change(external_id="7")
    person = Subscription.objects.get().subscriber
    assert (person.site, person.tags) == (visitor.site, [])
    foreign.refresh_from_db()
    assert not foreign.subscriptions.exists()


@pytest.mark.django_db(transaction=True)
def test_two_devices_identify_at_once() -> None:
    site = make_site()
    devices = [Browser(site) for _ in range(6)]
    for device in devices:
        device.subscribe()
    start = threading.Barrier(len(devices))
    statuses: list[int] = []

    def sign_in(device: Browser) -> None:
        start.wait()
        try:
            statuses.append(device.change(external_id="7", tags={"add": ["x"]}).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=sign_in, args=[device]) for device in devices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * len(devices)
    person = Subscriber.objects.get()
    assert (person.external_id, person.tags) == ("7", ["x"])
    assert person.subscriptions.count() == ConsentRecord.objects.count() == len(devices)


def test_signature_required() -> None:
    visitor = subscribed()
    visitor.site.identity_required = True
    visitor.site.save()
    response = visitor.change(external_id="7", tags={"add": ["x"]})
    assert (response.status_code, answer(response)["field"]) == (403, "signature")
    person = Subscriber.objects.get()
    assert (person.external_id, person.tags) == ("", [])
    right = identity.signature(visitor.site, "7")
    assert visitor.change(external_id="7", signature=right.upper()).status_code == 200
    assert Subscriber.objects.get().external_id == "7"
    # Tags say nothing about who somebody is.
    assert visitor.change(tags={"add": ["x"]}).status_code == 200


@pytest.mark.parametrize("name", ["email", "email_sha256"])
def test_an_address_says_who_somebody_is(name: str) -> None:
    visitor = subscribed()
    mine = {name: "ada@example.com" if name == "email" else "ab" * 32}
    visitor.site.identity_required = True
    visitor.site.save()
    response = visitor.change(attributes=mine)
    assert (response.status_code, answer(response)["field"]) == (403, f"attributes.{name}")
    assert Subscriber.objects.get().email_hash == ""
    right = identity.signature(visitor.site, "7")
    assert visitor.change(external_id="7", signature=right, attributes=mine).status_code == 200
    assert len(Subscriber.objects.get().email_hash) == 64


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("wrong", ["", "00", "ø", "other", "foreign"])
def test_wrong_signature(required: bool, wrong: str) -> None:
    visitor = subscribed()
    visitor.site.identity_required = required
    visitor.site.save()
    made = {
        "other": identity.signature(visitor.site, "8"),
        "foreign": identity.signature(make_site(name="Other"), "7"),
    }
    response = visitor.change(external_id="7", signature=made.get(wrong, wrong))
    assert (response.status_code, answer(response)["error"]) == (403, "signature")
    assert Subscriber.objects.get().external_id == ""


def test_tags() -> None:
    visitor = subscribed()
    visitor.change(tags={"add": ["vip", " vip ", "hiking"]})
    visitor.change(tags={"add": ["skiing"], "remove": ["vip", "never-had"]})
    assert Subscriber.objects.get().tags == ["hiking", "skiing"]


def test_attributes() -> None:
    visitor = subscribed()
    visitor.change(attributes={"name": "Ingrid", "orders": 11, "member": True, "gone": "x"})
    visitor.change(attributes={"orders": 12, "gone": None})
    expected = {"name": "Ingrid", "orders": 12, "member": True}
    assert Subscriber.objects.get().attributes == expected


def test_attributes_may_be_lists_of_texts() -> None:
    visitor = subscribed()
    lists = {"sizes": ["M", "L"], "none": [], "most": ["x" * 60] * 50}
    assert visitor.change(attributes=lists).status_code == 200
    assert Subscriber.objects.get().attributes == lists
    long = {"long": ["x" * 200] * 10}
    assert answer(visitor.change(attributes=long))["error"] == "too_large"
    assert Subscriber.objects.get().attributes == lists


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"external_id": ""}, "external_id"),
        ({"external_id": "x" * 129}, "external_id"),
        ({"external_id": "a\nb"}, "external_id"),
        ({"external_id": 7}, "external_id"),
        ({"external_id": "7", "signature": 7}, "signature"),
        ({"tags": ["vip"]}, "tags"),
        ({"tags": {"add": "vip"}}, "tags.add"),
        ({"tags": {"add": [7]}}, "tags.add"),
        ({"tags": {"add": [""]}}, "tags.add"),
        ({"tags": {"remove": ["x" * 65]}}, "tags.remove"),
        ({"tags": {"add": [f"t{n}" for n in range(51)]}}, "tags.add"),
        ({"attributes": []}, "attributes"),
        ({"attributes": {"a": [7]}}, "attributes.a"),
        ({"attributes": {"a": [["x"]]}}, "attributes.a"),
        ({"attributes": {"a": [None]}}, "attributes.a"),
        ({"attributes": {"a": ["x"] * 51}}, "attributes.a"),
        ({"attributes": {"a": ["x" * 201]}}, "attributes.a"),
        ({"attributes": {"a": {}}}, "attributes.a"),
        ({"attributes": {"": 1}}, "attributes"),
        ({"attributes": {"x" * 65: 1}}, "attributes"),
    ],
)
def test_bad_fields(body: dict[str, object], field: str) -> None:
    visitor = subscribed()
    response = visitor.change(**body)
    assert (response.status_code, answer(response)["field"]) == (400, field)


def test_limits_hold_over_several_requests() -> None:
    visitor = subscribed()
    visitor.change(tags={"add": [f"t{n}" for n in range(50)]})
    assert answer(visitor.change(tags={"add": ["one more"]}))["error"] == "too_many"
    assert visitor.change(attributes={"a": "x" * 3000}).status_code == 200
    assert answer(visitor.change(attributes={"b": "x" * 3000}))["error"] == "too_large"
    assert list(Subscriber.objects.get().attributes) == ["a"]


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_without_proof_there_is_nothing(method: str) -> None:
    visitor = subscribed()
    before = Subscription.objects.values().get()
    zeros = encode_base64url(bytes(16))
    for public_id, auth in [
        (visitor.id, zeros),
        (uuid.uuid4(), visitor.auth),
        (uuid.uuid4(), zeros),
    ]:
        path = f"subscriptions/{public_id}/?_method={method}"
        response = visitor.post(path, {"auth": auth, "tags": {"add": ["x"]}})
        assert (response.status_code, answer(response)["error"]) == (404, "not_found")
    response = visitor.post(f"subscriptions/{visitor.id}/?_method={method}", {})
    assert (response.status_code, answer(response)["field"]) == (400, "auth")
    assert Subscription.objects.values().get() == before


def test_a_real_patch_with_preflight() -> None:
    visitor = subscribed()
    url = f"/push/{visitor.site.key}/subscriptions/{visitor.id}/"
    asked = Client().options(url, headers={"Origin": ORIGIN})
    assert "PATCH" in asked["Access-Control-Allow-Methods"]
    response = Client().patch(
        url, json.dumps({"auth": visitor.auth, "tags": {"add": ["x"]}}), headers={"Origin": ORIGIN}
    )
    assert response.status_code == 200
    assert response["Access-Control-Allow-Origin"] == ORIGIN
    assert Client().get(url).status_code == 405
    assert Client().post(url + "?_method=PUT").status_code == 405


def test_a_subscription_that_vanished_meanwhile() -> None:
    subscribed()
    held = Subscription.objects.get()
    identity.erase(held.subscriber)
    held.pk = 1
    with pytest.raises(Refused):
        identity.change(held, Change(add_tags=("x",)))
