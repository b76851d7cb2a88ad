from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from pytest_django import Settings

from accounts.models import AuditEvent, Role, Site
from audiences.models import Audience
from audiences.rules import RuleError
from campaigns import drafting, starting
from campaigns.models import Campaign, Delivery, Message, Run
from campaigns.refusals import Refused
from subscribers.models import TestDevice
from tests.factories import make_campaign, make_member, make_site, make_subscription

VIP = {"version": 2, "all": [{"field": "tag", "op": "any_of", "values": ["vip"]}]}
NIGHT = datetime(2099, 6, 1, 18, 0)  # noqa: DTZ001 - a wall time


@pytest.fixture
def site(db: None) -> Site:
    return make_site(default_url="https://shop.example/")


def sent_as_test(campaign: Campaign) -> Run:
    user = make_member(campaign.site, Role.MARKETER)
    TestDevice.objects.create(user=user, subscription=make_subscription(campaign.site))
    return starting.send_test(campaign, user)


def test_a_new_draft_is_for_everyone_and_has_the_sites_address(site: Site) -> None:
    campaign = drafting.create(site, by=None, name="Winter layers!")
    message = drafting.message_of(campaign)
    assert campaign.state == Campaign.State.DRAFT
    assert campaign.audience.rule == {"version": 2, "all": []}
    assert (message.version, message.title, message.url) == (1, "", "https://shop.example/")
    assert (message.utm_source, message.utm_campaign) == ("beckon", "winter-layers")


def test_a_new_draft_refuses_a_rule_that_is_not_understood(site: Site) -> None:
    with pytest.raises(RuleError):
        drafting.create(site, by=None, rule={"version": 3, "all": []})
    assert not Campaign.objects.exists()


def test_an_untouched_draft_is_found_again_until_it_is_written_in(site: Site) -> None:
    user, other = make_member(site, Role.MARKETER), make_member(site, Role.MARKETER)
    draft = drafting.create(site, by=user)
    assert drafting.untouched(site, user) == draft
    assert drafting.untouched(site, other) is None
    drafting.edit_message(draft, {"title": "Hello"}, user)
    assert drafting.untouched(site, user) is None


def test_an_edit_changes_the_version_that_nobody_has_used(site: Site) -> None:
    campaign = make_campaign(site)
    message = drafting.edit_message(campaign, {"title": " New  title "}, None)
    assert (message.version, message.title) == (1, "New title")
    assert Message.objects.get().title == "New title"


def test_an_edit_after_a_test_makes_the_next_version(site: Site) -> None:
    campaign = make_campaign(site)
    run = sent_as_test(campaign)
    message = drafting.edit_message(campaign, {"title": "New"}, run.started_by)
    assert (message.version, message.body) == (2, "20 % off down")
    assert message.created_by == run.started_by
    run.message.refresh_from_db()
    assert (run.message.version, run.message.title) == (1, "Winter layers")
    # Saying the same again changes nothing.
    assert drafting.edit_message(campaign, {"title": "New"}, None).version == 2
    assert campaign.messages.count() == 2


@pytest.mark.parametrize("state", ["running", "paused", "finished", "cancelled"])
def test_what_has_started_is_not_changed(site: Site, state: str) -> None:
    campaign = make_campaign(site, state=state)
    for change in (
        lambda: drafting.edit_message(campaign, {"title": "New"}, None),
        lambda: drafting.rename(campaign, "New"),
        lambda: drafting.set_audience(campaign, VIP),
        lambda: drafting.set_time(campaign, NIGHT, "Europe/Oslo"),
        lambda: drafting.delete(campaign),
    ):
        with pytest.raises(Refused):
            change()
    assert Message.objects.get().title == "Winter layers"


def test_what_is_too_large_is_refused_with_its_size_and_changes_nothing(site: Site) -> None:
    campaign = make_campaign(site)
    with pytest.raises(ValidationError) as caught:
        drafting.edit_message(campaign, {"body": "😀" * 1000, "title": "New"}, None)
    assert "bytes too large" in caught.value.message_dict["body"][0]
    assert Message.objects.get().title == "Winter layers"


def test_the_limit_is_the_settings(site: Site, settings: Settings) -> None:
    settings.PAYLOAD_LIMIT = 500
    with pytest.raises(ValidationError, match="of 500"):
        drafting.edit_message(make_campaign(site), {"body": "x" * 400}, None)


def test_what_is_scheduled_keeps_its_schedule_and_can_not_be_emptied(site: Site) -> None:
    campaign = make_campaign(site)
    starting.schedule(campaign, NIGHT, "Europe/Oslo")
    drafting.edit_message(campaign, {"title": "New"}, None)
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.SCHEDULED
    with pytest.raises(ValidationError) as caught:
        drafting.edit_message(campaign, {"title": "", "url": ""}, None)
    assert set(caught.value.message_dict) == {"title", "url"}
    assert Message.objects.get().title == "New"


