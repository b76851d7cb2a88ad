import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import Role, Site, User
from audiences import saving
from audiences.models import Audience
from campaigns import drafting, readiness, starting
from campaigns.models import Campaign, Message, Run
from campaigns.refusals import Refused
from subscribers.models import Subscription, TestDevice
from tests.audiences.rule_forms import rule_form
from tests.campaigns.engine import drive
from tests.campaigns.senders import FakeService
from tests.factories import (
    make_campaign,
    make_member,
    make_site,
    make_subscriber,
    make_subscription,
    make_user,
)

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NIGHT = datetime(2099, 6, 1, 18, 0)  # noqa: DTZ001 - a wall time
WORDS = {
    "name": "Winter layers",
    "title": "Down at 20 %",
    "body": "Until Sunday",
    "url": "https://shop.example/down",
    "keep": "86400",
    "urgency": "normal",
}


@pytest.fixture
def site(db: None) -> Site:
    return make_site(default_url="https://shop.example/", time_zone="Europe/Oslo")


@pytest.fixture
def bob(site: Site, client: Client) -> User:
    """The marketer who is signed in."""
    bob = make_member(site, Role.MARKETER, "bob@example.com")
    client.force_login(bob)
    return bob


@pytest.fixture
def campaign(site: Site, bob: User) -> Campaign:
    make_subscription(site)
    return make_campaign(site)


def at(campaign: Campaign, name: str, *more: object) -> str:
    return reverse(f"campaigns:{name}", args=[campaign.site_id, campaign.pk, *more])


def lines(*conditions: tuple[str, str, str], who: str = "matching") -> dict[str, Any]:
    return rule_form(*conditions, who=who)


# A new campaign


@pytest.mark.parametrize("method", ["get", "post"])
def test_new_makes_a_draft_and_opens_it(client: Client, site: Site, bob: User, method: str) -> None:
    address = reverse("campaigns:new", args=[site.pk])
    answer = getattr(client, method)(address)
    made = Campaign.objects.get()
    assert answer.url == at(made, "message")
    assert drafting.message_of(made).url == "https://shop.example/"
    # An empty draft is used again, not left behind.
    assert getattr(client, method)(address).url == at(made, "message")


# Who may


@pytest.mark.parametrize("name", ["message", "audience", "schedule", "review"])
def test_a_viewer_may_look_but_not_write(
    client: Client, site: Site, campaign: Campaign, name: str
) -> None:
    client.force_login(make_member(site, Role.VIEWER))
    page = client.get(at(campaign, name))
    assert page.status_code == 200
    assert b"you need the role marketer" in page.content
    assert b"Saving" not in page.content
    if name != "review":
        assert client.post(at(campaign, name), WORDS).status_code == 403
    assert Message.objects.get().title == "Winter layers"


@pytest.mark.parametrize(
    "name",
    [
        "test",
        "start",
        "plan",
        "cancel",
        "unschedule",
        "pause",
        "resume",
        "unpark",
        "resend",
        "throttle",
        "duplicate",
        "delete",
    ],
)
def test_a_viewer_may_not_act_and_a_get_does_nothing(
    client: Client, site: Site, campaign: Campaign, name: str
) -> None:
    if name != "test":
        assert client.get(at(campaign, name)).status_code == 405
    client.force_login(make_member(site, Role.VIEWER))
    assert client.post(at(campaign, name)).status_code == 403
    assert Campaign.objects.get().state == Campaign.State.DRAFT


@pytest.mark.parametrize("name", ["message", "audience", "schedule", "review", "test"])
def test_another_sites_campaign_is_not_found(client: Client, campaign: Campaign, name: str) -> None:
    foreign = make_campaign(make_site(name="Another"))
    assert client.get(at(foreign, name)).status_code == 404
    smuggled = reverse(f"campaigns:{name}", args=[campaign.site_id, foreign.pk])
    assert client.get(smuggled).status_code == 404
    client.force_login(make_user())
    assert client.get(at(campaign, name)).status_code == 404


@pytest.mark.parametrize("name", ["audience", "schedule", "review"])
def test_what_has_started_leads_to_its_report(
    client: Client, campaign: Campaign, name: str
) -> None:
    starting.start(campaign)
    answer = client.get(at(campaign, name), follow=True)
    assert answer.redirect_chain == [(at(campaign, "report"), 302)]
    assert b"who gets it and when can&#x27;t be changed any more" in answer.content


