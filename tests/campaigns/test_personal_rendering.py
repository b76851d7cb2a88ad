"""Which texts a device gets, what they cost, and why somebody gets nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import Settings

from campaigns import payload
from campaigns.models import Message
from campaigns.personal import Aborted, Needs, Renderer
from campaigns.personal.choosing import choose, direction
from campaigns.personal.wire import Template
from tests.campaigns.personal import SITE, kari, message, notification, reader, renderer
from tests.factories import make_campaign, make_site

NORDIC: dict[str, Any] = {
    "title": "Winter layers",
    "body": "20 % off",
    "translations": {
        "nb": {"title": "Vinterlag", "body": "20 % på dun"},
        "ar": {"title": "طبقات الشتاء"},
        "sv": {},
    },
}


@pytest.mark.parametrize(
    ("offered", "asked", "expected"),
    [
        (["pt", "pt-BR"], "pt-BR", "pt-BR"),
        (["pt", "pt-BR"], "pt-br", "pt-BR"),
        (["pt", "pt-BR"], "pt-PT", "pt"),
        (["pt-BR"], "pt", "pt-BR"),
        (["pt-BR", "pt-AO"], "pt-PT", "pt-AO"),
        (["nb"], "de", ""),
        (["nb"], "", ""),
        ([], "nb", ""),
        (["nb"], "no", "nb"),
        (["nb"], "nb_NO", "nb"),
        (["en-US"], "en", ""),
        (["en-US"], "en-GB", ""),
        (["en-US"], "en-US", "en-US"),
        (["he"], "iw-IL", "he"),
        (["zh-Hant-TW", "zh-Hans"], "zh-TW", "zh-Hans"),
    ],
)
def test_the_language_is_the_devices_or_the_nearest(
    offered: list[str], asked: str, expected: str
) -> None:
    """The message's own texts are English here."""
    assert choose(offered, asked, "en") == expected


def test_each_language_says_what_it_has_and_reads_in_its_direction() -> None:
    made = renderer(**NORDIC)
    said = {one: notification(made, reader(one)) for one in ("nb-NO", "ar-EG", "sv", "de", "en")}
    shown = {one: (n["title"], n["body"], n["lang"], n["dir"]) for one, n in said.items()}
    assert shown == {
        "nb-NO": ("Vinterlag", "20 % på dun", "nb", "auto"),
        "ar-EG": ("طبقات الشتاء", "20 % off", "ar", "rtl"),
        # Nothing is written in Swedish yet.
        "sv": ("Winter layers", "20 % off", "en", "auto"),
        "de": ("Winter layers", "20 % off", "en", "auto"),
        "en": ("Winter layers", "20 % off", "en", "auto"),
    }


def test_directions() -> None:
    right = [
        one for one in ("ar", "he", "iw", "fa-IR", "ur", "en", "", "nb") if direction(one) == "rtl"
    ]
    assert right == ["ar", "he", "iw", "fa-IR", "ur"]


def test_a_platform_is_told_its_own_instead_of_every_languages() -> None:
    made = renderer(
        **NORDIC, overrides={"ios": {"title": "Short"}, "mac": {"image": "https://a.example/b"}}
    )
    assert notification(made, reader("nb", "iPadOS"))["title"] == "Short"
    assert notification(made, reader("nb", "iPadOS"))["body"] == "20 % på dun"
    assert notification(made, reader("nb", "Android"))["title"] == "Vinterlag"
    assert notification(made, reader("nb", "macOS"))["image"] == "https://a.example/b"


