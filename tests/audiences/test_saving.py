"""Named audiences: made, changed by one of two, deleted only where nobody needs them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import AuditEvent, Role, Site
from audiences import saving, uses
from audiences.models import Audience, AudienceSize
from audiences.rules import RuleError
from campaigns import drafting, starting
from campaigns.models import Campaign
from tests.campaigns.locks import Meanwhile
from tests.factories import make_campaign, make_member, make_site

pytestmark = pytest.mark.django_db

VIP: dict[str, Any] = {
    "version": 2,
    "all": [{"field": "tag", "op": "any_of", "values": ["vip"]}],
}
EVERYONE: dict[str, Any] = {"version": 2, "all": []}


def naming(*audiences: Audience) -> dict[str, Any]:
    return {"version": 2, "any": [{"audience": str(one.pk)} for one in audiences]}


def named(site: Site, name: str, rule: dict[str, Any] | None = None) -> Audience:
    return saving.create(site, name, rule or VIP, by=None)


def campaign_to(site: Site, audience: Audience, state: str = "draft") -> Campaign:
    campaign = make_campaign(site, name=f"To {audience.name}")
    drafting.set_audience(campaign, naming(audience))
    fields: dict[str, Any] = {"state": state}
    if state == "scheduled":
        fields["scheduled_for"] = campaign.created_at
    Campaign.objects.filter(pk=campaign.pk).update(**fields)
    return campaign


def test_an_audience_is_made_with_its_name_trimmed_and_noted_in_the_audit_log() -> None:
    site = make_site()
    mari = make_member(site, Role.MARKETER, "mari@example.com")
    audience = saving.create(site, "  Loyal \n customers ", VIP, by=mari)
    audience.refresh_from_db()
    assert (audience.name, audience.rule, audience.revision) == ("Loyal customers", VIP, 1)
    event = AuditEvent.objects.get(action="audience.created")
    assert (event.site, event.actor, event.target) == (site, mari, "Loyal customers")
    assert event.words == "Created an audience"


@pytest.mark.parametrize("name", ["", "   ", "a\0b", "x" * 121, "\ud800"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(saving.Refused) as refused:
        named(make_site(), name)
    assert refused.value.field == "name"
    assert not Audience.objects.exists()


def test_names_are_taken_whatever_their_case_but_only_on_their_site() -> None:
    site = make_site()
    named(site, "Buyers")
    with pytest.raises(saving.Refused, match="There is an audience “BUYERS” already") as refused:
        named(site, "BUYERS")
    assert refused.value.field == "name"
    named(make_site(), "Buyers")


def test_a_rule_that_is_not_understood_makes_nothing() -> None:
    site = make_site()
    with pytest.raises(RuleError) as error:
        named(site, "Buyers", {"version": 2, "all": [{"field": "colour", "op": "is"}]})
    assert error.value.path == "all.0.field"
    stranger = named(make_site(), "Of another site")
    with pytest.raises(RuleError, match="not there") as error:
        named(site, "Buyers", naming(stranger))
    assert error.value.path == "any.0"
    assert not Audience.objects.filter(site=site).exists()


def test_a_change_counts_the_revision_and_says_what_the_name_was() -> None:
    site = make_site()
    audience = named(site, "Buyers")
    changed = saving.update(audience, name="buyers", rule=EVERYONE, revision=1, by=None)
    assert (changed.name, changed.rule, changed.revision) == ("buyers", EVERYONE, 2)
    assert changed.updated_at > audience.updated_at
    event = AuditEvent.objects.get(action="audience.changed")
    assert (event.target, event.detail) == ("buyers", {"was": "Buyers"})


def test_a_change_that_changes_nothing_is_none() -> None:
    audience = named(make_site(), "Buyers")
    same = saving.update(audience, name="Buyers", rule=VIP, revision=7, by=None)
    assert (same.revision, same.updated_at) == (1, audience.updated_at)
    assert not AuditEvent.objects.filter(action="audience.changed").exists()


def test_who_comes_second_is_told_who_was_first() -> None:
    site = make_site(time_zone="Europe/Oslo")
    mari = make_member(site, Role.MARKETER, "mari@example.com")
    mari.name = "Mari Holm"
    mari.save()
    audience = named(site, "Buyers")
    saving.update(audience, rule=EVERYONE, revision=1, by=mari)
    with pytest.raises(saving.Outdated, match=f"^{mari} changed this audience on ") as refused:
        saving.update(audience, name="Customers", revision=1, by=None)
    assert "Open it again" in refused.value.sentence
    audience.refresh_from_db()
    assert audience.name == "Buyers"
    # Who did not say what they saw, meant it.
    assert saving.update(audience, name="Customers", by=None).revision == 3


def test_a_change_of_what_is_gone_and_a_name_that_is_taken_are_refused() -> None:
    site = make_site()
    audience = named(site, "Buyers")
    named(site, "Lapsed")
    with pytest.raises(saving.Refused, match="already"):
        saving.update(audience, name="lapsed", by=None)
    saving.delete(audience, by=None)
    with pytest.raises(saving.Refused, match="deleted"):
        saving.update(audience, name="Customers", by=None)


def test_audiences_can_not_lead_in_a_circle() -> None:
    site = make_site()
    first = named(site, "First")
    second = named(site, "Second", naming(first))
    with pytest.raises(RuleError, match="First → Second → First"):
        saving.update(first, rule=naming(second), by=None)


def test_a_rule_that_others_could_not_bear_is_refused_and_names_them() -> None:
    site = make_site()
    leaf = {"field": "tag", "op": "any_of", "values": ["x"]}
    many = {"version": 2, "any": [leaf] * 99}
    small = named(site, "Small")
    middle = named(site, "Middle", {"version": 2, "any": [{"audience": str(small.pk)}] * 40})
    named(site, "Large", naming(middle))
    with pytest.raises(RuleError, match="“Middle” names this audience"):
        saving.update(small, rule=many, by=None)
    small.refresh_from_db()
    assert small.rule == VIP


def test_a_new_rule_is_counted_again_with_those_that_name_it() -> None:
    site = make_site(time_zone="Pacific/Auckland")
    today = timezone.now().astimezone(site.zone).date()
    buyers = named(site, "Buyers")
    several = [buyers, named(site, "Big buyers", naming(buyers)), named(site, "Others")]
    for audience in several:
        for day in (today, today - timedelta(days=1)):
            AudienceSize.objects.create(audience=audience, day=day, people=1, devices=1)
    saving.update(buyers, name="Customers", by=None)
    assert AudienceSize.objects.count() == 6
    saving.update(buyers, rule=EVERYONE, by=None)
    assert [one.sizes.filter(day=today).count() for one in several] == [0, 0, 1]
    assert [one.sizes.count() for one in several] == [1, 1, 2]


def test_deleting_says_so_in_the_audit_log_and_twice_is_once() -> None:
    audience = named(make_site(), "Buyers")
    again = Audience.objects.get()
    assert saving.delete(audience, by=None, by_name="API key till")
    assert not saving.delete(again, by=None)
    event = AuditEvent.objects.get(action="audience.deleted")
    assert (event.target, event.actor_name) == ("Buyers", "API key till")


def test_an_audience_in_use_stays_and_says_where() -> None:
    site = make_site()
    buyers = named(site, "Buyers")
    named(site, "Big buyers", naming(buyers))
    campaign_to(site, buyers)
    with pytest.raises(saving.InUse) as refused:
        saving.delete(buyers, by=None)
    assert refused.value.sentence == (
        "“Buyers” is used by the draft “To Buyers” and the audience “Big buyers”. "
        "Take it out there first."
    )
    assert [use.name for use in refused.value.uses.campaigns] == ["To Buyers"]
    assert Audience.objects.filter(pk=buyers.pk).exists()


@pytest.mark.parametrize("state", ["running", "paused", "finished", "cancelled"])
def test_a_campaign_that_has_begun_keeps_its_own_rule_and_lets_go(state: str) -> None:
    site = make_site()
    buyers = named(site, "Buyers")
    campaign_to(site, buyers, state)
    assert not saving.used_by(buyers)
    assert saving.delete(buyers, by=None)


def test_uses_reach_through_other_audiences() -> None:
    site = make_site()
    buyers = named(site, "Buyers")
    named(site, "Big buyers", naming(buyers))
    between = Audience.objects.get(name="Big buyers")
    waiting = campaign_to(site, between, "scheduled")
    other = named(site, "Others")
    found = saving.used_by(buyers)
    (use,) = found.campaigns
    assert (use.name, use.state) == ("To Big buyers", "scheduled")
    assert str(waiting.pk) in use.address
    assert found.scheduled == found.campaigns
    (use,) = found.audiences
    assert (use.name, use.audience) == ("Big buyers", between.pk)
    assert not saving.used_by(other)


def test_a_long_list_of_uses_is_cut() -> None:
    site = make_site()
    buyers = named(site, "Buyers")
    for n in range(5):
        named(site, f"Part {n}", naming(buyers))
    assert saving.used_by(buyers).sentence.endswith(" and 2 more")
    assert saving.used_by(named(site, "Alone")).sentence == ""


def test_uses_of_many_audiences_cost_a_fixed_number_of_queries(
    django_assert_num_queries: Any,
) -> None:
    site = make_site()
    several = [named(site, f"Audience {n}") for n in range(6)]
    for audience in several:
        campaign_to(site, audience)
    with django_assert_num_queries(2):
        found = uses.of(site, [audience.pk for audience in several])
    assert [len(found[one.pk].campaigns) for one in several] == [1] * 6


def test_copies_find_a_free_name() -> None:
    site = make_site()
    assert saving.copy_name(site, "Buyers") == "Buyers (copy)"
    named(site, "buyers (COPY)")
    assert saving.copy_name(site, "Buyers") == "Buyers (copy 2)"
    long = saving.copy_name(site, "x" * 120)
    assert len(long) <= 120
    assert long.endswith("(copy)")


def test_who_changed_what_last_is_read_from_the_audit_log() -> None:
    site = make_site()
    mari = make_member(site, Role.MARKETER, "mari@example.com")
    mine = saving.create(site, "Mine", VIP, by=mari)
    theirs = saving.create(site, "Theirs", VIP, by=None, by_name="API key till")
    silent = Audience.objects.create(site=site, name="From a script")
    found = saving.last_changes(site, [mine, theirs, silent])
    assert [found[one.pk].by for one in (mine, theirs, silent)] == [str(mari), "API key till", ""]


@pytest.fixture
def meanwhile() -> Iterator[Meanwhile]:
    other = Meanwhile()
    yield other
    other.pool.shutdown()


@pytest.mark.django_db(transaction=True)
def test_two_deletes_at_once_are_one(meanwhile: Meanwhile) -> None:
    audience = named(make_site(), "Buyers")
    with transaction.atomic():
        assert saving.delete(audience, by=None)
        second = meanwhile.start(
            lambda: saving.delete(Audience(pk=audience.pk, site=audience.site), by=None)
        )
        assert not second.done()
    assert second.result() is False
    assert AuditEvent.objects.filter(action="audience.deleted").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_delete_waits_for_an_audience_that_begins_to_name_it(meanwhile: Meanwhile) -> None:
    site = make_site()
    audience = named(site, "Buyers")
    with transaction.atomic():
        named(site, "Big buyers", naming(audience))
        removal = meanwhile.start(lambda: saving.delete(audience, by=None))
        assert not removal.done()
    with pytest.raises(saving.InUse, match="Big buyers"):
        removal.result()


@pytest.mark.django_db(transaction=True)
def test_an_audience_that_is_being_deleted_can_not_be_named(meanwhile: Meanwhile) -> None:
    site = make_site()
    audience = named(site, "Buyers")
    with transaction.atomic():
        saving.delete(audience, by=None)
        rule = naming(Audience(pk=audience.pk))
        second = meanwhile.start(lambda: named(site, "Big buyers", rule))
        assert not second.done()
    with pytest.raises(RuleError, match="not there"):
        second.result()


@pytest.mark.django_db(transaction=True)
def test_a_delete_waits_for_a_campaign_that_begins_to_name_it(meanwhile: Meanwhile) -> None:
    site = make_site()
    audience = named(site, "Buyers")
    campaign = make_campaign(site)
    with transaction.atomic():
        drafting.set_audience(campaign, naming(audience))
        removal = meanwhile.start(lambda: saving.delete(audience, by=None))
        assert not removal.done()
    with pytest.raises(saving.InUse, match="the draft"):
        removal.result()


@pytest.mark.django_db(transaction=True)
def test_two_changes_at_once_can_not_close_a_circle(meanwhile: Meanwhile) -> None:
    site = make_site()
    first, second = named(site, "First"), named(site, "Second")
    with transaction.atomic():
        saving.update(first, rule=naming(second), by=None)
        other = meanwhile.start(lambda: saving.update(second, rule=naming(first), by=None))
        assert not other.done()
    with pytest.raises(RuleError, match="circle"):
        other.result()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_at_once_the_second_is_refused(meanwhile: Meanwhile) -> None:
    audience = named(make_site(), "Buyers")
    with transaction.atomic():
        saving.update(audience, rule=EVERYONE, revision=1, by=None)
        second = meanwhile.start(
            lambda: saving.update(audience, name="Customers", revision=1, by=None)
        )
        assert not second.done()
    with pytest.raises(saving.Outdated):
        second.result()


def test_a_campaign_to_a_named_audience_starts_with_what_it_means() -> None:
    site = make_site()
    campaign = campaign_to(site, named(site, "Buyers"))
    run = starting.start(campaign)
    assert run.rule == {"version": 2, "any": [{"all": VIP["all"]}]}
