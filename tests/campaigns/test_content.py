from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from campaigns import content


@pytest.mark.parametrize(
    "value",
    [
        "https://shop.example/sale?x=1#y",
        "http://127.0.0.1:8001/down",
        "https://bücher.example/",
        "HTTPS://SHOP.EXAMPLE",
        "",
    ],
)
def test_takes_web_addresses(value: str) -> None:
    assert content.address(f" {value} ", longest=100) == value


@pytest.mark.parametrize(
    "value",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "ftp://shop.example/",
        "//shop.example/",
        "/sale",
        "shop",
        "https://",
        "https://[::1",
        "https://shop.example/\u202etxt",
        "https://shop.example/a b",
        "https://user:secret@shop.example/",
        "https://shop.example/" + "x" * 100,
    ],
)
def test_refuses_every_other_address(value: str) -> None:
    with pytest.raises(ValidationError):
        content.address(value, longest=100)


def test_text_is_trimmed_and_a_line_is_one_line() -> None:
    assert content.text("  a\t b\r\nc ", longest=10) == "a b c"
    assert content.text("a\r\nb\rc\td\n", longest=10, lines=True) == "a\nb\nc d"


@pytest.mark.parametrize("letter", ["\u202e", "\u2066", "\x07", "\x7f", "\x9f", "\0"])
def test_refuses_invisible_letters_and_names_them(letter: str) -> None:
    with pytest.raises(ValidationError, match=f"U\\+{ord(letter):04X}"):
        content.text(f"a{letter}b", longest=10)


def test_takes_emoji_with_joiners_and_right_to_left_letters() -> None:
    for text in ("👩‍👩‍👧 family", "שלום", "سلام"):
        assert content.text(text, longest=40) == text


def test_says_how_long_a_text_may_be() -> None:
    with pytest.raises(ValidationError, match="At most 3 characters; these are 4"):
        content.text("abcd", longest=3)


@given(st.text())
def test_text_that_is_taken_stays_as_it_is(value: str) -> None:
    try:
        once = content.text(value, longest=200)
    except ValidationError:
        return
    assert content.text(once, longest=200) == once


@pytest.mark.parametrize(
    "value",
    [
        "x",
        [1],
        [{"title": "a"}],
        [{"title": "a", "url": 1}],
        [{"title": "", "url": "https://shop.example/"}],
        [{"title": "a", "url": ""}],
        [{"title": "a", "url": "javascript:x"}],
        [{"title": "a", "url": "https://shop.example/"}] * 3,
    ],
)
def test_refuses_what_is_no_pair_of_buttons(value: Any) -> None:
    with pytest.raises(ValidationError):
        content.actions(value)


def test_every_refusal_is_named_by_its_field() -> None:
    with pytest.raises(ValidationError) as caught:
        content.checked({"title": "ok", "url": "x", "ttl": 9_999_999, "urgency": "now"})
    assert set(caught.value.message_dict) == {"url", "ttl", "urgency"}
    assert content.checked({"ttl": 0, "urgency": "low"}) == {"ttl": 0, "urgency": "low"}


def test_an_unknown_field_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="sound"):
        content.checked({"sound": "x"})
