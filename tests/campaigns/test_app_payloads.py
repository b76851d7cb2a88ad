"""What FCM and APNs are given: shape, links, limits, and who gets which."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from time import time
from typing import Any

import pytest
import time_machine
from firebase_admin import messaging
from pytest_django import Settings

from campaigns import payload, tokens
from campaigns.models import Campaign, Message
from campaigns.personal import Aborted, Renderer, apps
from demo.appservice import fcm_schema
from subscribers.models import Channel
from tests.campaigns.personal import SITE, app, kari, message, reader, renderer
from tests.factories import make_site

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
RECEIPTS = "http://127.0.0.1:8000/push/events/"
URL = "https://shop.example/down"
IMAGE = "https://shop.example/down.jpg"
TOKEN, TAG = "t" * tokens.LENGTH, "g" * 32
FULL: dict[str, Any] = {
    "title": "Vinterlag",
    "body": "20 % på dun · 🧤",
    "image": IMAGE,
    "icon": "https://shop.example/icon.png",
    "badge": "https://shop.example/badge.png",
    "urgency": "high",
    "actions": [{"title": "Se", "url": "https://shop.example/see"}],
    "app": {
        "android": {"link": "fjell://down", "channel_id": "news", "sound": "bell"},
        "ios": {
            "link": "fjell://ned",
            "sound": "bell.caf",
            "badge": 3,
            "category": "OFFER",
            "interruption_level": "time-sensitive",
        },
    },
}
BECKON = {
    "t": "tok",
    "u": RECEIPTS,
    "link": "fjell://ned",
    "url": URL,
    "image": IMAGE,
    "buttons": [{"title": "Se", "url": "https://shop.example/see"}],
}


def on(platform: str, of: Renderer) -> Any:
    """What a device of FCM is given."""
    return app(of, Channel.FCM, reader(platform=platform))


# Shape


def of_firebase(priority: str, aps: messaging.Aps) -> Any:
    """The same message as Firebase's own library writes it."""
    shown = messaging.AndroidNotification(channel_id="news", sound="bell", tag="tag")
    built = messaging.Message(
        fid="x" * 22,
        notification=messaging.Notification("Vinterlag", "20 % på dun · 🧤", IMAGE),
        data={
            **{"t": "tok", "u": RECEIPTS, "link": "fjell://down", "url": URL},
            "buttons": '[{"title":"Se","url":"https://shop.example/see"}]',
        },
        android=messaging.AndroidConfig(
            collapse_key="tag", priority=priority, ttl=60, notification=shown
        ),
        apns=messaging.APNSConfig(
            headers={
                "apns-priority": "10",
                "apns-expiration": str(int(NOW.timestamp()) + 60),
                "apns-collapse-id": "tag",
            },
            payload=messaging.APNSPayload(aps, beckon=BECKON),
            fcm_options=messaging.APNSFCMOptions(image=IMAGE),
        ),
    )
    document = json.loads(str(built))
    del document["fid"]
    return document


def aps_of_firebase(**fields: Any) -> messaging.Aps:
    return messaging.Aps(
        badge=3,
        sound="bell.caf",
        category="OFFER",
        mutable_content=True,
        custom_data={"interruption-level": "time-sensitive"},
        **fields,
    )


@time_machine.travel(NOW, tick=False)
def test_fcm_is_given_what_firebases_own_library_writes() -> None:
    document = app(renderer(**FULL), Channel.FCM, ttl=60)
    # Its reference has capitals, its library has none, and both are understood.
    priority = document["android"]["priority"].lower()
    assert priority == "high"
    document["android"]["priority"] = priority
    assert document == of_firebase(priority, aps_of_firebase())


@time_machine.travel(NOW, tick=False)
def test_apns_is_given_what_firebases_own_library_writes() -> None:
    alert = messaging.ApsAlert(title="Vinterlag", body="20 % på dun · 🧤")
    document = of_firebase("high", aps_of_firebase(alert=alert))
    assert app(renderer(**FULL), Channel.APNS) == document["apns"]["payload"]