@pytest.mark.parametrize("name", ["message", "audience", "schedule", "review", "revise"])
def test_what_has_ended_leads_to_its_report(client: Client, campaign: Campaign, name: str) -> None:
    starting.start(campaign)
    starting.cancel(campaign)
    answer = client.get(at(campaign, name), follow=True)
    assert answer.redirect_chain == [(at(campaign, "report"), 302)]
    assert b"it can&#x27;t be changed any more. Duplicate it." in answer.content


def test_writing_in_what_has_started_meanwhile_sends_nothing(
    client: Client, campaign: Campaign
) -> None:
    """A window that was left open: neither it saving itself nor its button reaches anybody."""
    starting.start(campaign)
    answer = client.post(at(campaign, "message"), WORDS)
    assert answer.headers["Location"] == at(campaign, "report")
    assert Message.objects.get().title == "Winter layers"


# The message


def test_message_saves_and_goes_on(client: Client, campaign: Campaign) -> None:
    answer = client.post(
        at(campaign, "message"),
        WORDS
        | {
            "next": "1",
            "icon": "shop.example/icon.png",
            "action1_title": "Shop",
            "action1_url": "https://shop.example/",
            "keep": "custom",
            "ttl": "90",
            "urgency": "low",
        },
    )
    assert answer.headers["Location"] == at(campaign, "audience")
    campaign.refresh_from_db()
    message = Message.objects.get()
    assert (campaign.name, message.title) == ("Winter layers", "Down at 20 %")
    assert message.icon == "https://shop.example/icon.png"
    assert message.actions == [{"title": "Shop", "url": "https://shop.example/"}]
    assert (message.ttl, message.urgency) == (90, "low")


def test_message_shows_what_is_stored(client: Client, site: Site, bob: User) -> None:
    campaign = make_campaign(
        site,
        message={
            "ttl": 90,
            "image": "https://shop.example/down.jpg",
            "actions": [{"title": "Shop", "url": "https://shop.example/s"}],
            "utm_source": "beckon",
        },
    )
    page = client.get(at(campaign, "message"))
    for text in (b"Winter layers", b"down.jpg", b"https://shop.example/s", b"utm_source=beckon"):
        assert text in page.content
    assert page.context["form"]["keep"].value() == "custom"
    assert page.context["form"]["ttl"].value() == 90
    assert page.context["form"].about_delivery() == "90 seconds · Normal"


def test_utm_campaign_follows_the_name_until_it_has_its_own(
    client: Client, site: Site, bob: User
) -> None:
    campaign = drafting.create(site, by=bob, name="One")
    utm = {"utm_source": "beckon", "utm_medium": "web_push", "utm_campaign": "one"}
    client.post(at(campaign, "message"), WORDS | utm | {"name": "Two words"})
    assert Message.objects.get().utm_campaign == "two-words"
    client.post(at(campaign, "message"), WORDS | utm | {"name": "Three", "utm_campaign": "own"})
    assert Message.objects.get().utm_campaign == "own"


def test_a_draft_keeps_what_is_valid_and_says_what_is_not(
    client: Client, campaign: Campaign
) -> None:
    page = client.post(
        at(campaign, "message"),
        WORDS | {"title": "Kept", "url": "javascript:alert(1)", "action1_title": "Go", "next": "1"},
    )
    assert page.status_code == 200
    message = Message.objects.get()
    assert (message.title, message.url) == ("Kept", "https://shop.example/down")
    assert set(page.context["form"].errors) == {"url", "action1_url"}
    assert b"javascript:alert(1)" in page.content  # what was typed is still there


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"name": ""}, "name"),
        ({"title": "a\u202eb"}, "title"),
        ({"body": "a\x07b"}, "body"),
        ({"image": "data:image/png;base64,AA"}, "image"),
        ({"action1_url": "https://shop.example/"}, "action1_title"),
        ({"action2_title": "x" * 51, "action2_url": "https://shop.example/"}, "action2_title"),
        ({"keep": "custom"}, "ttl"),
        ({"keep": "custom", "ttl": "2419201"}, "ttl"),
        ({"keep": "forever"}, "keep"),
        ({"urgency": "now"}, "urgency"),
        ({"body": "😀" * 900}, "body"),
    ],
)
def test_each_refusal_stands_beside_its_field(
    client: Client, campaign: Campaign, typed: dict[str, str], field: str
) -> None:
    page = client.post(at(campaign, "message"), WORDS | typed)
    assert set(page.context["form"].errors) == {field}
    assert f'id="id_{field}_error"' in page.content.decode()