def test_each_variant_says_all_of_its_own() -> None:
    second = {
        **{"title": "B", "body": "", "url": "https://shop.example/b", "actions": [], "weight": 50},
        **{"translations": {"nb": {"title": "B på norsk"}}, "overrides": {}},
    }
    made = renderer(**NORDIC, variants=[second], utm_content="{{ variant }}")
    assert notification(made, reader("nb"), 0)["title"] == "Vinterlag"
    said = notification(made, reader("nb"), 1)
    assert said["title"] == "B på norsk"
    assert "body" not in said
    assert said["navigate"] == "https://shop.example/b?utm_content=B"
    assert notification(made, reader("ar"), 1)["title"] == "B"
    assert notification(made, reader("nb"), None) == notification(made, reader("nb"), 0)
    assert notification(made, reader("nb"), 9) == notification(made, reader("nb"), 0)


def test_a_translated_button_keeps_the_address_of_the_one_in_its_place() -> None:
    made = renderer(
        actions=[{"title": "See", "url": "https://shop.example/see"}],
        translations={"nb": {"actions": [{"title": "Se", "url": ""}]}},
    )
    assert made.content(reader("nb")).actions == (("Se", "https://shop.example/see"),)


def test_what_its_author_wrote_stays_as_it_is() -> None:
    assert renderer(body="a  b\n\n\n\nc").content().body == "a  b\n\n\n\nc"
    tags = "a\n{% if cart %}\n\nb\n{% endif %}\n\n{{ site.language }}"
    assert renderer(body=tags).content().body == "a\n\nen"


@pytest.mark.parametrize(
    ("fields", "plain", "needs"),
    [
        ({}, True, Needs()),
        ({"body": "{{ site.name }} {{ coupon.code }}"}, True, Needs()),
        ({"utm_campaign": "{{ campaign.name }}"}, True, Needs()),
        ({"translations": {"sv": {}}}, True, Needs()),
        ({"translations": {"nb": {"title": "x"}}}, False, Needs(device=True)),
        ({"overrides": {"ios": {"title": "x"}}}, False, Needs(device=True)),
        (
            {"variants": [{"title": "B", "url": "https://shop.example/", "weight": 1}]},
            False,
            Needs(),
        ),
        (
            {"body": "{{ subscriber.first_name }}{{ cart.value }}"},
            *(False, Needs(fields=frozenset(("first_name",)), cart=True)),
        ),
        ({"url": "{{ product.url }}"}, False, Needs(product=True)),
        (
            {"translations": {"nb": {"body": "{{ subscriber.tier }}"}}},
            *(False, Needs(device=True, fields=frozenset(("tier",)))),
        ),
    ],
)
def test_what_must_be_known_of_people(fields: dict[str, Any], plain: bool, needs: Needs) -> None:
    made = renderer(**fields)
    assert made.plain is plain
    assert made.needs == needs
    assert bool(made.needs) is (needs != Needs())


def test_a_plain_payload_is_the_one_with_two_gaps() -> None:
    one = message(body="20 % på dun", utm_source="beckon")
    made = Renderer(one, SITE).payload(token="tok", tag="tag")
    assert made == Template(Renderer(one, SITE).content()).fill(token="tok", tag="tag")
    assert made == payload.payload(one, SITE, token="tok", tag="tag")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"title": "{{ subscriber.nobody }}"}, "no_title"),
        ({"title": " {{ subscriber.nobody | append: 'x' }} "}, "no_title"),
        ({"body": "{% unless cart %}{% abort 'no cart' %}{% endunless %}"}, "aborted:no cart"),
        ({"title": '{% abort "' + "å" * 72 + '" %}'}, "aborted:" + "å" * 72),
        ({"url": "{{ product.url }}"}, "bad_address"),
        ({"body": "{{ subscriber.first_name | divided_by: 0 }}"}, "render_failed"),
        ({"body": "{% if %}"}, "render_failed"),
    ],
)
def test_who_gets_nothing_and_why(fields: dict[str, Any], code: str) -> None:
    made = renderer(**fields)
    with pytest.raises(Aborted) as stopped:
        made.payload(kari(), token="t", tag="g")
    assert stopped.value.code == code
    assert len(stopped.value.code) <= 80
    assert made.defaulted(kari()) == frozenset()


