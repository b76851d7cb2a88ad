"""An erased person stays erased, until somebody says yes again."""

import json
import uuid

import pytest
from django.test import Client

from accounts import api_keys
from subscribers.models import ConsentRecord, ErasedMark, Subscriber, Subscription
from tests.factories import make_site
from tests.subscribers.browsers import Browser, answer, new_endpoint

pytestmark = pytest.mark.django_db


def erased() -> Browser:
    """A browser whose person was erased by API."""
    visitor = Browser(make_site())
    visitor.subscribe()
    _key, text = api_keys.create(visitor.site, "Shop", ["subscribers:write"])
    path = f"/api/v1/subscribers/{Subscriber.objects.get().pk}/"
    assert Client().delete(path, headers={"Authorization": f"Bearer {text}"}).status_code == 204
    assert not Subscription.objects.exists()
    return visitor


def test_the_daily_repair_brings_nobody_back() -> None:
    visitor = erased()
    response = visitor.subscribe(sync=True)
    assert (response.status_code, answer(response)["error"]) == (410, "erased")
    assert not Subscriber.objects.exists()
    assert not ConsentRecord.objects.exists()


@pytest.mark.parametrize("same", ["install", "endpoint"])
def test_neither_does_a_new_address_or_cleared_storage(same: str) -> None:
    visitor = erased()
    if same == "install":
        visitor.endpoint = new_endpoint()
    else:
        visitor.install = str(uuid.uuid4())
    assert visitor.subscribe(sync=True).status_code == 410
    visitor.install = ""
    assert visitor.subscribe(sync=True).status_code == (201 if same == "install" else 410)


def test_who_says_yes_again_is_a_new_person_and_can_be_repaired() -> None:
    visitor = erased()
    assert visitor.subscribe().status_code == 201
    assert not ErasedMark.objects.exists()
    assert visitor.subscribe(sync=True).status_code == 200


def test_a_lost_record_is_repaired() -> None:
    assert Browser(make_site()).subscribe(sync=True).status_code == 201


def test_another_site_knows_nothing_of_it() -> None:
    visitor = erased()
    visitor.site = make_site()
    assert visitor.subscribe(sync=True).status_code == 201


def test_what_is_kept_says_nothing() -> None:
    visitor = erased()
    kept = json.dumps([bytes(one.mark).hex() for one in ErasedMark.objects.all()])
    assert ErasedMark.objects.count() == 2
    assert visitor.endpoint not in kept and visitor.install not in kept
