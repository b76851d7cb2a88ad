"""What holds for all campaigns of a site: kept, refused where it contradicts itself, by role."""

from collections.abc import Callable
from datetime import time
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from accounts import api_keys
from accounts.models import AuditEvent, Role, Site
from campaigns import policies
from campaigns.models import Campaign, Cap, Policy
from campaigns.policies import Limit
from tests.campaigns.calling import Call
from tests.factories import make_campaign

NIGHT: dict[str, Any] = {"quiet_start": time(21), "quiet_end": time(8)}
FORM = {
    "quiet_start": "21:00",
    "quiet_end": "08:00",
    "quiet_action": "skip",
    "gap": "2",
    "gap_unit": "60",
    "approval": "over",
    "approval_over": "5000",
    "type_over": "100",
    "caps-TOTAL_FORMS": "3",
    "caps-INITIAL_FORMS": "0",
    "caps-0-most": "2",
    "caps-0-days": "1",
    "caps-1-most": "1",
    "caps-1-days": "7",
    "caps-1-topic": "offers",
}


def limits(*found: tuple[str, int, int]) -> list[Limit]:
    return [Limit(*one) for one in found]


def test_a_site_without_a_row_has_the_defaults(site: Site) -> None:
    policy = policies.of(site)
    assert policy.approval == Policy.Approval.NEVER
    assert policies.quiet_of(make_campaign(site)) is None
    assert not Policy.objects.exists()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "hold"),
        ({"quiet": "skip"}, "skip"),
        ({"quiet": "off"}, None),
        ({"transactional": True}, None),
    ],
)
def test_the_quiet_hours_of_a_campaign(
    site: Site, fields: dict[str, Any], says: str | None
) -> None:
    campaign = make_campaign(site, **fields)
    assert policies.quiet_of(campaign) is None
    policies.change(site, NIGHT)
    found = policies.quiet_of(campaign)
    assert (found[1] if found else None) == says


@pytest.mark.parametrize(
    ("fields", "capped"),
    [({}, True), ({"caps": Campaign.Caps.OFF}, False), ({"transactional": True}, False)],
)
def test_whom_caps_hold(site: Site, fields: dict[str, Any], capped: bool) -> None:
    assert policies.capped(make_campaign(site, **fields)) is capped


@pytest.mark.parametrize(
    ("fields", "caps", "field", "why"),
    [
        ({"quiet_start": time(9)}, [], "quiet_end", "a start and an end"),
        ({"quiet_end": time(9)}, [], "quiet_start", "a start and an end"),
        ({"quiet_start": time(9), "quiet_end": time(9)}, [], "quiet_end", "never, or always"),
        ({"gap_minutes": 0}, [], "gap_minutes", "1 minute to 30 days"),
        ({"gap_minutes": 43_201}, [], "gap_minutes", "1 minute to 30 days"),
        ({"type_over": -1}, [], "type_over", "number of devices"),
        ({}, limits(("", 0, 1)), "caps", "1 to 1,000 messages"),
        ({}, limits(("", 1, 31)), "caps", "1 to 1,000 messages"),
        ({}, limits(("", 1, 1), ("", 2, 1)), "caps", "of the same days"),
        ({}, limits(("", 5, 1), ("", 3, 7)), "caps", "“5 in 1 day” can never be reached"),
        ({}, limits(("x", 5, 7), ("", 3, 7)), "caps", "of “x”” can never be reached"),
        ({}, limits(*(("", n, n) for n in range(1, 22))), "caps", "At most 20"),
        ({}, limits(("\u202ex", 1, 1)), "caps", "invisible character"),
        ({"gap_minutes": 720}, limits(("", 3, 1)), "caps", "nobody ever gets 3 in 1 day"),
    ],
)
def test_what_contradicts_itself_is_refused(
    site: Site, fields: dict[str, Any], caps: list[Limit], field: str, why: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        policies.change(site, fields, caps)
    assert why in " ".join(refused.value.message_dict[field])
    assert not Cap.objects.exists()


def test_caps_that_make_sense_together(site: Site) -> None:
    wanted = limits(("", 2, 1), ("", 5, 7), ("offers", 1, 1), ("offers", 3, 14))
    policies.change(site, {"gap_minutes": 720}, wanted)
    assert policies.caps_of(site) == wanted
    policies.change(site, {"gap_minutes": 700})
    assert policies.caps_of(site) == wanted
    assert [policies.words(cap) for cap in wanted][1:3] == ["5 in 7 days", "1 in 1 day of “offers”"]


def test_what_changes_nothing_is_not_noted(site: Site) -> None:
    for _again in range(2):
        policies.change(site, NIGHT, limits(("", 2, 1)))
    assert AuditEvent.objects.filter(action="policies.changed").count() == 1
    with pytest.raises(ValueError, match="Not one"):
        policies.change(site, {"site_id": 1})


# The page


@pytest.fixture
def page(site: Site) -> str:
    return reverse("campaigns:policies", args=[site.pk])


def test_an_admin_sets_them(site: Site, page: str, as_role: Callable[[Role], Client]) -> None:
    adam = as_role(Role.ADMIN)
    answer = adam.post(page, FORM, follow=True)
    assert b"The policies are saved." in answer.content
    policy = policies.of(site)
    assert (policy.quiet_start, policy.quiet_action) == (time(21), "skip")
    assert (policy.gap_minutes, policy.approval_over, policy.type_over) == (120, 5000, 100)
    assert policies.caps_of(site) == limits(("", 2, 1), ("offers", 1, 7))
    shown = adam.get(page).context["form"]
    assert (shown["gap"].value(), shown["gap_unit"].value()) == (2, 60)
    emptied = FORM | {"caps-1-most": "", "caps-1-days": "", "gap": "", "quiet_start": ""}
    adam.post(page, emptied | {"quiet_end": ""})
    assert policies.caps_of(site) == limits(("", 2, 1))
    assert (policies.of(site).gap_minutes, policies.of(site).quiet_end) == (None, None)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"quiet_end": "21:00"}, "never, or always"),
        ({"quiet_end": "soon"}, "Write a time of day"),
        ({"gap": "x"}, "Write a whole number."),
        ({"gap": "0"}, "1 minute to 30 days"),
        ({"caps-0-most": "9", "caps-1-topic": "", "caps-1-most": "3"}, "can never be reached"),
        ({"caps-0-days": ""}, "in how many days"),
        ({"caps-0-days": "many"}, "Write a whole number."),
    ],
)
def test_what_is_refused_stays_as_it_was_typed(
    site: Site, page: str, as_role: Callable[[Role], Client], data: dict[str, str], says: str
) -> None:
    answer = as_role(Role.ADMIN).post(page, FORM | data)
    assert answer.status_code == 200
    assert says in answer.content.decode()
    for name, value in data.items():
        assert not value or f'value="{value}"' in answer.content.decode(), name
    assert not Cap.objects.exists()