def test_what_is_too_large_for_a_person_is_not_sent(settings: Settings) -> None:
    made = renderer(body="{{ subscriber.first_name }}" * 5)
    assert made.payload(kari("x" * 100))
    settings.PAYLOAD_LIMIT = 600
    with pytest.raises(Aborted, match="too_large"):
        made.payload(kari("x" * 100))


def test_what_a_person_sees_in_place_of_what_is_missing_is_named() -> None:
    made = renderer(
        title="Hi {{ subscriber.first_name | default: 'you' }}",
        body="{{ cart.first_item.name }}{% if product %}{{ product.name }}{% endif %}",
    )
    assert made.used == {"subscriber.first_name", "cart.first_item.name", "product", "product.name"}
    assert made.defaulted(kari()) == {"cart.first_item.name"}
    assert made.defaulted(None) == {"subscriber.first_name", "cart.first_item.name"}
    content, missed = made.rendered(kari())
    assert content.title == "Hi Kari"
    assert missed == made.defaulted(kari())


def test_coupons_sites_and_campaigns_are_the_same_for_all() -> None:
    coupon = {"code": "W20", "percent": 20.0, "amount": 99.5, "expires_at": "2026-12-24T23:59:00"}
    made = renderer(
        title="{{ site.name }} {{ site.url }} {{ site.language }} {{ campaign.variant }}",
        body="{{ coupon.code }} {{ coupon.percent }} {{ coupon.amount }} {{ coupon.expires_at }}"
        " {{ coupon.expires_at | date: '%H:%M' }}",
        coupon=coupon,
    )
    said = notification(made)
    assert said["title"] == "Fjell & Fjord https://shop.example en A"
    assert said["body"] == "W20 20 99.50 2026-12-24 23:59"
    utc = {"expires_at": datetime(2026, 12, 24, 22, tzinfo=UTC).isoformat()}
    clock = renderer(body="{{ coupon.expires_at | date: '%H' }}{{ coupon.code }}", coupon=utc)
    assert notification(clock)["body"] == "23"
    assert renderer(body="{{ coupon.expires_at }}", coupon={"expires_at": "x"}).content().body == ""


@pytest.mark.django_db
def test_the_campaigns_name_is_read_where_it_is_named() -> None:
    site = make_site()
    campaign = make_campaign(
        site, name="Winter layers", message={"utm_campaign": "{{ campaign.name }} {{ language }}"}
    )
    one = Message.objects.select_related("campaign__site").get()
    expected = "https://shop.example/down?utm_campaign=Winter+layers+en"
    assert json.loads(Renderer(one, site).payload())["notification"]["navigate"] == expected
    assert payload.opens(one) == expected
    one.title = "{{ campaign.name }}!"
    assert Renderer(one, site).content().title == f"{campaign.name}!"


def test_a_parameter_that_fails_is_left_out() -> None:
    assert renderer(utm_term="{{ 1 | divided_by: 0 }}").content().url == "https://shop.example/down"
    assert renderer(utm_term="{% if %}").parameters()["utm_term"] == ""


def test_the_size_is_that_of_the_longest() -> None:
    short = payload.size(message(title="x"), SITE)
    assert (
        payload.size(message(title="x", translations={"nb": {"title": "x" * 11}}), SITE)
        == short + 10
    )
    other = {"title": "x" * 21, "url": "https://shop.example/down", "weight": 1}
    assert payload.size(message(title="x", variants=[other]), SITE) == short + 20
    assert payload.size(message(title="x", overrides={"ios": {"title": "åå"}}), SITE) == short + 3
    # A variable counts as so many characters, and all branches count.
    assert payload.size(message(title="{{ cart.value }}"), SITE) == short - 1 + payload.ASSUMED
    both = message(title="{% if cart %}ab{% else %}cd{% endif %}")
    assert payload.size(both, SITE) == short + 3
    broken = message(title="{% if %}", url="https://shop.example/down?{{", utm_source="s")
    assert payload.size(broken, SITE) > short