def test_too_large_is_refused_with_the_bytes(client: Client, campaign: Campaign) -> None:
    page = client.post(at(campaign, "message"), WORDS | {"body": "ж" * 1000, "url": URL_OF_900})
    assert b"bytes too large for push services" in page.content
    assert Message.objects.get().body == "20 % off down"


URL_OF_900 = "https://shop.example/" + "x" * 879


def test_saving_by_itself_answers_in_json(client: Client, campaign: Campaign) -> None:
    quiet = {"accept": "application/json"}
    said = client.post(at(campaign, "message"), WORDS | {"image": "x"}, headers=quiet).json()
    assert (said["saved"], said["name"]) == (True, "Winter layers")
    assert set(said["errors"]) == {"image"}
    assert said["opens"] == "https://shop.example/down"
    assert said["line"] == "Down at 20 %"
    assert said["size"] == readiness.Standing(campaign).size
    starting.start(campaign)
    assert client.post(at(campaign, "message"), WORDS, headers=quiet).status_code == 409
    assert Message.objects.get().title == "Down at 20 %"


def test_a_scheduled_campaign_is_edited_wholly_or_not_at_all(
    client: Client, campaign: Campaign
) -> None:
    starting.schedule(campaign, NIGHT, "Europe/Oslo")
    assert b"the schedule stays" in client.get(at(campaign, "message")).content
    client.post(at(campaign, "message"), WORDS | {"title": "New", "url": "nowhere"})
    client.post(at(campaign, "message"), WORDS | {"title": ""})
    assert Message.objects.get().title == "Winter layers"
    client.post(at(campaign, "message"), WORDS | {"title": "New"})
    assert Message.objects.get().title == "New"
    assert Campaign.objects.get().state == Campaign.State.SCHEDULED


