"""DELETE /push/{site_key}/subscriptions/{id}/"""

import json

import pytest
from django.test import Client

from subscribers.models import ConsentRecord, Subscription
from tests.factories import make_site
from tests.subscribers.browsers import ORIGIN, Browser

pytestmark = pytest.mark.django_db
Action = ConsentRecord.Action


@pytest.mark.parametrize(
    ("reason", "action"),
    [
        ("unsubscribed", Action.UNSUBSCRIBED),
        ("denied", Action.DENIED),
        (None, Action.UNSUBSCRIBED),
        ([], Action.UNSUBSCRIBED),
    ],
)
def test_it_works(reason: object, action: Action) -> None:
    visitor = Browser(make_site())
    visitor.subscribe()
    response = visitor.leave(reason=reason)
    assert (response.status_code, response.content) == (204, b"")
    assert response["Access-Control-Allow-Origin"] == ORIGIN
    assert Subscription.objects.get().state == "unsubscribed"
    assert ConsentRecord.objects.latest("id").action == action


def test_twice_is_once() -> None:
    visitor = Browser(make_site())
    visitor.subscribe()
    assert [visitor.leave().status_code, visitor.leave().status_code] == [204, 204]
    assert ConsentRecord.objects.filter(action=Action.UNSUBSCRIBED).count() == 1


def test_a_real_delete() -> None:
    visitor = Browser(make_site())
    visitor.subscribe()
    url = f"/push/{visitor.site.key}/subscriptions/{visitor.id}/"
    response = Client().delete(url, json.dumps({"auth": visitor.auth}), headers={"Origin": ORIGIN})
    assert response.status_code == 204


def test_another_site_cannot() -> None:
    visitor = Browser(make_site())
    visitor.subscribe()
    other = Browser(make_site(name="Other"), keys=visitor.keys, id=visitor.id)
    assert other.leave().status_code == 404
    assert Subscription.objects.get().state == "active"