@pytest.mark.parametrize("platform", ["Android", "iOS", ""], ids=["android", "ios", "unknown"])
@pytest.mark.parametrize("fields", [FULL, {}], ids=["all", "nothing"])
def test_fcm_knows_every_field_that_it_is_given(platform: str, fields: dict[str, Any]) -> None:
    _clean, wrong = fcm_schema.check({"message": on(platform, renderer(**fields))}, fcm_schema.BODY)
    assert wrong == []


@time_machine.travel(NOW, tick=False)
def test_nothing_is_said_of_what_was_not_chosen() -> None:
    plain = renderer()
    data = {"t": "tok", "u": RECEIPTS, "link": URL, "url": URL}
    ends = int(NOW.timestamp()) + 86_400
    assert on("", plain) == {
        "notification": {"title": "Winter layers"},
        "data": data,
        "android": {
            **{"priority": "NORMAL", "ttl": "86400s", "collapse_key": "tag"},
            "notification": {"tag": "tag"},
        },
        "apns": {
            "headers": {
                **{"apns-priority": "10", "apns-expiration": str(ends)},
                "apns-collapse-id": "tag",
            },
            "payload": {"aps": {}, "beckon": data},
        },
    }
    alert = {"alert": {"title": "Winter layers"}}
    assert app(plain, Channel.APNS) == {"aps": alert, "beckon": data}


def test_the_letters_stay_letters() -> None:
    body = renderer(**FULL).payload(channel=Channel.APNS)
    assert "🧤".encode() in body, "Apple knows no escapes, and they would cost three times as much"


@pytest.mark.parametrize(
    ("urgency", "android", "ios"),
    [
        ("very-low", "NORMAL", "1"),
        ("low", "NORMAL", "5"),
        ("normal", "NORMAL", "10"),
        ("high", "HIGH", "10"),
    ],
)
def test_urgency_is_the_priority_of_each_system(urgency: str, android: str, ios: str) -> None:
    said = app(renderer(urgency=urgency), Channel.FCM)
    assert said["android"]["priority"] == android
    assert said["apns"]["headers"]["apns-priority"] == ios


def test_how_long_it_lasts() -> None:
    one = renderer(ttl=3_600)
    lasting: list[tuple[str, int]] = []
    with time_machine.travel(NOW, tick=False) as clock:
        for ttl in (None, 60, 60, 0):
            said = app(one, Channel.FCM, ttl=ttl)
            ends = int(said["apns"]["headers"]["apns-expiration"])
            lasting.append((said["android"]["ttl"], ends and ends - int(time())))
            clock.shift(2)
    assert lasting == [("3600s", 3_600), ("60s", 60), ("60s", 60), ("0s", 0)]


def test_two_deliveries_differ_in_nothing_but_their_token_and_tag() -> None:
    one = renderer(**FULL)
    with time_machine.travel(NOW, tick=False):
        first = one.payload(channel=Channel.FCM, token="AAA", tag="BBB").decode()
        second = one.payload(channel=Channel.FCM, token="CCC", tag="DDD").decode()
    assert first.count("AAA") == 2
    assert first.count("BBB") == 3
    assert first.replace("AAA", "CCC").replace("BBB", "DDD") == second


@pytest.mark.django_db
def test_what_is_of_one_topic_is_grouped_on_ios() -> None:
    campaign = Campaign(topic="offers")
    said = app(Renderer(message(campaign=campaign), SITE), Channel.APNS)
    assert said["aps"]["thread-id"] == "offers"