def test_an_edit_that_lost_against_the_start_is_refused(
    client: Client, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It started between our look and our write."""

    def started(*_args: object) -> None:
        raise Refused("This campaign has started.")

    monkeypatch.setattr(drafting, "editable", started)
    page = client.post(at(campaign, "message"), WORDS | {"name": campaign.name})
    assert b"This campaign has started." in page.content
    page = client.post(at(campaign, "audience"), {"who": "everyone"} | lines(who="everyone"))
    assert b"This campaign has started." in page.content
    page = client.post(at(campaign, "schedule"), {"when": "now"})
    assert b"This campaign has started." in page.content


def test_queries_of_the_message_page(
    client: Client, campaign: Campaign, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(20):
        make_subscription(campaign.site)
    client.get(at(campaign, "message"))
    # session, user, membership, campaign, message; the count within its limits; the newest person,
    # what is known of them, the names of events, and whether there is an app
    with django_assert_num_queries(15):
        client.get(at(campaign, "message"))


# The audience


def test_audience_saves_conditions(client: Client, campaign: Campaign) -> None:
    answer = client.post(
        at(campaign, "audience"),
        lines(
            ("tag", "any_of", 'vip, "a, b"'),
            ("language", "any_of", "Norwegian Bokmål, en"),
            ("browser", "none_of", "Firefox"),
        )
        | {"next": "1"},
    )
    assert answer.headers["Location"] == at(campaign, "schedule")
    campaign.audience.refresh_from_db()
    assert [item["values"] for item in campaign.audience.rule["all"]] == [
        ["vip", "a, b"],
        ["nb", "en"],
        ["Firefox"],
    ]
    page = client.get(at(campaign, "audience"))
    assert b'value="vip, &quot;a, b&quot;"' in page.content
    assert b"Norwegian Bokm\xc3\xa5l, English" in page.content


def test_everyone_forgets_the_conditions(client: Client, campaign: Campaign) -> None:
    drafting.set_audience(
        campaign, {"version": 1, "all": [{"field": "tag", "op": "any_of", "values": ["vip"]}]}
    )
    client.post(at(campaign, "audience"), lines(("tag", "any_of", ""), who="everyone"))
    campaign.audience.refresh_from_db()
    assert campaign.audience.rule == {"version": 2, "all": []}


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"who": "some"},
        {"who": "matching"},
        lines(),
        lines(("tag", "any_of", "")),
        lines(("tag", "any_of", " , ,")),
        lines(("tag", "any_of", "x" * 201)),
        lines(("tag", "any_of", "\0")),
        lines(("country", "any_of", "Atlantis")),
        lines(("language", "any_of", "Klingonish")),
        lines(("nothing", "any_of", "x")),
        lines(("tag", "any_of", "vip"), ("tag", "any_of", "")),
        lines(("tag", "any_of", "vip")) | {"leave": "no-id"},
        lines() | {"send": "0190d3ad-0000-7000-8000-000000000000"},
    ],
)
def test_audience_that_is_not_understood_changes_nothing(
    client: Client, campaign: Campaign, data: dict[str, Any]
) -> None:
    rule = {"version": 2, "all": [{"field": "tag", "op": "any_of", "values": ["vip"]}]}
    drafting.set_audience(campaign, rule)
    page = client.post(at(campaign, "audience"), data)
    assert page.status_code == 200 and b"The audience is not saved yet" in page.content
    campaign.audience.refresh_from_db()
    assert campaign.audience.rule == rule


def test_lines_are_added_and_removed_without_a_script(client: Client, campaign: Campaign) -> None:
    two = lines(("tag", "any_of", "vip"), ("browser", "none_of", "Firefox"))
    added = client.post(at(campaign, "audience"), two | {"do": "add n0"})
    assert b'data-go="n3-subject"' in added.content and b'value="Firefox"' in added.content
    removed = client.post(at(campaign, "audience"), two | {"do": "remove n1"})
    assert b'value="Firefox"' in removed.content and b'value="vip"' not in removed.content
    odd = client.post(at(campaign, "audience"), two | {"do": "remove n9"})
    assert b'value="Firefox"' in odd.content and b'value="vip"' in odd.content
    campaign.audience.refresh_from_db()
    assert campaign.audience.rule["all"] == []


def test_a_button_shows_people_and_devices_and_saves_nothing(
    client: Client, site: Site, campaign: Campaign
) -> None:
    ada = make_subscriber(site, tags=["vip"])
    for platform, browser in (("Android", "Chrome"), ("iPadOS", "Safari"), ("macOS", "Safari")):
        make_subscription(site, subscriber=ada, platform=platform, browser=browser)
    data = lines(("tag", "any_of", "vip"), ("browser", "none_of", "Firefox")) | {"do": "draw"}
    page = client.post(at(campaign, "audience"), data)
    assert b"1 people on 3 devices" in page.content
    assert b"<em>vip</em>" in page.content
    empty = client.post(at(campaign, "audience"), lines(("tag", "any_of", "no")) | {"do": "draw"})
    assert b"Nobody matches" in empty.content
    campaign.audience.refresh_from_db()
    assert campaign.audience.rule["all"] == []


def test_whole_audiences_are_sent_to_and_left_out(
    client: Client, site: Site, campaign: Campaign
) -> None:
    tagged = {"version": 2, "all": [{"field": "tag", "op": "any_of", "values": ["vip"]}]}
    first, second, third = (
        str(saving.create(site, name, tagged, by=None).pk) for name in ("Best", "New", "Staff")
    )
    data = lines(("tag", "any_of", "sale")) | {"send": [first, second], "leave": [third]}
    client.post(at(campaign, "audience"), data)
    campaign.audience.refresh_from_db()
    assert campaign.audience.rule["all"] == [
        {"any": [{"audience": first}, {"audience": second}]},
        {"field": "tag", "op": "any_of", "values": ["sale"]},
        {"none": [{"audience": third}]},
    ]
    page = client.get(at(campaign, "audience")).content.decode()
    for name, audience in (("send", first), ("send", second), ("leave", third)):
        assert re.search(f'name="{name}" id="[^"]+" value="{audience}" checked', page)
    assert "who are in the audience <em>Best</em>" in page
    client.post(at(campaign, "audience"), {"who": "matching", "send": [first]})
    campaign.audience.refresh_from_db()
    assert campaign.audience.rule["all"] == [{"audience": first}]


def test_queries_of_the_audience_page(
    client: Client, campaign: Campaign, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    rule = {"field": "tag", "op": "any_of", "values": ["vip"]}
    drafting.set_audience(campaign, {"version": 2, "all": [rule] * 20})
    client.get(at(campaign, "audience"))  # attributes are remembered for a moment
    # session, user, membership, campaign; events, audiences; the count within its limits; message
    with django_assert_num_queries(12):
        client.get(at(campaign, "audience"))


# The review, and what follows


def test_review_links_to_what_is_missing(client: Client, site: Site, bob: User) -> None:
    campaign = make_campaign(site, message={"title": "", "url": ""})
    Campaign.objects.update(scheduled_for=NOON.replace(year=2020), scheduled_zone="UTC")
    Campaign.objects.update(scheduled_wall=NOON.replace(year=2020))
    page = client.get(at(campaign, "review")).content.decode()
    for link in ("message/#id_title", "message/#id_url", "audience/#id_who", "schedule/#id_wall"):
        assert link in page
    assert 'form="go-form"' not in page
    for name in ("start", "plan"):
        refused = client.post(at(campaign, name))
        assert refused.status_code == 409
        assert b"See what is missing" in refused.content
    assert not Run.objects.exists()


def test_review_names_a_payload_that_no_longer_fits(
    client: Client, campaign: Campaign, settings: Settings
) -> None:
    settings.PAYLOAD_LIMIT = 100
    assert b"The notification is too large" in client.get(at(campaign, "review")).content
    assert client.post(at(campaign, "start")).status_code == 409


def test_start_starts_once_however_often_it_is_pressed(
    client: Client, campaign: Campaign, bob: User
) -> None:
    for _ in range(3):
        answer = client.post(at(campaign, "start"))
        assert answer.headers["Location"] == at(campaign, "report")
    assert not Run.objects.exists()
    campaign.refresh_from_db()
    assert campaign.scheduled_for is not None
    starting.start_due(campaign.scheduled_for)
    assert Run.objects.get().campaign == campaign


def test_start_does_not_mind_a_time_that_has_passed(client: Client, campaign: Campaign) -> None:
    Campaign.objects.update(scheduled_for=NOON.replace(year=2020), scheduled_zone="UTC")
    client.post(at(campaign, "start"))
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.SCHEDULED
    assert campaign.scheduled_for is not None and campaign.scheduled_for > timezone.now()


def test_plan_schedules_for_the_noted_time(client: Client, campaign: Campaign) -> None:
    assert b"Set a time first" in client.post(at(campaign, "plan")).content
    drafting.set_time(campaign, NIGHT, "Europe/Oslo")
    page = client.get(at(campaign, "review")).content.decode()
    assert 'form="go-form"' in page and at(campaign, "plan") in page
    for _ in range(2):
        answer = client.post(at(campaign, "plan"))
        assert answer.headers["Location"] == at(campaign, "report")
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.SCHEDULED
    assert "It is scheduled for" in client.get(at(campaign, "review")).content.decode()
    client.post(at(campaign, "unschedule"))
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.DRAFT


def test_a_refusal_of_the_start_is_shown(
    client: Client, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise Refused("Not on a Sunday.")

    monkeypatch.setattr(starting, "send_soon", refuse)
    refused = client.post(at(campaign, "start"))
    assert refused.status_code == 409
    assert b"Not on a Sunday." in refused.content


def test_pause_resume_and_cancel(client: Client, campaign: Campaign) -> None:
    starting.start(campaign)
    for name, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        answer = client.post(at(campaign, name))
        assert answer.headers["Location"] == at(campaign, "report")
        assert Campaign.objects.get().state == state
    refused = client.post(at(campaign, "resume"), follow=True)
    assert b"It is not paused." in refused.content


def test_what_a_draft_refuses_is_said_on_its_review(client: Client, campaign: Campaign) -> None:
    answer = client.post(at(campaign, "pause"), follow=True)
    assert answer.redirect_chain == [(at(campaign, "review"), 302)]
    assert b"It is not running." in answer.content


def test_duplicate_opens_the_copy(client: Client, campaign: Campaign) -> None:
    starting.start(campaign)
    answer = client.post(at(campaign, "duplicate"))
    copy = Campaign.objects.exclude(pk=campaign.pk).get()
    assert answer.headers["Location"] == at(copy, "message")


def test_a_copy_does_not_go_to_others(client: Client, campaign: Campaign) -> None:
    named = Audience.objects.create(site=campaign.site, name="Friends")
    rule = {"version": 2, "none": [{"audience": str(named.pk)}]}
    Audience.objects.filter(pk=campaign.audience_id).update(rule=rule)
    campaign.refresh_from_db()
    starting.start(campaign)
    starting.cancel(campaign)
    named.delete()
    page = client.post(at(campaign, "duplicate"), follow=True).content.decode()
    assert "be copied with its audience. An audience that this names is not there" in page
    assert Campaign.objects.get() == campaign


def test_delete_removes_a_draft_only(client: Client, campaign: Campaign) -> None:
    starting.schedule(campaign, NIGHT, "UTC")
    answer = client.post(at(campaign, "delete"), follow=True)
    assert b"Only a draft can be deleted" in answer.content
    starting.unschedule(campaign)
    answer = client.post(at(campaign, "delete"))
    assert answer.headers["Location"] == reverse("campaigns:list", args=[campaign.site_id])
    assert not Campaign.objects.exists()


# The test


def test_test_teaches_how_to_make_a_device(client: Client, campaign: Campaign) -> None:
    page = client.get(at(campaign, "test"))
    assert b"Use as my test device" in page.content
    assert b"focus-bar" in page.content  # a page of its own without a script
    part = client.get(at(campaign, "test"), headers={"hx-request": "true"})
    assert b"focus-bar" not in part.content
    refused = client.post(at(campaign, "test"))
    assert b"None of your devices" in refused.content
    assert not Run.objects.exists()


def test_test_goes_to_my_devices_and_says_what_became_of_it(
    client: Client, site: Site, campaign: Campaign, bob: User
) -> None:
    mine, gone = make_subscription(site), make_subscription(site, state="gone")
    for device in (mine, gone):
        TestDevice.objects.create(user=bob, subscription=device)
    TestDevice.objects.create(user=make_user(), subscription=make_subscription(site))
    assert b"Send to 1 device" in client.get(at(campaign, "test")).content
    page = client.post(at(campaign, "test"), headers={"hx-request": "true"})
    assert b"On its way" in page.content
    run = Run.objects.get(kind=Run.Kind.TEST)
    drive(run, FakeService())
    done = client.get(at(campaign, "test_run", run.pk), headers={"hx-request": "true"})
    assert b"accepted it for 1 device" in done.content
    assert b"every 1s" not in done.content
    assert b"This version was sent as a test" in client.get(at(campaign, "review")).content
    assert Campaign.objects.get().state == Campaign.State.DRAFT


def test_test_names_what_was_not_accepted(
    client: Client, site: Site, campaign: Campaign, bob: User
) -> None:
    TestDevice.objects.create(user=bob, subscription=make_subscription(site))
    run = starting.send_test(campaign, bob)
    Subscription.objects.filter(testers__user=bob).update(state="unsubscribed")
    drive(run, FakeService())
    done = client.get(at(campaign, "test_run", run.pk))
    assert b"Accepted for 0 of" in done.content


def test_test_needs_a_message(client: Client, site: Site, bob: User) -> None:
    campaign = make_campaign(site, message={"title": ""})
    TestDevice.objects.create(user=bob, subscription=make_subscription(site))
    page = client.get(at(campaign, "test"))
    assert b"Write a title" in page.content
    assert b"Send to 1 device" not in page.content


def test_the_run_of_another_campaign_is_no_test_of_this_one(
    client: Client, site: Site, campaign: Campaign
) -> None:
    run = starting.start(make_campaign(site))
    assert client.get(at(campaign, "test_run", run.pk)).status_code == 404


def test_the_review_says_that_the_audience_names_what_is_gone(
    client: Client, campaign: Campaign
) -> None:
    gone = "5e3f2b1a-0000-4000-8000-000000000000"
    rule = {"version": 2, "none": [{"field": "list", "op": "any_of", "values": [gone]}]}
    Audience.objects.filter(pk=campaign.audience_id).update(rule=rule)
    page = client.get(at(campaign, "review")).content.decode()
    assert "is not there any more" in page