def test_rename_needs_a_name(site: Site) -> None:
    campaign = make_campaign(site)
    drafting.rename(campaign, "  Cold  hands ")
    assert Campaign.objects.get().name == "Cold hands"
    with pytest.raises(ValidationError):
        drafting.rename(campaign, " ")


def test_set_audience(site: Site) -> None:
    campaign = make_campaign(site)
    drafting.set_audience(campaign, VIP)
    assert Audience.objects.get().rule == VIP
    with pytest.raises(RuleError):
        drafting.set_audience(campaign, {"version": 1})
    assert Audience.objects.get().rule == VIP


def test_set_time_notes_the_instant_and_schedules_nothing(site: Site) -> None:
    campaign = make_campaign(site)
    drafting.set_time(campaign, NIGHT, "Europe/Oslo")
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.DRAFT
    assert campaign.scheduled_for == datetime(2099, 6, 1, 16, 0, tzinfo=UTC)
    drafting.set_time(campaign, None)
    campaign.refresh_from_db()
    assert not campaign.scheduled_for
    assert not campaign.scheduled_zone


def test_set_time_leaves_a_scheduled_campaign_alone(site: Site) -> None:
    campaign = make_campaign(site)
    starting.schedule(campaign, NIGHT, "Europe/Oslo")
    with pytest.raises(Refused, match="is scheduled"):
        drafting.set_time(campaign, None)


def test_a_copy_says_the_same_to_the_same_people_and_has_no_time(site: Site) -> None:
    actions = [{"title": "Go", "url": "https://shop.example/go"}]
    reach = {"devices": "recent", "inbox": True, "inbox_days": 7}
    message = {"actions": actions, "ttl": 60, "urgency": "low", "app": {"ios": {"badge": 3}}}
    original = make_campaign(site, name="x" * 120, rule=VIP, message=message, **reach)
    starting.schedule(original, NIGHT, "Europe/Oslo")
    copy = drafting.duplicate(original, None)
    assert {name: getattr(Campaign.objects.get(pk=copy.pk), name) for name in reach} == reach
    assert (copy.state, copy.scheduled_for) == (Campaign.State.DRAFT, None)
    assert copy.name.endswith("(copy)") and len(copy.name) <= 120
    assert copy.audience.rule == VIP and copy.audience_id != original.audience_id
    theirs, ours = drafting.message_of(original), drafting.message_of(copy)
    assert all(getattr(ours, name) == getattr(theirs, name) for name in drafting.CONTENT)


def test_the_clicks_of_a_copy_are_told_apart(site: Site) -> None:
    original = drafting.create(site, by=None, name="Winter layers")
    copy = drafting.duplicate(original, None)
    assert drafting.message_of(copy).utm_campaign == "winter-layers-copy"
    drafting.edit_message(original, {"utm_campaign": "q4"}, None)
    assert drafting.message_of(drafting.duplicate(original, None)).utm_campaign == "q4"


def test_a_draft_is_deleted_with_its_tests(site: Site) -> None:
    campaign = make_campaign(site)
    run = sent_as_test(campaign)
    with pytest.raises(Refused, match="still going out"):
        drafting.delete(campaign)
    Run.objects.filter(pk=run.pk).update(state=Run.State.FINISHED)
    Delivery.objects.create(
        month=run.month, run=run, subscription_id=run.last_subscription, state=2
    )
    drafting.delete(campaign, by=run.started_by)
    assert not Campaign.objects.exists() and not Audience.objects.exists()
    assert not Delivery.objects.exists()
    assert AuditEvent.objects.filter(action="campaign.deleted", target=campaign.name).exists()


def test_only_a_draft_is_deleted(site: Site) -> None:
    campaign = make_campaign(site)
    starting.schedule(campaign, NIGHT, "Europe/Oslo")
    with pytest.raises(Refused, match="Only a draft"):
        drafting.delete(campaign)


@pytest.mark.django_db(transaction=True)
def test_an_edit_comes_wholly_before_the_start_or_is_refused() -> None:
    """However edits and a start interleave, the run's version says what it said when it started."""
    site = make_site()
    campaign = make_campaign(site)
    make_subscription(site)

    def edit(number: int) -> bool:
        loaded = Campaign.objects.get(pk=campaign.pk)
        try:
            drafting.edit_message(loaded, {"title": f"{number}"}, None)
        except Refused:
            return False
        finally:
            connection.close()
        return True

    def start(_number: int) -> str:
        try:
            run = starting.start(Campaign.objects.get(pk=campaign.pk))
            return Message.objects.get(pk=run.message_id).title
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        edits = [pool.submit(edit, number) for number in range(10)]
        started = pool.submit(start, 0)
        edits += [pool.submit(edit, number) for number in range(10, 20)]
        said = started.result()
        done = [number for number, future in enumerate(edits) if future.result()]
    assert Run.objects.get().message.title == said
    assert said in {"Winter layers", *map(str, done)}
    assert campaign.messages.count() == 1
