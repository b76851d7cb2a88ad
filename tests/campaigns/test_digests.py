"""What an approval and a dry run are bound to: every field that decides on who, what and when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from accounts.models import Role, Site, User
from audiences import saving
from campaigns import approvals, digests, drafting
from campaigns.models import Campaign, Cap, Message, Policy
from tests.factories import make_campaign, make_member, make_site, make_subscription

NIGHT = datetime(2099, 6, 1, 18, 0)  # noqa: DTZ001 - a wall time
VIPS = {"version": 2, "all": [{"field": "tag", "op": "any_of", "values": ["vip"]}]}


@pytest.fixture
def site(db: None) -> Site:
    site = make_site(time_zone="Europe/Oslo")
    Policy.objects.create(site=site, approval=Policy.Approval.ALWAYS)
    return site


@pytest.fixture
def marit(site: Site) -> User:
    """Who writes the campaign."""
    return make_member(site, Role.MARKETER, "marit@example.com")


@pytest.fixture
def jonas(site: Site) -> User:
    """Who may approve it."""
    return make_member(site, Role.MARKETER, "jonas@example.com")


@pytest.fixture
def campaign(site: Site, marit: User, jonas: User) -> Campaign:
    make_subscription(site)
    return make_campaign(site, created_by=marit)


def fresh(campaign: Campaign) -> Campaign:
    return Campaign.objects.select_related("site", "audience").get(pk=campaign.pk)


CAMPAIGN_EDITS: dict[str, Any] = {
    "timing": "local",
    "scheduled_wall": datetime(2099, 6, 2, 18, 0, tzinfo=UTC),
    "scheduled_zone": "Asia/Tokyo",
    "late": "skip",
    "no_zone": "skip",
    "recurrence": "FREQ=DAILY",
    "exceptions": [date(2099, 6, 3)],
    "expiry_minutes": 60,
    "throttle": 60,
    "priority": 80,
    "topic": "offers",
    "transactional": True,
    "counted": False,
    "quiet": "off",
    "caps": "off",
    "override_reason": "Recall",
    "once_key": "recall",
    "holdout": 5,
    "winner_by": "click",
    "sample": 30,
    "decide_minutes": 60,
    "conversion": "signup",
    "devices": "recent",
    "inbox": True,
    "inbox_days": 7,
}
# On purpose: what says nothing about who gets what when, or follows from what is in it.
NOT_BOUND = {
    "id",
    "site",
    "name",
    "state",
    "state_at",
    "audience",
    "scheduled_for",
    "parent",
    "occurrence",
    "authors",
    "attention",
    "created_by",
    "created_at",
    "updated_at",
}
MESSAGE_EDITS: dict[str, Any] = {
    "title": "Another",
    "body": "Another",
    "url": "https://shop.example/other",
    "icon": "https://shop.example/i.png",
    "image": "https://shop.example/p.png",
    "badge": "https://shop.example/b.png",
    "actions": [{"title": "Go", "url": "https://shop.example/go"}],
    "translations": {"nb": {"title": "Vinter"}},
    "overrides": {"ios": {"title": "Winter"}},
    "weight": 40,
    "variants": [{"weight": 50, "title": "B"}],
    "app": {"ios": {"badge": 1}},
    "coupon": {"code": "WARM"},
    "ttl": 60,
    "urgency": "high",
    "utm_source": "a",
    "utm_medium": "a",
    "utm_campaign": "a",
    "utm_term": "a",
    "utm_content": "a",
}


@pytest.fixture
def planned(campaign: Campaign) -> Campaign:
    drafting.set_time(campaign, NIGHT, "Europe/Oslo")
    return campaign


@pytest.mark.parametrize("field", sorted(CAMPAIGN_EDITS))
def test_each_setting_is_in_the_digest(planned: Campaign, field: str) -> None:
    before = approvals.digest(fresh(planned))
    assert approvals.digest(fresh(planned)) == before
    Campaign.objects.update(**{field: CAMPAIGN_EDITS[field]})
    assert approvals.digest(fresh(planned)) != before


@pytest.mark.parametrize("field", sorted(MESSAGE_EDITS))
def test_each_word_is_in_the_digest(campaign: Campaign, field: str) -> None:
    before = approvals.digest(fresh(campaign))
    Message.objects.update(**{field: MESSAGE_EDITS[field]})
    assert approvals.digest(fresh(campaign)) != before


def test_no_field_is_forgotten() -> None:
    """Whoever adds a field decides whether an approval is bound to it."""
    fields = {field.name for field in Campaign._meta.concrete_fields}
    assert fields == set(CAMPAIGN_EDITS) | NOT_BOUND
    words = {field.name for field in Message._meta.concrete_fields}
    assert words == set(MESSAGE_EDITS) | digests.NOT_SAID


def test_the_name_is_not_in_the_digest(campaign: Campaign) -> None:
    before = approvals.digest(fresh(campaign))
    drafting.rename(campaign, "Another name")
    assert approvals.digest(fresh(campaign)) == before


def test_an_edit_of_a_named_audience_counts(campaign: Campaign, site: Site) -> None:
    named = saving.create(site, "Best", VIPS, by=None)
    drafting.set_audience(campaign, {"version": 2, "all": [{"audience": str(named.pk)}]})
    before = approvals.digest(fresh(campaign))
    named.rule = {"version": 2, "all": [{"field": "tag", "op": "any_of", "values": ["sale"]}]}
    named.save()
    assert approvals.digest(fresh(campaign)) != before
    named.delete()
    assert approvals.digest(fresh(campaign)) != before


def make_quiet(site: Site) -> None:
    Policy.objects.filter(site=site).update(quiet_start=time(22), quiet_end=time(8))


def make_gap(site: Site) -> None:
    Policy.objects.filter(site=site).update(gap_minutes=60)


def make_cap(site: Site) -> None:
    Cap.objects.create(site=site, most=3, days=7)


@pytest.mark.parametrize("edit", [make_quiet, make_gap, make_cap], ids=["quiet", "gap", "cap"])
@pytest.mark.parametrize(("fields", "counts"), [({}, True), ({"transactional": True}, False)])
def test_a_rule_of_the_site_counts_where_it_holds(
    campaign: Campaign,
    site: Site,
    edit: Callable[[Site], None],
    fields: dict[str, Any],
    counts: bool,
) -> None:
    Campaign.objects.update(**fields)
    before = approvals.digest(fresh(campaign))
    edit(site)
    assert (approvals.digest(fresh(campaign)) != before) is counts


def test_what_goes_at_once_has_no_time(planned: Campaign) -> None:
    timed = approvals.digest(fresh(planned))
    drafting.set_time(planned, None)
    untimed = approvals.digest(fresh(planned))
    assert untimed != timed
    Campaign.objects.update(scheduled_zone="Asia/Tokyo", no_zone=Campaign.NoZone.SKIP)
    assert approvals.digest(fresh(planned)) == untimed


def test_a_page_tells_what_was_changed_since_it_was_shown(campaign: Campaign) -> None:
    seen = digests.stamp(fresh(campaign))
    assert digests.since(seen, fresh(campaign)) is None
    drafting.set_audience(campaign, VIPS)
    drafting.edit_message(campaign, {"title": "Another"}, None)
    assert digests.since(seen, fresh(campaign)) == ["the message", "the audience"]
    assert digests.since("", fresh(campaign)) == []
