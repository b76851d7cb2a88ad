"""What may be chosen for apps, and that it stays with the message wherever that goes."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from accounts.models import Site
from campaigns import approvals, checks, content, drafting, library, previewing, showing, starting
from campaigns.cells import FIRST
from campaigns.checks import Level
from campaigns.models import Campaign, Message
from campaigns.readiness import Standing
from subscribers.models import Channel
from tests.campaigns.calling import caller
from tests.factories import make_app, make_campaign, make_credential, make_site, make_subscription

CHOSEN: dict[str, Any] = {
    "android": {"link": "fjell://p/{{ coupon.code }}", "channel_id": "news", "sound": "default"},
    "ios": {
        "link": "https://shop.example/sale",
        "sound": "Soft bell.CAF",
        "badge": 0,
        "category": "OFFER",
        "interruption_level": "passive",
    },
}
BUTTONS = [{"title": "Go", "url": "https://shop.example/go"}]
BAD_SCHEMES = ("javascript", "data", "file", "vbscript", "blob", "about", "content", "intent")


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


def test_takes_what_can_be_chosen() -> None:
    assert content.checked({"app": CHOSEN}) == {"app": CHOSEN}


def test_leaves_out_what_is_empty() -> None:
    empty = {"link": " ", "sound": "", "badge": None, "category": "", "interruption_level": ""}
    assert content.checked({"app": {"ios": empty, "android": {}}}) == {"app": {}}
    padded = {"android": {"channel_id": " news ", "link": " fjell://x "}}
    clean = {"android": {"channel_id": "news", "link": "fjell://x"}}
    assert content.checked({"app": padded}) == {"app": clean}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "an object of objects"),
        ("", "an object of objects"),
        ({"ios": []}, "an object of objects"),
        ({"windows": {}}, "windows: Apps are of one of: android, ios."),
        ({"x" * 99: {}}, "x" * 35 + ": Apps are of one of"),
        ({"ios": {"channel_id": "x"}}, "ios, channel_id: There is no such field."),
        ({"android": {"badge": 1}}, "android, badge: There is no such field."),
        ({"ios": {"badge": -1}}, "ios, badge: A badge is a whole number from 0 to 99999."),
        ({"ios": {"badge": 100_000}}, "ios, badge: A badge"),
        ({"ios": {"badge": True}}, "ios, badge: A badge"),
        ({"ios": {"badge": "1"}}, "ios, badge: A badge"),
        ({"ios": {"badge": 1.0}}, "ios, badge: A badge"),
        ({"ios": {"interruption_level": "critical"}}, "ios, interruption_level: The level is one"),
        ({"ios": {"interruption_level": 1}}, "ios, interruption_level: Here must be a text."),
        ({"ios": {"sound": "bell"}}, "ios, sound: Write default, or the name of a sound file"),
        ({"ios": {"sound": "../bell.caf"}}, "ios, sound: Write default"),
        ({"ios": {"sound": "a/bell.caf"}}, "ios, sound: Write default"),
        ({"ios": {"sound": "bell.mp3"}}, "ios, sound: Write default"),
        ({"ios": {"sound": ["bell.caf"]}}, "ios, sound: Here must be a text."),
        ({"android": {"sound": "Bell"}}, "android, sound: Write default"),
        ({"android": {"sound": "raw/bell"}}, "android, sound: Write default"),
        ({"android": {"channel_id": "x" * 101}}, "android, channel_id: At most 100 characters"),
        ({"android": {"channel_id": "a\u202eb"}}, "invisible character U+202E"),
        ({"ios": {"category": None}}, "ios, category: Here must be a text."),
    ],
    ids=lambda value: None if isinstance(value, str) else repr(value)[:40],
)
def test_refuses_everything_else_with_its_place(value: Any, says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        content.checked({"app": value})
    assert says in refused.value.message_dict["app"][0]


def test_places_are_codes_too() -> None:
    with pytest.raises(ValidationError) as refused:
        content.checked({"app": {"ios": {"badge": -1, "link": "x"}, "android": {"sound": "/"}}})
    codes = {error.code for error in refused.value.error_dict["app"]}
    assert codes == {"ios.badge", "ios.link", "android.sound"}


@pytest.mark.parametrize(
    "link",
    [
        "fjell://",
        "fjell://p/7?x=1#y",
        "FJELL:p",
        "com.example.fjell:/p",
        "fjell://p/å",
        "tel:+4755555555",
        "https://shop.example/p",
        "fjell://p/{{ product.product }}",
        "fjell:{{ product.product }}",
        "https://shop.example/{{ product.product }}",
        "{{ product.url }}",
        "{% if cart %}fjell://cart{% else %}https://shop.example/{% endif %}",
    ],
)
@pytest.mark.parametrize("system", ["android", "ios"])
def test_takes_links_of_apps_and_addresses(system: str, link: str) -> None:
    assert content.checked({"app": {system: {"link": link}}}) == {"app": {system: {"link": link}}}


@pytest.mark.parametrize(
    ("link", "says"),
    [
        *((f"{scheme}:x", f"can't begin with {scheme}:") for scheme in BAD_SCHEMES),
        ("JavaScript:alert(1)", "can't begin with javascript:"),
        ("javascript:{{ site.name }}", "can't begin with javascript:"),
        ("{% if cart %}data:text/html,x{% endif %}", "can't begin with data:"),
        ("{% if cart %}fjell://x{% else %}file:///etc{% endif %}", "can't begin with file:"),
        ("java\tscript:x", "Write a whole link"),
        ("shop", "Write a whole link with its scheme"),
        ("/p/7", "Write a whole link with its scheme"),
        ("//shop.example/p", "Write a whole link with its scheme"),
        ("fjell:", "Write a whole link with its scheme"),
        ("fjell://a b", "Write a whole link with its scheme"),
        ("fjell://a\\b", "Write a whole link with its scheme"),
        ("fj{{ site.name }}://p", "Write a whole link with its scheme"),
        ("://{{ site.name }}", "Write a whole link with its scheme"),
        ("https://{{ site.name }}.example/", "Write a whole link with its scheme"),
        ("https://shop.example{{ site.name }}", "Write a whole link with its scheme"),
        ("https://shop", "Write a whole address"),
        ("https://user:secret@shop.example/", "user name and password"),
        ("https://user:secret@shop.example/{{ site.name }}", "Write a whole link"),
        ("fjell://p/{{ product.prodct }}{{", "Line 1, column"),
        ("fjell://p/{{ sit.name }}", "There is no sit. Did you mean site?"),
        ("fjell://a\u202eb", "invisible character U+202E"),
        ("fjell://" + "x" * 1_000, "At most 1000 characters"),
        (7, "Here must be a text."),
    ],
    ids=lambda value: str(value)[:30],
)
def test_refuses_links_that_could_lead_anywhere(link: Any, says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        content.checked({"app": {"ios": {"link": link}}})
    (sentence,) = refused.value.message_dict["app"]
    assert sentence.startswith("ios, link: ")
    assert says in sentence


def test_links_name_what_the_site_knows(site: Site) -> None:
    named = {"ios": {"link": "fjell://p/{{ subscriber.shoe_size }}"}}
    assert content.checked({"app": named}) == {"app": named}
    with pytest.raises(ValidationError, match="There is no subscriber.shoe_size"):
        content.checked({"app": named}, site)


# Wherever the message goes


def test_the_api_takes_and_gives_it(site: Site) -> None:
    call = caller(site)
    made = call("post", "", {"title": "x", "url": "https://shop.example/", "app": CHOSEN})
    assert made.status_code == 201, made.json()
    address = f"{made.json()['id']}/"
    assert call("get", address).json()["app"] == CHOSEN
    refused = call("patch", address, {"app": {"ios": {"badge": -1}}})
    assert refused.status_code == 400
    assert "ios, badge" in str(refused.json()["app"])
    assert call("patch", address, {"app": {}}).json()["app"] == {}


def test_a_copy_has_it(site: Site) -> None:
    campaign = make_campaign(site, message={"app": CHOSEN})
    copy = drafting.duplicate(campaign, None)
    assert drafting.message_of(copy).app == CHOSEN


def test_a_saved_message_has_it(site: Site) -> None:
    campaign = make_campaign(site, message={"app": CHOSEN})
    saved = library.save(site, "Kept", library.contents_of(campaign))
    assert showing.card(saved.content, site).notes[-1] == "links or options for apps"
    begun = library.start(site, "Begun", saved.content)
    assert drafting.message_of(begun).app == CHOSEN


def test_an_edit_while_it_goes_out_is_another_version(site: Site) -> None:
    make_subscription(site)
    campaign = make_campaign(site)
    starting.start(campaign)
    made = drafting.revise(campaign, {"app": CHOSEN})
    assert (made.version, made.app) == (2, CHOSEN)
    assert drafting.revise(campaign, {"app": CHOSEN}).version == 2
    assert Message.objects.get(campaign=campaign, version=1).app == {}


def test_an_approval_is_of_it(site: Site) -> None:
    campaign = make_campaign(site)
    before = approvals.digest(campaign)
    drafting.edit_message(campaign, {"app": CHOSEN}, None)
    assert approvals.digest(Campaign.objects.get()) != before


def test_what_apps_could_not_take_is_refused_where_there_are_apps(
    site: Site, settings: Settings
) -> None:
    settings.PAYLOAD_LIMIT = 3_993
    campaign = make_campaign(site)
    fields = {"body": "å" * 1_000, "url": "https://shop.example/" + "x" * 970}
    chosen = {"app": {"ios": {"link": "fjell://" + "x" * 970}}}
    both = fields | chosen
    drafting.edit_message(campaign, both, None)
    make_credential(site, Channel.APNS)
    changed = both | {"title": "Another"}
    with pytest.raises(ValidationError) as refused:
        drafting.edit_message(campaign, changed, None)
    (sentence,) = refused.value.message_dict["body"]
    assert "bytes too large for apps" in sentence
    assert sentence.endswith("Shorten the text, the addresses or the links.")
    drafting.edit_message(campaign, changed | {"body": ""}, None)


# What is seen of it


def test_previews_show_what_apps_show(site: Site) -> None:
    make_app(site)
    campaign = make_campaign(
        site,
        message={
            **{"actions": BUTTONS, "icon": "https://shop.example/i.png", "app": CHOSEN},
            **{"overrides": {"ios": {"title": "Short"}}, "coupon": {"code": "W20"}},
        },
    )
    message = drafting.message_of(campaign)
    seen = previewing.preview(message, site, FIRST, previewing.person_of(site, None))
    android, ios = seen.apps["android_app"], seen.apps["ios_app"]
    assert (android.title, android.link) == ("Winter layers", "fjell://p/W20")
    assert (ios.title, ios.link) == ("Short", "https://shop.example/sale")
    assert (android.icon, android.actions) == ("", [])
    assert ios.actions == [{"title": "Go"}]
    assert seen.cards["android"].link == ""
    assert seen.sizes["web"] == seen.size
    assert seen.sizes["fcm"] > 0 and seen.sizes["apns"] > 0
    message.app = {}
    plain = previewing.preview(message, site, FIRST, None).apps["ios_app"]
    assert (plain.actions, plain.link) == ([], message.url)


def test_buttons_without_a_category_are_noted(site: Site) -> None:
    make_app(site, Channel.APNS)
    campaign = make_campaign(site, message={"actions": BUTTONS})
    (note,) = [one for one in checks.of(Standing(campaign)) if one.code == "buttons_ios"]
    assert note.level == Level.NOTE
    assert note.sentence.endswith("none is named: 1 device.")
    drafting.edit_message(campaign, {"app": CHOSEN}, None)
    assert "buttons_ios" not in {one.code for one in checks.of(Standing(campaign))}


def test_buttons_in_browsers_need_no_category(site: Site) -> None:
    make_subscription(site, platform="iOS", browser="Safari")
    make_app(site)
    campaign = make_campaign(site, message={"actions": BUTTONS})
    assert "buttons_ios" not in {one.code for one in checks.of(Standing(campaign))}