def test_a_marketer_may_not(page: str, as_role: Callable[[Role], Client]) -> None:
    assert as_role(Role.MARKETER).get(page).status_code == 403


# The API


@pytest.fixture
def call(site: Site) -> Call:
    _key, text = api_keys.create(site, "Shop", ["all"])
    client = Client(headers={"authorization": f"Bearer {text}"})

    def call(method: str, path: str, body: Any = None) -> Any:
        return getattr(client, method)(path, body, content_type="application/json")

    return call


def test_policies_by_api(site: Site, call: Call) -> None:
    path = "/api/v1/policies/"
    assert call("get", path).json()["caps"] == []
    body = {"quiet_start": "21:00", "quiet_end": "08:00", "caps": [{"most": 2, "days": 1}]}
    answer = call("put", path, body)
    assert answer.status_code == 200
    assert answer.json()["quiet_start"] == "21:00"
    assert answer.json()["caps"] == [{"topic": "", "most": 2, "days": 1}]
    assert call("put", path, {"gap_minutes": 60}).json()["caps"] != []
    assert AuditEvent.objects.filter(action="policies.changed").count() == 2


@pytest.mark.parametrize(
    "body",
    [
        {"quiet_start": "08:00", "quiet_end": "08:00"},
        {"caps": [{"most": 2}]},
        {"caps": [{"most": 2, "days": 1, "hours": 3}]},
        {"caps": [{"most": 5, "days": 1}, {"most": 3, "days": 7}]},
        {"quiet": "21:00"},
        {"gap_minutes": 0},
    ],
)
def test_policies_by_api_are_refused_by_field(site: Site, call: Call, body: dict[str, Any]) -> None:
    answer = call("put", "/api/v1/policies/", body)
    assert answer.status_code == 400
    assert set(answer.json()) <= {*body, "quiet_end", "caps"}
    assert not Cap.objects.exists()


def test_the_terms_of_a_campaign_by_api(site: Site, call: Call) -> None:
    made = call(
        "post", "/api/v1/campaigns/", {"name": "A", "title": "T", "url": "https://a.example"}
    )
    path = f"/api/v1/campaigns/{made.json()['id']}/"
    terms = {
        "timing": "local",
        "late": "skip",
        "no_zone": "skip",
        "recurrence": "FREQ=WEEKLY;BYDAY=MO",
        "exceptions": ["2099-06-08"],
        "expiry_minutes": 90,
        "priority": 80,
        "topic": "news",
        "transactional": True,
        "counted": False,
        "quiet": "off",
        "caps": "off",
        "override_reason": "A recall",
        "once_key": "k",
    }
    answer = call("patch", path, terms)
    assert answer.status_code == 200, answer.content
    assert {name: answer.json()[name] for name in terms} == terms
    refused = call("patch", path, {"override_reason": "", "priority": 10})
    assert list(refused.json()) == ["override_reason"]
    assert call("patch", path, {"recurrence": "FREQ=SECONDLY"}).status_code == 400
    assert call("post", f"{path}start/").status_code == 409
    started = call("post", f"{path}start/", {"at": "2099-06-01T09:00"}).json()
    assert (started["state"], started["occurrence"]) == ("scheduled", "2099-06-01T09:00:00")
    moved = call("patch", path, {"exceptions": ["2099-06-01", "2099-06-08"]}).json()
    assert moved["occurrence"] == "2099-06-15T09:00:00"


def test_a_key_that_may_only_send_changes_nothing_about_approvals(site: Site) -> None:
    """Else the key that an approval holds back would switch that off, and send."""
    policies.change(site, {"approval": "always"})
    _key, text = api_keys.create(site, "Shop", ["campaigns:send", "campaigns:read"])
    client = Client(headers={"authorization": f"Bearer {text}"})

    def put(body: dict[str, Any]) -> int:
        answer = client.put("/api/v1/policies/", body, content_type="application/json")
        return answer.status_code

    assert put({"approval": "never"}) == 403
    assert put({"approval": "over", "approval_over": 10**9, "gap_minutes": 60}) == 403
    assert policies.of(site).approval == Policy.Approval.ALWAYS
    assert put({"approval": "always", "gap_minutes": 60}) == 200
    assert policies.of(site).gap_minutes == 60


def test_a_key_for_everything_changes_approvals(site: Site, call: Call) -> None:
    assert call("put", "/api/v1/policies/", {"approval": "always"}).status_code == 200
    assert policies.of(site).approval == Policy.Approval.ALWAYS
