"""What a message may hold: Liquid, translations, platforms, variants and a coupon."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pytest_django import DjangoAssertNumQueries

from campaigns import content, coupons
from tests.factories import make_site, make_subscriber

VARIANT = {"title": "B", "url": "https://shop.example/b", "weight": 50}


def refused(**fields: Any) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        content.checked(fields)
    return caught.value.message_dict


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", "Hi {{ subscriber.first_name | default: 'there' }}" + "x" * 180),
        ("body", "{% if cart %}a\n{{ cart.first_item.name }}{% endif %}" + "x" * 1000),
        ("url", "https://shop.example/{{ product.category }}?q={{ product.name | url_encode }}"),
        ("url", "https://shop.example?q={{ product.name }}"),
        ("url", "{{ cart.first_item.url }}?from=push"),
        ("url", "{% if cart %}{{ cart.first_item.url }}{% else %}https://shop.example/{% endif %}"),
        ("url", "{{ subscriber['my page'] }}"),
        ("image", "{{ product.image }}"),
        ("image", "https://cdn.example/{{ product.product }}.jpg"),
        ("utm_campaign", "{{ campaign.name }}-{{ variant }}-{{ language }}"),
        ("utm_term", "{{ site.language }}"),
        ("actions", [{"title": "See {{ product.name }}", "url": "{{ product.url }}"}]),
        ("translations", {"nb": {"title": "Hei {{ subscriber.first_name }}"}, "sv": {}}),
        ("translations", {"nb": {"actions": [{"title": "Se", "url": ""}]}}),
        (
            "overrides",
            {"ios": {"title": "{{ site.name }}"}, "android": {"image": "https://a.example/x"}},
        ),
        ("weight", 1),
        ("coupon", {}),
    ],
)
def test_takes(name: str, value: Any) -> None:
    assert content.checked({name: value}) == {name: value}


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "title",
            "a  {{ cart.vlaue }}",
            "Line 1, column 7: There is no cart.vlaue. Did you mean value?",
        ),
        ("body", "a\r\n{{ what }}", "Line 2, column 4: There is no what."),
        ("url", "https://shop.example/{{ what }}", "Line 1, column 25: There is no what."),
        ("utm_source", "{{ what }}", "Line 1, column 4: There is no what."),
        ("title", "{{ site.name }}" + "x" * 490, "At most 500 characters; these are 505."),
        ("title", "x" * 201, "At most 200 characters; these are 201."),
        ("body", "{{ site.name }}\u202e", "This contains the invisible character U+202E,"),
        ("url", "https://{{ site.name }}/", "Write the beginning of the address out,"),
        ("url", "https://shop.example{{ site.name }}/", "Write the beginning of the address out,"),
        ("url", "https://a@{{ site.name }}/", "Write the beginning of the address out,"),
        ("url", "java{{ site.name }}", "Write the beginning of the address out,"),
        ("url", "/{{ site.name }}", "Write the beginning of the address out,"),
        (
            "url",
            "https://a@shop.example/{{ site.name }}",
            "Write the beginning of the address out,",
        ),
        ("url", "https://shop/{{ site.name }}", "Write a whole address that begins with https://"),
        (
            "url",
            "https://shop.example/a b{{ site.name }}",
            "Write a whole address that begins with",
        ),
        ("icon", "https://shop.example/{{ site.name }}", "Write a whole address that begins with"),
        (
            "actions",
            [{"title": "{{ x }}", "url": "https://a.example/"}],
            "Line 1, column 4: There is",
        ),
        ("actions", [{"title": "x", "url": ""}], "A button needs both"),
        ("translations", [], "Here must be an object of objects."),
        ("translations", {"nb": "x"}, "Here must be an object of objects."),
        ("translations", {"nb": {"title": 1}}, "nb, title: Here must be a text."),
        ("translations", {"nb": {"icon": "x"}}, "nb, icon: There is no such field."),
        (
            "translations",
            {"nb": {"title": "{{ x }}"}},
            "nb, title: Line 1, column 4: There is no x.",
        ),
        ("translations", {"norsk!": {}}, "norsk!: A language is a tag such as nb or pt-BR."),
        (
            "translations",
            {f"a{c}": {} for c in "abcdefghijklmnopqrstuvwxyz"}
            | {f"b{c}": {} for c in "abcdefghijklmno"},
            "At most 40 languages.",
        ),
        (
            "overrides",
            {"phone": {}},
            "phone: A platform is one of: android, windows, mac, ios, linux.",
        ),
        ("overrides", {"ios": {"actions": []}}, "ios, actions: There is no such field."),
        ("overrides", {"ios": {"url": "javascript:x"}}, "ios, url: Write a whole address"),
        ("variants", {}, "Variants are a list of objects."),
        ("variants", [VARIANT] * 4, "At most 4 variants, with A."),
        ("variants", [{"title": "B"}], "B, weight: This field is required."),
        ("variants", [VARIANT, {**VARIANT, "weight": 0}], "C, weight: A weight is a whole number"),
        ("variants", [{**VARIANT, "ttl": 1}], "B, ttl: There is no such field."),
        (
            "variants",
            [{**VARIANT, "translations": {"nb": {"url": "x"}}}],
            "B, translations: nb, url: Write a whole address",
        ),
        ("weight", 101, "A weight is a whole number from 1 to 100."),
        ("weight", True, "A weight is a whole number from 1 to 100."),
        ("coupon", [], "A coupon has a code, percent, amount and expires_at."),
        ("coupon", {"kind": 1}, "A coupon has a code, percent, amount and expires_at."),
        ("coupon", {"code": 7}, "The code is a text of at most 64 characters."),
        ("coupon", {"code": "x" * 65}, "The code is a text of at most 64 characters."),
        ("coupon", {"percent": 101}, "The percent is a number above 0, at most 100."),
        ("coupon", {"percent": "20"}, "The percent is a number above 0, at most 100."),
        ("coupon", {"amount": -1}, "The amount is a number above 0."),
        ("coupon", {"amount": float("nan")}, "The amount is a number above 0."),
        ("coupon", {"expires_at": "tomorrow"}, "The end is a moment such as"),
        ("coupon", {"expires_at": 5}, "The end is a moment such as"),
    ],
)
def test_refuses(name: str, value: Any, sentence: str) -> None:
    said = refused(**{name: value})
    assert list(said) == [name]
    assert any(one.startswith(sentence) for one in said[name]), said[name]


def test_what_is_written_in_parts_is_cleaned_and_empty_fields_left_out() -> None:
    said = {"PT-br": {"title": " Oi  você ", "body": "", "actions": []}, "zh-hant": {"url": " "}}
    assert content.checked({"translations": said}) == {
        "translations": {"pt-BR": {"title": "Oi você"}, "zh-Hant": {}}
    }
    assert content.checked({"overrides": {"ios": {"title": ""}}}) == {"overrides": {}}


def test_a_variant_has_all_of_its_fields() -> None:
    (made,) = content.checked({"variants": [VARIANT]})["variants"]
    assert made == {
        **VARIANT,
        **{"body": "", "icon": "", "image": "", "badge": ""},
        **{"actions": [], "translations": {}, "overrides": {}},
    }


def test_the_errors_of_a_part_say_which() -> None:
    with pytest.raises(ValidationError) as caught:
        content.checked({"translations": {"nb": {"title": "{{ x }}", "url": "y"}}})
    codes = [error.code for error in caught.value.error_dict["translations"]]
    assert codes == ["nb.title", "nb.url"]


def test_a_coupon_is_kept_as_it_reads() -> None:
    given = {"code": " W20 ", "percent": 12.5, "amount": None, "expires_at": "2026-12-24T23:59Z"}
    assert coupons.checked(given) == {
        **{"code": "W20", "percent": 12.5, "expires_at": "2026-12-24T23:59:00+00:00"},
    }


@pytest.mark.django_db
def test_texts_name_what_the_people_of_a_site_have(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    site = make_site()
    make_subscriber(site, attributes={"tier": "gold"})
    with django_assert_num_queries(0):
        content.checked({"title": "Hi {{ subscriber.first_name }}", "url": ""}, site)
    with django_assert_num_queries(3):  # once for all fields; nothing was looked at yet
        content.checked({"title": "{{ subscriber.tier }}", "body": "{{ subscriber.tier }}"}, site)
    with pytest.raises(ValidationError, match="Did you mean tier"):
        content.checked({"title": "{{ subscriber.teir }}"}, site)
