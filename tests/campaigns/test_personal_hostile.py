"""What people's data can't do: be read as Liquid, as HTML, or in another direction."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.personal import Aborted, values
from campaigns.personal.people import cart, product
from campaigns.personal.values import TURNING
from tests.campaigns.personal import kari, notification, reader, renderer

# Each is a name that somebody gave; each must be read back letter by letter.
PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "'-alert(1)-'",
    '","navigate":"https://evil.example/","x":"',
    "\\u003cscript\\u003e",
    "\\",
    "{{ 7 | times: 7 }}",
    "{{7*7}}",
    "{{ subscriber.external_id }}",
    "{% abort 'gotcha' %}",
    "{% for i in (1..999999999) %}x{% endfor %}",
    "{% raw %}",
    "{% endif %}",
    "}}{{ site.name }}{{",
    "{{ config.items() }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ request.application.__globals__.__builtins__.__import__('os').popen('id').read() }}",
    "{% load static %}{% debug %}{{ settings.SECRET_KEY }}",
    "{% include '/etc/passwd' %}",
    "{% csrf_token %}",
    "${7*7} #{7*7} <%= 7*7 %>",
    "%(SECRET_KEY)s %s %n {0.__class__}",
    "'; DROP TABLE subscribers_subscriber; --",
    "=HYPERLINK(1)",
    "&lt;b&gt; &amp;",
    "https://evil.example/",
    "javascript:alert(1)",
)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_people_are_called_is_said_letter_by_letter(payload: str) -> None:
    made = renderer(
        title="Hi {{ subscriber.first_name }}",
        body="{% assign n = subscriber.first_name %}{{ n }}",
        actions=[{"title": "{{ subscriber.first_name }}", "url": "https://shop.example/"}],
        url="https://shop.example/{{ subscriber.first_name }}?n={{ subscriber.first_name }}",
    )
    said = notification(made, kari(payload))
    assert said["title"] == f"Hi {payload}"
    assert said["body"] == payload
    assert said["navigate"].startswith("https://shop.example/")
    assert said["actions"][0]["title"] == values.line(payload, 50)
    assert set(said) == {
        *("title", "body", "navigate", "lang", "dir", "icon", "actions", "tag", "data"),
    }


@pytest.mark.parametrize("payload", PAYLOADS)
def test_names_within_lists_and_carts_are_no_other(payload: str) -> None:
    held = cart([{"product": payload, "name": payload}], None, "", None)  # type: ignore[arg-type]
    who = reader(cart=held, product=product({"name": payload}), subscriber={"tags": [payload]})
    body = "{{ cart.first_item.name }}|{{ product.name }}|{{ subscriber.tags }}"
    assert renderer(body=body).content(who).body == "|".join([payload] * 3)


def test_an_attribute_that_looks_like_liquid_is_never_liquid() -> None:
    """Also where a filter or a capture makes a text of it."""
    twice = "{% capture a %}{{ subscriber.first_name }}{% endcapture %}{{ a | append: '' }}{{ a }}"
    assert renderer(body=twice).content(kari("{{ site.name }}")).body == "{{ site.name }}" * 2


LETTERS = st.one_of(
    st.text(max_size=60),
    st.text(
        st.sampled_from([*TURNING, "\0", "\x1b", "\n", "\r", "\u2028", "{", "}", "%", '"', "a"])
    ),
)
VALUES = st.recursive(
    st.one_of(LETTERS, st.integers(), st.floats(), st.booleans(), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(LETTERS, inner, max_size=4)
    ),
    max_leaves=8,
)
EVERYWHERE: dict[str, Any] = {
    "title": "Hi {{ subscriber.x | default: 'you' }}",
    "body": "a\n{{ subscriber.x }}\n{% if subscriber.x > 3 %}b{% endif %}{{ subscriber.x | join }}",
    "url": "https://shop.example/{{ subscriber.x }}?q={{ subscriber.x | url_encode }}",
    "image": "{{ subscriber.x }}",
    "actions": [{"title": "{{ subscriber.x }}", "url": "https://shop.example/{{ subscriber.x }}"}],
}
EVERY = renderer(**EVERYWHERE)


def reads_as_it_looks(text: str) -> bool:
    kinds = (unicodedata.category(letter) for letter in text if letter != "\n")
    return not (TURNING & set(text)) and not ({"Cc", "Cs", "Zl", "Zp"} & set(kinds))


@given(VALUES)
def test_whatever_a_value_is_what_is_sent_is_plain_text_and_json(value: Any) -> None:
    who = reader(subscriber={"x": values.clean(value)} if values.clean(value) is not None else {})
    try:
        made = EVERY.payload(who, token="t", tag="g")
    except Aborted as stopped:
        assert stopped.code in {"too_large", "bad_address"}
        return
    document = json.loads(made)
    said = document["notification"]
    assert document["web_push"] == 8030
    assert said["title"].startswith("Hi")
    texts = [said["title"], said["body"], *(one["title"] for one in said.get("actions", []))]
    assert all(reads_as_it_looks(text) for text in texts)
    assert all("\n" not in text for text in (texts[0], *texts[2:]))
    addresses = [said["navigate"], *(one["navigate"] for one in said.get("actions", []))]
    assert all(one.startswith("https://shop.example/") for one in addresses)
    assert said.get("image", "https://").startswith(("http://", "https://"))
    assert all(reads_as_it_looks(one) and one.isprintable() for one in addresses)


@given(LETTERS)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = values.line(text)
    assert values.line(once) == once
    assert "\n" not in once
    assert reads_as_it_looks(once)


@given(st.text(st.sampled_from("{}% \n-|'abc.if:raw(),[]01")))
def test_no_source_brings_the_parser_down(source: str) -> None:
    from campaigns.personal import check

    found = check(source)
    try:
        renderer(title=f"x{source}").content(kari())
    except Aborted as stopped:
        assert found or stopped.code.startswith("aborted:") or stopped.code == "render_failed"


def test_letters_of_all_scripts_and_joined_emoji_stay() -> None:
    for text in ("👩‍👩‍👧 family", "שלום עולם", "سلام", "नमस्ते", "Åse Žižek"):
        assert values.line(text) == text


def test_numbers_that_are_none_are_missing() -> None:
    for value in (float("nan"), float("inf"), object(), {}, [], "", " \n"):
        assert values.clean(value) is None
    assert values.clean(399.0) == 399
    assert str(values.clean(399.0)) == "399"
    assert values.money("399") is None
    assert values.money(True) is None
    assert values.money(float("inf")) is None
