"""What a person did and what lies in the cart, on their page."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Site, User
from subscribers import events
from subscribers.models import Subscriber
from subscribers.views.person_events import facts, position
from tests.factories import make_site, make_subscriber
from tests.subscribers.conftest import AsUser
from tests.subscribers.hostile import XSS, assert_harmless


@pytest.fixture
def person(site: Site) -> Subscriber:
    return make_subscriber(site, external_id="ann")


def url(person: Subscriber, part: str = "") -> str:
    return f"/sites/{person.site_id}/people/{person.pk}/{part}"


def report(person: Subscriber, name: str, *, hours: float = 0, **properties: Any) -> None:
    send(person, name, properties, hours)


def send(person: Subscriber, name: str, properties: dict[str, Any], hours: float = 0) -> None:
    at = timezone.now() - timedelta(hours=hours)
    item = {"name": name, "subscriber": str(person.pk), "at": at.isoformat()}
    result = events.take_in(person.site, [item | {"properties": properties}])[0]
    assert result.refusal is None


def test_without_anything(person: Subscriber, vera: User, as_user: AsUser) -> None:
    client = as_user(vera)
    page = client.get(url(person)).content.decode()
    assert "None. Your server reports it" in page
    assert url(person, "events/") in page
    assert "Nothing yet." in client.get(url(person, "events/")).content.decode()


def test_the_cart(person: Subscriber, vera: User, as_user: AsUser) -> None:
    items: list[dict[str, Any]] = [
        {"product": "SKU-1", "name": "Frost Mitt", "quantity": 2, "price": 1399.5},
        *({"product": f"SKU-{n}"} for n in range(2, 9)),
    ]
    client = as_user(vera)
    report(person, "cart_updated", hours=2, items=items, currency="NOK")
    page = client.get(url(person)).content.decode()
    for text in ("Frost Mitt", "× 2", "1,399.50", "2,799 NOK", "SKU-5", "and 3 more items"):
        assert text in page
    assert "SKU-6" not in page
    assert "Untouched since" in page
    report(person, "purchase", hours=1)
    page = client.get(url(person)).content.decode()
    assert "Frost Mitt" in page and "Bought" in page and "Untouched since" not in page
    report(person, "cart_updated", items=[])
    page = client.get(url(person)).content.decode()
    assert "Emptied" in page and "Frost Mitt" not in page


def test_events_page_by_page(person: Subscriber, vera: User, as_user: AsUser) -> None:
    for n in range(23):
        report(person, f"n{n:02}", hours=n, step=n, items=[1, 2], gift=True)
    client = as_user(vera)
    page = client.get(url(person, "events/")).content.decode()
    assert [f"n{n:02}" in page for n in range(12)] == [True] * 10 + [False] * 2
    for text in ("step</span> 3", "items</span> 2 entries", "gift</span> yes"):
        assert text in page
    seen = 10
    while "before=" in page:
        cursor = page.split("before=")[1].split('"')[0]
        page = client.get(url(person, f"events/?before={cursor}")).content.decode()
        assert "Newest" in page
        seen += page.count("<tr role") - 1
    assert seen == 23


def test_nobody_elses(person: Subscriber, vera: User, as_user: AsUser) -> None:
    foreign = make_subscriber(make_site())
    report(foreign, "secret")
    report(make_subscriber(person.site), "secret")
    client = as_user(vera)
    assert "secret" not in client.get(url(person, "events/")).content.decode()
    path = f"/sites/{person.site_id}/people/{foreign.pk}/events/"
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("text", XSS)
def test_hostile_texts_are_only_texts(
    text: str, person: Subscriber, vera: User, as_user: AsUser
) -> None:
    key = "".join(one for one in text if one.isprintable())[:64]
    items = [{"product": text[:128], "name": text, "category": text}]
    send(person, "viewed", {key: text})
    report(person, "cart_updated", items=items)
    client = as_user(vera)
    assert_harmless(client.get(url(person)))
    assert_harmless(client.get(url(person, "events/")))


@pytest.mark.parametrize(
    "text", ["", "x", "1", ".", "1.", ".1", "-1.1", "1.1.1", "٣.٣", "9" * 20 + ".1", "1" * 50]
)
def test_cursors_that_are_none(text: str) -> None:
    assert position(text) is None


def test_a_number_beyond_all_is_the_last() -> None:
    found = position("0." + "9" * 30)
    assert found and found[1] == 2**63 - 1


def test_only_a_few_facts() -> None:
    properties = {"a": None, "b": False, "c": {"d": 1}, **{str(n): n for n in range(9)}}
    assert facts(properties) == [
        *(("b", "no"), ("c", "1 entry"), ("0", "0"), ("1", "1"), ("2", "2"))
    ]
    assert facts({}) == []