@pytest.mark.parametrize(
    "name",
    ['"', "\\", "%s %(t)s %", '"},"aps":{', "{{ site.name }}", "\u2028", "\U0001f9e4", "a\nb"],
    ids=["quote", "backslash", "percent", "json", "liquid", "separator", "emoji", "lines"],
)
@pytest.mark.parametrize("channel", [Channel.FCM, Channel.APNS])
def test_whatever_people_are_called_is_text(channel: str, name: str) -> None:
    one = renderer(title="Hi {{ subscriber.first_name }}!", **{"app": FULL["app"]})
    said = app(one, channel, kari(name))
    shown = said["notification"] if channel == Channel.FCM else said["aps"]["alert"]
    assert shown["title"] == f"Hi {' '.join(name.split())}!"
    assert set(said) <= {"notification", "data", "android", "apns", "aps", "beckon"}


# Who gets which


def test_a_device_is_told_what_is_for_its_system() -> None:
    one = renderer(**FULL)
    assert set(on("Android", one)) == {"notification", "data", "android"}
    assert set(on("iOS", one)) == set(on("iPadOS", one)) == {"notification", "apns"}
    assert (
        set(on("", one)) == set(on("Fuchsia", one)) == {"notification", "data", "android", "apns"}
    )
    assert on("Android", one)["data"]["link"] == "fjell://down"
    assert on("iOS", one)["apns"]["payload"]["beckon"]["link"] == "fjell://ned"


def test_platforms_and_languages_are_as_in_browsers() -> None:
    one = renderer(
        title="Winter",
        translations={"nb": {"title": "Vinter", "body": "Dun"}},
        overrides={"ios": {"title": "Kort"}, "android": {"image": IMAGE}},
    )
    nb = {platform: reader("nb-NO", platform) for platform in ("Android", "iPadOS", "")}
    android = app(one, Channel.FCM, nb["Android"])["notification"]
    assert android == {"title": "Vinter", "body": "Dun", "image": IMAGE}
    for who in (nb["iPadOS"], nb[""]):
        alert = app(one, Channel.APNS, who)["aps"]["alert"]
        assert alert == {"title": "Kort", "body": "Dun"}
    assert app(one, Channel.APNS)["aps"]["alert"] == {"title": "Kort"}
    assert app(one, Channel.FCM, nb["iPadOS"])["notification"]["title"] == "Kort"
    assert app(one, Channel.FCM, nb[""])["notification"] == {"title": "Vinter", "body": "Dun"}


def test_what_was_chosen_for_apps_is_the_same_in_all_variants() -> None:
    second = {"title": "B", "url": "https://shop.example/b", "weight": 50}
    one = renderer(**FULL, variants=[second])
    said = json.loads(one.payload(variant=1, channel=Channel.APNS))
    assert said["aps"]["alert"] == {"title": "B"}
    assert said["aps"]["category"] == "OFFER"
    assert said["beckon"]["link"] == "fjell://ned"
    assert said["beckon"]["url"] == "https://shop.example/b"


def test_browsers_get_nothing_of_it() -> None:
    without = {name: value for name, value in FULL.items() if name != "app"}
    assert renderer(**FULL).payload(tag="g") == renderer(**without).payload(tag="g")
    assert renderer(**FULL).content().link_ios == ""


# Limits


@pytest.mark.parametrize("channel", [Channel.FCM, Channel.APNS])
def test_what_is_too_large_for_an_app_is_not_sent(channel: str, settings: Settings) -> None:
    settings.PAYLOAD_LIMIT = 3_993
    one = renderer(body="{{ subscriber.first_name }}" * 2)
    assert app(one, channel, kari("å" * 400))
    long = renderer(body="{{ subscriber.first_name }}" * 8, image="https://a.example/" + "x" * 400)
    who = kari("\U0001f9e4" * 500)
    with pytest.raises(Aborted, match="too_large"):
        app(long, channel, who)


@pytest.mark.parametrize("channel", [Channel.FCM, Channel.APNS])
def test_the_limit_is_that_of_the_services(channel: str) -> None:
    def bytes_of(length: int) -> int:
        one = renderer(url="https://shop.example/" + "x" * length)
        who = reader(platform="iOS")
        return len(one.payload(who, token=TOKEN, tag=TAG, channel=channel))

    # Any longer address has two more bytes: the link is the same.
    fits = (apps.LIMIT - bytes_of(0)) // 2
    assert apps.LIMIT - 1 <= bytes_of(fits) <= apps.LIMIT == 4_096
    with pytest.raises(Aborted, match="too_large"):
        bytes_of(fits + 1)


