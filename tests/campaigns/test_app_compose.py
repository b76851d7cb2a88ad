"""The message step of a site with an app: its options, its previews and how much it fills."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role, Site, User
from campaigns import drafting, planning, starting
from campaigns.models import Campaign, Message
from subscribers.models import Channel
from tests.campaigns.calling import caller
from tests.campaigns.test_compose import WORDS
from tests.factories import (
    make_app,
    make_campaign,
    make_credential,
    make_member,
    make_site,
    make_subscription,
)

pytestmark = pytest.mark.django_db
EMPTY = {
    **{"android_link": "", "android_channel_id": "", "android_sound": "", "ios_link": ""},
    **{"ios_sound": "", "ios_badge": "", "ios_category": "", "ios_interruption_level": ""},
}
TYPED = {
    **{"android_link": "shop://p/{{ cart.first_item.quantity }}", "android_channel_id": "offers"},
    **{"android_sound": "bell", "ios_link": "https://shop.example/app", "ios_sound": "bell.caf"},
    **{"ios_badge": "3", "ios_category": "order", "ios_interruption_level": "time-sensitive"},
}
STORED = {
    "android": {
        **{
            "link": "shop://p/{{ cart.first_item.quantity }}",
            "channel_id": "offers",
            "sound": "bell",
        },
    },
    "ios": {
        **{"link": "https://shop.example/app", "sound": "bell.caf", "badge": 3},
        **{"category": "order", "interruption_level": "time-sensitive"},
    },
}


@pytest.fixture
def site() -> Site:
    return make_site(default_url="https://shop.example/", time_zone="Europe/Oslo")


@pytest.fixture
def bob(site: Site, client: Client) -> User:
    bob = make_member(site, Role.MARKETER, "bob@example.com")
    client.force_login(bob)
    return bob


@pytest.fixture
def campaign(site: Site, bob: User) -> Campaign:
    """Of a site with a browser, an Android app and an iOS app."""
    make_subscription(site, platform="Android")
    make_app(site)
    make_app(site, Channel.APNS)
    return make_campaign(site)


def at(campaign: Campaign, name: str = "message") -> str:
    return reverse(f"campaigns:{name}", args=[campaign.site_id, campaign.pk])


def preview(client: Client, campaign: Campaign, **typed: str) -> dict[str, Any]:
    found: dict[str, Any] = client.post(at(campaign, "message_preview"), WORDS | typed).json()
    return found


def test_options_are_stored_shown_and_taken_back(client: Client, campaign: Campaign) -> None:
    page = client.get(at(campaign)).content.decode()
    assert 'data-about="about_apps">the web address</span>' in page
    assert client.post(at(campaign), WORDS | TYPED).status_code == 302
    assert Message.objects.get().app == STORED
    page = client.get(at(campaign)).content.decode()
    about = (
        "a link of its own, channel “offers”, a sound, badge 3, category “order”, time sensitive"
    )
    assert about in page
    for value in ("offers", "bell.caf", "order"):
        assert f'value="{value}"' in page
    client.post(at(campaign), WORDS | EMPTY)
    assert Message.objects.get().app == {}


def test_a_badge_of_nought_takes_it_away_and_is_kept(client: Client, campaign: Campaign) -> None:
    client.post(at(campaign), WORDS | EMPTY | {"ios_badge": "0"})
    assert Message.objects.get().app == {"ios": {"badge": 0}}
    page = client.get(at(campaign)).content.decode()
    assert "the web address, badge 0" in page


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("android_link", "javascript:alert(1)", "javascript:, which is not safe"),
        ("ios_link", "products/7", "whole link with its scheme"),
        ("ios_link", "shop://{{ subscribr.x }}", "Line 1, column"),
        ("android_sound", "../bell", "Write default"),
        ("ios_sound", "bell.mp3", "such as bell.caf"),
        ("ios_badge", "many", "whole number"),
        ("ios_badge", "100000", "from 0 to 99999"),
        ("ios_category", "x" * 101, "At most 100 characters"),
        ("ios_interruption_level", "critical", "The level is one of"),
    ],
)
def test_what_is_refused_says_so_beside_its_field_and_nothing_is_lost(
    client: Client, campaign: Campaign, field: str, value: str, sentence: str
) -> None:
    drafting.edit_message(campaign, {"app": STORED}, None)
    answer = client.post(at(campaign), WORDS | TYPED | {"title": "New", field: value})
    form = answer.context["form"]
    assert set(form.errors) == {field}
    assert sentence in form.errors[field][0]
    assert form[field].value() == value
    # What is right is stored, what is wrong stays as it was.
    message = Message.objects.get()
    assert (message.title, message.app) == ("New", STORED)
    # The details are open where something is wrong.
    assert '<details class="more compose-more" open><summary><b>Apps</b>' in answer.content.decode()


def test_it_saves_itself_with_errors_by_field(client: Client, campaign: Campaign) -> None:
    typed = WORDS | TYPED | {"android_link": "javascript:alert(1)"}
    said = client.post(at(campaign), typed, headers={"accept": "application/json"}).json()
    assert said["saved"] and set(said["errors"]) == {"android_link"}
    assert "link" not in Message.objects.get().app["android"]
    assert Message.objects.get().app["ios"] == STORED["ios"]


def test_a_site_without_an_app_has_a_quiet_line(
    client: Client, site: Site, bob: User, campaign: Campaign
) -> None:
    other = make_site(name="Other")
    plain = make_campaign(other)
    eve = make_member(other, Role.MARKETER, "eve@example.com")
    client.force_login(eve)
    page = client.get(at(plain)).content.decode()
    assert "This site sends to browsers only." in page and "An admin can set up" in page
    assert "id_android_link" not in page and 'data-system="ios_app"' not in page
    client.force_login(make_member(other, Role.ADMIN, "adam@example.com"))
    page = client.get(at(plain)).content.decode()
    assert f'href="{reverse("subscribers:apps", args=[other.pk])}">Set up your app</a>' in page
    # What was chosen by the REST API is kept by a form that does not have it, and shown.
    drafting.edit_message(plain, {"app": STORED}, None)
    client.post(at(plain), WORDS)
    assert Message.objects.get(campaign=plain).app == STORED
    assert "id_android_link" in client.get(at(plain)).content.decode()


def test_the_app_is_previewed_with_its_link_and_buttons(client: Client, campaign: Campaign) -> None:
    button = {"action1_title": "Buy", "action1_url": "https://shop.example/buy"}
    cards = preview(client, campaign, **button)["cards"]
    assert cards["ios_app"]["actions"] == cards["android_app"]["actions"] == []
    assert cards["android_app"]["link"] == cards["android"]["url"] != ""
    typed = EMPTY | {"ios_category": "order", "ios_link": "shop://sale", "ios_title": "For iOS"}
    cards = preview(client, campaign, **button, **typed)["cards"]
    assert cards["ios_app"]["actions"] == [{"title": "Buy"}]
    assert cards["ios_app"]["link"] == "shop://sale"
    assert cards["ios_app"]["title"] == "For iOS"
    assert Message.objects.get().app == {}


def test_previews_and_sizes_are_of_the_channels_that_the_site_has(
    client: Client, site: Site, campaign: Campaign
) -> None:
    page = client.get(at(campaign)).content.decode()
    assert 'data-system="android_app" data-devices="1"' in page
    assert 'data-system="ios_app" data-devices="1"' in page
    for channel, limit in (("web", 2600), ("fcm", 4096), ("apns", 4096)):
        assert f'data-payload-of="{channel}" data-limit="{limit}"' in page
    sizes = preview(client, campaign)["sizes"]
    larger = preview(client, campaign, **EMPTY | {"ios_category": "x" * 50})["sizes"]
    assert larger["web"] == sizes["web"]
    assert larger["apns"] > sizes["apns"]
    apple = make_site(name="Apple alone")
    make_credential(apple, Channel.APNS)
    client.force_login(make_member(apple, Role.MARKETER, "tim@example.com"))
    page = client.get(at(make_campaign(apple))).content.decode()
    assert 'data-system="ios_app"' in page and 'data-system="android_app"' not in page
    assert 'data-payload-of="fcm"' not in page


def test_the_review_shows_the_app(client: Client, campaign: Campaign) -> None:
    app = {"android": {"link": "shop://sale"}, "ios": {"badge": 0, "category": "order"}}
    drafting.edit_message(campaign, {"app": app}, None)
    page = client.get(at(campaign, "review")).content.decode()
    assert 'data-show="link">shop://sale</code>' in page
    assert "<dt>Android app</dt><dd>Opens shop://sale</dd>" in page
    assert "<dt>iOS app</dt><dd>Opens the web address" in page
    assert "Badge: 0, Category: order" in page


def test_options_are_changed_while_it_goes_out(client: Client, campaign: Campaign) -> None:
    run = starting.start(campaign)
    planning.plan(run.pk)
    typed = WORDS | TYPED | {"seen": "1"}
    answer = client.post(at(campaign, "revise"), typed)
    assert answer.headers["Location"] == at(campaign, "report")
    run.refresh_from_db()
    assert (run.message.version, run.message.app) == (2, STORED)


def test_another_cell_keeps_the_options(client: Client, campaign: Campaign) -> None:
    """Options are of the whole message: every variant and language has the same."""
    client.post(at(campaign), WORDS | TYPED | {"do": "add-variant"})
    assert Message.objects.get().app == STORED
    page = client.get(f"{at(campaign)}?cell=B").content.decode()
    assert 'value="offers"' in page


def test_the_api_reads_and_writes_the_same(site: Site) -> None:
    call = caller(site)
    given = {"app": STORED, "devices": "mobile", "inbox": True, "inbox_days": 14}
    made = call("post", "", {"title": "Winter", "url": "https://shop.example/"} | given)
    assert made.status_code == 201, made.json()
    path = f"{made.json()['id']}/"
    said = call("get", path).json()
    assert {name: said[name] for name in given} == given
    changed = call("patch", path, {"app": {"ios": {"badge": None}}, "inbox": False}).json()
    assert (changed["app"], changed["inbox"], changed["inbox_days"]) == ({}, False, 14)


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"app": {"ios": {"link": "javascript:alert(1)"}}}, "app", "ios, link: "),
        ({"app": {"amiga": {}}}, "app", "Apps are of one of"),
        ({"app": {"ios": {"bagde": 1}}}, "app", "ios, bagde: There is no such field"),
        ({"app": [1]}, "app", "object of objects"),
        ({"devices": "phones"}, "devices", "phones"),
        ({"inbox": "perhaps"}, "inbox", "boolean"),
        ({"inbox_days": 0}, "inbox_days", "1"),
        ({"inbox_days": 91}, "inbox_days", "90"),
    ],
    ids=["link", "system", "option", "shape", "devices", "inbox", "no day", "too many"],
)
def test_the_api_says_by_field_what_is_wrong(
    site: Site, body: dict[str, Any], field: str, says: str
) -> None:
    campaign = make_campaign(site)
    refused = caller(site)("patch", f"{campaign.pk}/", body)
    assert refused.status_code == 400
    assert set(refused.json()) == {field}
    assert says in str(refused.json()[field])
    assert Message.objects.get().app == {} and not Campaign.objects.get().inbox


def test_devices_are_fixed_once_it_has_started(site: Site, campaign: Campaign) -> None:
    starting.start(campaign)
    call = caller(site)
    for body in ({"devices": "recent"}, {"inbox": True}, {"inbox_days": 7}):
        assert call("patch", f"{campaign.pk}/", body).status_code == 409, body
    assert call("patch", f"{campaign.pk}/", {"app": STORED}).status_code == 200
    assert Campaign.objects.get().devices == "every"
