"""Variants, languages, systems and coupons of a message, by API."""

from typing import Any

import pytest

from accounts.models import Site
from campaigns import starting
from campaigns.models import Campaign, Message
from tests.campaigns.calling import Call, caller
from tests.factories import make_campaign, make_site, make_subscription

pytestmark = pytest.mark.django_db
SECOND = {"weight": 40, "title": "Second", "url": "https://shop.example/b"}
PARTS: dict[str, Any] = {
    "title": 'Hello {{ subscriber.first_name | default: "there" }}',
    "url": "https://shop.example/a",
    "translations": {"nb": {"title": "Hei", "actions": [{"title": "Se", "url": ""}]}, "de": {}},
    "overrides": {"mac": {"body": "Short"}},
    "weight": 60,
    "coupon": {"code": "MITT20", "percent": 20, "expires_at": "2026-12-24T23:59:00"},
    "utm_term": "{{ language }}",
    "utm_content": "{{ variant }}",
}
TEST = {"holdout": 2, "winner_by": "click", "sample": 30, "decide_minutes": 60}


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def call(site: Site) -> Call:
    return caller(site)


def test_all_parts_come_back_as_they_were_given(call: Call) -> None:
    made = call("post", "", PARTS | TEST | {"variants": [SECOND], "conversion": "order"})
    assert made.status_code == 201, made.json()
    said = call("get", f"{made.json()['id']}/").json()
    assert {name: said[name] for name in (*PARTS, *TEST)} == PARTS | TEST
    assert said["conversion"] == "order"
    (second,) = said["variants"]
    assert {name: second[name] for name in SECOND} == SECOND
    assert second["translations"] == {} and second["body"] == ""


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"title": "{{ first_name }}"}, "title", "Line 1, column 4"),
        ({"translations": {"nb": {"titel": "Hei"}}}, "translations", "nb, titel"),
        ({"translations": {"nb": {"title": "{{"}}}, "translations", "nb, title: Line 1"),
        ({"variants": [{"title": "B"}]}, "variants", "B, weight"),
        ({"variants": [SECOND] * 4}, "variants", "At most 4 variants"),
        ({"overrides": {"amiga": {}}}, "overrides", "A platform is one of"),
        ({"coupon": {"percent": 200}}, "coupon", "at most 100"),
        ({"holdout": 51}, "holdout", "50"),
        ({"decide_minutes": 4}, "decide_minutes", "5"),
        ({"winner_by": "luck"}, "winner_by", "luck"),
        ({"utm_term": "{{ subscriber.name }}"}, "utm_term", "Parameters of addresses"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_wrong_is_said_with_its_place(
    site: Site, call: Call, body: dict[str, Any], field: str, says: str
) -> None:
    campaign = make_campaign(site)
    refused = call("patch", f"{campaign.pk}/", body)
    assert refused.status_code == 400
    assert says in str(refused.json()[field])
    assert Message.objects.get().title == "Winter layers"
    assert Campaign.objects.get().holdout == 0


def test_how_a_variant_wins_is_fixed_once_it_has_started(site: Site, call: Call) -> None:
    make_subscription(site)
    campaign = make_campaign(site)
    starting.start(campaign)
    assert call("patch", f"{campaign.pk}/", {"holdout": 5}).status_code == 409
    assert call("patch", f"{campaign.pk}/", {"title": "Others"}).status_code == 200
    assert Campaign.objects.get().holdout == 0