@pytest.mark.parametrize(
    ("channel", "platform"), [(Channel.FCM, "Android"), (Channel.FCM, "iOS"), (Channel.APNS, "iOS")]
)
def test_the_size_is_that_of_the_largest(channel: str, platform: str) -> None:
    one = renderer(**FULL, overrides={"windows": {"title": "x" * 200}})
    sent = one.payload(reader(platform=platform), token=TOKEN, tag=TAG, channel=channel)
    largest = one.largest(channel)
    assert len(sent) <= largest
    assert largest == payload.size(message(**FULL), SITE, channel)
    own = "android" if platform == "Android" else "ios"
    longer = renderer(**FULL, overrides={own: {"title": "x" * 1_009}})
    assert longer.largest(channel) >= len(sent) + 1_000
    assert payload.limit(channel) == 4_096


def test_the_size_counts_what_links_put_in() -> None:
    plain = renderer(app={"ios": {"link": "fjell://p/"}})
    named = renderer(app={"ios": {"link": "fjell://p/{{ product.product }}"}})
    assert named.largest(Channel.APNS) == plain.largest(Channel.APNS) + payload.ASSUMED


def test_what_is_too_long_for_both_systems_is_made_for_one() -> None:
    """A plain message is made without a look at who reads it, as long as it fits anybody."""
    long: dict[str, Any] = {
        "body": "x" * 1_000,
        "url": "https://shop.example/" + "x" * 400,
        "actions": [{"title": "Go", "url": "https://shop.example/" + "x" * 600}],
    }
    one = renderer(**long)
    assert one.largest(Channel.FCM) < apps.LIMIT
    assert not one.plain
    assert one.needs.device
    assert on("Android", one)["notification"]["body"] == "x" * 1_000
    with pytest.raises(Aborted, match="too_large"):
        on("", one)
    assert renderer(body="x" * 1_000).plain


@pytest.mark.parametrize("letter", ["x", '"', "å", "\U0001f9e4"], ids=["x", "quote", "å", "emoji"])
def test_what_is_not_looked_at_closely_fits(letter: str) -> None:
    some = letter * (50 // len(letter.encode()))
    actions = [{"title": some, "url": "https://shop.example/" + "x" * 50}] * 2
    chosen = {"android": {"channel_id": some}, "ios": {"category": some}}
    looked_at = set()
    for length in range(0, 800, 20):
        one = renderer(title="x", body=letter * length, actions=actions, app=chosen)
        fits = apps.Options(message(app=chosen)).surely_fit(one.content())
        looked_at.add(not fits)
        if fits:
            assert len(one.payload(token=TOKEN, tag=TAG, channel=Channel.FCM)) <= apps.LIMIT
    assert looked_at == {True, False}


def test_who_gets_nothing_in_a_browser_gets_nothing_in_an_app() -> None:
    one = renderer(title='{% abort "sold out" %}')
    assert one.plain, "nobody is looked at, since nobody gets it"
    with pytest.raises(Aborted, match="sold out"):
        app(one, Channel.FCM)


def test_a_link_that_is_wrong_for_all_is_said_of_each() -> None:
    one = renderer(app={"ios": {"link": "{% if site.name %}file:x{% endif %}"}})
    assert not one.plain
    assert one.payload()
    with pytest.raises(Aborted, match="bad_address"):
        app(one, Channel.APNS)


@pytest.mark.django_db
def test_a_stored_message_has_what_apps_get() -> None:
    site = make_site()
    one = Message(title="x", url=URL, app=FULL["app"])
    assert app(Renderer(one, site), Channel.APNS)["aps"]["badge"] == 3
    one.app = {"ios": {"badge": 0}}
    assert app(Renderer(one, site), Channel.APNS)["aps"]["badge"] == 0
